'use strict'

// The keys of the module object, of each class and of each prototype, and what kind of thing each is.

function kindOf (object, key) {
  const descriptor = Object.getOwnPropertyDescriptor(object, key)
  if (descriptor.get || descriptor.set) return 'accessor'
  return typeof descriptor.value
}

// What each function has of its own by its mode, and embind's bookkeeping for overloads.
const BOOKKEEPING = new Set(['arguments', 'caller', 'length', 'name', 'prototype', 'argCount', 'numArguments', 'overloadTable', 'className'])

function keysOf (object) {
  return Object.fromEntries(Object.getOwnPropertyNames(object).filter((key) => !BOOKKEEPING.has(key)).sort().map((key) => [key, kindOf(object, key)]))
}

function prototypesOf (fn) {
  const chain = []
  for (let proto = fn.prototype; proto && Object.getPrototypeOf(proto) !== null; proto = Object.getPrototypeOf(proto)) chain.push(keysOf(proto))
  return chain
}

// Functions and classes alike: an embind function is a class without methods.
function describeModule (cv) {
  const functions = Object.keys(cv).filter((key) => typeof cv[key] === 'function').sort()
  return {
    module: Object.fromEntries(Object.keys(cv).sort().map((key) => [key, typeof cv[key]])),
    classes: Object.fromEntries(functions.map((key) => [key, {
      name: cv[key].name,
      statics: keysOf(cv[key]),
      prototypes: prototypesOf(cv[key])
    }]))
  }
}

module.exports = { describeModule }
