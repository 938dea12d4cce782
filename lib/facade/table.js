'use strict'

// The function table: JavaScript functions in it by signature, its entries as functions, and `wasmTable`.

const { UnsupportedError } = require('../base/errors')
const { uint32 } = require('../webassembly/convert')
const { standIn } = require('./memory')

const LETTERS = /^[vijfdp][ijfdp]*$/

function makeTable ({ facade, nameOf }) {
  const { sandbox } = facade
  // Functions of table entries by index.
  const entries = facade.generations.perGeneration('functions of table entries', (image) => new Map(image), { image: (map) => new Map(map), stays: false, isCache: true })
  // The index that a function was given last, in whatever generation.
  const given = new WeakMap()

  // What V8's own table says of a wrong index.
  function indexOf (given, method) {
    const index = uint32(given, `WebAssembly.Table.${method}(): Argument 0`)
    const length = sandbox.tableLength()
    if (index < length) return index
    throw new RangeError(`WebAssembly.Table.${method}(): invalid address ${index} in funcref table of size ${length}`)
  }

  function getWasmTableEntry (given) {
    const index = indexOf(given, 'get')
    let entry = entries.value.get(index)
    if (entry === undefined) {
      entry = facade.holding(sandbox.tableGet(index))
      if (entry) entries.value.set(index, entry)
    }
    return entry
  }

  function addFunction (fn, sig) {
    if (typeof fn !== 'function') throw new TypeError(`addFunction: the first argument is ${fn === null ? 'null' : typeof fn}, not a function`)
    if (facade.facts.fastcomp) return reserved.add(fn)
    const index = sandbox.tableAdd(fn, nameOf(fn), checked(fn, sig), given.get(fn))
    given.set(fn, index)
    entries.value.delete(index)
    return index
  }

  function checked (fn, sig) {
    if (sig === undefined || sig === null) return undefined
    if (typeof sig === 'string' && LETTERS.test(sig)) return sig
    throw new TypeError(`addFunction: '${sig}' is not a signature: one letter for the result (v i j f d p), then one for each parameter`)
  }

  function removeFunction (given) {
    if (facade.facts.fastcomp) return reserved.remove(given)
    const index = indexOf(given, 'get')
    sandbox.tableRemove(index)
    entries.value.delete(index)
  }

  function setWasmTableEntry (given, fn) {
    const index = indexOf(given, 'set')
    sandbox.tableSet(index, fn === null ? undefined : fn, fn === null ? undefined : nameOf(fn))
    entries.value.delete(index)
  }

  const wasmTable = standIn('Table', {
    get length () { return sandbox.tableLength() },
    get: getWasmTableEntry,
    set (index, fn) { setWasmTableEntry(index, fn === undefined ? null : fn) },
    grow (delta) { return sandbox.tableGrow(uint32(delta, 'WebAssembly.Table.grow(): Argument 0')) }
  })

  const reserved = makeReserved(facade)

  return { functionPointers: reserved.pointers, api: { addFunction, removeFunction, getWasmTableEntry }, getWasmTableEntry, setWasmTableEntry, wasmTable }
}

// fastcomp's function pointers are no indices of its table: some stand for JavaScript functions, if the module was built so.
// Its own `jsCall_...` look for them in `pointers`.
function makeReserved ({ generations, facts }) {
  const { first = 0, count = 0 } = facts.functionPointers || {}
  const pointers = new Array(count).fill(null)
  // Module code has this very array.
  if (count > 0) {
    void generations.perGeneration('reserved function pointers', (image = pointers) => Object.assign(pointers, image), {
      image: () => [...pointers], isEager: true
    }).value
  }

  function add (fn) {
    const free = pointers.indexOf(null)
    if (free < 0) {
      throw new UnsupportedError(`addFunction: the module was built with ${count} function pointers for JavaScript${count ? ', and all are in use' : ''} (RESERVED_FUNCTION_POINTERS)`)
    }
    pointers[free] = fn
    return first + free
  }

  function remove (index) {
    if (index >= first && index < first + count) pointers[index - first] = null
  }

  return { pointers, add, remove }
}

module.exports = { makeTable }
