'use strict'

// Results in a form that can be compared, and inputs that are the same each time.

const { createHash } = require('node:crypto')

function replacer (key, value) {
  if (typeof value === 'bigint') return `${value}n`
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    return `${value.constructor.name === 'Buffer' ? 'Uint8Array' : value.constructor.name} ${value.byteLength} ${digest(bytes)}`
  }
  if (typeof value === 'number' && !Number.isFinite(value)) return String(value)
  return value
}

function canonical (value) {
  return JSON.stringify(value, function (key, given) { return replacer(key, Buffer.isBuffer(this[key]) ? this[key] : given) }) || 'undefined'
}

function digest (bytes) {
  return createHash('sha256').update(bytes).digest('hex')
}

function random (seed) {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

const tools = {
  random,
  bytes: (length, seed = 1) => { const next = random(seed); return Uint8Array.from({ length }, () => next() * 256) },
  tone: (length, every = 44100) => Float32Array.from({ length }, (_, i) => Math.sin(i * 2 * Math.PI * 440 / every) * 0.5 + Math.sin(i * 2 * Math.PI * 1234 / every) * 0.25),
  words: (count, seed = 7) => {
    const next = random(seed)
    const list = ['wasm', 'engine', 'memory', 'leak', 'opens', 'table', 'with', 'naïve', 'résumé', 'and']
    return Array.from({ length: count }, () => list[Math.floor(next() * list.length)]).join(' ')
  },
  attempt: (run) => { try { return run() } catch (error) { return `threw ${error.message}` } }
}

module.exports = { canonical, digest, tools }
