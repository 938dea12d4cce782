'use strict'

const native = require('./native')
const { Realm } = require('./realm')
const { CompileError, LinkError, RuntimeError } = require('./errors')
const { bufferSource } = require('./convert')
const { Module, isModule, compile, remember } = require('./module')
const defineMemory = require('./memory')
const defineTable = require('./table')
const defineGlobal = require('./global')
const defineException = require('./exception')
const defineInstance = require('./instance')

// A `WebAssembly` namespace over wasmer with a store of its own. `release()` gives everything in it back at once.
function createNamespace () {
  const realm = new Realm()
  const memory = defineMemory(realm)
  const table = defineTable(realm)
  const global = defineGlobal(realm)
  const exception = defineException(realm)
  const instance = defineInstance(realm, { memory, table, global, exception })

  const functions = {
    compile (bytes) {
      return attempt(() => compile(source(bytes, 'WebAssembly.compile()'), 'WebAssembly.compile()'))
    },
    compileStreaming (response) {
      return attempt(async () => compile(await streamed(response, 'WebAssembly.compileStreaming()'), 'WebAssembly.compileStreaming()'))
    },
    instantiate (bytes, imports) {
      const where = 'WebAssembly.instantiate()'
      return attempt(async () => {
        if (isModule(bytes)) {
          checkImports(imports, where)
          const prepared = instance.prepare(bytes, imports, where)
          await undefined
          return instance.create(prepared)
        }
        const pending = compile(source(bytes, where), where)
        // Awaited even when the imports are no good, so that no rejection goes unseen.
        pending.catch(() => {})
        checkImports(imports, where)
        const module = await pending
        return { module, instance: instance.create(instance.prepare(module, imports, where)) }
      })
    },
    instantiateStreaming (response, imports) {
      const where = 'WebAssembly.instantiateStreaming()'
      return attempt(async () => {
        const bytes = await streamed(response, where)
        checkImports(imports, where)
        const module = await compile(bytes, where)
        return { module, instance: instance.create(instance.prepare(module, imports, where)) }
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
    RuntimeError
  }
  for (const [name, value] of Object.entries(classes)) {
    Object.defineProperty(WebAssembly, name, { value, writable: true, configurable: true, enumerable: false })
  }
  Object.defineProperty(WebAssembly, 'JSTag', { get: exception.jsTag, enumerable: true, configurable: true })

  return {
    WebAssembly,
    // Bytes in all memories now.
    get memoryBytes () { return realm.memoryBytes },
    get isLive () { return realm.isLive },
    release: () => realm.release()
  }
}

// A synchronous exception becomes a rejection.
async function attempt (work) {
  return work()
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
  // Tells that these bytes never change and compile to this module.
  remember,
  compileConstant: async (bytes) => {
    const module = await compile(bytes, 'WebAssembly.compile()')
    remember(bytes, module)
    return module
  },
  // The thread's own namespace, made when first asked for. Its store lives as long as the thread.
  get WebAssembly () {
    return (shared ??= createNamespace()).WebAssembly
  }
}
