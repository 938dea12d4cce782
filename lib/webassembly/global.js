'use strict'

const native = require('./native')
const { TYPES, dictionary, valueKind, finish } = require('./convert')

const V128 = 4
const EXTERNREF = 6
const EXNREF = 7
const wrap = Symbol('wrap')
// By kind: what a global holds when no value is given.
const defaults = [0, 0n, 0, 0, undefined, null, undefined, null]

module.exports = function defineGlobal (realm) {
  let isGlobal, addressOf, valuesOf

  class Global {
    #address

    constructor (descriptor, value) {
      if (descriptor === wrap) {
        this.#address = value
        return
      }
      const where = 'WebAssembly.Global()'
      dictionary(descriptor, `${where}: Argument 0`)
      const mutable = Boolean(descriptor.mutable)
      const name = descriptor.value
      if (name === undefined) throw new TypeError(`${where}: Descriptor property 'value' is required`)
      const kind = valueKind(name, where)
      if (kind === V128 || kind === EXNREF) {
        throw new TypeError(`${where}: type '${TYPES[kind]}' cannot be used from JavaScript`)
      }
      const given = value !== undefined ? value : arguments.length > 1 && TYPES[kind] === 'externref' ? undefined : defaults[kind]
      this.#address = native.globalNew(realm.handle, kind, mutable, given)
      realm.objects.set(this.#address, this)
    }

    get value () {
      return native.globalGet(realm.handle, this.#address)
    }

    set value (given) {
      const address = this.#address
      const [, mutable] = native.globalType(realm.handle, address)
      if (!mutable) throw new TypeError('set WebAssembly.Global.value: Can\'t set the value of an immutable global.')
      if (arguments.length === 0) throw new TypeError('set WebAssembly.Global.value: Argument 0 is required')
      native.globalSet(realm.handle, address, given)
    }

    valueOf () {
      return native.globalGet(realm.handle, this.#address)
    }

    static {
      isGlobal = (object) => typeof object === 'object' && object !== null && #address in object
      addressOf = (global) => global.#address
      valuesOf = (global) => native.globalType(realm.handle, global.#address)[0] === EXTERNREF ? [native.globalGet(realm.handle, global.#address)] : []
    }
  }

  finish(Global, 'Global', 1)
  return {
    Global,
    isGlobal,
    addressOf,
    valuesOf,
    of: (at) => realm.object(at, () => new Global(wrap, at)),
    // A plain value given for an imported global.
    fromValue: (kind, value) => native.globalNew(realm.handle, kind, false, value)
  }
}
