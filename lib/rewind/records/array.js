'use strict'

const { Unrestorable } = require('../steps')
const { sameDescriptor } = require('../../base/descriptors')
const { PLAIN, write, define, remove } = require('./properties')

const { getOwnPropertyDescriptor: describe, getPrototypeOf, setPrototypeOf, ownKeys } = Reflect
const { getOwnPropertyNames: namesOf, getOwnPropertySymbols: symbolsOf, isExtensible, is, hasOwn } = Object

const MOST_ELEMENTS = 2 ** 32 - 1
const isIndex = (key) => typeof key === 'string' && String(Number(key) >>> 0) === key && Number(key) < MOST_ELEMENTS

// A dense array of Array's own, with elements and nothing else.
class ArrayRecord {
  constructor (array) {
    this.object = array
    this.values = [...array]
    this.last = String(array.length - 1)
  }

  // Whether an array is of this kind.
  static fits (array) {
    const keys = ownKeys(array)
    if (keys.length !== array.length + 1 || keys.at(-1) !== 'length' || getPrototypeOf(array) !== Array.prototype || !isExtensible(array)) return false
    return keys.every((key) => {
      const { writable, configurable, enumerable } = describe(array, key)
      return writable === true && (key === 'length' || (configurable && enumerable))
    })
  }

  restoreAll (left) {
    const { object, values } = this
    const length = describe(object, 'length')
    if (!length.writable) throw new Unrestorable('the length of an array was made constant')
    for (let at = 0; at < values.length; at++) {
      if (!sameDescriptor(describe(object, at), PLAIN)) define(object, at, { ...PLAIN, value: values[at] })
    }
    return this.restore(left)
  }

  restore (left) {
    const { object, values } = this
    let count = 0
    if (object.length !== values.length) {
      for (let at = values.length; at < object.length; at++) left(object[at])
      write(object, 'length', values.length)
      count++
    }
    // Arrays serve as dictionaries, too: a named key comes last, a hole is one key less.
    const names = namesOf(object)
    if (names.length !== values.length + 1 || names.at(-1) !== 'length' || symbolsOf(object).length > 0) {
      const keys = ownKeys(object)
      for (let at = keys.length - 1; at >= 0; at--) {
        const key = keys[at]
        if (key === 'length' || isIndex(key)) continue
        left(describe(object, key).value)
        remove(object, key)
        count++
      }
      for (let at = 0; at < values.length; at++) {
        if (hasOwn(object, at)) continue
        define(object, at, { value: values[at], writable: true, enumerable: true, configurable: true })
        count++
      }
    }
    if (getPrototypeOf(object) !== Array.prototype) {
      setPrototypeOf(object, Array.prototype)
      count++
    }
    if (!isExtensible(object)) throw new Unrestorable('an array was frozen, sealed or made not extensible')
    for (let at = 0; at < values.length; at++) {
      const now = object[at]
      if (is(now, values[at])) continue
      left(now)
      write(object, at, values[at])
      count++
    }
    return count
  }

  restoreAt (at, left) {
    const { object, values } = this
    const now = object[at]
    if (is(now, values[at])) return 0
    left(now)
    write(object, at, values[at])
    return 1
  }
}

module.exports = { ArrayRecord }
