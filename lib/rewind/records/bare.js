'use strict'

// Functions that have no state.

const { Unrestorable } = require('../steps')
const { sameDescriptor } = require('../../base/descriptors')
const { write, define, remove, nameOf } = require('./properties')

const { getOwnPropertyDescriptor: describe, getPrototypeOf, setPrototypeOf, ownKeys } = Reflect
const { getOwnPropertyNames: namesOf, getOwnPropertySymbols: symbolsOf, isExtensible, is } = Object

/** @type {PropertyDescriptor} */
const CONSTRUCTOR = { writable: true, enumerable: false, configurable: true }

// A function with nothing on it, and its prototype with nothing on it: most functions. V8 makes a prototype when somebody asks for it;
// one that nobody has asked for is not asked for here.
class BareRecord {
  // `isUnborn(fn)`: where it has a prototype that does not exist yet.
  constructor (fn, proto, isUnborn) {
    this.object = fn
    this.proto = proto
    this.base = proto === undefined ? undefined : getPrototypeOf(proto)
    this.made = proto === undefined ? { ...CONSTRUCTOR, value: fn } : describe(proto, 'constructor')
    this.isUnborn = isUnborn
    // It came into being in a later generation.
    this.isBorn = false
    this.keys = ownKeys(fn)
    this.symbols = symbolsOf(fn).length
    this.parent = getPrototypeOf(fn)
    // Of its name and length.
    /** @type {Array<[PropertyKey, PropertyDescriptor]>} */
    this.defined = this.keys.filter((key) => key === 'name' || key === 'length').map((key) => /** @type {[PropertyKey, PropertyDescriptor]} */ ([key, describe(fn, key)]))
  }

  // Name and length, too, and what nobody lists.
  restoreAll (left) {
    const { object, proto, keys } = this
    for (const each of proto === undefined ? [object] : [object, proto]) {
      if (!isExtensible(each)) throw new Unrestorable(`${nameOf(object)} was frozen, sealed or made not extensible`)
    }
    let count = strip(object, keys, left)
    for (const [key, then] of this.defined) {
      const now = describe(object, key)
      if (sameDescriptor(now, then) && is(now.value, then.value)) continue
      define(object, key, then)
      count++
    }
    return count + this.restore(left)
  }

  restore (left) {
    const { object, proto } = this
    let count = 0
    if (Object.keys(object).length > 0 || symbolsOf(object).length !== this.symbols) count += strip(object, this.keys, left)
    if (getPrototypeOf(object) !== this.parent) {
      if (!setPrototypeOf(object, this.parent)) throw new Unrestorable(`the prototype of ${nameOf(object)} cannot be set back`)
      count++
    }
    if (proto !== undefined) return count + this.restorePrototype(left)
    if (this.isUnborn === undefined || this.isUnborn(object)) return count
    this.isBorn = true
    this.base = Object.prototype
    this.proto = object.prototype
    // Nothing of the image leads to what it is, so that another does as well.
    if (!isBare(this.proto, object)) write(object, 'prototype', this.proto = Object.defineProperty({}, 'constructor', this.made))
    return count + 1
  }

  restorePrototype (left) {
    const { object, proto, base, made } = this
    let count = 0
    if (object.prototype !== proto) {
      write(object, 'prototype', proto)
      count++
    }
    if (!isExtensible(proto)) throw new Unrestorable(`the prototype property of ${nameOf(object)} was frozen, sealed or made not extensible`)
    const names = namesOf(proto)
    if (names.length !== 1 || symbolsOf(proto).length > 0) count += strip(proto, ['constructor'], left)
    const now = describe(proto, 'constructor')
    if (!sameDescriptor(now, made) || now.value !== made.value) {
      define(proto, 'constructor', made)
      count++
    }
    if (getPrototypeOf(proto) !== base) {
      setPrototypeOf(proto, base)
      count++
    }
    return count
  }
}

// Whether a function's prototype is as V8 makes it.
function isBare (proto, fn) {
  if (proto === null || typeof proto !== 'object' || getPrototypeOf(proto) !== Object.prototype || !isExtensible(proto)) return false
  const keys = ownKeys(proto)
  const made = describe(proto, 'constructor')
  return keys.length === 1 && made !== undefined && made.value === fn && sameDescriptor(made, CONSTRUCTOR)
}

function strip (object, keys, left) {
  let count = 0
  const now = ownKeys(object)
  for (let at = now.length - 1; at >= 0; at--) {
    if (keys.includes(now[at])) continue
    left(describe(object, now[at]).value)
    remove(object, now[at])
    count++
  }
  return count
}

module.exports = { BareRecord }
