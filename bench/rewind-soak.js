'use strict'

// Packages on the glue host that are rewound, a job in each generation: do memory, V8's heap and the time of a rewind stay flat?
//
//   node --expose-gc bench/rewind-soak.js [--rewinds 100000] [--only NAME] [--packages NODE_MODULES]
//
// Each package has a process of its own. Figures are medians of tenths; growth is from the second tenth to the last.

const fs = require('node:fs')
const path = require('node:path')
const { fork } = require('node:child_process')
const { bytes, duration, machine, printTable, median, save, now } = require('./lib/measure')
const { PACKAGES, toolsOf } = require('./lib/package-jobs')

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : process.argv[at + 1]
}
const REWINDS = Number(option('rewinds', 100000))
const NAMES = ['sql.js, row by row', 'quickjs', 'draco', 'yoga, node by node', 'markdown-wasm']
const TENTHS = 10
// A request comes by the event loop, where finalizers run.
const TURN = 20

async function soak (folder, name) {
  const about = PACKAGES.find((known) => known.name === name)
  const tools = await toolsOf(about, folder)
  const { open } = require('..')
  const vm = await open(path.join(folder, about.package, about.glue), { host: 'glue', rewind: true, print () {}, printErr () {} })
  const answers = new Set()
  const tenths = []
  for (let tenth = 0; tenth < TENTHS; tenth++) {
    const times = []
    for (let at = 0; at < REWINDS / TENTHS; at++) {
      answers.add(await about.job(vm.exports, tools))
      const start = now()
      vm.recycle()
      times.push(now() - start)
      if (at % TURN === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    globalThis.gc?.()
    await new Promise((resolve) => setImmediate(resolve))
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
    tenths.push({ time: median(times), rss, heap: heapUsed, external, arrayBuffers })
  }
  const { rewind, rewinds, evaluations, rewindReason } = vm.stats()
  vm.dispose()
  process.send({ tenths, answers: answers.size, rewind, rewinds, evaluations, rewindReason })
  process.disconnect()
}

function inProcess (folder, name) {
  return new Promise((resolve, reject) => {
    const child = fork(__filename, ['--soak', name, '--packages', folder, '--rewinds', REWINDS], { execArgv: ['--expose-gc'], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    let result
    child.on('message', (message) => { result = message })
    child.on('exit', (code, signal) => result ? resolve({ name, ...result }) : reject(new Error(`${name}: ended with ${signal ?? code}`)))
  })
}

async function main () {
  const folder = path.resolve(option('packages', path.join(__dirname, 'out', 'packages', 'node_modules')))
  if (process.argv.includes('--soak')) return soak(folder, option('soak'))
  if (!fs.existsSync(path.join(folder, 'sql.js'))) throw new Error('no packages: run bench/packages.js first, or give --packages NODE_MODULES')
  console.log(`${machine()}\n${REWINDS} rewinds of each, a job before each\n`)
  const results = []
  for (const name of NAMES.filter((name) => name.startsWith(option('only', '')))) results.push(await inProcess(folder, name))
  const growth = (tenths, what) => tenths.at(-1)[what] - tenths[1][what]
  printTable(['package', 'rewind, 2nd tenth', 'last tenth', 'RSS', 'growth', 'heap', 'growth', 'rewound'],
    results.map(({ name, tenths, rewind, rewinds, evaluations }) => [
      name, duration(tenths[1].time), duration(tenths.at(-1).time), bytes(tenths.at(-1).rss), bytes(growth(tenths, 'rss')), bytes(tenths.at(-1).heap), bytes(growth(tenths, 'heap')),
      rewind === 'on' ? `${rewinds}, evaluated ${evaluations} time${evaluations === 1 ? '' : 's'}` : rewind
    ]))
  const bad = results.filter(({ answers, rewind }) => answers !== 1 || rewind !== 'on')
  for (const { name, rewindReason } of bad) console.error(`${name}: ${rewindReason ?? 'another answer'}`)
  if (bad.length > 0) process.exitCode = 1
  save('rewind-soak', { rewinds: REWINDS, results })
}

main()
