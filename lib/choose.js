'use strict'

// Which host runs a program, and why: `open` acts on it, `inspect` shows it.

const { ofBindgen } = require('./bindgen')
const { hasWasmFS } = require('./facade/fs/wasmfs')
const { MissingImportError, UnsupportedError } = require('./base/errors')

// The imports that the user answers, by the names they may be given under.
function userImports (options) {
  const found = new Map()
  for (const [module, functions] of Object.entries(options.imports || {})) {
    for (const [name, fn] of Object.entries(functions)) found.set(name, { module, name, fn })
  }
  return found
}

const DEFINES = /\bdefinePropert(y|ies)\(\s*(\$emvm\.\w+\()?\s*Module\b/

// Imports that the native host refuses by name when they are called.
const THREADS = 'it uses threads'
const SCRIPTS = 'it runs JavaScript from strings'
const REFUSED = {
  emscripten_run_script: SCRIPTS,
  emscripten_run_script_int: SCRIPTS,
  emscripten_run_script_string: SCRIPTS,
  emscripten_async_run_script: SCRIPTS,
  emscripten_async_load_script: 'it loads scripts',
  emscripten_sleep: 'it sleeps in the middle of a call, which needs Asyncify'
}

// Where a source has no glue of Emscripten's that could be read.
const MADE = {
  own: 'its own JavaScript makes its WebAssembly, in a way of its own',
  files: 'it is an API of the package\'s own, and other files of the package make its WebAssembly'
}

// Reasons why the native host cannot run a program.
function obstacles (facts, options) {
  const reasons = []
  if (options.packages && options.packages.length > 0) reasons.push(`dependencies are to run inside (packages: ${options.packages.join(', ')})`)
  const maker = facts.maker ?? (facts.hasGlue && facts.imports.some(ofBindgen) ? 'wasm-bindgen' : undefined)
  if (maker !== undefined) {
    const reason = MADE[maker] ?? `it was made by ${maker}, and its own JavaScript answers its imports`
    return { reasons: [...reasons, reason], silent: [reason], missing: [] }
  }
  if (facts.minified) reasons.push(`the glue's names cannot be read back: ${facts.minified}`)
  const api = (facts.shape && facts.shape.api) || []
  if (api.length > 0) reasons.push(`the file is an API of the package's own, with the glue inside: it exports ${api.slice(0, 4).join(', ')}${api.length > 4 ? ', ...' : ''}`)
  if (facts.shape && facts.shape.wrapped) reasons.push('JavaScript of the package\'s own wraps the factory, so that what it gives need not be the module')
  const uses = facts.uses || { __proto__: null }
  if (hasWasmFS(facts)) reasons.push('its files are in its own wasm (WasmFS), which only its own JavaScript reaches')
  if (uses.jspi) reasons.push('it uses JSPI, and its own JavaScript says which imports suspend it')
  if (uses.pthreads || (facts.memory && facts.memory.shared)) reasons.push(THREADS)
  if (uses.asyncify) reasons.push('it uses Asyncify, which needs its own JavaScript')
  if (uses.nodeFiles) reasons.push("its files are the real disk's (NODERAWFS), which only its own JavaScript reads")
  if (uses.dynamicLinking) reasons.push('it uses dynamic linking')
  if (facts.fragment && facts.fragment.isAsync) reasons.push('the JavaScript it adds to its module awaits at its top level')
  const { keepsState, hasPre, extrasAsync, replacesModule } = facts.fragment || { __proto__: null }
  if (replacesModule) reasons.push('the JavaScript it adds puts another object in the place of its module')
  if (keepsState && (hasPre || extrasAsync)) reasons.push('the JavaScript it adds to its module keeps state from before start-up')
  if (keepsState && DEFINES.test(facts.fragment.source)) reasons.push('the JavaScript it adds to its module keeps state and defines properties that cannot be defined again')
  if (keepsState && options.warmUp) reasons.push('the JavaScript it adds to its module keeps state, which a warm-up would change')
  if (facts.memory && facts.memory.memory64) reasons.push('it uses 64-bit memory')
  // What follows is said when it is reached, where the native host is asked for; what stands above would go unseen.
  const silent = [...reasons]
  const users = userImports(options)
  const refused = facts.imports.filter(({ name }) => Object.hasOwn(REFUSED, name) && !users.has(name))
  for (const reason of new Set(refused.map(({ name }) => REFUSED[name]))) {
    const names = refused.filter(({ name }) => REFUSED[name] === reason).map(({ name }) => name)
    if (!(uses.asyncify && names.includes('emscripten_sleep'))) reasons.push(`${reason} (${names.join(', ')})`)
  }
  const missing = facts.imports.filter(({ name, by }) => by === 'nobody' && !users.has(name))
  if (missing.length > 0) {
    const list = missing.slice(0, 8).map(({ name, signature }) => `${name}${signature}`).join(', ')
    reasons.push(`${missing.length} of its imports ${missing.length === 1 ? 'is' : 'are'} unresolved: ${list}${missing.length > 8 ? ', ...' : ''}`)
  }
  return { reasons, silent, missing }
}

// It would run, and give other results than the package's own JavaScript.
function notNative (reasons, facts) {
  const way = facts.hasGlue ? "leave `host` out, or use host: 'glue'" : 'use a build without it'
  return new UnsupportedError(`The native host cannot run this module as its own JavaScript does: ${reasons.join('; ')}. Instead, ${way}.`, { reasons })
}

function chooseHost (facts, options) {
  const { reasons, silent, missing } = obstacles(facts, options)
  if (options.host === 'native') {
    if (silent.length > 0) return { error: notNative(silent, facts) }
    return { host: 'native', reasons }
  }
  if (options.host === 'glue') {
    if (!facts.hasGlue) return { error: new UnsupportedError("host: 'glue' runs the package's own JavaScript: open its .js file, not the bare .wasm.") }
    return { host: 'glue', reasons: ["asked for with host: 'glue'"] }
  }
  if (reasons.length === 0) return { host: 'native', reasons }
  if (facts.hasGlue) return { host: 'glue', reasons }
  if (silent.includes(THREADS)) {
    return { error: new UnsupportedError("This module uses threads, which need the package's own JavaScript: open its .js file instead of the bare .wasm, or use a build without -pthread.") }
  }
  if (missing.length > 0) {
    const imports = missing.map(({ module, name, signature }) => ({ module, name, signature }))
    return {
      error: new MissingImportError(
        `${reasons.join('; ')}. Give them in the \`imports\` option, or open the package's .js file instead of the bare .wasm.`, { imports })
    }
  }
  return { error: new UnsupportedError(`This module cannot run here: ${reasons.join('; ')}.`) }
}

module.exports = { chooseHost, notNative, userImports }
