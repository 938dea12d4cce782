'use strict'

// Objects of a generation that is over: each gets a prototype that throws at every use. Its data stays readable, as that of
// any result; its methods are gone.

const { isNativeError } = require('node:util').types
const { StaleHandleError } = require('../base/errors')

const { getOwnPropertyDescriptor: describe, getPrototypeOf, setPrototypeOf, deleteProperty } = Reflect
const MOST_CLASSES = 2000
// Asked of any object, by promises, JSON and whatever shows values.
const ASKED = new Set(['then', 'toJSON', 'constructor', 'inspect', 'href'])

class Stale {
  // `current()`: the number of the generation.
  constructor (current) {
    this.current = current
    // By the class's prototype: the prototype of its objects when they are stale. The same in all generations, since V8 keeps
    // each way from one prototype to another.
    this.prototypes = new Map()
    this.generations = new WeakMap()
    this.generation = 0
  }

  // The generation that ends is told before the first.
  begin () { this.generation = this.current() }

  make (object) {
    const proto = getPrototypeOf(object)
    if (proto === null) return
    let stale = this.prototypes.get(proto)
    if (stale === undefined) {
      // An error is what a generation ends with: whoever it is thrown at reads it afterwards.
      if (isNativeError(object)) return
      stale = this.#prototype(nameOf(proto))
      // Classes that a generation made itself are not kept.
      if (this.prototypes.size >= MOST_CLASSES) this.prototypes.clear()
      // Of the next one that has it, an error may be.
      if (!(proto instanceof Error)) this.prototypes.set(proto, stale)
    }
    const keys = Object.keys(object)
    // The last first: V8 then keeps the object fast.
    for (let at = keys.length - 1; at >= 0; at--) {
      const key = keys[at]
      const descriptor = describe(object, key)
      if (descriptor.configurable && (!('value' in descriptor) || typeof descriptor.value === 'function')) deleteProperty(object, key)
    }
    setPrototypeOf(object, stale)
    this.generations.set(object, this.generation)
  }

  #prototype (name) {
    const refuse = (object) => { throw staleError(name, this.generations.get(object), this.current()) }
    return new Proxy(Object.create(null), {
      get: (target, key, receiver) => {
        if (typeof key === 'symbol' ? key !== Symbol.iterator && key !== Symbol.asyncIterator : ASKED.has(key)) return undefined
        return refuse(receiver)
      },
      set: (target, key, value, receiver) => refuse(receiver),
      has: () => false,
      getPrototypeOf: () => null
    })
  }
}

function staleError (name, generation, current) {
  return new StaleHandleError(
    `this object (${name}) belongs to ${generation === undefined ? 'a past generation' : `generation ${generation}`}; the current one is ${current}. Make it anew from vm.exports, or in warmUp, where it stays valid.`,
    { class: name, handleGeneration: generation, generation: current })
}

// What was under way when its generation ended, `generation`.
function staleWork (generation) {
  return new StaleHandleError(
    `this was under way when generation ${generation} ended, and does not go on: await what belongs to a generation before the recycle`,
    { class: 'Promise', handleGeneration: generation, generation: generation + 1 })
}

function nameOf (proto) {
  const constructor = describe(proto, 'constructor')
  const name = constructor && typeof constructor.value === 'function' ? describe(constructor.value, 'name') : undefined
  return name && typeof name.value === 'string' && name.value !== '' ? name.value : 'object'
}

module.exports = { Stale, staleError, staleWork }
