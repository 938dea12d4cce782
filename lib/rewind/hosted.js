'use strict'

// What is there before the package: the intrinsics of JavaScript, Node's own objects, the program's modules. A walk stops there. Of the package's
// objects, those that are instances of Node's classes may have a state that nobody sees: each class is known to have none, to
// have one that can be put back, or to be refused.

const { setImmediate, setTimeout, clearTimeout } = require('../base/clock')
const { Reflect: { getOwnPropertyDescriptor: describe }, SafeSet } = require('../base/primordials')
const { forgiving } = require('../surroundings/failures')
const { builtinModules } = require('node:module')
const { inspect, types } = require('node:util')

// Nothing of the package's hangs on these, and loading them does more than giving an object: `domain` (and `repl` with it) changes
// every emitter and promise of the process.
const NOT_LOADED = /^(_|sys$|punycode|trace_events|wasi|inspector|test|repl|cluster|domain|ffi)/

let all

function hostObjects () {
  // Some of Node's modules begin something when they are loaded, which fails where memory is short.
  return (all ??= forgiving(() => true, gather))
}

function gather () {
  const seen = new SafeSet()
  // The program's own modules are not Node's.
  const skip = new Set([require.cache, process.mainModule, process.argv, process.env])
  const queue = [
    globalThis, process, require('node:module'), [][Symbol.iterator](), new Map().entries(), new Set().values(), ''[Symbol.iterator](),
    ''.matchAll(/x/g), ...segments(), ...helpers(), ...unnamed(), inspect.defaultOptions, Object.getPrototypeOf(Int8Array), async () => {}, (function * () {})(), (async function * () {})(), setImmediate(() => {})
  ]
  const timer = setTimeout(() => {}, 0)
  clearTimeout(timer)
  queue.push(Object.getPrototypeOf(timer))
  for (const name of builtinModules) {
    if (NOT_LOADED.test(name.replace(/^node:/, ''))) continue
    try {
      const module = require(name.startsWith('node:') ? name : `node:${name}`)
      queue.push(module, ...lazyClasses(module))
    } catch { /* not in this Node */ }
  }
  for (const key of Object.getOwnPropertyNames(globalThis)) {
    // Node warns of these when they are read.
    if (key === 'localStorage' || key === 'sessionStorage') continue
    // `node -e` has one for each of its modules.
    if (builtinModules.includes(key) && !KNOWN_GLOBALS.has(key)) continue
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, key)
    // What is loaded at first sight is Node's; what the program put there is its own.
    if ('value' in descriptor && descriptor.enumerable && !KNOWN_GLOBALS.has(key)) {
      skip.add(descriptor.value)
      continue
    }
    try {
      queue.push(globalThis[key])
    } catch { /* not in this Node */ }
  }
  while (queue.length > 0) {
    const object = queue.pop()
    if (object === null || (typeof object !== 'object' && typeof object !== 'function') || seen.has(object) || skip.has(object)) continue
    seen.add(object)
    if (types.isProxy(object) || ArrayBuffer.isView(object)) continue
    for (const key of Reflect.ownKeys(object)) {
      const descriptor = Reflect.getOwnPropertyDescriptor(object, key)
      if (descriptor) queue.push(descriptor.value, descriptor.get, descriptor.set)
    }
    queue.push(Object.getPrototypeOf(object))
  }
  for (const object of [...skip, ...settings()]) seen.add(object)
  return seen
}

// Objects that hold settings of the process's, and much that is not Node's.
function settings () {
  const agents = ['node:http', 'node:https'].map((name) => require(name).globalAgent)
  return [process.report, ...agents, ...agents.map(({ options }) => options)].filter(Boolean)
}

// Classes that Node loads when they are first read. Other accessors of its modules may warn.
function lazyClasses (module) {
  const lazy = Reflect.ownKeys(module).filter((key) => /^[A-Z].*[a-z]/.test(String(key)) && Reflect.getOwnPropertyDescriptor(module, key)?.get !== undefined)
  return lazy.map((key) => module[key])
}

function segments () {
  if (typeof Intl !== 'object' || Intl.Segmenter === undefined) return []
  const list = new Intl.Segmenter().segment('')
  return [list, list[Symbol.iterator]()]
}

// Instances of classes of Node's that no module has.
function unnamed () {
  /** @type {Array<() => any>} */
  const makers = [
    () => new URLSearchParams().entries(), () => new Headers()[Symbol.iterator](), () => new FormData()[Symbol.iterator](),
    () => require('node:perf_hooks').createHistogram(), () => require('node:async_hooks').createHook({})
  ]
  return makers.flatMap((make) => {
    try {
      return [make()]
    } catch {
      return [] // Not in this runtime.
    }
  })
}

// Iterator helpers are not in every Node.
function helpers () {
  /** @type {any} */
  const { Iterator } = globalThis
  return Iterator === undefined ? [] : [Iterator.from([]).drop(0)]
}

const KNOWN_GLOBALS = new Set(['global', 'globalThis', 'console', 'process', 'Buffer', 'performance', 'fetch', 'navigator', 'crypto', 'structuredClone', 'queueMicrotask',
  'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate', 'atob', 'btoa'])

// Instances that cannot change.
const CONSTANT = /^(TextEncoder|Performance|Crypto|SubtleCrypto|CryptoKey|Console|console|Navigator|Blob|File|KeyObject|SecretKeyObject|PublicKeyObject|PrivateKeyObject|DOMException|Intl\.(?!Segmenter).*|Segmenter|Intl\.Segmenter|Collator|NumberFormat|DateTimeFormat|PluralRules|ListFormat|RelativeTimeFormat|DisplayNames|Locale|Temporal\..*)$/
// Instances whose state is properties, which the walk sees. What merely inherits from a class whose instances are told by other
// means (an object before Array.prototype that is no array) has no state but these, either.
const OPEN = new RegExp('^(EventEmitter|EventTarget|process|Stats|Dirent|BigIntStats|Module|Require|Object|(Async)?(Generator)?(Function)?|Array|(Weak)?(Map|Set)|Date|RegExp|Promise|' +
  'String|Number|Boolean|Symbol|BigInt|\\w*Error|ArrayBuffer|DataView|TypedArray|\\w+Array|Buffer|Iterator|Reflect|Math|JSON|Atomics|Intl)$')

// By the prototype: 'open', 'constant', or the name of the class.
function kindOf (proto) {
  if (proto === process) return 'open'
  const tag = Reflect.getOwnPropertyDescriptor(proto, Symbol.toStringTag)
  const name = String((tag && tag.value) || (proto.constructor && proto.constructor.name) || '?')
  return OPEN.test(name) ? 'open' : CONSTANT.test(name) ? 'constant' : name
}

// A stream of the process's: the program's, as `process` itself. One that was never asked for is not opened here, and nothing of the
// package's runs: no trap of a Proxy, no accessor.
function isStandardStream (object) {
  const fd = types.isProxy(object) ? undefined : describe(object, 'fd')?.value
  return (fd === 0 && object === process.stdin) || (fd === 1 && object === process.stdout) || (fd === 2 && object === process.stderr)
}

module.exports = { NOT_LOADED, hostObjects, kindOf, isStandardStream }
