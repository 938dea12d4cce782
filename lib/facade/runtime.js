'use strict'

// Emscripten's JavaScript runtime as the native host gives it: `api` is what a package may find on its module object,
// `provide` answers the free names of JavaScript that was cut out of the glue.

const nodeFs = require('node:fs')
const nodePath = require('node:path')
const { types, TextDecoder } = require('node:util')
const { UnsupportedError } = require('../base/errors')
const { VIEWS } = require('./heap')
const { makeStrings } = require('./strings')
const { makeValues } = require('./values')
const { makeCalls } = require('./calls')
const { makeTable } = require('./table')
const { makeLifecycle } = require('./lifecycle')
const { makeMemory } = require('./memory')
const { makeFiles } = require('./files')
const { makeEmval } = require('./emval')
const { makeTimers } = require('./timers')
const { exportsOf } = require('./exports')

// What a bare wasm gets: the conventions of current Emscripten.
const CURRENT = { int64: 'BigInt', unsignedPointers: true, codePoints: true }

function makeRuntime (facade) {
  const { sandbox, facts, heap } = facade
  const conventions = facts.conventions || CURRENT
  const { functions, late: lateNames, moduleKeys } = exportsOf(facts)
  const hasExport = (name) => Object.hasOwn(functions, name)
  const names = new WeakMap()
  const nameOf = (fn) => names.get(fn)
  const lateExports = new Map()

  // Calls an export that may not be there yet: the code that holds this function is evaluated before start-up.
  function lateExport (name) {
    let late = lateExports.get(name)
    if (late !== undefined) return late
    let raw
    late = (...args) => {
      if (raw === undefined) raw = facade.rawFunctions([name])[0]
      if (raw === undefined) throw new TypeError(`the module has no function ${name}, or it has not started yet`)
      return raw(...args)
    }
    names.set(late, name)
    lateExports.set(name, late)
    return late
  }

  const strings = makeStrings({ heap, pairs: conventions.codePoints === false })
  const lifecycle = makeLifecycle({ facade })
  const timers = makeTimers(facade)
  const table = makeTable({ facade, nameOf })
  const calls = makeCalls({ facade, strings, lateExport, hasExport, table })
  const values = makeValues({
    heap,
    // From 4.0 on WASM_BIGINT is the default.
    int64: conventions.int64 || (facts.versionMin >= 40000 ? 'BigInt' : 'Low'),
    unsigned: conventions.unsignedPointers !== false,
    abort: lifecycle.api.abort,
    memory: { malloc: calls.malloc, stackAlloc: calls.api.stackAlloc }
  })
  const memory = makeMemory({ facade, table })
  const files = makeFiles({ facade, strings, out: lifecycle.api.out, err: lifecycle.api.err, lateExport, hasExport })

  const copyPreloads = (image) => ({ plugins: [...(image?.plugins ?? [])], images: { ...image?.images }, audios: { ...image?.audios } })
  const preloads = facade.generations.perGeneration('preloaded files', copyPreloads, { image: copyPreloads })

  const later = {}
  for (const name of files.names) later[name] = undefined
  const api = {
    ...strings,
    ...values,
    ...calls.api,
    ...table.api,
    FS: files.FS,
    ...later,
    ...timers.api,
    getTempRet0: () => sandbox.tempRet0(),
    setTempRet0: (value) => { sandbox.tempRet0(Number(value)) },
    noExitRuntime: true,
    ready: facade.ready,
    inspect: () => '[Emscripten Module object]',
    get preloadPlugins () { return preloads.value.plugins },
    get preloadedImages () { return preloads.value.images },
    get preloadedAudios () { return preloads.value.audios }
  }
  for (const name of files.names) Object.defineProperty(api, name, { get: () => files.api[name] })
  for (const part of [lifecycle.api, memory.api]) Object.defineProperties(api, Object.getOwnPropertyDescriptors(part))
  Object.assign(api, exceptionHelpers({ sandbox, hasExport, lateExport }))

  const decoders = new Map()
  const decoder = (encoding) => {
    if (!decoders.has(encoding)) decoders.set(encoding, new TextDecoder(encoding))
    return decoders.get(encoding)
  }
  const own = {
    ...lifecycle.own,
    ...makeEmval(sandbox),
    getCFunc: calls.getCFunc,
    functionPointers: table.functionPointers,
    setWasmTableEntry: table.setWasmTableEntry,
    get UTF8Decoder () { return decoder('utf-8') },
    get UTF16Decoder () { return decoder('utf-16le') },
    PIPEFS: undefined,
    Asyncify: asyncify(),
    updateMemoryViews: () => {},
    updateGlobalBufferViews: () => {},
    updateGlobalBufferAndViews: () => {},
    ...shell(facade)
  }

  function provide (name) {
    if (name in own) return own[name]
    if (name in api) return api[name]
    const plain = name.startsWith('_') ? name.slice(1) : name
    if (hasExport(plain)) return lateExport(plain)
    if (hasExport(name)) return lateExport(name)
    return undefined
  }

  const live = Object.defineProperties(memory.live, Object.getOwnPropertyDescriptors(lifecycle.live))
  for (const name of Object.keys(VIEWS)) Object.defineProperty(live, name, { enumerable: true, get: () => heap.view(name) })

  let embind = null
  let registrations = 0
  // Again after `main`, if that has registered more.
  function attachEmbind () {
    if (sandbox.embindRegistrations === registrations) return
    registrations = sandbox.embindRegistrations
    embind = require('./embind').attachEmbind(facade.module, sandbox, (name) => !facts.hasGlue || moduleKeys.has(name), { trackLeaks: facade.options.trackLeaks, facts, onUncaught: facade.options.onUncaught, generations: facade.generations, reaches: (value) => facade.changes.reaches(value) })
  }

  // Where the module's objects are found that its own JavaScript may change.
  const roots = () => [facade.module, api, own, files.FS, ...Object.values(files.api), embind && embind.errors, ...lateExports.values()]

  return {
    api,
    // Those of its members that are made when they are asked for.
    laterNames: new Set(files.names),
    lateNames,
    live,
    roots,
    provide,
    lateExport,
    attachEmbind,
    attachFiles: files.attach,
    clearTimers: timers.clearAll,
    beforeConstructors: lifecycle.beforeConstructors,
    resetOptions: lifecycle.resetOptions,
    runHooksAgain: lifecycle.runHooksAgain,
    beforeMain: lifecycle.beforeMain,
    afterMain: lifecycle.afterMain,
    // Raw functions of exports, for those who are given one and need to know which.
    remember: (fn, name) => names.set(fn, name),
    rename: (fn, known) => { if (names.has(known)) names.set(fn, names.get(known)) },
    leaks: () => embind ? embind.leaks() : [],
    owns: (value) => Boolean(embind && embind.owns(value)) || isMemory(value, sandbox)
  }
}

function isMemory (value, sandbox) {
  if (ArrayBuffer.isView(value)) return sandbox.ownsBuffer(value.buffer)
  return types.isArrayBuffer(value) && sandbox.ownsBuffer(value)
}

function exceptionHelpers ({ sandbox, hasExport, lateExport }) {
  const pointer = (thrown) => Number(thrown)
  const helpers = {
    getExceptionMessage: (thrown) => sandbox.describeException(pointer(thrown)),
    getCppExceptionThrownObjectFromWebAssemblyException: pointer
  }
  for (const [name, exported] of [
    ['incrementExceptionRefcount', '__cxa_increment_exception_refcount'],
    ['decrementExceptionRefcount', '__cxa_decrement_exception_refcount']
  ]) {
    if (hasExport(exported)) helpers[name] = (thrown) => { lateExport(exported)(pointer(thrown)) }
  }
  return helpers
}

function asyncify () {
  const refuse = (what) => () => {
    throw new UnsupportedError(`${what} needs Asyncify: open the package's .js file with host: 'glue'`)
  }
  return { currData: null, handleSleep: refuse('handleSleep'), handleAsync: refuse('handleAsync'), whenDone: refuse('whenDone') }
}

// What Emscripten's shell.js sets up.
function shell (facade) {
  const folder = facade.options.sourcePath ? nodePath.dirname(facade.options.sourcePath) + '/' : ''
  /** @type {(name: string, binary?: boolean) => any} */
  const read = (name, binary = true) => nodeFs.readFileSync(nodePath.resolve(folder, name), binary ? undefined : 'utf8')
  return {
    ENVIRONMENT_IS_NODE: true,
    ENVIRONMENT_HAS_NODE: true,
    ENVIRONMENT_IS_WEB: false,
    ENVIRONMENT_IS_WORKER: false,
    ENVIRONMENT_IS_SHELL: false,
    ENVIRONMENT_IS_PTHREAD: false,
    scriptDirectory: folder,
    _scriptDir: facade.options.sourcePath,
    _scriptName: facade.options.sourcePath,
    thisProgram: './this.program',
    arguments_: facade.options.args || [],
    fs: nodeFs,
    nodeFS: nodeFs,
    nodePath,
    read_: (name, binary) => read(name, Boolean(binary)),
    readBinary: (name) => new Uint8Array(read(name)),
    readAsync: async (name) => new Uint8Array(read(name)).buffer,
    wasmImports: {},
    asmLibraryArg: {},
    wasmBinary: undefined,
    wasmBinaryFile: undefined,
    createWasm: () => {},
    doRun: () => {},
    preRun: () => {},
    preMain: () => {},
    postRun: () => {},
    initRuntime: () => {},
    readyPromiseResolve: () => {},
    readyPromiseReject: (error) => { throw error },
    moduleArg: facade.module,
    moduleRtn: facade.module
  }
}

module.exports = { makeRuntime }
