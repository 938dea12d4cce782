'use strict'

// Properties that only read a field of their object are read in a view of the memory. Native code says so of a getter, from its
// wasm; where the object is and that its handle is live, the last native call of a getter has told. It holds until some handle is
// deleted or the generation ends: native code counts both in a register.

const VIEWS = [Int8Array, Uint8Array, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array]
const WORDS = 4

// The register that counts changes of handles.
const CHANGES = 32

const CLASS = 2 ** 24

// A view costs as much as so many native calls, and a recycle ends it.
const OFTEN = 256

class Fields {
  #operations
  #registers
  #calls = 0

  constructor ({ operations, registers }) {
    this.#operations = operations
    this.#registers = registers
    this.#show(new ArrayBuffer(0))
  }

  #show (buffer) {
    this.views = VIEWS.map((View) => new View(buffer, 0, Math.floor(buffer.byteLength / View.BYTES_PER_ELEMENT)))
    this.words = this.views[WORDS]
  }

  // A native call of the getter `index` has read a property of `s`: gives what is known of its field.
  note (field, index, s) {
    if (field) {
      const at = this.#registers[1]
      s.at = at
      s.changes = at === 0 ? -1 : this.#registers[CHANGES]
    }
    if (++this.#calls < OFTEN) return field
    this.#calls = 0
    if (field === undefined) field = this.#find(index)
    if (field && this.words.length === 0) {
      const buffer = this.#operations.fieldBuffer()
      if (buffer !== undefined) this.#show(buffer)
    }
    return field
  }

  #find (index) {
    const found = this.#operations.field(index)
    if (found === undefined) return undefined
    const [view, context, number] = found
    const bytes = VIEWS[view].BYTES_PER_ELEMENT
    return { view, context: context / 4, mask: bytes - 1, shift: Math.log2(bytes), first: number * CLASS, end: (number + 1) * CLASS }
  }
}

const makeFields = (native) => new Fields(native)

module.exports = { makeFields }
