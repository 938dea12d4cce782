'use strict'

// What files of a rewound realm do to objects that are not theirs: those of the language and of Node, which the program and all
// generations share. A property that a generation assigned or deleted there is put back, and what it listens with is taken away.

const { EventEmitter } = require('node:events')
const diagnostics = require('node:diagnostics_channel')
const { sameProperty } = require('../base/descriptors')
const { ArrayPrototypePush, Reflect, SafeMap, SafeWeakRef, SafeWeakSet } = require('../base/primordials')
const { hostObjects, isStandardStream } = require('./hosted')

const { Channel } = diagnostics
// Not in every Node.
const Tracing = diagnostics.tracingChannel?.('emvm').constructor
const { apply, getOwnPropertyDescriptor: describe, defineProperty, deleteProperty, getPrototypeOf, ownKeys, set, setPrototypeOf } = Reflect
const { __defineGetter__: defineGetter, __defineSetter__: defineSetter } = /** @type {any} */ (Object.prototype)
const OBJECT = Object.prototype
const isObject = (value) => value !== null && (typeof value === 'object' || typeof value === 'function')
const isPlain = (value) => isObject(value) && getPrototypeOf(value) === OBJECT
const nothing = () => {}
const NONE = []
// What of a generation is known to listen.
const MOST_LISTENERS = 1 << 16
// What an object of Node's that nobody listens to any more would end the process with.
const FATAL = 'error'

class World {
  // `isImages(object)`: whether the image has it, and puts it back.
  constructor (isImages) {
    this.isImages = isImages
    // By object, the properties as the generation found them: those that it changed, or all.
    /** @type {Map<object, { isWhole: boolean, prototype: object | null, properties: Map<PropertyKey, PropertyDescriptor | undefined> }>} */
    this.found = new SafeMap()
    // Who is listened to, and with what; of a handler (`onmessage`), what was there before.
    this.heard = []
    // Channels of diagnostics, and the stores that are bound to them.
    this.stores = []
    this.host = hostObjects()
    // What files see in place of some of them.
    this.shadows = new SafeWeakSet()
  }

  // A property of an object, or any, is about to change.
  changes (object, key) {
    if (!isObject(object) || !(this.host.has(object) || this.shadows.has(object) || isStandardStream(object))) return
    let before = this.found.get(object)
    if (before === undefined) this.found.set(object, before = { isWhole: false, prototype: getPrototypeOf(object), properties: new SafeMap() })
    const { properties } = before
    // What was not there when all was noted has been put there since.
    const note = (each) => { if (!properties.has(each)) properties.set(each, before.isWhole ? undefined : describe(object, each)) }
    if (key !== undefined) {
      const name = typeof key === 'symbol' ? key : `${key}`
      note(name)
      return this.#noteSet(object, name)
    }
    if (before.isWhole) return
    const keys = ownKeys(object)
    for (let at = 0; at < keys.length; at++) note(keys[at])
    before.isWhole = true
  }

  // An object whose changes are told by whatever way they come.
  noting (object, isStart) {
    const told = (work) => (target, key, ...rest) => {
      if (!isStart()) this.changes(object, key)
      // Node's own is the receiver.
      return work(target, key, ...rest.slice(0, 1))
    }
    return new Proxy(object, { set: told(set), defineProperty: told(defineProperty), deleteProperty: told(deleteProperty) })
  }

  // What an accessor of Node's sets.
  #noteSet (object, key) {
    const { get, set } = this.found.get(object).properties.get(key) ?? {}
    if (get === undefined || set === undefined) return
    const value = object[key]
    // Node copies what it is given into an object that stays (`util.inspect.defaultOptions`).
    ArrayPrototypePush(this.heard, { object: new SafeWeakRef(object), type: key, listener: isPlain(value) ? { ...value } : value, isHandler: true })
  }

  // `object.onmessage = ...`
  handles (object, key) {
    if (object instanceof EventTarget && this.isNodes(object) && object[key] !== undefined) this.#hear(object, key, object[key], true)
  }

  // Whether it is an object of one of Node's classes that a generation made, or that was there before.
  isNodes (object) {
    if (this.isImages(object)) return false
    return this.host.has(getPrototypeOf(object)) || isStandardStream(object)
  }

  #hear (object, type, listener, isHandler = false) {
    if (this.heard.length >= MOST_LISTENERS) return
    ArrayPrototypePush(this.heard, { object: new SafeWeakRef(object), type, listener: isHandler ? listener : new SafeWeakRef(listener), isHandler })
  }

  // The calls that leave a listener.
  listening (isStart) {
    const told = (object, type, listener) => {
      if (isStart() || typeof listener !== 'function') return
      if (object instanceof EventEmitter || object instanceof EventTarget ? this.isNodes(object) : object instanceof Channel) this.#hear(object, type, listener)
    }
    const after = (given, object, args) => {
      told(object, args[0], args[1])
      return given
    }
    return {
      on: (object, ...args) => after(apply(object.on, object, args), object, args),
      once: (object, ...args) => after(once(object, 'once', 'on', args), object, args),
      addListener: (object, ...args) => after(apply(object.addListener, object, args), object, args),
      prependListener: (object, ...args) => after(apply(object.prependListener, object, args), object, args),
      prependOnceListener: (object, ...args) => after(once(object, 'prependOnceListener', 'prependListener', args), object, args),
      addEventListener: (object, ...args) => after(apply(object.addEventListener, object, args), object, args),
      subscribe: (object, ...args) => {
        const given = apply(object.subscribe, object, args)
        for (const [channel, listener] of subscriptions(object, args[0], args[1])) told(channel, undefined, listener)
        return given
      },
      bindStore: (object, ...args) => {
        if (!isStart() && object instanceof Channel) ArrayPrototypePush(this.stores, [new SafeWeakRef(object), new SafeWeakRef(args[0])])
        return apply(object.bindStore, object, args)
      },
      __defineGetter__: (object, key, ...args) => this.#accessor(defineGetter, isStart, object, '__defineGetter__', key, args),
      __defineSetter__: (object, key, ...args) => this.#accessor(defineSetter, isStart, object, '__defineSetter__', key, args)
    }
  }

  #accessor (real, isStart, object, name, key, args) {
    if (!isStart() && isObject(object) && object[name] === real) this.changes(object, key)
    return apply(object[name], object, [key, ...args])
  }

  // The generation is over.
  rewind () {
    if (this.found.size > 0) this.#restore()
    if (this.heard.length > 0) this.#silence()
    if (this.stores.length > 0) for (const [channel, store] of this.stores.splice(0)) channel.deref()?.unbindStore(store.deref())
  }

  #restore () {
    this.found.forEach(({ isWhole, prototype, properties }, object) => {
      if (getPrototypeOf(object) !== prototype) setPrototypeOf(object, prototype)
      const keys = isWhole ? ownKeys(object) : NONE
      for (let at = 0; at < keys.length; at++) if (!properties.has(keys[at])) properties.set(keys[at], undefined)
      properties.forEach((then, key) => {
        const now = describe(object, key)
        if (sameProperty(now, then)) return
        // A constant stays, and is the program's to see.
        if (then === undefined) deleteProperty(object, key)
        else if (!setAgain(object, key, now, then)) defineProperty(object, key, then)
      })
    })
    this.found.clear()
  }

  #silence () {
    const { heard } = this
    this.heard = []
    for (const { object, type, listener, isHandler } of heard) {
      const target = object.deref()
      const fn = isHandler ? listener : listener.deref()
      if (target === undefined || fn === undefined) continue
      try {
        if (isHandler) target[type] = fn
        else if (target instanceof EventTarget) for (const capture of [false, true]) target.removeEventListener(type, fn, { capture })
        else if (target instanceof Channel) target.unsubscribe(fn)
        else {
          if (type === FATAL) target.on(FATAL, nothing)
          target.removeListener(type, fn)
        }
      } catch { /* it has ended */ }
    }
  }
}

// Where the value alone differs it is set: some of the process's own properties look like values and are functions of Node's.
function setAgain (object, key, now, then) {
  if (now === undefined || now.writable !== true || then.writable !== true) return false
  return set(object, key, then.value) && sameProperty(describe(object, key), then)
}

// The channels that a call of `subscribe` is about, with what is to be told: those of `node:diagnostics_channel` have names, and a
// tracing channel is five of them.
function subscriptions (object, first, second) {
  if (object.subscribe === diagnostics.subscribe) return [[diagnostics.channel(first), second]]
  if (Tracing === undefined || !(object instanceof Tracing) || !isObject(first)) return [[object, first]]
  return Object.entries(first).map(([name, listener]) => [object[name], listener])
}

// Node's own wrapper remembers, where nobody sees it, that it was called.
function once (object, method, always, args) {
  const [type, listener] = args
  if (!(object instanceof EventEmitter) || object[method] !== EventEmitter.prototype[method] || typeof listener !== 'function') return object[method](...args)
  const wrapper = function (...values) {
    this.removeListener(type, wrapper)
    return apply(listener, this, values)
  }
  wrapper.listener = listener
  return object[always](type, wrapper)
}

module.exports = { World }
