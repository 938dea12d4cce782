'use strict'

// A TextDecoder that is in the middle of a stream keeps bytes: a rewind has it forget them.

const RealDecoder = TextDecoder

function decoders (registry) {
  // Those that hold bytes now.
  const open = new Set()
  class StreamedDecoder extends RealDecoder {
    decode (input, options) {
      if (options !== undefined && options !== null && options.stream) open.add(this)
      else if (open.size > 0) open.delete(this)
      return arguments.length === 0 ? super.decode() : super.decode(input, options)
    }
  }
  Object.defineProperty(StreamedDecoder, 'name', { value: 'TextDecoder' })
  return {
    TextDecoder: StreamedDecoder,
    owns: (object) => object instanceof StreamedDecoder,
    inStream: (object) => open.has(object),
    rewind () {
      for (const decoder of open) {
        try {
          RealDecoder.prototype.decode.call(decoder)
        } catch { /* the bytes were no text, and are gone all the same */ }
      }
      open.clear()
    }
  }
}

module.exports = { decoders }
