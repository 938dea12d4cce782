'use strict'

// HEAP8 ... HEAPF64: views over the generation's memory. A view that was detached by growth has length 0, which is how these
// know that it is time for new ones; at a recycle they are told, since requests under way may still need the old ones.

const VIEWS = {
  HEAP8: Int8Array,
  HEAPU8: Uint8Array,
  HEAP16: Int16Array,
  HEAPU16: Uint16Array,
  HEAP32: Int32Array,
  HEAPU32: Uint32Array,
  HEAPF32: Float32Array,
  HEAPF64: Float64Array,
  HEAP64: BigInt64Array,
  HEAPU64: BigUint64Array
}

class Heap {
  #sandbox
  #views = {}

  constructor (sandbox) {
    this.#sandbox = sandbox
  }

  forget () { this.#views = {} }

  get buffer () {
    const { HEAPU8 } = this.#views
    return HEAPU8 !== undefined && HEAPU8.length > 0 ? HEAPU8.buffer : this.#sandbox.buffer()
  }

  view (name) {
    const known = this.#views[name]
    if (known !== undefined && known.length > 0) return known
    const view = new VIEWS[name](this.#sandbox.buffer())
    this.#views[name] = view
    return view
  }

  get HEAP8 () { return this.view('HEAP8') }
  get HEAPU8 () { return this.view('HEAPU8') }
  get HEAP16 () { return this.view('HEAP16') }
  get HEAPU16 () { return this.view('HEAPU16') }
  get HEAP32 () { return this.view('HEAP32') }
  get HEAPU32 () { return this.view('HEAPU32') }
  get HEAPF32 () { return this.view('HEAPF32') }
  get HEAPF64 () { return this.view('HEAPF64') }
  get HEAP64 () { return this.view('HEAP64') }
  get HEAPU64 () { return this.view('HEAPU64') }
}

module.exports = { Heap, VIEWS }
