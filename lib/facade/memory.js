'use strict'

// What changes while a module runs, as getters: its memory, its exports, how far it has come.

const { uint32 } = require('../webassembly/convert')

// Stands for a memory or a table of V8's, made when it is asked for: packages ask what it is an instance of.
function standIn (kind, members) {
  let made
  return () => made ??= Object.create(WebAssembly[kind].prototype, Object.getOwnPropertyDescriptors(members))
}

// As V8's own: packages look how many arguments a function takes. `(iji)→i` takes three.
function takes (fn, signature) {
  if (typeof fn === 'function') Object.defineProperty(fn, 'length', { configurable: true, value: signature.indexOf(')') - 1 })
}

// What they are at first.
const VARIABLES = { noExitRuntime: true, runtimeKeepaliveCounter: 0, EXITSTATUS: 0, ABORT: false, DYNAMICTOP: 0 }

function makeMemory ({ facade, table }) {
  const { sandbox, facts, generations } = facade

  const wasmMemory = standIn('Memory', {
    get buffer () { return sandbox.buffer() },
    grow (pages) { return sandbox.growMemory(uint32(pages, 'WebAssembly.Memory.grow(): Argument 0')) }
  })

  let exported
  // By the names that the wasm has, which a glue's own JavaScript uses, and by their canonical ones.
  function wasmExports () {
    if (exported !== undefined) return exported
    const object = {}
    const list = facts.exports.filter(({ item }) => item.kind === 'function')
    const functions = facade.rawFunctions(list.map(({ name }) => name))
    if (functions.every((fn) => fn === undefined)) return object
    const set = (key, fn) => { if (!(key in object)) object[key] = fn }
    list.forEach(({ item }, i) => takes(functions[i], item.signature))
    list.forEach(({ field }, i) => set(field, functions[i]))
    for (const { field, name, item } of facts.exports) {
      const value = item.kind === 'memory' ? wasmMemory() : item.kind === 'table' ? table.wasmTable() : undefined
      if (value === undefined) continue
      set(field, value)
      set(name, value)
    }
    for (const { field, item } of facts.exports) if (item.kind === 'global') set(field, { value: item.value })
    list.forEach(({ name }, i) => set(name, functions[i]))
    exported = object
    return object
  }

  let view
  const copy = (image) => ({ ...VARIABLES, ...image })
  const variables = generations.perGeneration('variables of the runtime', copy, { image: copy })
  const started = () => facade.started === true
  const live = {
    get wasmMemory () { return wasmMemory() },
    get buffer () { return sandbox.buffer() },
    get HEAP_DATA_VIEW () {
      const buffer = sandbox.buffer()
      if (view === undefined || view.buffer !== buffer) view = new DataView(buffer)
      return view
    },
    get tempRet0 () { return sandbox.tempRet0() },
    set tempRet0 (value) { sandbox.tempRet0(Number(value)) },
    get calledRun () { return started() },
    set calledRun (value) {},
    get runtimeInitialized () { return started() },
    set runtimeInitialized (value) {},
    get runtimeExited () { return false },
    set runtimeExited (value) {}
  }
  for (const name of Object.keys(VARIABLES)) {
    Object.defineProperty(live, name, { enumerable: true, get: () => variables.value[name], set: (value) => { variables.value[name] = value } })
  }

  return {
    live,
    api: {
      get wasmMemory () { return wasmMemory() },
      get wasmTable () { return table.wasmTable() },
      get buffer () { return sandbox.buffer() },
      get calledRun () { return started() },
      get wasmExports () { return wasmExports() },
      get asm () { return wasmExports() }
    }
  }
}

module.exports = { makeMemory, standIn, takes }
