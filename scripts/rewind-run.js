'use strict'

// Runs real packages on emvm with `rewind: true` and says whether each of five generations gives what plain Node gives, with
// different work left behind in each:
//   node --expose-gc scripts/rewind-run.js CORPUS NODE_MODULES [--only a,b] [--jobs 1] [--seconds 240] [--oracle] [--out RESULTS.json]
// CORPUS and NODE_MODULES: as for scripts/compatibility-run.js. Each case has a process of its own, and is measured there:
// a rewind right after a job, and what it takes to evaluate the package anew, with what its loading does.
// --oracle: in place of the measures, V8's heap snapshots say whether a variable of the package's files differs after a rewind.

const fs = require('node:fs')
const path = require('node:path')
const { AHEAD, CALLED, FILES, environmentOf, formOf, inProcess, placeIn, seedRandom } = require('./compatibility-run')

const [corpus, modules] = process.argv.slice(2, 4).map((folder) => folder && path.resolve(folder))
const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : process.argv[at + 1]
}
// Where the case takes the package otherwise than on the native host. recast-navigation's API lies outside and keeps the first module
// that it gets; micropython's is beside the factory.
const FORMS = { 'recast-navigation': 'ahead', micropython: 'package' }
// A package whose module is a property of its API.
const PROPERTY = { verovio: 'module' }
// What the file exports is opened, and not its factory's module.
const EXPORTS = ['micropython']
const GENERATIONS = 5
const ANEW = 5

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const micros = (since) => Number(process.hrtime.bigint() - since) / 1e3

// What a job changes of the package's variables, and what of that a rewind leaves.
async function variables ({ load, job, recycle, settle, sandboxes }, known) {
  const { Snapshot, differences } = require('./lib/heap-contexts')
  const own = path.join(__dirname, '..', 'lib')
  const look = async () => {
    await settle()
    globalThis.gc()
    return (await Snapshot.take()).contexts((file) => file.replace('file://', '').startsWith(modules), known, (file) => file.startsWith(own))
  }
  const before = await look()
  await load()
  await job()
  const dirty = differences(before, await look())
  recycle()
  const { found, variables, fields } = differences(before, await look())
  return { closures: before.closures, contexts: before.contexts.size, variables, objects: before.objects.size, fields, changed: dirty.found.length, left: found, rewind: sandboxes[0].stats().rewind }
}

async function one (name) {
  process.env.CORPUS_NODE_MODULES = modules
  const helpers = require(path.join(corpus, 'lib', 'helpers.cjs'))
  const test = require(path.join(corpus, 'cases', `${name}.cjs`))
  const { sha256 } = JSON.parse(fs.readFileSync(path.join(corpus, 'expected.json'), 'utf8'))[name]
  const { open } = require('..')
  const form = FORMS[name] || formOf(name)
  let answered = false
  const answer = (result) => {
    if (answered) return
    answered = true
    fs.writeSync(1, `\n${JSON.stringify({ name, form, ...result })}\n`)
    process.exit()
  }
  for (const method of ['log', 'warn', 'info', 'error']) console[method] = () => {}
  process.on('unhandledRejection', (error) => answer({ error: `unhandled: ${error && error.stack ? error.stack : error}` }))
  process.on('exit', () => answer({ error: 'the process ended early' }))
  for (const [key, value] of Object.entries(test.globals || {})) globalThis[key] ??= value
  if (test.noFetch) globalThis.fetch = undefined
  const reseed = test.seedRandom ? seedRandom(helpers) : () => {}
  const place = placeIn(modules)
  const main = FILES[name] || test.via || test.glue

  // What the case calls in place of the package's own. `given`: the module, once there is one.
  const envOf = (take) => environmentOf(test, modules, take)
  const around = (exports) => {
    if (form === 'default') return { default: exports }
    if (form === 'getter' && typeof exports.createOpenSCAD !== 'function') return { createOpenSCAD: async () => ({ getInstance: () => exports }) }
    if (form === 'loader') return { loadKZG: async () => exports }
    if (form === 'ahead') return Object.assign(() => exports, { default: () => exports })
    return exports
  }
  // `slot.given`: what the case gives now; functions are called as they are in the present generation.
  const optionsOf = (slot, rewind) => {
    const options = { module: {}, host: 'glue', rewind, ...(CALLED.includes(name) && { factory: true }), ...(EXPORTS.includes(name) && { factory: false }) }
    for (const [key, value] of Object.entries(slot.given)) {
      if (key === 'wasmBinary') options.wasm = new Uint8Array(value)
      else options.module[key] = typeof value === 'function' ? function (...args) { return slot.given[key].apply(this, args) } : value
    }
    for (const key of ['print', 'printErr']) if (options.module[key]) options[key] = options.module[key]
    return options
  }

  // Opens it; gives sandboxes and `load()`, which gives the case's module. Where the file is the package's API, what the case
  // does to load it is in the image; where it is a factory, each generation does it again, with the modules that are open.
  const start = async (rewind) => {
    const sandboxes = []
    const slots = []
    const state = { sandboxes, env: undefined, boxed: undefined, load: async () => {} }
    const openOne = async (spec, options) => {
      const vm = await open(place(spec), options)
      sandboxes.push(vm)
      return vm
    }
    if (['factory', 'maker'].includes(form)) {
      let at = 0
      const take = async (spec, given = {}) => {
        const slot = (slots[at++] ??= {})
        slot.given = given
        slot.vm ??= await openOne(spec, optionsOf(slot, rewind))
        return slot.vm.exports
      }
      const factory = (spec) => {
        const made = (given) => take(spec, given)
        return Object.assign(made, { default: made })
      }
      state.env = envOf((spec) => form === 'maker' ? () => factory(spec) : factory(spec))
      state.load = async () => {
        at = 0
        state.boxed = [await test.load(state.env)]
      }
      await state.load()
    } else {
      const options = optionsOf({ given: { ...(form === 'ahead' && test.wasm && { wasmBinary: fs.readFileSync(place(test.wasm)) }), ...AHEAD[name] } }, rewind)
      options.warmUp = async (exports) => {
        state.env = envOf(() => around(exports))
        state.boxed = form === 'module' ? [PROPERTY[name] ? exports[PROPERTY[name]] : exports] : [await test.load(state.env)]
        return state.boxed
      }
      await openOne(main, options)
    }
    return state
  }

  let state
  const digests = []
  try {
    const known = process.env.EMVM_ORACLE && (await require('./lib/heap-contexts').Snapshot.take()).ids()
    reseed()
    const opening = process.hrtime.bigint()
    state = await start(true)
    const openMicros = micros(opening)
    // The numbers that its loading drew are not drawn again.
    const drawn = reseed.count?.()
    const job = async () => {
      reseed(drawn)
      return helpers.digest(await test.run(state.boxed[0], helpers, state.env)).sha256
    }
    const rewound = []
    const settle = async () => { for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve)) }
    const recycle = () => {
      const since = process.hrtime.bigint()
      for (const vm of state.sandboxes) vm.recycle()
      return micros(since)
    }
    for (let generation = 1; generation <= GENERATIONS; generation++) {
      await state.load()
      digests.push(await job())
      // What each leaves behind is different: nothing, the job again, its half, a collection.
      if (generation % 3 === 1) globalThis.gc?.()
      if (generation % 3 === 2) await job().catch(() => {})
      if (generation === 3) test.run(state.boxed[0], helpers, state.env)?.catch?.(() => {})
      await settle()
      recycle()
    }
    if (process.env.EMVM_ORACLE) return answer({ oracle: await variables({ load: state.load, job, recycle, settle, sandboxes: state.sandboxes }, known) })
    // Right after a job, without the tests of the first ones.
    const late = performance.now() + 4000
    for (let round = 0; round < 5 || (round < 30 && performance.now() < late); round++) {
      await state.load()
      await job()
      rewound.push(recycle())
    }
    const idle = Array.from({ length: 100 }, recycle)
    const { rewind, rewinds, evaluations } = state.sandboxes[0].stats()
    const count = state.sandboxes.length
    for (const vm of state.sandboxes) vm.dispose()
    const result = { digests, expected: sha256, ok: digests.every((digest) => digest === sha256), rewind, rewinds, evaluations, sandboxes: count, openMicros, rewoundMicros: median(rewound), idleMicros: median(idle) }
    // Evaluated anew, with the same loading.
    try {
      const anew = []
      const other = await start(false)
      for (let round = 0; round < ANEW; round++) {
        await Promise.all(other.sandboxes.map((vm) => vm.isReady()))
        const since = process.hrtime.bigint()
        await Promise.all(other.sandboxes.map((vm) => vm.isReady()))
        anew.push(micros(since))
      }
      for (const vm of other.sandboxes) vm.dispose()
      result.anewMicros = median(anew)
    } catch (error) {
      result.anewError = String(error)
    }
    answer(result)
  } catch (error) {
    answer({ error: String((error && error.stack) || error), code: error && error.code, digests })
  }
}

async function all () {
  const expected = JSON.parse(fs.readFileSync(path.join(corpus, 'expected.json'), 'utf8'))
  const only = option('only')
  const queue = Object.keys(expected).filter((name) => !only || only.split(',').includes(name))
  if (process.argv.includes('--oracle')) process.env.EMVM_ORACLE = '1'
  const results = {}
  const ratios = []
  await Promise.all(Array.from({ length: Number(option('jobs', 1)) }, async () => {
    for (let name; (name = queue.shift()) !== undefined;) {
      const got = await inProcess(__filename, name, Number(option('seconds', 240)))
      results[name] = got
      if (got.oracle) {
        const { closures, variables, objects, fields, changed, left, rewind } = got.oracle
        console.log(rewind === 'on' && left.length === 0 ? 'ok  ' : 'FAIL', name, rewind, `${closures} closures, ${variables} variables, ${objects} objects with ${fields} properties; the job changed ${changed}, ${left.length} are not back`, ...left.slice(0, 5))
        continue
      }
      if (got.ok && got.anewMicros) ratios.push(got.anewMicros / got.rewoundMicros)
      const figures = got.ok ? `${Math.round(got.rewoundMicros)} us after a job, ${Math.round(got.idleMicros)} idle, anew ${Math.round(got.anewMicros)}` : `${got.error ? got.error.split('\n')[0] : `another result: ${got.digests.map((digest) => digest === got.expected ? '=' : '!').join('')}`}`
      console.log(got.ok ? (got.rewind === 'on' ? 'ok  ' : 'ANEW') : 'FAIL', name, got.form, got.rewind ?? '', figures)
    }
  }))
  if (option('out')) fs.writeFileSync(option('out'), JSON.stringify(results, null, 1))
  if (process.env.EMVM_ORACLE) return
  const rewound = Object.values(results).filter(({ ok, rewind }) => ok && rewind === 'on').length
  const mean = ratios.length > 0 ? Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length) : 0
  console.log(`${rewound} of ${Object.keys(results).length} rewound and equal; evaluating anew takes ${mean.toFixed(1)} times as long (geometric mean, right after a job)`)
}

if (!corpus || !modules) {
  console.error('usage: node --expose-gc scripts/rewind-run.js CORPUS NODE_MODULES [--only a,b] [--jobs 1] [--seconds 240] [--oracle] [--out RESULTS.json]')
  process.exitCode = 2
} else if (option('one')) {
  one(option('one'))
} else {
  all()
}
