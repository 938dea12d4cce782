'use strict'

// The global object as a generation's JavaScript sees it: reads fall through to the caller's, writes stay in `own`.
//
// What it makes there can be taken back, whatever it asked for, since `own` has it as configurable. The language wants to see a
// property that cannot be configured in the proxy's target: the target has those, with a value only where it never changes.

const { defineProperty, deleteProperty, get, getOwnPropertyDescriptor, getPrototypeOf, has, ownKeys, set } = Reflect

// Names of emvm's own, by which instrumented files reach it: nobody finds them who looks for names.
/** @type {Set<PropertyKey>} */
const HIDDEN = new Set(['$rw', '$rwImport'])

class World {
  // `written()`: something was changed. `constants`: what was made before and cannot be configured.
  constructor (own, written, constants = {}) {
    this.own = own
    // The target of the proxy.
    this.fixed = Object.defineProperties({}, constants)
    this.proxy = new Proxy(this.fixed, {
      get: (fixed, key) => key in own ? own[key] : Object.hasOwn(fixed, key) ? undefined : get(globalThis, key),
      set: (fixed, key, value) => { written(); return set(own, key, value) },
      has: (fixed, key) => key in own || Object.hasOwn(fixed, key) || has(globalThis, key),
      ownKeys: (fixed) => [...new Set([...ownKeys(own), ...ownKeys(fixed), ...ownKeys(globalThis)])].filter((key) => !HIDDEN.has(key)),
      defineProperty: (fixed, key, descriptor) => {
        written()
        return this.#define(key, descriptor)
      },
      deleteProperty: (fixed, key) => {
        if (Object.hasOwn(fixed, key)) return false
        written()
        return deleteProperty(own, key)
      },
      getOwnPropertyDescriptor: (fixed, key) => {
        if (HIDDEN.has(key)) return undefined
        const isFixed = Object.hasOwn(fixed, key)
        const found = getOwnPropertyDescriptor(own, key) ?? (isFixed ? { ...getOwnPropertyDescriptor(fixed, key) } : getOwnPropertyDescriptor(globalThis, key))
        if (found) {
          found.configurable = !isFixed
          // What stands for one of the caller's is listed where that is.
          found.enumerable &&= getOwnPropertyDescriptor(globalThis, key)?.enumerable ?? true
        }
        return found
      },
      getPrototypeOf: () => getPrototypeOf(globalThis),
      setPrototypeOf: (fixed, prototype) => prototype === getPrototypeOf(globalThis),
      preventExtensions: () => false
    })
  }

  #define (key, descriptor) {
    const { own, fixed } = this
    const before = getOwnPropertyDescriptor(own, key) ?? getOwnPropertyDescriptor(globalThis, key)
    // Where it is there, what is not said stays as it was.
    const isSame = before !== undefined && ['', kindOf(before)].includes(kindOf(descriptor))
    const whole = isSame ? { ...before, ...descriptor } : descriptor
    const isFixed = descriptor.configurable === false || (before === undefined && descriptor.configurable === undefined)
    // The language's own rules for what may be defined again.
    if (isFixed || Object.hasOwn(fixed, key)) {
      const asked = { ...whole, configurable: false, ...(whole.writable === true && { value: undefined }) }
      if (!defineProperty(fixed, key, asked)) return false
    }
    return defineProperty(own, key, { ...whole, configurable: true })
  }

  // What cannot be taken back.
  get constants () { return ownKeys(this.fixed).length }
}

const kindOf = (descriptor) => 'get' in descriptor || 'set' in descriptor ? 'accessor' : 'value' in descriptor || 'writable' in descriptor ? 'data' : ''

module.exports = { World }
