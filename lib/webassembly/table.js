'use strict'

const native = require('./native')
const { TYPES, dictionary, limits, uint32, finish } = require('./convert')

const MAX_LENGTH = 10000000
const FUNCREF = 5
const EXTERNREF = 6
const wrap = Symbol('wrap')

module.exports = function defineTable (realm) {
  let isTable, addressOf, valuesOf

  class Table {
    #address

    constructor (descriptor, value) {
      if (descriptor === wrap) {
        this.#address = value
        return
      }
      const where = 'WebAssembly.Table()'
      dictionary(descriptor, `${where}: Argument 0`)
      const name = descriptor.element
      if (name === undefined) throw new TypeError(`${where}: Descriptor property 'element' is required`)
      const element = elementKind(name, where)
      const { address: addressType, min, max } = limits(descriptor, where)
      if (addressType === 'i64') throw new TypeError(`${where}: 64-bit tables are not supported by emvm`)
      if (max !== undefined && max < min) {
        throw new RangeError(`${where}: Property 'maximum': value ${max} is below the lower bound ${min}`)
      }
      if (min > MAX_LENGTH) {
        throw new RangeError(`${where}: Property 'initial': value ${min} is above the upper bound ${MAX_LENGTH}`)
      }
      const address = native.tableNew(realm.handle, element, min, max)
      // Without an initial value a table of externrefs holds undefined, one of functions null.
      const fill = value !== undefined ? value : element === EXTERNREF && arguments.length < 2 ? undefined : null
      if (fill !== null) {
        checkElement(element, fill, where)
        for (let at = 0; at < min; at++) native.tableSet(realm.handle, address, at, fill)
      }
      this.#address = address
      realm.objects.set(address, this)
    }

    get length () {
      return native.tableLength(realm.handle, this.#address)
    }

    get (index) {
      const address = this.#address
      if (arguments.length === 0) throw new TypeError('WebAssembly.Table.get(): Argument 0 is required')
      const at = uint32(index, 'WebAssembly.Table.get(): Argument 0')
      if (at >= native.tableLength(realm.handle, address)) {
        throw new RangeError(`WebAssembly.Table.get(): invalid address ${at} in ${this.#typeName()} table of size ${this.length}`)
      }
      return native.tableGet(realm.handle, address, at)
    }

    set (index, value) {
      const where = 'WebAssembly.Table.set()'
      const address = this.#address
      if (arguments.length === 0) throw new TypeError(`${where}: Argument 0 is required`)
      const at = uint32(index, `${where}: Argument 0`)
      const [element] = native.tableType(realm.handle, address)
      const given = arguments.length > 1 ? value : defaultOf(element)
      checkElement(element, given, where)
      if (!native.tableSet(realm.handle, address, at, given)) {
        throw new RangeError(`${where}: invalid address ${at} in ${this.#typeName()} table of size ${this.length}`)
      }
    }

    grow (delta, value) {
      const where = 'WebAssembly.Table.grow()'
      const address = this.#address
      if (arguments.length === 0) throw new TypeError(`${where}: Argument 0 is required`)
      const more = uint32(delta, `${where}: Argument 0`)
      const [element] = native.tableType(realm.handle, address)
      const given = arguments.length > 1 ? value : defaultOf(element)
      checkElement(element, given, where)
      const before = native.tableGrow(realm.handle, address, more, given)
      if (before < 0) throw new RangeError(`${where}: failed to grow table by ${more}`)
      return before
    }

    #typeName () {
      const name = TYPES[native.tableType(realm.handle, this.#address)[0]]
      return name === 'anyfunc' ? 'funcref' : name
    }

    static {
      isTable = (value) => typeof value === 'object' && value !== null && #address in value
      addressOf = (table) => table.#address
      valuesOf = (table) => native.tableType(realm.handle, table.#address)[0] === EXTERNREF ? Array.from({ length: table.length }, (_, at) => native.tableGet(realm.handle, table.#address, at)) : []
    }
  }

  // What a missing element stands for.
  const defaultOf = (element) => element === EXTERNREF ? undefined : null

  function checkElement (element, value, where) {
    if (element === FUNCREF && value !== null) {
      if (typeof value !== 'function') {
        throw new TypeError(`${where}: Argument 1 is invalid: function-typed object expected`)
      }
      realm.functionAddress(value)
    }
  }

  finish(Table, 'Table', 1)
  for (const [name, length] of [['set', 1], ['grow', 1], ['get', 1]]) {
    Object.defineProperty(Table.prototype[name], 'length', { value: length, configurable: true })
  }
  return { Table, isTable, addressOf, valuesOf, of: (at) => realm.object(at, () => new Table(wrap, at)) }
}

function elementKind (value, where) {
  const kind = { anyfunc: FUNCREF, funcref: FUNCREF, externref: EXTERNREF }[`${value}`]
  if (kind === undefined) {
    throw new TypeError(`${where}: Descriptor property 'element' must be a WebAssembly reference type`)
  }
  return kind
}
