'use strict'

// What changes while a module runs, as getters: its memory, its exports, how far it has come.

const { uint32 } = require('../webassembly/convert')
const { allExports } = require('./exports')

// Stands for a memory or a table of V8's, made when it is asked for: packages ask what it is an instance of.
function standIn (kind, members) {
  let made
  return () => made ??= Object.create(WebAssembly[kind].prototype, Object.getOwnPropertyDescriptors(members))
}

// What they are at first.
const VARIABLES = { noExitRuntime: true, runtimeKeepaliveCounter: 0, EXITSTATUS: 0, ABORT: false, DYNAMICTOP: 0 }

function makeMemory ({ facade, table }) {
  const { sandbox, generations } = facade

  const wasmMemory = standIn('Memory', {
    get buffer () { return sandbox.buffer() },
    grow (pages) { return sandbox.growMemory(uint32(pages, 'WebAssembly.Memory.grow(): Argument 0')) }
  })

  const wasmExports = allExports(facade, { memory: wasmMemory, table: table.wasmTable })

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

module.exports = { makeMemory, standIn }
