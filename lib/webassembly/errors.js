'use strict'

// Error classes as V8 makes them: callable without `new`, inheriting from Error. All realms share them.

const { also } = require('../base/also')
const { SafeWeakSet } = require('../base/primordials')

const native = () => require('./native')

/** @returns {any} */
function define (name) {
  const Class = {
    [name]: function (message, options) {
      const error = Reflect.construct(Error, message === undefined ? [] : [message, options], new.target || Class)
      Error.captureStackTrace(error, new.target || Class)
      return error
    }
  }[name]
  Object.setPrototypeOf(Class, Error)
  Object.defineProperty(Class, 'length', { value: 1, configurable: true })
  Object.defineProperty(Class, 'prototype', {
    value: Object.create(Error.prototype, {
      constructor: { value: Class, writable: true, configurable: true },
      name: { value: name, writable: true, configurable: true },
      message: { value: '', writable: true, configurable: true }
    }),
    writable: false,
    enumerable: false,
    configurable: false
  })
  return Class
}

const CompileError = define('CompileError')
const LinkError = define('LinkError')
const SuspendError = define('SuspendError')
const PlainRuntimeError = define('RuntimeError')

// Emscripten's `abort` throws a RuntimeError of its own making.
const aborted = /^(Aborted\(|abort\()/
const noMemory = /\bOOM\b|out of memory|enlarge memory/i

// To the user an abort is the error that the native host gives: the same code, and an instance of its class as well.
const RuntimeError = new Proxy(PlainRuntimeError, {
  apply: (target, self, rest) => withCode(Reflect.apply(target, self, rest)),
  construct: (target, rest, newTarget) => withCode(Reflect.construct(target, rest, newTarget === RuntimeError ? target : newTarget))
})
PlainRuntimeError.prototype.constructor = RuntimeError

function withCode (error) {
  if (!aborted.test(error.message) || outOfMemory(error)) return error
  return also(error, noMemory.test(error.message) ? 'EMVM_ERR_MEMORY' : 'EMVM_ERR_ABORT')
}

// Names the true cause: what gives up after growth was refused has run out of memory.
function outOfMemory (error) {
  const [requested, limit] = native().refusedGrowth() ?? []
  if (requested === undefined) return false
  also(error, 'EMVM_ERR_MEMORY')
  for (const [key, value] of Object.entries({ requested, limit })) {
    Object.defineProperty(error, key, { value, configurable: true, writable: true, enumerable: true })
  }
  return true
}

// Errors that stand for a trap: wasm's own `catch_all` must not see them.
const traps = new SafeWeakSet()

const GIVING_UP = ['unreachable', 'memory access out of bounds']

// What the native host calls a trap, by V8's words for it.
const TRAPS = {
  unreachable: 'unreachable',
  'memory access out of bounds': 'out-of-bounds',
  'table index is out of bounds': 'table-out-of-bounds',
  'null function or function signature mismatch': 'indirect-call',
  'divide by zero': 'divide',
  'divide result unrepresentable': 'integer-overflow',
  'float unrepresentable in integer range': 'bad-conversion',
  'operation does not support unaligned accesses': 'unaligned-atomic',
  'Maximum call stack size exceeded': 'stack-overflow'
}

function trap (error, frames) {
  traps.add(error)
  if (error.code === undefined) {
    const wasmStack = (frames || []).map((frame) => frame.replace(/:(0x[0-9a-f]+)\)$/, '+$1)'))
    // Null pointers are written through, or checked and followed by `__builtin_trap`.
    if (!GIVING_UP.includes(error.message) || !outOfMemory(error)) also(error, 'EMVM_ERR_TRAP')
    for (const [key, value] of Object.entries({ trap: TRAPS[error.message] ?? 'other', wasmStack })) {
      Object.defineProperty(error, key, { value, configurable: true, writable: true })
    }
  }
  if (Array.isArray(frames) && frames.length > 0) {
    const [head, ...rest] = String(error.stack).split('\n')
    error.stack = [head, ...frames.map((frame) => `    at ${frame}`), ...rest].join('\n')
  }
  return error
}

function stale (message) {
  const { StaleHandleError } = require('../base/errors')
  return new StaleHandleError(message)
}

function unsupported (message) {
  const { UnsupportedError } = require('../base/errors')
  return new UnsupportedError(message)
}

function busy (message) {
  const { BusyError } = require('../base/errors')
  return new BusyError(message)
}

// Wasm's own `catch_all` must not see these either: the call is over.
function timedOut (message, [limit, elapsed]) {
  const { TimeoutError } = require('../base/errors')
  return trap(new TimeoutError(message, { limit, elapsed }))
}

function interrupted (message) {
  const { TimeoutError } = require('../base/errors')
  return trap(new TimeoutError(message, { interrupted: true }))
}

// V8's class; where the system has no memory left, the user's to tell from the module's own mistakes.
function tooMuch (message) {
  const error = new RangeError(message)
  return message.includes('the system refused') ? also(error, 'EMVM_ERR_MEMORY') : error
}

// In the order of `ErrorKind` in src/binding/webassembly/realm.
const kinds = [
  (message) => new LinkError(message),
  (message, frames) => trap(new RuntimeError(message), frames),
  (message, frames) => trap(new RangeError(message), frames),
  tooMuch,
  stale,
  busy,
  timedOut,
  interrupted,
  unsupported,
  (message) => new SuspendError(message)
]

const fromNative = (kind, message, detail) => kinds[kind](message, detail)

module.exports = { CompileError, LinkError, RuntimeError, SuspendError, stale, fromNative, isTrap: (value) => traps.has(value) }
