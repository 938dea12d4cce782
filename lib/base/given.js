'use strict'

// Reads what somebody else made: each property once, so that what was checked is what is used; nothing of what the whole program
// has put on `Object.prototype`; no iterator, and no method, of the object's own.

const { types, inspect } = require('node:util')

const MOST_ITEMS = 1_000_000

// What `object` and what it inherits from have under `names`. What all objects have is nobody's option.
function taken (object, names) {
  const result = { __proto__: null }
  for (const name of names) {
    const holder = holderOf(object, name)
    result[name] = holder === null ? undefined : object[name]
  }
  return result
}

function holderOf (object, name) {
  let at = object
  while (at !== null && !Object.hasOwn(at, name)) at = Object.getPrototypeOf(at)
  return at !== null && at !== object && isRoot(at) ? null : at
}

// What is given under the names of `rules`, each checked by its rule. `undefined` is an option left out, as everywhere in Node; null is a
// wrong value. Other names are refused before.
function ruled (given, rules, prefix = '', defaults) {
  const values = taken(given, Object.keys(rules))
  const result = { __proto__: null, ...defaults }
  for (const name of Object.keys(rules)) if (values[name] !== undefined) result[name] = rules[name](values[name], prefix + name)
  return result
}

// `Object.prototype`, of whatever realm.
const isRoot = (object) => Object.getPrototypeOf(object) === null && Object.hasOwn(object, 'hasOwnProperty') && Object.hasOwn(object, '__defineGetter__')

const entriesOf = (object) => Object.keys(object).map((key) => [key, object[key]])

// The items of an array; undefined for anything else.
function itemsOf (value) {
  if (types.isProxy(value) || !Array.isArray(value) || value.length > MOST_ITEMS) return undefined
  const items = []
  for (let at = 0; at < value.length; at++) items.push(value[at])
  return items
}

// A copy of bytes, which nobody changes or takes away while they are read on another thread; undefined for what has none.
function bytesIn (value) {
  try {
    if (types.isUint8Array(value)) return Uint8Array.prototype.slice.call(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
    return types.isAnyArrayBuffer(value) ? new Uint8Array(value).slice() : undefined
  } catch {
    // It was detached.
    return undefined
  }
}

const { get: aborted } = /** @type {any} */ (Object.getOwnPropertyDescriptor(AbortSignal.prototype, 'aborted'))

// An AbortSignal in fact, and not by its prototype alone.
function isSignal (value) {
  try {
    return typeof aborted.call(value) === 'boolean'
  } catch {
    return false
  }
}

// For messages.
function show (value) {
  try {
    return inspect(value, { depth: 0, maxStringLength: 60, breakLength: Infinity, customInspect: false })
  } catch {
    return `a value of type ${typeof value}`
  }
}

module.exports = { bytesIn, entriesOf, isSignal, itemsOf, ruled, show, taken }
