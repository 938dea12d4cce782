'use strict'

// Node's own modules as files of a rewound realm see them: objects of the realm's own, with what plain objects and lists they lead to.
// What a package writes there, in whatever way, is found by the walk and put back, and nobody else sees it. Functions and classes
// are Node's.

const { NOT_LOADED } = require('../hosted')
const { Streams } = require('./streams')

const { getOwnPropertyDescriptor: describe, getPrototypeOf, ownKeys } = Reflect
const { defineProperties, defineProperty, isFrozen, setPrototypeOf } = Object

const isPlain = (value) => {
  if (value === null || typeof value !== 'object') return false
  const proto = getPrototypeOf(value)
  return proto === Object.prototype || proto === null
}

class Copies {
  // `rewinder`: of the realm.
  constructor (rewinder) {
    this.stops = rewinder.stops
    this.world = rewinder.world
    this.made = new Map()
    this.streams = rewinder.streams = new Streams(rewinder, this)
  }

  // A module of Node's; undefined: it is a class, or one that changes the process when it is loaded, or warns.
  module (name) {
    if (NOT_LOADED.test(name)) return undefined
    const given = require(`node:${name}`)
    if (name === 'stream') return this.streams.module()
    return isPlain(given) ? this.of(given) : undefined
  }

  // Of a plain object or a list.
  of (given) {
    const known = this.made.get(given)
    if (known !== undefined) return known
    const isList = Array.isArray(given)
    const own = isList ? [] : {}
    this.made.set(given, own)
    this.world.shadows.add(own)
    /** @type {PropertyDescriptorMap} */
    const properties = {}
    for (const key of ownKeys(given)) if (!isList || key !== 'length') properties[key] = this.property(given, own, key)
    // All at once: V8 then keeps it as it keeps objects with few properties, which is sooner compared.
    defineProperties(own, properties)
    if (getPrototypeOf(own) !== getPrototypeOf(given)) setPrototypeOf(own, getPrototypeOf(given))
    return own
  }

  ofPlain (value) { return isPlain(value) ? this.of(value) : value }

  // What takes the place of a property in `own`.
  property (given, own, key) {
    const descriptor = describe(given, key)
    if ('value' in descriptor) {
      const { value } = descriptor
      return (isPlain(value) || Array.isArray(value)) && !isFrozen(value) ? { ...descriptor, value: this.of(value) } : descriptor
    }
    const { get, set } = descriptor
    if (get === undefined) return descriptor
    const read = () => Reflect.apply(get, given, [])
    const accessor = {
      get: () => this.ofPlain(read()),
      // A setting is Node's. A function is behind an accessor because it is loaded when it is first wanted.
      set: set && ((value) => {
        if (typeof read() !== 'function') return Reflect.apply(set, given, [value])
        return defineProperty(own, key, { value, writable: true, configurable: true, enumerable: descriptor.enumerable })
      })
    }
    for (const each of [accessor.get, accessor.set]) if (each !== undefined) this.stops.add(each)
    return { ...descriptor, ...accessor }
  }

  image () { return new Map(this.made) }
  restore (image) { if (this.made.size !== image.size) this.made = new Map(image) }
}

module.exports = { Copies }
