'use strict'

// Large and malformed modules, byte by byte.

function uleb (value) {
  const bytes = []
  do {
    bytes.push((value % 128) | (value > 127 ? 128 : 0))
    value = Math.floor(value / 128)
  } while (value)
  return bytes
}

const HEADER = Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0])
const section = (id, payload) => Buffer.concat([Buffer.from([id, ...uleb(payload.length)]), Buffer.from(payload)])
const sections = (...list) => Buffer.concat([HEADER, ...list.map(([id, payload]) => section(id, payload))])

// A module with one function `f` of no parameters; `body` begins with its locals.
const withBody = (body) => sections(
  [1, [1, 0x60, 0, 0]], [3, [1, 0]], [7, [1, 1, 0x66, 0, 0]], [10, Buffer.concat([Buffer.from([1, ...uleb(body.length)]), body])])

const withCode = (code) => withBody(Buffer.concat([Buffer.from([0]), Buffer.from(code), Buffer.from([0x0b])]))

const withFunctions = (count) => sections(
  [1, [1, 0x60, 0, 0]],
  [3, Buffer.concat([Buffer.from(uleb(count)), Buffer.alloc(count)])],
  [10, Buffer.concat([Buffer.from(uleb(count)), Buffer.alloc(count * 3, Buffer.from([2, 0, 0x0b]))])])

const repeat = (count, bytes) => Buffer.alloc(count * bytes.length, Buffer.from(bytes))

// A generator of numbers below 2^32 from a seed: failures can be repeated.
function random (seed) {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }
  return { next, below: (n) => next() % n, pick: (list) => list[next() % list.length] }
}

// A changed copy: bits, bytes, pieces cut out, doubled or moved.
function mutate (bytes, rng) {
  let out = Buffer.from(bytes)
  for (let i = 1 + rng.below(6); i > 0; i--) {
    const at = rng.below(out.length)
    const length = rng.below(Math.min(64, out.length - at)) + 1
    switch (rng.below(6)) {
      case 0: out[at] ^= 1 << rng.below(8); break
      case 1: out[at] = rng.pick([0, 1, 0x7f, 0x80, 0xff, rng.below(256)]); break
      case 2: out = Buffer.concat([out.subarray(0, at), out.subarray(at + length)]); break
      case 3: out = Buffer.concat([out.subarray(0, at + length), out.subarray(at)]); break
      case 4: out = Buffer.concat([out.subarray(0, at), Buffer.from(uleb(rng.next())), out.subarray(at)]); break
      default: out.copy(out, rng.below(out.length), at, at + length)
    }
    if (out.length === 0) out = Buffer.from([0])
  }
  return out
}

// Values that know every trick. `act` runs whenever one is looked at.
function values (act) {
  const trick = (target) => new Proxy(target, {
    get (object, key) { act(); return key === Symbol.toPrimitive ? undefined : Reflect.get(object, key) },
    has () { act(); return true },
    getPrototypeOf () { act(); return null }
  })
  const detached = new Uint8Array(8)
  structuredClone(detached.buffer, { transfer: [detached.buffer] })
  return [
    undefined, null, true, false, 0, -0, NaN, Infinity, -Infinity, 1.5, -1, 2 ** 31, 2 ** 32, 2 ** 53, 1e308, '', 'text', '7', '\ud800',
    Symbol('s'), 1n, -(2n ** 63n), 2n ** 64n, {}, [], [1], [[2]], () => {}, class {}, function * () {}, Promise.resolve(), new Map(), new Date(NaN), /x/,
    new Error('x'), new Uint8Array(4), new Float64Array(2), new BigInt64Array(1), new DataView(new ArrayBuffer(4)), new ArrayBuffer(8), new SharedArrayBuffer(8),
    detached, detached.buffer, Buffer.alloc(3), Object.create(null), Object.freeze({}), trick({}), trick(() => {}), trick([]), globalThis,
    { valueOf () { act(); return 1 } }, { toString () { act(); return '2' }, valueOf: null }, { [Symbol.toPrimitive] () { act(); return {} } },
    { get valueOf () { act(); throw new Error('getter') } }, { length: -1, 0: 1 }
  ]
}

module.exports = { values, uleb, section, sections, withBody, withCode, withFunctions, repeat, random, mutate }
