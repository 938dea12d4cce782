'use strict'

const { isSharedArrayBuffer } = require('node:util').types
const native = require('./native')
const { CompileError } = require('./errors')
const { EXTERN_KINDS, bufferSource, finish } = require('./convert')
const translator = require('./translator')
const { also } = require('../base/also')
const { now } = require('../base/clock')
const { ArrayIsArray, SafeMap, SafeWeakMap } = require('../base/primordials')

// `new Module(ready, compiled)`: how emvm itself makes one of compiled code.
const ready = Symbol('compiled')

// The code of each module, of whatever namespace.
const codes = new SafeWeakMap()
const { [Symbol.hasInstance]: ordinary } = Function.prototype
const isModule = (value) => codes.has(value)
const compiledCode = (module) => codes.get(module)

// The class of one namespace, and its asynchronous way in. `cache`: folder of compiled code; undefined: the user's
// own; empty: none. `made(bytes, compiled)` is told of each.
function defineModule (cache, made = (_bytes, _compiled) => {}) {
  const compiling = { running: 0, since: 0, ms: 0 }
  class Module {
    constructor (bytes, compiled) {
      if (bytes === ready) {
        codes.set(this, compiled)
        return
      }
      if (arguments.length === 0) throw new TypeError('WebAssembly.Module(): Argument 0 must be a buffer source')
      const started = now()
      const source = bufferSource(bytes, 'WebAssembly.Module()')
      const code = compileSync(source, 'WebAssembly.Module()', cache)
      codes.set(this, code)
      made(source.byteLength, code)
      if (compiling.running === 0) compiling.ms += now() - started
    }

    // Packages ask so before they take one, which may be of another namespace of emvm's.
    static [Symbol.hasInstance] (value) { return this === Module ? isModule(value) : ordinary.call(this, value) }

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
  }
  finish(Module, 'Module', 1)
  async function timed (bytes, where) {
    if (compiling.running++ === 0) compiling.since = now()
    try {
      const { byteLength } = bytes
      const code = await compile(bytes, where, cache)
      made(byteLength, code)
      return new Module(ready, code)
    } finally {
      if (--compiling.running === 0) compiling.ms += now() - compiling.since
    }
  }
  return {
    Module,
    compile: timed,
    // By the number that another thread has sent.
    of (number) {
      const compiled = native.moduleReceive(number)
      if (compiled === undefined) throw new TypeError('a WebAssembly.Module was sent by a thread that has ended')
      return new Module(ready, compiled)
    },
    // Milliseconds that went by while something was being compiled.
    compileMs: () => compiling.ms + (compiling.running > 0 ? now() - compiling.since : 0)
  }
}

function compiledOf (module, where) {
  if (!isModule(module)) throw new TypeError(`${where}: Argument 0 must be a WebAssembly.Module`)
  return compiledCode(module)
}

// What the addon gives for bytes that do not compile: [why], or [why, bytes] when they use the first encoding of
// wasm exceptions, which can be translated.
const failed = (outcome) => ArrayIsArray(outcome)
const legacyBytes = (outcome) => failed(outcome) && outcome[1] !== undefined ? new Uint8Array(outcome[1]) : undefined

function explain (outcome, where) {
  if (outcome[2]) return also(new CompileError(`${where}: ${outcome[0]}`), 'EMVM_ERR_UNSUPPORTED')
  const hint = outcome.length > 1
    ? '; the module uses the first encoding of WebAssembly exceptions (try/catch), which the engine lacks: ' +
      'install the `binaryen` package beside emvm, which translates it, or build with -sWASM_LEGACY_EXCEPTIONS=0'
    : ''
  return new CompileError(`${where}: ${outcome[0]}${hint}`)
}

// What was translated is kept under the bytes it was translated from, so that the next process need not.
function compileSync (bytes, where, cache) {
  const known = knownCode(bytes)
  if (known) return known
  let outcome = native.moduleCompile(bytes, cache)
  const legacy = legacyBytes(outcome)
  const translated = legacy && translator.translateSync(legacy)
  if (translated) outcome = native.moduleCompile(translated, cache, legacy)
  if (failed(outcome)) throw explain(outcome, where)
  return outcome
}

// Sooner found here than copied for another thread: old glue reads its file anew for each instance.
const compiledBefore = (bytes) => isSharedArrayBuffer(bytes.buffer) ? undefined : native.moduleKnown(bytes)

// The addon copies the bytes at once: the caller may change them meanwhile.
const compileAsync = (bytes, cache, original) => new Promise((resolve) => native.moduleCompileAsync(bytes, cache, original, resolve))

async function compile (bytes, where, cache) {
  const known = knownCode(bytes) || compiledBefore(bytes)
  if (known) return known
  let outcome = await compileAsync(bytes, cache)
  const legacy = legacyBytes(outcome)
  const translated = legacy && await translator.translate(legacy)
  if (translated) outcome = await compileAsync(translated, cache, legacy)
  if (failed(outcome)) throw explain(outcome, where)
  return outcome
}

// Compiled code by the few bytes that stand for it: the glue host puts them where the glue has its wasm.
const registered = new SafeMap()

function knownCode (bytes) {
  if (registered.size === 0 || bytes.byteLength > 256) return undefined
  const known = registered.get(keyOf(bytes))
  return known && known.compiled
}

// To ask for `bytes.buffer` would have V8 make one.
const keyOf = (bytes) => String.fromCharCode.apply(undefined, bytes)

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

module.exports = { compileSync, defineModule, isModule, compiledCode, register }
