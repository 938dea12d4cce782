'use strict'

// What an object is, where the language does not say it.

const { setTimeout, clearTimeout, setImmediate, clearImmediate } = require('../base/clock')
const { sizeOf } = require('./intrinsics')
const { types } = require('node:util')

const { getOwnPropertyDescriptor: describe, getPrototypeOf, ownKeys } = Reflect
const isObject = (value) => value !== null && (typeof value === 'object' || typeof value === 'function')
const MOST_SHARED = 65536

// Of the realm's own functions, which know them: see lib/surroundings/loop.js.
const timeout = setTimeout(() => {}, 0)
const immediate = setImmediate(() => {})
const timerPrototypes = new Set([getPrototypeOf(timeout), getPrototypeOf(immediate)])
clearTimeout(timeout)
clearImmediate(immediate)
const isTimer = (object) => timerPrototypes.has(getPrototypeOf(object))
// What inherits from WeakRef need not be one.
function targetOf (ref) {
  try {
    return WeakRef.prototype.deref.call(ref)
  } catch {
    return undefined
  }
}

// What is as small as a flag or a place to wait at is put back as any buffer: a package that gave it to a thread has that thread.
const isShared = (buffer) => types.isSharedArrayBuffer(buffer) && sizeOf(buffer) > MOST_SHARED

// What was made for the objects of a class: it is no object of the class that it extends.
function isClassPrototype (object) {
  const made = describe(object, 'constructor')
  if (made === undefined || typeof made.value !== 'function') return false
  const own = describe(made.value, 'prototype')
  if (own === undefined || own.value !== object) return false
  // By `class`; or by a function, where nothing shows that it was constructed itself.
  return own.writable === false || ownKeys(object).every((key) => typeof key === 'string' && typeof (describe(object, key)?.value ?? isObject) === 'function')
}

module.exports = { isClassPrototype, isShared, isTimer, targetOf }
