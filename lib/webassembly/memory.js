'use strict'

const native = require('./native')
const { dictionary, limits, uint32, finish } = require('./convert')
const { fromNative } = require('./errors')
const { PAGE, hostOf, makeShared, share, sharedBuffer } = require('./shared')

const PAGES = 65536
const STALE = 4
const wrap = Symbol('wrap')

module.exports = function defineMemory (realm) {
  let isMemory, addressOf, sharedOf, adopt

  class Memory {
    // Of a shared one from the moment on when wasm uses it.
    #address
    // V8's memory, of one that is shared, with its maximum, and whether it was made here.
    #shared
    #maximum
    #isOurs = true

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
        if (min * PAGE > realm.memoryMax) throw new RangeError(`${where}: could not allocate memory`)
        this.#shared = makeShared(min, max)
        this.#maximum = max
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
      const before = this.#shared ? this.#growShared(pages) : native.memoryGrow(realm.handle, address, pages)
      if (before < 0) throw new RangeError('WebAssembly.Memory.grow(): Maximum memory size exceeded')
      return before
    }

    get buffer () {
      const address = this.#address
      this.#check()
      return this.#shared ? realm.show(sharedBuffer(this.#shared)) : realm.buffer(address)
    }

    #growShared (pages) {
      const { grow } = hostOf(this.#shared)
      if (this.#address !== undefined) return native.memoryGrowShared(realm.handle, this.#address, pages, grow)
      return sharedBuffer(this.#shared).byteLength + pages * PAGE > realm.memoryMax ? -1 : grow(pages)
    }

    // The number of V8's memory in the realm.
    #use () {
      this.#check()
      if (this.#address === undefined) {
        this.#address = share(realm, this.#shared, this.#maximum, this.#isOurs)
        realm.sharesMemory = true
        if (!realm.objects.has(this.#address)) realm.objects.set(this.#address, this)
      }
      return this.#address
    }

    // emvm's own: gives the memory's pages back now.
    dispose () {
      const address = this.#address
      if (this.#isDisposed()) return
      if (!this.#shared) {
        native.memoryDispose(realm.handle, address)
        realm.disposed.add(address)
        return
      }
      // Other threads may be at its bytes: the pages go with the last of them.
      if (address !== undefined && realm.isLive) native.memoryEndShared(realm.handle, address)
      this.#shared = undefined
      realm.disposed.add(this)
    }

    #isDisposed () { return realm.disposed.has(this) || (this.#address !== undefined && realm.disposed.has(this.#address)) }

    #check () {
      if (this.#isDisposed()) {
        const { DisposedError } = require('../base/errors')
        throw new DisposedError('this WebAssembly.Memory was disposed of')
      }
      if (this.#shared && !realm.isLive) throw fromNative(STALE, 'this WebAssembly.Memory belongs to a generation that was released; take it anew from the current module')
    }

    static {
      isMemory = (value) => typeof value === 'object' && value !== null && #address in value
      addressOf = (memory) => memory.#shared ? memory.#use() : memory.#address
      // What stands for a shared memory in another thread; undefined for others.
      sharedOf = (memory) => {
        if (memory.#shared === undefined) return undefined
        memory.#use()
        return { memory: memory.#shared, maximum: memory.#maximum }
      }
      // A memory that another thread has sent: the one of these bytes, if there is one already.
      adopt = (shared, maximum) => {
        const address = share(realm, shared, maximum, false)
        realm.sharesMemory = true
        return realm.object(address, () => {
          const memory = new Memory(wrap, address)
          memory.#shared = shared
          memory.#maximum = maximum
          memory.#isOurs = false
          return memory
        })
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
    sharedOf,
    adopt,
    ownsBuffer: (buffer) => realm.shows(buffer),
    of: (at) => realm.object(at, () => new Memory(wrap, at))
  }
}

function unsupported (message) {
  const { UnsupportedError } = require('../base/errors')
  return new UnsupportedError(message)
}
