'use strict'

const native = require('./native')
const { dictionary, limits, uint32, finish } = require('./convert')

const PAGES = 65536
const wrap = Symbol('wrap')

module.exports = function defineMemory (realm) {
  let isMemory, addressOf

  class Memory {
    #address

    constructor (descriptor, address) {
      if (descriptor === wrap) {
        this.#address = address
        return
      }
      const where = 'WebAssembly.Memory()'
      dictionary(descriptor, `${where}: Argument 0`)
      const { address: addressType, min, max } = limits(descriptor, where)
      const shared = descriptor.shared
      if (addressType === 'i64') {
        throw unsupported(`${where}: 64-bit memories are not supported by emvm: build without -sMEMORY64`)
      }
      if (shared) {
        if (max === undefined) throw new TypeError(`${where}: If shared is true, maximum property should be specified.`)
        throw unsupported(`${where}: shared memories (threads) are not supported by emvm: use a build without -pthread`)
      }
      if (min > PAGES) throw new RangeError(`${where}: Property 'initial': value ${min} is above the upper bound ${PAGES}`)
      if (max !== undefined && max > PAGES) {
        throw new RangeError(`${where}: Property 'maximum': value ${max} is above the upper bound ${PAGES}`)
      }
      if (max !== undefined && max < min) {
        throw new RangeError(`${where}: Property 'maximum': value ${max} is below the lower bound ${min}`)
      }
      this.#address = native.memoryNew(realm.handle, min, max)
      realm.objects.set(this.#address, this)
    }

    grow (delta) {
      const address = this.#address
      if (arguments.length === 0) throw new TypeError('WebAssembly.Memory.grow(): Argument 0 is required')
      const pages = uint32(delta, 'WebAssembly.Memory.grow(): Argument 0')
      this.#check()
      const before = native.memoryGrow(realm.handle, address, pages)
      if (before < 0) throw new RangeError('WebAssembly.Memory.grow(): Maximum memory size exceeded')
      return before
    }

    get buffer () {
      const address = this.#address
      this.#check()
      return realm.buffer(address)
    }

    // emvm's own: gives the memory's pages back now.
    dispose () {
      const address = this.#address
      if (realm.disposed.has(address)) return
      native.memoryDispose(realm.handle, address)
      realm.disposed.add(address)
    }

    #check () {
      if (realm.disposed.has(this.#address)) {
        const { DisposedError } = require('../errors')
        throw new DisposedError('this WebAssembly.Memory was disposed of')
      }
    }

    static {
      isMemory = (value) => typeof value === 'object' && value !== null && #address in value
      addressOf = (memory) => memory.#address
    }
  }

  finish(Memory, 'Memory', 1)
  const { dispose } = Memory.prototype
  for (const key of ['dispose', Symbol.dispose ?? Symbol.for('nodejs.dispose')]) {
    Object.defineProperty(Memory.prototype, key, { value: dispose, enumerable: false, configurable: true, writable: true })
  }
  return {
    Memory,
    isMemory,
    addressOf,
    ownsBuffer: (buffer) => realm.shows(buffer),
    of: (at) => realm.object(at, () => new Memory(wrap, at))
  }
}

function unsupported (message) {
  const { UnsupportedError } = require('../errors')
  return new UnsupportedError(message)
}
