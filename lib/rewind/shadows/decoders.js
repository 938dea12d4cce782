'use strict'

// A TextDecoder that is in the middle of a stream keeps bytes: a rewind has it forget them, and gives those of the image's decoders
// what they had.

const { TextDecoder: RealDecoder } = require('node:util')

const { decode } = RealDecoder.prototype
// What is fed beyond is not kept.
const MOST_BYTES = 4096

function decoders (registry) {
  // Those in a stream now, with what they were fed; undefined where that is too much.
  let open = new Map()
  let image = new Map()
  class StreamedDecoder extends RealDecoder {
    decode (input, options) {
      const given = arguments.length === 0 ? super.decode() : super.decode(input, options)
      if (options !== undefined && options !== null && options.stream) open.set(this, joined(open.has(this) ? open.get(this) : [], input))
      else if (open.size > 0) open.delete(this)
      return given
    }
  }
  Object.defineProperty(StreamedDecoder, 'name', { value: 'TextDecoder' })
  return {
    TextDecoder: StreamedDecoder,
    owns: (object) => object instanceof StreamedDecoder,
    // Whether it holds more than can be given to it again.
    isFull: (object) => open.has(object) && open.get(object) === undefined,
    seal () { image = new Map(open) },
    save: () => new Map(open),
    // To what was saved; to the image.
    rewind (saved = image) {
      if (open.size + saved.size === 0) return
      for (const decoder of new Set([...open.keys(), ...saved.keys()])) {
        try {
          decode.call(decoder)
        } catch { /* the bytes were no text, and are gone all the same */ }
      }
      for (const [decoder, bytes] of saved) decode.call(decoder, Uint8Array.from(bytes), { stream: true })
      open = new Map(saved)
    }
  }
}

function joined (before, input) {
  if (before === undefined) return undefined
  const bytes = input === undefined ? [] : ArrayBuffer.isView(input) ? new Uint8Array(input.buffer, input.byteOffset, input.byteLength) : new Uint8Array(input)
  return before.length + bytes.length > MOST_BYTES ? undefined : [...before, ...bytes]
}

module.exports = { decoders }
