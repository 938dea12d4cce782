'use strict'

// getValue, setValue and allocate: memory by LLVM's type names.

const ALLOC_NORMAL = 0
const ALLOC_STACK = 1

const SIZES = { i1: 1, i8: 1, i16: 2, i32: 4, i64: 8, float: 4, double: 8 }

function sizeOf (type) {
  return type.endsWith('*') ? 4 : SIZES[type] || 0
}

// `int64`: `getValue` gives a 64-bit integer as 'BigInt', as 'Number', or gives its low 32 bits ('Low').
// `unsigned`: it gives pointers as unsigned numbers.
function makeValues ({ heap, int64, unsigned, abort, memory }) {
  function setValue (ptr, value, type = 'i8') {
    if (type.endsWith('*')) type = 'pointer'
    switch (type) {
      case 'i1':
      case 'i8': heap.HEAP8[ptr >>> 0] = value; break
      case 'i16': heap.HEAP16[ptr >>> 1] = value; break
      case 'i32': heap.HEAP32[ptr >>> 2] = value; break
      case 'pointer': heap.HEAPU32[ptr >>> 2] = value; break
      case 'i64': setInt64(ptr, value); break
      case 'float': heap.HEAPF32[ptr >>> 2] = value; break
      case 'double': heap.HEAPF64[ptr >>> 3] = value; break
      default: abort(`invalid type for setValue: ${type}`)
    }
  }

  function setInt64 (ptr, value) {
    const whole = int64 !== 'Low' || typeof value === 'bigint'
      ? BigInt(value)
      : BigInt(Number.isFinite(+value) ? Math.trunc(+value) : 0)
    const words = heap.HEAPU32
    // Emscripten stores two words, so the address may be a multiple of 4.
    words[ptr >>> 2] = Number(BigInt.asUintN(32, whole))
    words[(ptr + 4) >>> 2] = Number(BigInt.asUintN(32, whole >> 32n))
  }

  function getValue (ptr, type = 'i8') {
    if (type.endsWith('*')) type = 'pointer'
    switch (type) {
      case 'i1':
      case 'i8': return heap.HEAP8[ptr >>> 0]
      case 'i16': return heap.HEAP16[ptr >>> 1]
      case 'i32': return heap.HEAP32[ptr >>> 2]
      case 'pointer': return unsigned ? heap.HEAPU32[ptr >>> 2] : heap.HEAP32[ptr >>> 2]
      case 'i64': return getInt64(ptr)
      case 'float': return heap.HEAPF32[ptr >>> 2]
      case 'double': return heap.HEAPF64[ptr >>> 3]
      default: abort(`invalid type for getValue: ${type}`)
    }
  }

  function getInt64 (ptr) {
    if (int64 === 'Low') return heap.HEAP32[ptr >>> 2]
    return int64 === 'Number' ? Number(heap.HEAP64[ptr >>> 3]) : heap.HEAP64[ptr >>> 3]
  }

  // allocate(slab, allocator), and up to 2.0.2 allocate(slab, types, allocator, ptr).
  function allocate (slab, types, allocator, ptr) {
    const old = arguments.length > 2 || typeof types === 'string' || Array.isArray(types) || typeof slab === 'number'
    return old ? allocateTyped(slab, types, allocator, ptr) : allocateBytes(slab, types)
  }

  function allocateBytes (slab, allocator) {
    const ptr = allocator === ALLOC_STACK ? memory.stackAlloc(slab.length) : memory.malloc(slab.length)
    heap.HEAPU8.set(slab.subarray || slab.slice ? slab : new Uint8Array(slab), ptr >>> 0)
    return ptr
  }

  function allocateTyped (slab, types, allocator, given) {
    const zeros = typeof slab === 'number'
    const size = zeros ? slab : slab.length
    const single = typeof types === 'string' ? types : null
    const room = Math.max(size, single !== null ? 1 : types.length)
    const ptr = given !== undefined && given !== null && allocator > 1
      ? given
      : allocator === ALLOC_STACK ? memory.stackAlloc(room) : memory.malloc(room)
    if (zeros) {
      heap.HEAPU8.fill(0, ptr, ptr + size)
    } else if (single === 'i8') {
      heap.HEAPU8.set(slab.subarray || slab.slice ? slab : new Uint8Array(slab), ptr >>> 0)
    } else {
      for (let i = 0; i < size;) {
        let type = single || types[i]
        if (type === 0) {
          i++
          continue
        }
        // One i32 here and one at the next place.
        if (type === 'i64') type = 'i32'
        setValue(ptr + i, slab[i], type)
        i += sizeOf(type) || 1
      }
    }
    return ptr
  }

  return { setValue, getValue, allocate, ALLOC_NORMAL, ALLOC_STACK, getNativeTypeSize: sizeOf }
}

module.exports = { makeValues }
