'use strict'

// Five packages on the glue host, thousands of recycles each: is memory flat, is anything left over, does the process end?
//
//   node --expose-gc bench/glue-soak.js [--quick] [--packages NODE_MODULES]
//
// Each package has a process of its own, which must end by itself when its sandbox is disposed of.

const fs = require('node:fs')
const path = require('node:path')
const { fork } = require('node:child_process')
const { bytes, duration, machine, printTable, quantile, median, save, now } = require('./lib/measure')
const { PACKAGES, toolsOf } = require('./lib/package-jobs')
const { lineChart } = require('./lib/svg')

const QUICK = process.argv.includes('--quick')
const RECYCLES = QUICK ? 250 : 5000
const NAMES = ['sql.js, row by row', 'quickjs', 'draco', 'yoga, node by node', 'markdown-wasm']
const COLOURS = ['emvm', 'vm', 'v8', 'extra', '#7a5ab8']
// What a job leaks besides what it forgets to free, where the module has `_malloc`.
const LEAK = 1 << 20

const listeners = () => process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)
// The channel to the parent is there before and after.
const handles = () => process.getActiveResourcesInfo().filter((name) => name !== 'PipeWrap').length

async function soak (folder, name) {
  const about = PACKAGES.find((known) => known.name === name)
  const tools = await toolsOf(about, folder)
  const { open } = require('..')
  const before = { listeners: listeners(), handles: handles() }
  const vm = await open(path.join(folder, about.package, about.glue), { host: 'glue', print () {}, printErr () {} })
  const result = await requests(vm, about, tools)
  vm.dispose()
  for (let i = 0; i < 5; i++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  const after = { listeners: listeners(), handles: handles() }
  process.send({
    ...result,
    afterwards: process.memoryUsage.rss(),
    listeners: after.listeners - before.listeners,
    handles: after.handles - before.handles
  })
  process.disconnect()
}

// In a function of its own, so that nothing of the last module is held when it is over.
async function requests (vm, about, tools) {
  const points = []
  const fresh = []
  const answers = new Set()
  for (let i = 0; i <= RECYCLES; i++) {
    const start = now()
    const module = await vm.isReady()
    fresh.push(now() - start)
    answers.add(await about.job(module, tools))
    if (module._malloc && module.HEAPU8) module.HEAPU8.fill(1, module._malloc(LEAK))
    if (i % (RECYCLES / 50) === 0) points.push([i, process.memoryUsage.rss()])
    // A request comes by the event loop.
    if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  const settled = points.slice(Math.ceil(points.length / 10))
  return { points, answers: answers.size, p50: median(fresh), p99: quantile(fresh, 0.99), growth: settled.at(-1)[1] - settled[0][1] }
}

function inProcess (folder, name) {
  return new Promise((resolve, reject) => {
    const child = fork(__filename, ['--soak', name, '--packages', folder, ...(QUICK ? ['--quick'] : [])], { execArgv: ['--expose-gc'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    let result
    let ended
    child.on('message', (message) => {
      result = message
      // The event loop must have nothing to wait for.
      ended = setTimeout(() => child.kill('SIGKILL'), 5000)
    })
    child.on('exit', (code, signal) => {
      clearTimeout(ended)
      if (result) resolve({ name, ...result, ends: signal === null && code === 0 })
      else reject(new Error(`${name}: ended with ${signal ?? code}`))
    })
  })
}

async function main () {
  const at = process.argv.indexOf('--packages')
  const folder = at < 0 ? path.join(__dirname, 'out', 'packages', 'node_modules') : path.resolve(process.argv[at + 1])
  if (process.argv.includes('--soak')) return soak(folder, process.argv[process.argv.indexOf('--soak') + 1])
  if (!fs.existsSync(path.join(folder, 'sql.js'))) throw new Error('no packages: run bench/packages.js first, or give --packages NODE_MODULES')
  console.log(`${machine()}\n${RECYCLES} recycles of each, a request in each\n`)
  const results = []
  for (const name of NAMES) results.push(await inProcess(folder, name))
  printTable(['package', 'fresh p50', 'p99', 'RSS after 2 %', 'at the end', 'growth', 'listeners left', 'handles left', 'ends by itself'],
    results.map(({ name, p50, p99, points, growth, listeners, handles, ends }) => [
      name, duration(p50), duration(p99), bytes(points[1][1]), bytes(points.at(-1)[1]), `${(growth / 2 ** 20).toFixed(1)} MB`, listeners, handles, ends ? 'yes' : 'no'
    ]))
  const bad = results.filter(({ answers, listeners, handles, ends }) => answers !== 1 || listeners !== 0 || handles > 0 || !ends)
  for (const { name } of bad) console.error(`${name}: something is left over`)
  if (bad.length > 0) process.exitCode = 1
  save('glue-soak', { recycles: RECYCLES, results }, {
    'glue-soak': lineChart({
      title: 'Memory over recycles on the glue host',
      subtitle: `resident set of the process; ${RECYCLES} requests, each on a fresh instance`,
      xLabel: 'requests',
      unitY: 2 ** 20,
      formatY: bytes,
      series: results.map(({ name, points }, i) => ({ name: name.split(',')[0], colour: COLOURS[i], points }))
    })
  })
}

main()
