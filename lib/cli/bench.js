'use strict'

// What this module costs: opening, recycling, and the same with plain Node, each round in turn.

const fs = require('node:fs')
const path = require('node:path')
const { createRequire } = require('node:module')
const { pathToFileURL } = require('node:url')
const { open, inspect } = require('../..')
const { json, lines, table, milliseconds, progress } = require('./output')
const { stripPlot } = require('./plot')

const PLAIN_ROUNDS = 8
const SUSTAINED_MS = 3000

function summary (values) {
  const sorted = Float64Array.from(values).sort()
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
  return { count: sorted.length, p50: at(0.5), p99: at(0.99), max: sorted.at(-1) }
}

async function bench (source, { rounds, host, plain, json: asJson, svg }) {
  const quiet = { host, print () {}, printErr () {} }
  const bar = progress('compiling')
  const opening = performance.now()
  const vm = await open(source, { ...quiet, onProgress: bar.update })
  bar.end()
  const firstMs = performance.now() - opening
  const { compileMs, fromCache } = vm.stats()
  const again = []
  for (let i = 0; i < 3; i++) {
    const started = performance.now()
    const other = await open(source, quiet)
    again.push(performance.now() - started)
    other.dispose()
  }
  // Large modules start on baseline code, and a recycle brings the optimised code.
  while (vm.stats().tier === 'baseline') {
    await new Promise((resolve) => setTimeout(resolve, 50))
    await vm.isReady()
  }
  const recycles = []
  for (let i = 0; i < rounds; i++) {
    const started = performance.now()
    await vm.isReady()
    recycles.push(performance.now() - started)
    // A real program does something between two requests; the glue host prepares its standby then.
    await new Promise((resolve) => setTimeout(resolve, vm.host === 'glue' ? 5 : 0))
  }
  // Without that pause the standby is not ready: what a fresh instance costs where one request follows the other.
  const sustained = []
  const until = performance.now() + SUSTAINED_MS
  while (sustained.length < rounds && performance.now() < until) {
    const started = performance.now()
    await vm.isReady()
    sustained.push(performance.now() - started)
  }
  /** @type {any} */
  const result = {
    source: path.resolve(source),
    host: vm.host,
    open: { firstMs, compileMs, fromCache, againMs: summary(again).p50 },
    recycleMs: summary(recycles),
    sustainedMs: summary(sustained),
    plain: plain ? await plainNode(source) : null
  }
  const plainRounds = result.plain?.rounds
  if (result.plain) delete result.plain.rounds
  if (svg !== undefined) {
    const series = [{ name: 'emvm', values: recycles }, ...(plainRounds ? [{ name: 'plain Node', values: plainRounds }] : [])]
    fs.writeFileSync(svg, stripPlot(`A fresh instance of ${path.basename(source)}`, series))
  }
  if (result.plain && result.plain.freshMs) result.ratio = result.plain.freshMs.p50 / result.recycleMs.p50
  vm.dispose()
  if (asJson) json(result)
  else report(result)
  return 0
}

// A fresh instance without emvm: the package's own JavaScript evaluated again, which is what programs do that cannot wait for a leak
// to fill the process.
async function plainNode (source) {
  const { glue } = await inspect(source)
  if (glue === null) return { skipped: 'a bare .wasm has no JavaScript of its own' }
  if (glue.shape && glue.shape.esm) return once(async () => ({ exported: await import(`${pathToFileURL(source).href}?${Math.random()}`) }))
  const require = createRequire(path.resolve(source))
  return once(() => {
    delete require.cache[path.resolve(source)]
    return { exported: require(path.resolve(source)) }
  })
}

async function once (load) {
  const events = /** @type {any[]} */ (['uncaughtException', 'unhandledRejection'])
  const before = new Map(events.map((event) => [event, process.listeners(event)]))
  // What fails later is a reason too. The glue's own listeners would end the process.
  let fail
  const failed = new Promise((resolve, reject) => { fail = reject })
  failed.catch(() => {})
  const only = () => {
    for (const event of events) {
      process.removeAllListeners(event)
      process.on(event, fail)
    }
  }
  const times = []
  try {
    for (let i = 0; i < PLAIN_ROUNDS; i++) {
      const started = performance.now()
      const loaded = await Promise.all([load(), only()])
      only()
      await Promise.race([ready(loaded[0].exported), failed])
      times.push(performance.now() - started)
    }
    return { freshMs: summary(times), rounds: times }
  } catch (error) {
    return { skipped: `there it fails: ${error.message}` }
  } finally {
    for (const [event, listeners] of before) {
      process.removeAllListeners(event)
      for (const listener of listeners) process.on(event, listener)
    }
  }
}

// Waits for the module that a glue's exports lead to. Never awaits it itself: older modules are promises of themselves.
async function ready (exported) {
  const offered = exported?.default ?? exported
  const module = typeof offered === 'function' ? offered({ print () {}, printErr () {} }) : offered
  if (module === null || typeof module !== 'object') throw new Error('its exports have no module')
  let timer
  const late = new Promise((resolve, reject) => { timer = setTimeout(() => reject(new Error('it was not ready after 20 s')), 20_000) })
  const done = new Promise((resolve, reject) => {
    if (typeof module.then === 'function') {
      module.then((value) => { if (value) delete value.then; resolve() }, reject)
    } else if (module.calledRun) {
      resolve()
    } else {
      const before = module.onRuntimeInitialized
      module.onRuntimeInitialized = () => { if (before) before(); resolve() }
    }
  })
  try {
    await Promise.race([done, late])
  } finally {
    clearTimeout(timer)
  }
}

function report ({ source, host, open, recycleMs, sustainedMs, plain, ratio }) {
  const rows = [
    [open.fromCache ? 'open (compiled before)' : 'open (compiled now)', milliseconds(open.firstMs), '', ''],
    ['open again in this process', milliseconds(open.againMs), '', ''],
    ['fresh instance, emvm', milliseconds(recycleMs.p50), milliseconds(recycleMs.p99), milliseconds(recycleMs.max)],
    ['the same without a pause', milliseconds(sustainedMs.p50), milliseconds(sustainedMs.p99), milliseconds(sustainedMs.max)]
  ]
  if (plain?.freshMs) rows.push(['fresh instance, plain Node', milliseconds(plain.freshMs.p50), milliseconds(plain.freshMs.p99), milliseconds(plain.freshMs.max)])
  lines(`${source}, ${host} host`, '', table(['', 'p50', 'p99', 'max'], rows), '')
  if (ratio) lines(bars(recycleMs.p50, plain.freshMs.p50), '', `A fresh instance is ${ratio >= 10 ? Math.round(ratio).toLocaleString('en') : ratio.toFixed(1)} times cheaper than with plain Node.`)
  else if (plain?.skipped) lines(`Plain Node was left out: ${plain.skipped}`)
}

function bars (ours, theirs) {
  const width = 50
  const most = Math.max(ours, theirs)
  const bar = (value) => '#'.repeat(Math.max(1, Math.round(width * value / most)))
  return [`emvm        ${bar(ours)}`, `plain Node  ${bar(theirs)}`]
}

module.exports = { bench }
