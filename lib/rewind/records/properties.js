'use strict'

// How properties are put back: in one step that either works or says why not.

const { Unrestorable } = require('../steps')

const { getOwnPropertyDescriptor: describe, defineProperty } = Reflect

/** @type {PropertyDescriptor} */
const PLAIN = { writable: true, enumerable: true, configurable: true }

function write (object, key, value) {
  if (!Reflect.set(object, key, value)) throw new Unrestorable(`${String(key)} of ${nameOf(object)} cannot be written`)
}

function define (object, key, descriptor) {
  if (!defineProperty(object, key, descriptor)) throw new Unrestorable(`${String(key)} of ${nameOf(object)} cannot be defined again`)
}

function remove (object, key) {
  if (!Reflect.deleteProperty(object, key)) throw new Unrestorable(`${String(key)} of ${nameOf(object)} cannot be deleted`)
}

// Never runs code of the package.
function nameOf (object) {
  if (typeof object === 'function') {
    const name = describe(object, 'name')
    return `the function ${(name && typeof name.value === 'string' && name.value) || 'without a name'}`
  }
  return Array.isArray(object) ? 'an array' : 'an object'
}

module.exports = { PLAIN, write, define, remove, nameOf }
