'use strict'

// Objects that a module's objects lead to, but that are not the module's: JavaScript's and Node's own, views of memory, what the
// program itself brought.

const { builtinModules } = require('node:module')
const { types } = require('node:util')

let known

// Objects of the language and of Node that are reached from the global object.
function ofRealm () {
  // By object, how deep what it leads to has been looked at.
  const found = new Map()
  const add = (value, depth) => {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function') || found.get(value) >= depth) return
    found.set(value, depth)
    if (depth === 0) return
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(value, key)
      if (descriptor === undefined) continue
      add(descriptor.value, depth - 1)
      add(descriptor.get, 0)
      add(descriptor.set, 0)
    }
    add(Reflect.getPrototypeOf(value), depth)
  }
  // No deeper: `process` leads to all that the program has loaded.
  for (const name of Reflect.ownKeys(globalThis)) add(Reflect.getOwnPropertyDescriptor(globalThis, name).value, name in LANGUAGE ? 3 : 1)
  // Accessors of the global object.
  for (const value of [process, Buffer]) add(value, 1)
  for (const value of [globalThis, function * () {}, async function () {}, async function * () {}, [][Symbol.iterator](), new Map().entries(), new Set().values(), /./[Symbol.matchAll]('')]) {
    found.set(value, 0)
    for (let at = Reflect.getPrototypeOf(value); at !== null; at = Reflect.getPrototypeOf(at)) add(at, 1)
  }
  return found
}

const LANGUAGE = Object.fromEntries([
  'Object', 'Function', 'Array', 'Number', 'Boolean', 'String', 'Symbol', 'Date', 'Promise', 'RegExp', 'Error', 'AggregateError', 'EvalError', 'RangeError',
  'ReferenceError', 'SyntaxError', 'TypeError', 'URIError', 'JSON', 'Math', 'Intl', 'ArrayBuffer', 'Atomics', 'Uint8Array', 'Int8Array', 'Uint16Array',
  'Int16Array', 'Uint32Array', 'Int32Array', 'Float32Array', 'Float64Array', 'Uint8ClampedArray', 'BigUint64Array', 'BigInt64Array', 'DataView', 'Map',
  'BigInt', 'Set', 'WeakMap', 'WeakSet', 'WeakRef', 'FinalizationRegistry', 'Proxy', 'Reflect', 'SharedArrayBuffer', 'WebAssembly', 'Iterator'
].map((name) => [name, true]))

let changers

// Functions of the language's that may change what they are called on, or what they are given.
function changersOf () {
  const owners = [Object, Reflect, Function, Array, Map, Set, WeakMap, WeakSet, Date, RegExp, Promise, Object.getPrototypeOf(Uint8Array), DataView]
    .flatMap((value) => [value, value.prototype ?? value])
  const values = owners.flatMap((owner) => Reflect.ownKeys(owner).map((key) => Reflect.getOwnPropertyDescriptor(owner, key)?.value))
  return { names: new Set(owners.flatMap(Reflect.ownKeys)), values: new Set([eval, Proxy, Object, Reflect, ...values.filter((value) => typeof value === 'function')]) }
}

// Whether one has that name, or is it.
const isChangersName = (name) => (changers ??= changersOf()).names.has(name)
const isChanger = (value) => (changers ??= changersOf()).values.has(value)

const brought = new WeakSet()

// The program's, or a module of Node's: not looked into.
function bring (value) {
  if (value !== null && (typeof value === 'object' || typeof value === 'function')) brought.add(value)
  return value
}

function isForeign (value) {
  known ??= ofRealm()
  return known.has(value) || brought.has(value) || ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value) || types.isProxy(value) || Boolean(types.isExternal?.(value))
}

// Of the language or of Node: all sandboxes share it, and the program.
function isShared (value) {
  known ??= ofRealm()
  return known.has(value)
}

const isOfNode = (id) => typeof id === 'string' && (id.startsWith('node:') || builtinModules.includes(id))

module.exports = { bring, isChanger, isChangersName, isForeign, isShared, isOfNode }
