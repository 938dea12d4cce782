'use strict'

// JavaScript classes and enums for the C++ ones that native code describes.

const { legal, named, idle } = require('./calls')

const keyOf = (name) => name.startsWith('@@') ? Symbol[name.slice(2)] : name

function makeClass (described, base, { callOf, tableOf, BindingError, ClassHandle, anonymous, argsSuffix }) {
  const { name } = described
  let bodies
  if (described.constructors) {
    bodies = []
    for (let i = 0; i < described.constructors.length; i += 2) bodies[described.constructors[i]] = callOf(described.constructors[i + 1])
  }

  const constructor = named(anonymous ? '' : argsSuffix ? legal(name) : name, function () {
    if (this === undefined || this === null || Object.getPrototypeOf(this) !== prototype) throw new BindingError(`Use 'new' to construct ${name}`)
    if (bodies === undefined) throw new BindingError(`${name} has no accessible constructor`)
    const body = bodies[arguments.length]
    if (body === undefined) {
      throw new BindingError(`Tried to invoke ctor of ${name} with invalid number of parameters (${arguments.length}) - expected (${Object.keys(bodies).toString()}) parameters instead!`)
    }
    return body.apply(this, arguments)
  })
  const prototype = Object.create(base ? base.prototype : ClassHandle.prototype, { constructor: { value: constructor } })
  constructor.prototype = prototype
  constructor.argCount = undefined

  addMembers(prototype, described.methods, callOf, tableOf)
  addMembers(constructor, described.statics, callOf, tableOf)
  addProperties(prototype, described.properties, name, callOf, BindingError)
  addProperties(constructor, described.staticProperties, name, callOf, BindingError)
  if (described.iterable) addIterator(prototype, described.iterable)
  return { name, prototype, constructor }
}

// `name, 0, callable` or `name, 1, table`, in a row.
function addMembers (object, members, callOf, tableOf) {
  for (let i = 0; i < members.length; i += 3) {
    const value = members[i + 1] === 0 ? callOf(members[i + 2]) : tableOf(members[i + 2])
    const key = keyOf(members[i])
    // A function's own `name` and `length` cannot be assigned.
    Object.defineProperty(object, key, { configurable: true, enumerable: true, writable: true, value })
  }
}

// `name, getter, setter or -1`, in a row.
function addProperties (object, properties, className, callOf, BindingError) {
  for (let i = 0; i < properties.length; i += 3) {
    const name = properties[i]
    const get = callOf(properties[i + 1])
    const set = properties[i + 2] < 0
      ? () => { throw new BindingError(`${className}.${name} is a read-only property`) }
      : callOf(properties[i + 2])
    Object.defineProperty(object, name, { configurable: true, enumerable: true, get, set })
  }
}

function addIterator (prototype, [sizeName, getName]) {
  if (prototype[Symbol.iterator]) return
  prototype[Symbol.iterator] = function () {
    const size = this[sizeName]()
    let index = 0
    return {
      next: () => index >= size ? { done: true } : { value: this[getName](index++), done: false },
      [Symbol.iterator] () { return this }
    }
  }
}

const OBJECT = 0
const NUMBER = 1

// Descriptors of an enum's value, filled in for one after the other: opencv.js has a thousand.
const ITEM = { value: { value: 0 }, constructor: { value: null } }

// `[name, style, key, value, key, value, ...]`
function makeEnum ([name, style, ...entries], { argsSuffix, anonymous }) {
  const pairs = []
  for (let i = 0; i < entries.length; i += 2) pairs.push([entries[i], entries[i + 1]])
  if (style !== OBJECT) return Object.fromEntries(pairs.map(([key, value]) => [key, style === NUMBER ? value : key]))
  const type = named(anonymous ? '' : 'ctor', function () {})
  const prefix = argsSuffix ? legal(name) : name
  type.values = {}
  // Newer generations put it on whatever they expose.
  if (!argsSuffix) type.argCount = undefined
  for (const [key, value] of pairs) {
    const constructor = idle(anonymous ? '' : `${prefix}_${key}`)
    ITEM.value.value = value
    ITEM.constructor.value = constructor
    const item = Object.create(type.prototype, ITEM)
    type.values[value] = item
    type[key] = item
  }
  return type
}

module.exports = { makeClass, makeEnum }
