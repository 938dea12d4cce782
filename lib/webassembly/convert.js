'use strict'

// WebIDL conversions, in the order and with the errors that the specification asks for.

const { isAnyArrayBuffer, isSharedArrayBuffer } = require('node:util').types
const { SafeMap } = require('../base/primordials')

const { isView } = ArrayBuffer
const { isFinite } = Number
const { trunc } = Math

// The numbers of `ValueKind` in src/webassembly/types.rs.
const TYPES = ['i32', 'i64', 'f32', 'f64', 'v128', 'anyfunc', 'externref', 'exnref']
const kinds = new SafeMap(TYPES.map((name, kind) => [name, kind]))
// `funcref` is the name in the type reflection proposal.
kinds.set('funcref', 5)
const EXTERN_KINDS = ['function', 'table', 'memory', 'global', 'tag']

function valueKind (value, where) {
  const name = `${value}`
  const kind = kinds.get(name)
  if (kind === undefined) throw new TypeError(`${where}: '${name}' is not a WebAssembly value type`)
  return kind
}

function dictionary (value, where) {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function')) {
    throw new TypeError(`${where} must be an object`)
  }
  return value
}

// [EnforceRange] unsigned long
function uint32 (value, where) {
  const number = +value
  if (!isFinite(number)) throw new TypeError(`${where} must be convertible to a valid number`)
  const integer = trunc(number)
  if (integer < 0) throw new TypeError(`${where} must be non-negative`)
  if (integer > 0xffffffff) throw new TypeError(`${where} must be in the unsigned long range`)
  return integer + 0
}

const optional32 = (value, where) => value === undefined ? undefined : uint32(value, where)

// A view of the bytes of a BufferSource; not a copy.
function bufferSource (value, where) {
  if (isView(value)) {
    return value instanceof Uint8Array ? value : new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  }
  if (isAnyArrayBuffer(value) && !isSharedArrayBuffer(value)) return new Uint8Array(value)
  if (foreign(value)) throw new TypeError(`${where}: ${FOREIGN}`)
  throw new TypeError(`${where}: Argument 0 must be a buffer source`)
}

// V8's own namespace, whatever the program puts in its place later. What it made cannot be used here.
const engine = globalThis.WebAssembly
const CLASSES = ['Module', 'Instance', 'Memory', 'Table', 'Global', 'Tag'].map((name) => engine?.[name]).filter((made) => typeof made === 'function')
function foreign (value) {
  for (let at = 0; at < CLASSES.length; at++) if (value instanceof CLASSES[at]) return true
  return false
}

const FOREIGN = "this object was made by V8's WebAssembly, not by emvm's: a dependency that makes it must run inside (the `packages` option)"

// Address type and limits of a memory or a table: each member is read and converted before the next is.
function limits (descriptor, where) {
  const given = descriptor.address
  const address = given === undefined ? 'i32' : `${given}`
  if (address !== 'i32' && address !== 'i64') throw new TypeError(`${where}: Property 'address' must be 'i32' or 'i64'`)
  const initial = descriptor.initial
  const min = initial === undefined ? undefined : uint32(initial, `${where}: Property 'initial'`)
  const max = optional32(descriptor.maximum, `${where}: Property 'maximum'`)
  if (min === undefined) throw new TypeError(`${where}: Property 'initial' is required`)
  return { address, min, max }
}

// Makes a class look as WebIDL has it: enumerable members, a tag, and a constructor of the right length.
function finish (Class, name, length) {
  for (const key of Reflect.ownKeys(Class.prototype)) {
    if (key === 'constructor' || typeof key === 'symbol') continue
    Object.defineProperty(Class.prototype, key, { enumerable: true })
  }
  for (const key of Object.getOwnPropertyNames(Class)) {
    if (typeof Class[key] === 'function') Object.defineProperty(Class, key, { enumerable: true })
  }
  Object.defineProperty(Class.prototype, Symbol.toStringTag, { value: `WebAssembly.${name}`, configurable: true })
  Object.defineProperty(Class, 'length', { value: length, configurable: true })
  return Class
}

module.exports = { FOREIGN, engine, foreign, TYPES, EXTERN_KINDS, valueKind, dictionary, uint32, bufferSource, limits, finish }
