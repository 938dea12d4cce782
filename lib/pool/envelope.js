'use strict'

// Results and errors on their way from a worker to the pool.

const { inspect, types } = require('node:util')
const errors = require('../base/errors')
const { dataOf, isPlain, nameOf } = require('../base/live-values')

const MAX_DEPTH = 1000

// Makes a result ready to be posted while the module's instance is still there: views of its memory are copied, live objects of
// it are refused, and so is what structured cloning would refuse later, when nobody could say which task it was.
// `isLive(value)`: it ends with the instance. Gives `{ value, transfer }`.
function pack (value, isMemory, isLive) {
  const copies = new Map()
  const seen = new Set()
  // Objects of classes in which memory was found: as structured cloning makes them, they arrive as plain objects.
  const opened = new Set()
  look(value, 0)
  if (copies.size === 0) return { value, transfer: [] }
  return { value: rebuild(value, new Map()), transfer: [...copies.values()].map((copy) => copy.buffer ?? copy) }

  function look (item, depth) {
    if (typeof item === 'function' || typeof item === 'symbol') throw uncloneable(item)
    if (item === null || typeof item !== 'object' || seen.has(item)) return
    seen.add(item)
    if (depth > MAX_DEPTH) throw uncloneable(item, 'it is nested too deeply')
    if (ArrayBuffer.isView(item)) {
      if (isMemory(item.buffer)) copies.set(item, copyOf(item))
      return
    }
    if (types.isArrayBuffer(item)) {
      if (isMemory(item)) copies.set(item, item.slice(0))
      return
    }
    if (Array.isArray(item)) {
      for (const inner of item) look(inner, depth + 1)
    } else if (types.isMap(item)) {
      for (const [key, inner] of item) { look(key, depth + 1); look(inner, depth + 1) }
    } else if (types.isSet(item)) {
      for (const inner of item) look(inner, depth + 1)
    } else if (isLive(item)) {
      throw live(item)
    } else if (!isPlain(item)) {
      unusual(item, depth)
    } else {
      for (const inner of Object.values(item)) look(inner, depth + 1)
    }
  }

  function unusual (item, depth) {
    if (isBuiltIn(item)) return
    const before = copies.size
    for (const inner of dataOf(item)) look(inner, depth + 1)
    if (copies.size > before) {
      opened.add(item)
      return
    }
    try {
      structuredClone(item)
    } catch (error) {
      throw uncloneable(item, error.message)
    }
  }

  function rebuild (item, made) {
    if (item === null || typeof item !== 'object') return item
    if (copies.has(item)) return copies.get(item)
    if (made.has(item)) return made.get(item)
    const into = (empty, fill) => { made.set(item, empty); fill(empty); return empty }
    if (Array.isArray(item)) return into([], (array) => { for (const inner of item) array.push(rebuild(inner, made)) })
    if (types.isMap(item)) return into(new Map(), (map) => { for (const [k, v] of item) map.set(rebuild(k, made), rebuild(v, made)) })
    if (types.isSet(item)) return into(new Set(), (set) => { for (const inner of item) set.add(rebuild(inner, made)) })
    if (!isPlain(item) && !opened.has(item)) return item
    return into({}, (object) => { for (const [key, inner] of Object.entries(item)) put(object, key, rebuild(inner, made)) })
  }
}

// As structured cloning does, also under the name `__proto__`.
function put (object, key, value) {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true })
}

function copyOf (view) {
  if (!types.isDataView(view)) return view.slice()
  return new DataView(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength))
}

function live (value) {
  const name = nameOf(value)
  return new errors.StaleHandleError(
    `The task gave back a live ${name} of the module, which ends with the task: give plain data instead (copies of its fields, or its bytes).`,
    { class: name })
}

const isBuiltIn = (value) => types.isAnyArrayBuffer(value) || types.isDate(value) || types.isRegExp(value) || types.isNativeError(value) || types.isBoxedPrimitive(value)

function uncloneable (value, why = 'functions and symbols cannot leave their thread') {
  const what = typeof value === 'object' ? `an object of class ${value.constructor?.name ?? '?'}` : `a ${typeof value}`
  return new DOMException(`The task gave back ${what}, which cannot be sent to another thread: ${why}.`, 'DataCloneError')
}

// What was thrown that is no error, in words.
function textOf (thrown) {
  if (thrown !== null && typeof thrown === 'object') {
    const message = read(thrown, 'message')
    return typeof message === 'string' ? message : attempt(() => inspect(thrown, { depth: 1, breakLength: Infinity }), 'an object that cannot be looked at')
  }
  return typeof thrown === 'function' ? `function ${text(read(thrown, 'name'))}` : String(thrown)
}

// What is thrown may be anything: a getter of it may throw, a Proxy refuse.
function attempt (work, otherwise) {
  try {
    return work()
  } catch {
    return otherwise
  }
}

const read = (object, key) => attempt(() => object[key], undefined)
const text = (value) => attempt(() => String(value), '')

const INHERITED = ['name', 'message', 'stack', 'cause', 'code']

/** @type {(value: any) => boolean} */
const isError = (value) => attempt(() => value instanceof Error, false)

// An error as plain data.
/** @param {any} error */
function packError (error, depth = 0) {
  if (!(types.isNativeError(error) || isError(error))) {
    try {
      return { thrown: structuredClone(error) }
    } catch {
      return { name: 'Error', message: textOf(error) }
    }
  }
  const fields = {}
  for (const key of attempt(() => Object.keys(error), [])) {
    if (INHERITED.includes(key)) continue
    try {
      fields[key] = structuredClone(error[key])
    } catch {
      // What cannot cross stays behind.
    }
  }
  const [code, cause, stack] = ['code', 'cause', 'stack'].map((key) => read(error, key))
  return {
    name: text(read(error, 'name')),
    message: text(read(error, 'message')),
    ...(typeof stack === 'string' && { stack }),
    fields,
    ...(typeof code === 'string' && { code }),
    ...(cause !== undefined && depth < 8 && { cause: packError(cause, depth + 1) })
  }
}

const BUILTIN = { __proto__: null, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }

// The error again, of its own class where there is one on this side.
function unpackError (packed) {
  if ('thrown' in packed) return packed.thrown
  const { name, message, stack, fields = {}, code, cause } = packed
  let error
  if (code !== undefined && code.startsWith('EMVM_ERR')) {
    error = errors.fromNative({ code, message, ...fields })
  } else if (name === 'AbortError' || name === 'DataCloneError') {
    error = new DOMException(message, name)
  } else {
    error = new (BUILTIN[name] || Error)(message)
    if (error.name !== name) Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
    Object.assign(error, fields)
    if (code !== undefined) error.code = code
  }
  if (cause !== undefined) Object.defineProperty(error, 'cause', { value: unpackError(cause), configurable: true, writable: true })
  if (stack !== undefined) Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true })
  return error
}

module.exports = { pack, packError, unpackError, textOf }
