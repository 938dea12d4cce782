'use strict'

// The function table: JavaScript functions in it by signature, its entries as functions, and `wasmTable`.

const { UnsupportedError } = require('../errors')
const { standIn } = require('./memory')

const LETTERS = /^[vijfdp][ijfdp]*$/

function makeTable ({ facade, nameOf }) {
  const { sandbox } = facade
  // Functions of table entries by index, good for one generation.
  let entries = new Map()
  let entriesOf = -1

  function getWasmTableEntry (index) {
    if (entriesOf !== sandbox.generation) {
      entries = new Map()
      entriesOf = sandbox.generation
    }
    let entry = entries.get(index)
    if (entry === undefined) {
      entry = facade.holding(sandbox.tableGet(index))
      if (entry) entries.set(index, entry)
    }
    return entry
  }

  function addFunction (fn, sig) {
    if (typeof fn !== 'function') throw new TypeError(`addFunction: the first argument is ${fn === null ? 'null' : typeof fn}, not a function`)
    if (facade.facts.fastcomp) {
      throw new UnsupportedError("addFunction: function pointers of fastcomp modules are not indices of their table, so none can be added: use host: 'glue'")
    }
    const index = sandbox.tableAdd(fn, nameOf(fn), checked(fn, sig))
    entries.delete(index)
    return index
  }

  function checked (fn, sig) {
    if (sig === undefined || sig === null) return undefined
    if (typeof sig === 'string' && LETTERS.test(sig)) return sig
    throw new TypeError(`addFunction: '${sig}' is no signature: a letter for the result (v i j f d p), then one for each parameter`)
  }

  function removeFunction (index) {
    sandbox.tableRemove(index)
    entries.delete(index)
  }

  function setWasmTableEntry (index, fn) {
    sandbox.tableSet(index, fn === null ? undefined : fn, fn === null ? undefined : nameOf(fn))
    entries.delete(index)
  }

  const wasmTable = standIn('Table', {
    get length () { return sandbox.tableLength() },
    get (index) {
      if (!(index >= 0 && index < sandbox.tableLength())) throw new RangeError(`WebAssembly.Table.get(): invalid address ${index} in funcref table of size ${sandbox.tableLength()}`)
      return getWasmTableEntry(index)
    },
    set (index, fn) { setWasmTableEntry(index, fn === undefined ? null : fn) },
    grow (delta) { return sandbox.tableGrow(delta) }
  })

  return { api: { addFunction, removeFunction, getWasmTableEntry }, getWasmTableEntry, setWasmTableEntry, wasmTable }
}

module.exports = { makeTable }
