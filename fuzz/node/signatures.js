'use strict'

// The types of a module's exported functions, which its JavaScript objects do not tell.

function signatures (bytes) {
  let at = 8
  const types = []
  const functions = []
  const exported = {}
  const byte = () => bytes[at++]
  const number = () => {
    for (let result = 0, scale = 1; ; scale *= 128) {
      const next = byte()
      result += (next & 127) * scale
      if (next < 128) return result
    }
  }
  const list = (each) => Array.from({ length: number() }, each)
  const text = () => { const length = number(); at += length; return Buffer.from(bytes.buffer, bytes.byteOffset + at - length, length).toString() }
  const value = () => {
    const code = byte()
    if (code === 0x63 || code === 0x64) { number(); return 'ref' }
    return { 0x7f: 'i32', 0x7e: 'i64', 0x7d: 'f32', 0x7c: 'f64', 0x7b: 'v128', 0x70: 'funcref', 0x6f: 'externref' }[code] || 'ref'
  }
  const limits = () => { const flags = number(); number(); if (flags & 1) number() }
  const items = [
    () => functions.push(number()),
    () => { value(); limits() },
    limits,
    () => { value(); byte() },
    () => { byte(); number() }
  ]
  const readers = {
    1: () => list(() => {
      if (byte() !== 0x60) throw new Error('not a function type')
      types.push({ params: list(value), results: list(value) })
    }),
    2: () => list(() => { text(); text(); items[byte()]() }),
    3: () => list(() => functions.push(number())),
    7: () => list(() => {
      const name = text()
      const kind = byte()
      const index = number()
      if (kind === 0) exported[name] = types[functions[index]]
    })
  }
  while (at < bytes.length) {
    const id = byte()
    const end = number() + at
    if (readers[id]) readers[id]()
    at = end
  }
  return exported
}

module.exports = { signatures }
