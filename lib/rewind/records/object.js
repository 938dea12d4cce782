'use strict'

// Objects whose state is their properties.

const { functionOf } = require('../../base/evaluate')
const { Unrestorable } = require('../steps')
const { sameDescriptor } = require('../../base/descriptors')
const { PLAIN, write, define, remove, nameOf } = require('./properties')

const { getOwnPropertyDescriptor: describe, getPrototypeOf, setPrototypeOf, ownKeys } = Reflect
const { getOwnPropertyNames: namesOf, getOwnPropertySymbols: symbolsOf, isExtensible, is } = Object

// `left(object)` is told of what drops out of the image's containers.
class ObjectRecord {
  constructor (object) {
    this.object = object
    this.proto = getPrototypeOf(object)
    this.open = isExtensible(object)
    this.keys = ownKeys(object)
    this.names = namesOf(object)
    this.symbols = this.keys.length - this.names.length
    // Data that can be written, and its values; then everything that is not plain: [key, descriptor].
    this.data = []
    this.values = []
    /** @type {Array<[PropertyKey, PropertyDescriptor]>} */
    this.special = []
    // Private fields: [get, set, value].
    this.hidden = undefined
    for (const key of this.keys) {
      const descriptor = describe(object, key)
      if ('value' in descriptor) {
        if (descriptor.writable) {
          this.data.push(key)
          this.values.push(descriptor.value)
        }
        if (!descriptor.writable || !descriptor.configurable || !descriptor.enumerable) this.special.push([key, descriptor])
      } else {
        this.special.push([key, descriptor])
      }
    }
    // Accessors, and what can only be defined again.
    this.defined = this.special.filter(([, { writable, configurable }]) => configurable && writable !== true)
  }

  // A function whose `prototype` is its own.
  get hasPrototype () { return this.names.includes('prototype') }

  // What its fields have, `prototype` last: see `Scan`.
  watched () {
    const hidden = this.hidden?.map(([, , value]) => value) ?? []
    const special = this.special.filter(([, descriptor]) => descriptor.value !== undefined && !descriptor.writable).map(([, { value }]) => value)
    const isConstructor = typeof this.object === 'function' && this.hasPrototype
    if (hidden.length === 0 && special.length === 0 && !isConstructor) return this.values
    return [...this.values, ...special, ...hidden, ...(isConstructor ? [describe(this.object, 'prototype').value] : [])]
  }

  hide (get, set, value) { (this.hidden ??= []).push([get, set, value]) }

  // Nothing of it can change.
  get fixed () {
    return !this.open && this.data.length === 0 && this.hidden === undefined && this.special.every(([, { configurable }]) => !configurable)
  }

  sameShape () {
    const { object, names } = this
    const now = namesOf(object)
    if (now.length !== names.length) return false
    for (let at = 0; at < now.length; at++) if (now[at] !== names[at]) return false
    return symbolsOf(object).length === this.symbols && isExtensible(object) === this.open && getPrototypeOf(object) === this.proto
  }

  // Whether descriptors are as they were. Slow.
  sameDescriptors () {
    const specials = new Map(this.special)
    return this.keys.every((key) => sameDescriptor(describe(this.object, key), specials.get(key) ?? PLAIN))
  }

  // Descriptors, too.
  restoreAll (left) {
    let count = this.sameShape() ? 0 : this.#reshape(left)
    const specials = new Map(this.special)
    const saved = new Map(this.data.map((key, at) => /** @type {[PropertyKey, any]} */ ([key, this.values[at]])))
    for (const key of this.keys) {
      const then = specials.get(key) ?? PLAIN
      const value = saved.has(key) ? saved.get(key) : then.value
      const now = describe(this.object, key)
      if (sameDescriptor(now, then) && (now.get !== undefined || now.set !== undefined || is(now.value, value))) continue
      left(now?.value)
      define(this.object, key, 'value' in then || then === PLAIN ? { ...then, value } : then)
      count++
    }
    return count
  }

  // `same`: made for objects of these keys, see `comparatorOf`.
  restore (left, same) {
    let count = 0
    if (!this.sameShape()) count += this.#reshape(left)
    if (same === undefined || !same(this.object, this.values)) count += this.#rewrite(left)
    return this.defined.length > 0 || this.hidden !== undefined ? count + this.#restoreSpecial() : count
  }

  // One of its values.
  restoreAt (at, left) {
    const { object, data, values } = this
    const key = data[at]
    const now = object[key]
    if (is(now, values[at])) return 0
    left(now)
    write(object, key, values[at])
    return 1
  }

  // The properties are what they were; their values need not be.
  restoreValues (left) {
    const count = this.#rewrite(left)
    return this.defined.length > 0 || this.hidden !== undefined ? count + this.#restoreSpecial() : count
  }

  #rewrite (left) {
    const { object, data, values } = this
    let count = 0
    for (let at = 0; at < data.length; at++) {
      const now = object[data[at]]
      if (is(now, values[at])) continue
      left(now)
      write(object, data[at], values[at])
      count++
    }
    return count
  }

  #restoreSpecial () {
    const { object, defined, hidden } = this
    let count = 0
    for (let at = 0; at < defined.length; at++) {
      const [key, descriptor] = defined[at]
      const now = describe(object, key)
      if (now !== undefined && now.get === descriptor.get && now.set === descriptor.set && is(now.value, descriptor.value)) continue
      define(object, key, descriptor)
      count++
    }
    if (hidden !== undefined) {
      for (const [get, set, value] of hidden) {
        if (is(get(object), value)) continue
        set(object, value)
        count++
      }
    }
    return count
  }

  // What was added goes, the last first (V8 then keeps the object fast); what was deleted comes back; then the order.
  #reshape (left) {
    const { object, keys, data, values, special } = this
    if (isExtensible(object) !== this.open) throw new Unrestorable(`${nameOf(object)} was frozen, sealed or made not extensible`)
    if (getPrototypeOf(object) !== this.proto && !setPrototypeOf(object, this.proto)) throw new Unrestorable(`the prototype of ${nameOf(object)} cannot be set back`)
    let count = 1
    const wanted = new Set(keys)
    const now = ownKeys(object)
    for (let at = now.length - 1; at >= 0; at--) {
      if (wanted.has(now[at])) continue
      left(describe(object, now[at]).value)
      remove(object, now[at])
      count++
    }
    const rest = ownKeys(object)
    // From the first that is not in its place on.
    let kept = 0
    while (kept < rest.length && rest[kept] === keys[kept]) kept++
    if (kept === keys.length) return count
    const specials = new Map(special)
    const saved = new Map(data.map((key, at) => /** @type {[PropertyKey, any]} */ ([key, values[at]])))
    for (const key of keys.slice(kept)) {
      const present = describe(object, key)
      if (present !== undefined) {
        if (!present.configurable) continue
        remove(object, key)
      }
      const descriptor = specials.get(key) ?? PLAIN
      define(object, key, saved.has(key) ? { ...descriptor, value: saved.get(key) } : descriptor)
      count++
    }
    return count
  }
}

// Objects of the same keys are compared by one function made for them: V8 then loads each by a constant name.
function comparatorOf (keys) {
  if (keys.length > 120 || keys.some((key) => typeof key === 'symbol')) return undefined
  if (keys.length === 0) return () => true
  const terms = keys.map((key, at) => `is(o[${JSON.stringify(key)}],v[${at}])`)
  return functionOf(['is'], `return (o, v) => ${terms.join('&&')}`)(is)
}

module.exports = { ObjectRecord, comparatorOf }
