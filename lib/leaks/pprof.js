'use strict'

// pprof's profile.proto, gzipped: what `go tool pprof`, Pyroscope and others read.
// https://github.com/google/pprof/blob/main/proto/profile.proto

const { Buffer } = require('node:buffer')
const zlib = require('node:zlib')

// Field numbers of the messages.
const PROFILE = { sampleType: 1, sample: 2, location: 4, function: 5, strings: 6, comment: 13, defaultSampleType: 14 }
const VALUE_TYPE = { type: 1, unit: 2 }
const SAMPLE = { location: 1, value: 2 }
const LOCATION = { id: 1, line: 4 }
const LINE = { function: 1, line: 2 }
const FUNCTION = { id: 1, name: 2, systemName: 3, file: 4 }

class Message {
  #bytes = []

  #varint (value) {
    let rest = BigInt(value)
    while (rest > 127n) {
      this.#bytes.push(Number(rest & 127n) | 128)
      rest >>= 7n
    }
    this.#bytes.push(Number(rest))
  }

  number (field, value) {
    if (value === 0) return this
    this.#varint(field << 3)
    this.#varint(value)
    return this
  }

  chunk (field, bytes) {
    this.#varint(field << 3 | 2)
    this.#varint(bytes.length)
    for (const byte of bytes) this.#bytes.push(byte)
    return this
  }

  packed (field, values) {
    const list = new Message()
    for (const value of values) list.#varint(value)
    return this.chunk(field, list.bytes)
  }

  get bytes () { return this.#bytes }
}

function pprof (stacks, name) {
  const profile = new Message()
  const strings = new Map([['', 0]])
  const text = (value) => strings.get(value) ?? strings.set(value, strings.size).get(value)
  const valueType = (type, unit) => new Message().number(VALUE_TYPE.type, text(type)).number(VALUE_TYPE.unit, text(unit)).bytes
  profile.chunk(PROFILE.sampleType, valueType('inuse_objects', 'count'))
  profile.chunk(PROFILE.sampleType, valueType('inuse_space', 'bytes'))
  const locations = new Map()
  const functions = new Map()
  const functionOf = ({ name, file = '' }) => {
    const key = `${name}\n${file}`
    if (!functions.has(key)) {
      const id = functions.size + 1
      functions.set(key, id)
      profile.chunk(PROFILE.function, new Message()
        .number(FUNCTION.id, id).number(FUNCTION.name, text(name)).number(FUNCTION.systemName, text(name)).number(FUNCTION.file, text(file)).bytes)
    }
    return functions.get(key)
  }
  const locationOf = (frame) => {
    const { name, file = '', line = 0 } = frame
    const key = `${name}\n${file}\n${line}`
    if (!locations.has(key)) {
      const at = new Message().number(LINE.function, functionOf(frame)).number(LINE.line, line).bytes
      const id = locations.size + 1
      locations.set(key, id)
      profile.chunk(PROFILE.location, new Message().number(LOCATION.id, id).chunk(LOCATION.line, at).bytes)
    }
    return locations.get(key)
  }
  for (const { frames, count, bytes } of stacks) {
    // Innermost first.
    const sample = new Message().packed(SAMPLE.location, frames.map(locationOf).reverse()).packed(SAMPLE.value, [count, bytes])
    profile.chunk(PROFILE.sample, sample.bytes)
  }
  profile.number(PROFILE.defaultSampleType, text('inuse_space'))
  profile.packed(PROFILE.comment, [text(name)])
  for (const string of strings.keys()) profile.chunk(PROFILE.strings, Buffer.from(string))
  return zlib.gzipSync(Buffer.from(profile.bytes))
}

module.exports = { pprof }
