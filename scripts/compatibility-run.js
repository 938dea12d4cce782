'use strict'

// Runs real packages on emvm and says whether they give what plain Node gives, twice with a recycle between:
//   node scripts/compatibility-run.js CORPUS NODE_MODULES [--only a,b] [--jobs 2] [--out RESULTS.json]
// CORPUS: a folder with `cases/NAME.cjs` (`load(env)` gets a module, `run(module, helpers, env)` does a job) and
// `expected.json` (the digests that plain Node gives). Each case has a process of its own. `scripts/compatibility.js`
// makes docs/compatibility.md of the results.

const fs = require('node:fs')
const path = require('node:path')
const { spawn } = require('node:child_process')

// How a case takes its module, where it is not by calling an asynchronous factory:
// module: the glue gives it, there is nothing to call; ahead: a factory that answers at once, so that the sandbox is
// opened before; package: the file is the package's API, with the glue in it; wrapper: the same with the glue in a file
// of its own; maker: a function that gives the factory; getter: a function that gives a way to the module; default: the module is the package's default export; loader: the module is what the package's one
// function gives.
const FORMS = {
  module: [
    'argon2-browser', 'argon2-browser-simd', 'bokuweb-zstd', 'markdown', 'opencv-410', 'opencv-412', 'opencv-454', 'opencv-bindings-455',
    'opencv-wasm-430', 'pqc-dilithium', 'pqc-sphincs', 'verovio', 'zopfli', 'zstd-codec'
  ],
  ahead: ['hermes-parser', 'opusscript'],
  package: [
    'capstone', 'essentia', 'graphviz-hpcc', 'lerc', 'libsodium', 'libsodium-sumo',
    'magick', 'node-sqlite3-wasm', 'oniguruma', 'pdfium-hyzyla', 'pglite',
    'php', 'potrace', 'sentencepiece', 'solc', 'tree-sitter', 'wasmoon', 'web-ifc', 'zxing'
  ],
  wrapper: ['angusj-clipper', 'h5wasm', 'libsvm', 'mcl', 're2'],
  loader: ['kzg'],
  default: ['binaryen'],
  maker: ['stockfish'],
  getter: ['openscad']
}
// What the package's API gives to the factory inside it.
const AHEAD = { openscad: { noInitialRun: true } }
// Functions of the package's own that stand in the place of Emscripten's factory: they are called only when that is asked for.
const CALLED = ['geos', 'glpk', 'kzg']
// Where the package's API is in another file than the glue.
const FILES = { h5wasm: 'h5wasm/dist/node/hdf5_hl.js' }
const formOf = (name) => Object.keys(FORMS).find((form) => FORMS[form].includes(name)) || 'factory'

const [corpus, modules] = process.argv.slice(2, 4).map((folder) => folder && path.resolve(folder))
const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : process.argv[at + 1]
}

const placeIn = (modules) => (spec) => path.isAbsolute(spec) ? spec : path.join(modules, spec)

// What a case calls in place of the package's own; `take(spec)` gives that.
function environmentOf (test, modules, take) {
  const place = placeIn(modules)
  return {
    mode: 'emvm',
    path: place,
    url: (spec) => require('node:url').pathToFileURL(place(spec)).href,
    wasm: (spec = test.wasm) => fs.readFileSync(place(spec)),
    exact: (spec = test.wasm) => new Uint8Array(fs.readFileSync(place(spec))).buffer,
    glue: async (spec = test.glue) => take(spec),
    glueSync: (spec = test.glue) => take(spec),
    quiet: { print () {}, printErr () {} },
    WebAssembly,
    require: (spec) => require(require.resolve(spec, { paths: [modules] })),
    import: (spec) => import(require('node:url').pathToFileURL(place(spec)).href)
  }
}

async function one (name) {
  process.env.CORPUS_NODE_MODULES = modules
  const helpers = require(path.join(corpus, 'lib', 'helpers.cjs'))
  const test = require(path.join(corpus, 'cases', `${name}.cjs`))
  const { open } = require('..')
  let answered = false
  const answer = (result) => {
    if (answered) return
    answered = true
    fs.writeSync(1, `\n${JSON.stringify({ name, form: formOf(name), ...result })}\n`)
    process.exit()
  }
  for (const method of ['log', 'warn', 'info', 'error']) console[method] = () => {}
  process.on('unhandledRejection', (error) => answer({ error: `unhandled: ${error && error.stack ? error.stack : error}` }))
  process.on('exit', () => answer({ error: 'the process ended early' }))

  for (const [key, value] of Object.entries(test.globals || {})) globalThis[key] ??= value
  if (test.noFetch) globalThis.fetch = undefined
  const reseed = test.seedRandom ? seedRandom(helpers) : () => {}
  const place = placeIn(modules)
  const sandboxes = []
  let at = 0
  let round = 0

  // The next sandbox: opened in the first round, taken up again in the second. Functions among the options are
  // called as they are in the present round.
  const next = async (spec, given = {}) => {
    const slot = sandboxes[at++]
    if (slot) {
      slot.given = given
      return slot.vm.exports
    }
    const mine = { given }
    const options = { module: {} }
    for (const [key, value] of Object.entries(given)) {
      if (key === 'wasmBinary') options.wasm = new Uint8Array(value)
      else options.module[key] = typeof value === 'function' ? function (...args) { return mine.given[key].apply(this, args) } : value
    }
    for (const key of ['print', 'printErr']) if (options.module[key]) options[key] = options.module[key]
    if (process.env.EMVM_HOST || form === 'wrapper' || form === 'loader') options.host = process.env.EMVM_HOST || 'glue'
    if (CALLED.includes(name)) options.factory = true
    mine.vm = await open(place(spec), options)
    sandboxes.push(mine)
    return mine.vm.exports
  }
  const form = formOf(name)
  const main = FILES[name] || test.via || test.glue
  const factory = (spec) => {
    const made = (given) => next(spec, given)
    return Object.assign(made, { default: made })
  }
  const taken = (spec) => {
    if (form === 'factory') return factory(spec)
    if (form === 'maker') return () => factory(spec)
    const { vm } = sandboxes[0]
    if (form === 'default') return { default: vm.exports }
    if (form === 'getter') return { createOpenSCAD: async () => ({ getInstance: () => vm.exports }) }
    if (form === 'loader') return { loadKZG: async () => vm.exports }
    if (form === 'ahead') return Object.assign(() => vm.exports, { default: () => vm.exports })
    return vm.exports
  }
  const env = environmentOf(test, modules, taken)

  const job = async () => {
    at = 0
    const started = performance.now()
    // Boxed: a module may be a thenable.
    const module = form === 'module' ? [await next(main)] : [await test.load(env)]
    const loadMs = performance.now() - started
    return { loadMs, ...helpers.digest(await test.run(module[0], helpers, env)) }
  }
  try {
    reseed()
    if (!['factory', 'maker', 'module'].includes(form)) await next(main, { ...(form === 'ahead' && test.wasm && { wasmBinary: env.wasm() }), ...AHEAD[name] })
    const first = await job()
    const started = performance.now()
    for (const { vm } of sandboxes) await vm.isReady()
    const recycleMs = performance.now() - started
    if (test.seedRandom) {
      // The one that stood by has drawn its numbers already: the next is made now.
      reseed()
      for (const { vm } of sandboxes) await vm.isReady()
    }
    round++
    const second = await job()
    const hosts = sandboxes.map(({ vm }) => vm.host)
    for (const { vm } of sandboxes) vm.dispose()
    answer({ loadMs: first.loadMs, recycleMs, sha256: first.sha256, again: second.sha256, hosts, round, ...(process.env.FULL && { json: first.json }) })
  } catch (error) {
    answer({ error: String((error && error.stack) || error), code: error && error.code, hosts: sandboxes.map(({ vm }) => vm.host), round })
  }
}

// Random numbers that are the same in each run and each round.
function seedRandom (helpers) {
  const crypto = require('node:crypto')
  let count
  const fill = (view) => {
    const bytes = new Uint8Array(view.buffer || view, view.byteOffset || 0, view.byteLength)
    bytes.set(helpers.noise(bytes.length, 1000 + count++))
    return view
  }
  crypto.randomBytes = (size) => Buffer.from(helpers.noise(size, 1000 + count++))
  crypto.randomFillSync = fill
  for (const target of [crypto.webcrypto, globalThis.crypto]) {
    Object.defineProperty(target, 'getRandomValues', { value: fill, configurable: true, writable: true })
  }
  return Object.assign((to = 1) => { count = to }, { count: () => count })
}

// One case in a process of its own, by the script that is given; its answer is the line that begins with the name.
function inProcess (script, name, seconds) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...process.execArgv, script, corpus, modules, '--one', name], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk) => { out += chunk })
    child.stderr.on('data', (chunk) => { err += chunk })
    const late = setTimeout(() => child.kill('SIGKILL'), 1000 * option('limit', seconds))
    child.on('close', (code, signal) => {
      clearTimeout(late)
      const line = out.split('\n').filter((text) => text.startsWith('{"name"'))[0]
      resolve(line ? JSON.parse(line) : { name, error: `no result: exit ${code} ${signal ?? ''} ${err.slice(-300)}` })
    })
  })
}

async function all () {
  const expected = JSON.parse(fs.readFileSync(path.join(corpus, 'expected.json'), 'utf8'))
  const only = option('only')
  const queue = Object.keys(expected).filter((name) => !only || only.split(',').includes(name))
  const results = {}
  let equal = 0
  await Promise.all(Array.from({ length: Number(option('jobs', 2)) }, async () => {
    for (let name; (name = queue.shift()) !== undefined;) {
      const got = await inProcess(__filename, name, 180)
      const { sha256 } = expected[name]
      const ok = got.sha256 === sha256 && got.again === sha256
      const why = ok ? 'equal' : got.error ? got.error.split('\n')[0] : got.sha256 !== sha256 ? 'another result' : 'another result after a recycle'
      results[name] = { ...got, ok, why }
      if (ok) equal++
      console.log(ok ? 'ok  ' : 'FAIL', name, got.form, (got.hosts || []).join('+'), ok ? '' : `${got.code ?? ''} ${why}${got.round ? ' (after the recycle)' : ''}`)
    }
  }))
  if (option('out')) fs.writeFileSync(option('out'), JSON.stringify(results, null, 1))
  console.log(`${equal} of ${Object.keys(results).length} equal`)
}

module.exports = { AHEAD, CALLED, FILES, environmentOf, formOf, inProcess, placeIn, seedRandom }

if (require.main !== module) {
  // Its tables are for scripts/rewind-run.js as well.
} else if (!corpus || !modules) {
  console.error('usage: node scripts/compatibility-run.js CORPUS NODE_MODULES [--only a,b] [--jobs 2] [--out RESULTS.json]')
  process.exitCode = 2
} else if (option('one')) {
  one(option('one'))
} else {
  all()
}
