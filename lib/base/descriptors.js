'use strict'

// Properties of objects, as their descriptors tell.

const { ObjectIs, Reflect: { getOwnPropertyDescriptor, ownKeys } } = require('./primordials')

// Of the same kind and with the same attributes; the values may differ.
const sameDescriptor = (now, then) => now !== undefined && now.enumerable === then.enumerable && now.configurable === then.configurable &&
  now.writable === then.writable && now.get === then.get && now.set === then.set

// The same in all, or not there in either.
const sameProperty = (now, then) => now === then || (then !== undefined && sameDescriptor(now, then) && ObjectIs(now.value, then.value))

// Of an object's own properties, by key.
const descriptorsOf = (object) => new Map(ownKeys(object).map((key) => [key, getOwnPropertyDescriptor(object, key)]))

module.exports = { sameDescriptor, sameProperty, descriptorsOf }
