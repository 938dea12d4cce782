'use strict'

// The language's own functions and classes as they were when emvm was loaded. A package shares them with emvm and with
// Node, and may put others in their place: what runs on its behalf, or undoes what it did, uses these. Named as Node names
// its own.

const { apply, defineProperty, getOwnPropertyDescriptor, ownKeys, setPrototypeOf } = Reflect
const { bind, call } = Function.prototype

/** @type {(fn: Function) => (self: any, ...args: any[]) => any} */
const uncurryThis = bind.bind(call)

const iteratorNext = (iterator) => uncurryThis(Object.getPrototypeOf(iterator).next)
const [nextOfMap, nextOfSet] = [iteratorNext(new Map().entries()), iteratorNext(new Set().values())]

// What a loop takes from an iterator that has its `next` from nobody else.
const walking = (next) => class {
  #inner
  constructor (inner) { this.#inner = inner }
  next () { return next(this.#inner) }
  [Symbol.iterator] () { return this }
}

// A class with methods of its own, which nothing put on the language's reaches.
function safe (Base, Safe, next) {
  const Walk = next && walking(next)
  if (Walk !== undefined) setPrototypeOf(Walk.prototype, null)
  for (const key of ownKeys(Base.prototype)) {
    if (key === 'constructor') continue
    const descriptor = /** @type {PropertyDescriptor} */ (getOwnPropertyDescriptor(Base.prototype, key))
    const method = descriptor.value
    if (Walk !== undefined && (typeof key === 'symbol' || /^(keys|values|entries)$/.test(key)) && typeof method === 'function') {
      descriptor.value = function () { return new Walk(apply(method, this, [])) }
    }
    defineProperty(Safe.prototype, key, descriptor)
  }
  setPrototypeOf(Safe.prototype, null)
  return Safe
}

// A constructor that is not written asks for an array's iterator.
const SafeMap = /** @type {MapConstructor} */ (safe(Map, class SafeMap extends Map { constructor (entries) { super(entries) } }, nextOfMap))
const SafeSet = /** @type {SetConstructor} */ (safe(Set, class SafeSet extends Set { constructor (values) { super(values) } }, nextOfSet))
const SafeWeakMap = /** @type {WeakMapConstructor} */ (safe(WeakMap, class SafeWeakMap extends /** @type {any} */ (WeakMap) { constructor (entries) { super(entries) } }))
const SafeWeakSet = /** @type {WeakSetConstructor} */ (safe(WeakSet, class SafeWeakSet extends WeakSet { constructor (values) { super(values) } }))
const SafeWeakRef = /** @type {WeakRefConstructor} */ (safe(WeakRef, class SafeWeakRef extends /** @type {any} */ (WeakRef) { constructor (target) { super(target) } }))

module.exports = {
  SafeMap,
  SafeSet,
  SafeWeakMap,
  SafeWeakSet,
  SafeWeakRef,
  ArrayIsArray: Array.isArray,
  ArrayPrototypePush: uncurryThis(Array.prototype.push),
  ErrorCaptureStackTrace: Error.captureStackTrace,
  Error,
  ObjectCreate: Object.create,
  ObjectFreeze: Object.freeze,
  ObjectIs: Object.is,
  Promise,
  PromisePrototypeThen: uncurryThis(Promise.prototype.then),
  PromiseReject: Promise.reject.bind(Promise),
  PromiseResolve: Promise.resolve.bind(Promise),
  Reflect: Object.fromEntries(ownKeys(Reflect).map((key) => [key, Reflect[key]])),
  SetPrototypeHas: uncurryThis(Set.prototype.has),
  Symbol,
  queueMicrotask
}
