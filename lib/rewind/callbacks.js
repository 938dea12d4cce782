'use strict'

// Node's functions that call back later, as files of a rewound realm see them: what a past generation gave them is not called.

const { getOwnPropertyDescriptors } = Object

const MODULES = /^(node:)?(fs|zlib|dns|crypto|child_process)$/
// What they are given is asked for again by its identity.
const BY_IDENTITY = /^(un)?watch/

class Callbacks {
  // `registry` knows the generation; `stops`: what a walk does not look into.
  constructor (registry, stops) {
    this.registry = registry
    this.stops = stops
    this.modules = new Map()
  }

  // A built-in module, where it is one of these.
  of (id) {
    const [, , name] = MODULES.exec(id) ?? []
    if (name === undefined) return undefined
    if (!this.modules.has(name)) this.modules.set(name, this.#around(require(`node:${name}`)))
    return this.modules.get(name)
  }

  #around (given) {
    const own = {}
    const descriptors = getOwnPropertyDescriptors(given)
    for (const [key, descriptor] of Object.entries(descriptors)) {
      // Classes begin with a capital.
      if (typeof descriptor.value === 'function' && /^[a-z]/.test(key) && !BY_IDENTITY.test(key)) descriptor.value = this.#told(given, own, descriptor.value)
      // What the package puts there is its own.
      descriptors[key] = { ...descriptor, configurable: true }
    }
    return Object.defineProperties(own, descriptors)
  }

  #told (given, own, fn) {
    const { registry } = this
    const told = function (...args) {
      const last = args.length - 1
      if (typeof args[last] === 'function') args[last] = registry.quiet(args[last])
      return Reflect.apply(fn, this === own ? given : this, args)
    }
    this.stops.add(told)
    return Object.defineProperties(told, getOwnPropertyDescriptors(fn))
  }
}

module.exports = { Callbacks }
