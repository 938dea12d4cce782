'use strict'

const native = require('./native')
const { dictionary, engine, limits, uint32, finish } = require('./convert')

const PAGES = 65536
const PAGE = 65536
const wrap = Symbol('wrap')

module.exports = function defineMemory (realm) {
  let isMemory, addressOf

  class Memory {
    #address
    // V8's memory, of one that is shared.
    #shared

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
      if (shared && max === undefined) throw new TypeError(`${where}: If shared is true, maximum property should be specified.`)
      if (min > PAGES) throw new RangeError(`${where}: Property 'initial': value ${min} is above the upper bound ${PAGES}`)
      if (max !== undefined && max > PAGES) {
        throw new RangeError(`${where}: Property 'maximum': value ${max} is above the upper bound ${PAGES}`)
      }
      if (max !== undefined && max < min) {
        throw new RangeError(`${where}: Property 'maximum': value ${max} is below the lower bound ${min}`)
      }
      if (shared) {
        // No wasm can import it, since that would be one with threads: it is a buffer to wait on, and V8 makes such.
        if (min * PAGE > realm.memoryMax) throw new RangeError(`${where}: could not allocate memory`)
        this.#shared = new engine.Memory({ initial: min, maximum: max, shared: true })
        return
      }
      this.#address = native.memoryNew(realm.handle, min, max)
      realm.objects.set(this.#address, this)
    }

    grow (delta) {
      const address = this.#address
      if (arguments.length === 0) throw new TypeError('WebAssembly.Memory.grow(): Argument 0 is required')
      const pages = uint32(delta, 'WebAssembly.Memory.grow(): Argument 0')
      this.#check()
      if (this.#shared) {
        if (this.#shared.buffer.byteLength + pages * PAGE > realm.memoryMax) throw new RangeError('WebAssembly.Memory.grow(): Maximum memory size exceeded')
        return this.#shared.grow(pages)
      }
      const before = native.memoryGrow(realm.handle, address, pages)
      if (before < 0) throw new RangeError('WebAssembly.Memory.grow(): Maximum memory size exceeded')
      return before
    }

    get buffer () {
      const address = this.#address
      this.#check()
      return this.#shared ? this.#shared.buffer : realm.buffer(address)
    }

    // emvm's own: gives the memory's pages back now.
    dispose () {
      const address = this.#address
      if (realm.disposed.has(address ?? this)) return
      if (this.#shared) this.#shared = undefined
      else native.memoryDispose(realm.handle, address)
      realm.disposed.add(address ?? this)
    }

    #check () {
      if (realm.disposed.has(this.#address ?? this)) {
        const { DisposedError } = require('../errors')
        throw new DisposedError('this WebAssembly.Memory was disposed of')
      }
    }

    static {
      isMemory = (value) => typeof value === 'object' && value !== null && #address in value
      addressOf = (memory) => {
        if (memory.#address === undefined) {
          throw unsupported('a shared WebAssembly.Memory (threads) cannot be imported by a module in emvm: use a build without -pthread')
        }
        return memory.#address
      }
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
