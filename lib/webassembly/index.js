'use strict'

const native = require('./native')
const { Realm, isExported } = require('./realm')
const { CompileError, LinkError, RuntimeError } = require('./errors')
const { bufferSource } = require('./convert')
const { compiledCode, defineModule, isModule, register } = require('./module')
const defineMemory = require('./memory')
const defineTable = require('./table')
const defineGlobal = require('./global')
const defineException = require('./exception')
const { definePromising } = require('./promising')
const defineInstance = require('./instance')

// A `WebAssembly` namespace over wasmer with a store of its own. `release()` gives everything in it back at once.
// `imports`: functions of the user's that come before what is imported, by module and name; `cache`: the folder of
// compiled code, or false; `wraps`: by module and name, functions that make an import of the one that is given;
// `around`: the same for every function that is not the user's; `made(bytes, compiled)` is told of modules.
/** @param {any} [options] */
function createNamespace ({ memoryMax, timeout, interruptId, stack, isReplaced, cache, imports: overrides, wraps, around, made } = {}) {
  const realm = new Realm({ memoryMax, timeout, interruptId, stack, isReplaced })
  const { Module, compile, compileMs, of: moduleOf } = defineModule(cache === false ? '' : cache, made)
  let pending = 0
  const memory = defineMemory(realm)
  const table = defineTable(realm)
  const global = defineGlobal(realm)
  const exception = defineException(realm)
  const suspension = definePromising(realm)
  const instance = defineInstance(realm, { memory, table, global, exception, suspension, overrides, wraps, around })

  // A synchronous exception becomes a rejection. `then(step)` goes on with a step that makes something.
  async function during (work) {
    const { rewinds } = realm
    const goesOn = () => realm.isLive && realm.rewinds === rewinds
    pending++
    try {
      const outcome = await work((step) => goesOn() ? step() : undefined)
      if (goesOn()) return outcome
    } catch (error) {
      if (goesOn()) throw error
    } finally {
      if (realm.rewinds === rewinds) pending--
    }
    // Nothing of a past generation goes on, neither with a value nor with an error.
    return new Promise(() => {})
  }

  function restoreImage (image) {
    const told = image.start === undefined ? realm.restoreImage(image) : realm.restorePoint(image)
    pending = image.pending
    instance.goBack(image.instance)
    return told
  }

  const functions = {
    promising: suspension.promising,
    compile (bytes) {
      return during(() => compile(source(bytes, 'WebAssembly.compile()'), 'WebAssembly.compile()'))
    },
    compileStreaming (response) {
      return during(async () => compile(await streamed(response, 'WebAssembly.compileStreaming()'), 'WebAssembly.compileStreaming()'))
    },
    instantiate (bytes, imports) {
      const where = 'WebAssembly.instantiate()'
      return during(async (then) => {
        if (isModule(bytes)) {
          checkImports(imports, where)
          const prepared = instance.prepare(bytes, imports, where)
          await undefined
          return then(() => instance.create(prepared))
        }
        const pending = compile(source(bytes, where), where)
        // Awaited even when the imports are no good, so that no rejection goes unseen.
        pending.catch(() => {})
        checkImports(imports, where)
        const module = await pending
        return then(() => ({ module, instance: instance.create(instance.prepare(module, imports, where)) }))
      })
    },
    instantiateStreaming (response, imports) {
      const where = 'WebAssembly.instantiateStreaming()'
      return during(async (then) => {
        const bytes = await streamed(response, where)
        checkImports(imports, where)
        const module = await compile(bytes, where)
        return then(() => ({ module, instance: instance.create(instance.prepare(module, imports, where)) }))
      })
    },
    validate (bytes) {
      return native.moduleValidate(source(bytes, 'WebAssembly.validate()'))
    }
  }
  for (const name of ['compile', 'compileStreaming', 'instantiate', 'instantiateStreaming', 'validate']) {
    Object.defineProperty(functions[name], 'length', { value: 1, configurable: true })
  }

  const WebAssembly = Object.create(Object.prototype, {
    [Symbol.toStringTag]: { value: 'WebAssembly', configurable: true }
  })
  Object.assign(WebAssembly, functions)
  const classes = {
    Module,
    Instance: instance.Instance,
    Memory: memory.Memory,
    Table: table.Table,
    Global: global.Global,
    Tag: exception.Tag,
    Exception: exception.Exception,
    CompileError,
    LinkError,
    RuntimeError,
    Suspending: suspension.Suspending,
    SuspendError: suspension.SuspendError
  }
  for (const [name, value] of Object.entries(classes)) {
    Object.defineProperty(WebAssembly, name, { value, writable: true, configurable: true, enumerable: false })
  }
  Object.defineProperty(WebAssembly, 'JSTag', { get: exception.jsTag, enumerable: true, configurable: true })

  return {
    WebAssembly,
    // Compilations and instantiations under way.
    get pending () { return pending },
    get compileMs () { return compileMs() },
    get instances () { return instance.count },
    // The memory of the instance made last.
    get memory () { return instance.memory },
    // Whether wasm uses a shared memory, or one came from another thread.
    get sharesMemory () { return realm.sharesMemory },
    // Calls into wasm on the stack.
    get depth () { return native.realmDepth(realm.handle) },
    // Those that JavaScript has an object for.
    memories: () => [...realm.objects.values()].filter(memory.isMemory),
    // The values of JavaScript's that a table or a global holds.
    heldBy: (object) => table.isTable(object) ? table.valuesOf(object) : global.isGlobal(object) ? global.valuesOf(object) : [],
    // Bytes in all memories now.
    get memoryBytes () { return realm.memoryBytes },
    get residency () {
      const [residentBytes, dirtyBytes] = realm.isLive ? native.memoryResidency(realm.handle) : [0, 0]
      return { residentBytes, dirtyBytes }
    },
    get counters () {
      const [calls, traps, timeouts] = native.realmCounters(realm.handle)
      return { calls, traps, timeouts }
    },
    // The books of allocations: see `lib/leaks/allocations.js`.
    record: (capture) => native.realmRecord(realm.handle, capture),
    recorded: () => native.realmRecorded(realm.handle),
    get isLive () { return realm.isLive },
    // Whether it can be released now: see lib/base/in-flight.js.
    // Whether it can be rewound now: -1 while its wasm runs, -2 where it cannot be released, else the bytes in all memories.
    leave: () => native.realmLeave(realm.handle),
    get canLeave () { return native.realmCanLeave(realm.handle) },
    // Stops the call that is running; any of the realm's instances traps at its next interruption check.
    interrupt: () => native.realmInterrupt(realm.handle),
    get interruptId () { return native.realmInterruptId(realm.handle) },
    get onFault () { return realm.faults.told },
    set onFault (told) { realm.faults.told = told },
    ownsBuffer: (buffer) => memory.ownsBuffer(buffer),
    // What stands for a module or a shared memory in another thread, for as long as this one has it; undefined for other values.
    send (value) {
      if (isModule(value)) return { module: native.moduleSend(compiledCode(value)) }
      return memory.isMemory(value) ? memory.sharedOf(value) : undefined
    },
    // The object of this namespace that another thread's stands for.
    receive: ({ module, memory: shared, maximum }) => shared === undefined ? moduleOf(module) : memory.adopt(shared, maximum),
    // Another thread of the generation has failed: each call ends with what `interrupted()` gives, before it begins.
    fail: (isTimeout) => native.realmFail(realm.handle, isTimeout),
    // The realm is that of the thread which opens a generation with threads.
    // It is that of such a thread.
    joinThreads: (id) => native.threadsJoin(id, realm.handle),
    // What `wait()` gives, which waits in V8: who stops the call that it is in ends it.
    wait: (wait) => native.realmWait(realm.handle, wait),
    beginThreads: (id) => native.threadsBegin(id, realm.handle),
    // What ends a call that was interrupted, where it is not just that.
    set onInterrupted (told) { realm.faults.interrupted = told },
    // The image of everything that wasm can change, and the way back to it: see `lib/webassembly/realm.js`.
    takeImage: () => ({ ...realm.takeImage(), pending, instance: instance.now() }),
    // The same once there is an image: what changed since `start`.
    takePoint: (start) => ({ ...realm.takePoint(start), pending, instance: instance.now() }),
    restoreImage,
    dropImage: (image) => realm.dropImage(image),
    differences: (image, whole) => realm.differences(image, whole),
    release: () => realm.release()
  }
}

function source (value, where) {
  return bufferSource(value, where)
}

function checkImports (imports, where) {
  if (imports !== undefined && (imports === null || (typeof imports !== 'object' && typeof imports !== 'function'))) {
    throw new TypeError(`${where}: Argument 1 must be an object`)
  }
}

async function streamed (value, where) {
  const response = await value
  if (typeof Response !== 'function' || !(response instanceof Response)) {
    throw new TypeError(`${where}: an instance of Response is expected`)
  }
  const type = response.headers.get('content-type')
  if (type === null || type.split(';')[0].trim().toLowerCase() !== 'application/wasm') {
    throw new TypeError(`${where}: WebAssembly response has unsupported MIME type '${type ?? ''}'`)
  }
  if (!response.ok) throw new TypeError(`${where}: WebAssembly response has status code ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}

let shared

module.exports = {
  createNamespace,
  // `(bytes, compiled)`: bytes that stand for compiled code; gives the function that takes it back.
  register,
  isExported,
  // The thread's own namespace, made when first asked for. Its store lives as long as the thread.
  get WebAssembly () {
    return (shared ??= createNamespace()).WebAssembly
  }
}
