'use strict'

const native = require('./native')
const { CompileError } = require('./errors')
const { EXTERN_KINDS, bufferSource, finish } = require('./convert')
const translator = require('./translator')

// `new Module(ready, compiled)`: how emvm itself makes one of compiled code.
const ready = Symbol('compiled')

let isModule, compiledCode

class Module {
  #compiled

  constructor (bytes, compiled) {
    if (bytes === ready) {
      this.#compiled = compiled
      return
    }
    if (arguments.length === 0) throw new TypeError('WebAssembly.Module(): Argument 0 must be a buffer source')
    this.#compiled = compileSync(bufferSource(bytes, 'WebAssembly.Module()'), 'WebAssembly.Module()')
  }

  static imports (module) {
    const flat = native.moduleImports(compiledOf(module, 'WebAssembly.Module.imports()'))
    const list = []
    for (let at = 0; at < flat.length; at += 4) {
      list.push({ module: flat[at], name: flat[at + 1], kind: EXTERN_KINDS[flat[at + 2]] })
    }
    return list
  }

  static exports (module) {
    const flat = native.moduleExports(compiledOf(module, 'WebAssembly.Module.exports()'))
    const list = []
    for (let at = 0; at < flat.length; at += 2) list.push({ name: flat[at], kind: EXTERN_KINDS[flat[at + 1]] })
    return list
  }

  static customSections (module, name) {
    const compiled = compiledOf(module, 'WebAssembly.Module.customSections()')
    if (name === undefined) {
      throw new TypeError('WebAssembly.Module.customSections(): Argument 1 is required')
    }
    const wanted = `${name}`
    // No section has a name that UTF-8 cannot hold.
    if (/\p{Surrogate}/u.test(wanted)) return []
    return native.moduleCustomSections(compiled, wanted)
  }

  static {
    isModule = (value) => typeof value === 'object' && value !== null && #compiled in value
    compiledCode = (module) => module.#compiled
  }
}

finish(Module, 'Module', 1)

function compiledOf (module, where) {
  if (!isModule(module)) throw new TypeError(`${where}: Argument 0 must be a WebAssembly.Module`)
  return compiledCode(module)
}

// What the addon gives for bytes that do not compile: [why], or [why, bytes] when they use the first encoding of
// wasm exceptions, which can be translated.
const failed = (outcome) => Array.isArray(outcome)
const legacyBytes = (outcome) => failed(outcome) && outcome.length > 1 ? new Uint8Array(outcome[1]) : undefined

function explain (outcome, where) {
  const hint = outcome.length > 1
    ? '; the module uses the first encoding of WebAssembly exceptions (try/catch), which the engine lacks: ' +
      'install the `binaryen` package beside emvm, which translates it, or build with -sWASM_LEGACY_EXCEPTIONS=0'
    : ''
  return new CompileError(`${where}: ${outcome[0]}${hint}`)
}

function compileSync (bytes, where) {
  const known = knownCode(bytes)
  if (known) return known
  let outcome = native.moduleCompile(bytes)
  const legacy = legacyBytes(outcome)
  const translated = legacy && translator.translateSync(legacy)
  if (translated) outcome = native.moduleCompile(translated)
  if (failed(outcome)) throw explain(outcome, where)
  return outcome
}

// The addon copies the bytes at once: the caller may change them meanwhile.
const compileAsync = (bytes) => new Promise((resolve) => native.moduleCompileAsync(bytes, resolve))

async function compile (bytes, where) {
  const known = knownCode(bytes)
  if (known) return new Module(ready, known)
  let outcome = await compileAsync(bytes)
  const legacy = legacyBytes(outcome)
  const translated = legacy && await translator.translate(legacy)
  if (translated) outcome = await compileAsync(translated)
  if (failed(outcome)) throw explain(outcome, where)
  return new Module(ready, outcome)
}

// Compiled code by the few bytes that stand for it: the glue host puts them where the glue has its wasm.
const registered = new Map()

function knownCode (bytes) {
  if (registered.size === 0 || bytes.byteLength > 256) return undefined
  const known = registered.get(keyOf(bytes))
  return known && known.compiled
}

const keyOf = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')

function register (bytes, compiled) {
  const key = keyOf(bytes)
  const known = registered.get(key) || { compiled, users: 0 }
  known.users++
  registered.set(key, known)
  let done = false
  return () => {
    if (done) return
    done = true
    if (--known.users === 0) registered.delete(key)
  }
}

module.exports = { Module, isModule, compiledCode, compile, register }
