'use strict'

// What has its state elsewhere than in properties, but for bytes: entries, what one function reads and one writes; and what was put on such
// objects.

const { lengthOf } = require('../intrinsics')
const { Unrestorable } = require('../steps')
const { define, remove, nameOf } = require('./properties')

const { getOwnPropertyDescriptor: describe, getPrototypeOf, setPrototypeOf, ownKeys } = Reflect
const { isExtensible, is } = Object
const { forEach: mapEach, clear: mapClear, set: mapSet, keys: mapKeys, values: mapValues } = Map.prototype
const { forEach: setEach, clear: setClear, add: setAdd, values: setValues } = Set.prototype
const mapSize = describe(Map.prototype, 'size').get
const setSize = describe(Set.prototype, 'size').get

class MapRecord {
  constructor (map) {
    this.object = map
    this.keys = [...mapKeys.call(map)]
    this.values = [...mapValues.call(map)]
  }

  get same () {
    const { object, keys, values } = this
    if (mapSize.call(object) !== keys.length) return false
    let at = 0
    let same = true
    mapEach.call(object, (value, key) => {
      if (same && !(is(keys[at], key) && is(values[at], value))) same = false
      at++
    })
    return same
  }

  restore (left) {
    if (this.same) return 0
    const { object, keys, values } = this
    const own = new Set(values)
    mapEach.call(object, (value) => { if (!own.has(value)) left(value) })
    mapClear.call(object)
    for (let at = 0; at < keys.length; at++) mapSet.call(object, keys[at], values[at])
    return 1
  }
}

class SetRecord {
  constructor (set) {
    this.object = set
    this.values = [...setValues.call(set)]
  }

  get same () {
    const { object, values } = this
    if (setSize.call(object) !== values.length) return false
    let at = 0
    let same = true
    setEach.call(object, (value) => { if (same && !is(values[at], value)) same = false; at++ })
    return same
  }

  restore (left) {
    if (this.same) return 0
    const { object, values } = this
    const own = new Set(values)
    setEach.call(object, (value) => { if (!own.has(value)) left(value) })
    setClear.call(object)
    for (const value of values) setAdd.call(object, value)
    return 1
  }
}

// What has a state of its own behind it that one function reads and one writes.
class CellRecord {
  constructor (object, read, write) {
    this.object = object
    this.read = read
    this.write = write
    this.value = read(object)
  }

  get same () { return is(this.read(this.object), this.value) }

  restore () {
    if (this.same) return 0
    this.write(this.object, this.value)
    return 1
  }
}

// What was put on an object of whose own properties most are not the package's: a view has its elements first, and on a
// promise Node puts symbols. `keysOf` gives those that count.
class ExtrasRecord {
  constructor (object, keysOf) {
    this.object = object
    this.keysOf = keysOf
    this.proto = getPrototypeOf(object)
    this.open = isExtensible(object)
    this.extras = keysOf(object).map((key) => [key, describe(object, key)])
    // Private fields: [get, set, value].
    this.hidden = undefined
  }

  hide (get, set, value) { (this.hidden ??= []).push([get, set, value]) }

  // Nothing is on it.
  get isBare () { return this.extras.length === 0 && this.hidden === undefined }

  get #sameExtras () {
    const { extras, object } = this
    const now = this.keysOf(object)
    return now.length === extras.length && extras.every(([key, then], at) => now[at] === key && is(describe(object, key).value, then.value))
  }

  get same () {
    const { object, proto, open, hidden } = this
    return getPrototypeOf(object) === proto && isExtensible(object) === open && this.#sameExtras && (hidden === undefined || hidden.every(([get, , value]) => is(get(object), value)))
  }

  restore (left) {
    if (this.same) return 0
    const { object, extras, proto, open, hidden } = this
    if (isExtensible(object) !== open) throw new Unrestorable(`${nameOf(object)} was frozen, sealed or made not extensible`)
    if (getPrototypeOf(object) !== proto && !setPrototypeOf(object, proto)) throw new Unrestorable(`the prototype of ${nameOf(object)} cannot be set back`)
    for (const [get, set, value] of hidden ?? []) if (!is(get(object), value)) set(object, value)
    if (this.#sameExtras) return 1
    for (const key of this.keysOf(object).reverse()) {
      left(describe(object, key).value)
      remove(object, key)
    }
    for (const [key, descriptor] of extras) define(object, key, descriptor)
    return 1
  }
}

const afterElements = (view) => ownKeys(view).slice(lengthOf(view))

module.exports = { MapRecord, SetRecord, CellRecord, ExtrasRecord, afterElements }
