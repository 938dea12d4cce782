'use strict'

// What opening opencv.js takes: with nothing cached, on baseline code and waiting for optimised code; from the cache; a second sandbox
// of the process; in its threads, from the start and from a checkpoint; from a file with an image of 100 MB. Against plain Node, which
// compiles lazily and goes on in the background. Each in a process of its own, the rounds interleaved.
//
//   node bench/open.js [--quick]

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { duration, machine, median, printTable, ratio, save } = require('./lib/measure')
const { FILE } = require('./lib/peers')

const QUICK = process.argv.includes('--quick')
const ROUNDS = QUICK ? 3 : 9

const EMVM = `
  const { open } = require(${JSON.stringify(path.join(__dirname, '..'))})
  ;(async () => {
    const started = performance.now()
    const vm = await open(${JSON.stringify(FILE)}, { cache: CACHE })
    const first = performance.now() - started
    const again = []
    for (let i = 0; i < 5; i++) {
      const started = performance.now()
      const other = await open(${JSON.stringify(FILE)}, { cache: CACHE })
      again.push(performance.now() - started)
      other.dispose()
    }
    console.log(JSON.stringify({ first, again, tier: vm.stats().tier }))
    process.exit()
  })()
`

// How long `require` and the first `open` take in threads of a process that has the program open.
const THREADS = `
  const { Worker } = require('node:worker_threads')
  const emvm = ${JSON.stringify(path.join(__dirname, '..'))}
  const inThread = \`
    const { parentPort, workerData: { emvm, file, options } } = require('node:worker_threads')
    const started = performance.now()
    const { open } = require(emvm)
    const loaded = performance.now()
    open(file, options).then(() => parentPort.postMessage([loaded - started, performance.now() - loaded]))
  \`
  const measured = (options) => new Promise((resolve, reject) => {
    const worker = new Worker(inThread, { eval: true, workerData: { emvm, file: ${JSON.stringify(FILE)}, options } })
    worker.on('message', (ms) => worker.terminate().then(() => resolve(ms))).on('error', reject)
  })
  ;(async () => {
    const { open } = require(emvm)
    const vm = await open(${JSON.stringify(FILE)}, { cache: CACHE })
    const point = vm.checkpoint()
    // The first one's code is kept.
    await measured({ cache: CACHE })
    const found = { load: [], start: [], from: [] }
    for (let i = 0; i < 5; i++) {
      const [load, start] = await measured({ cache: CACHE })
      const [, from] = await measured({ cache: CACHE, from: point.handle })
      found.load.push(load)
      found.start.push(start)
      found.from.push(from)
    }
    console.log(JSON.stringify(found))
    process.exit()
  })()
`

// Writes the image of a sandbox that has 100 MB of its own.
const SAVE = `
  const { open } = require(${JSON.stringify(path.join(__dirname, '..'))})
  ;(async () => {
    const vm = await open(${JSON.stringify(FILE)}, { cache: CACHE })
    const { HEAPU8, _malloc } = vm.exports
    const at = _malloc(100e6)
    require('node:crypto').randomFillSync(vm.exports.HEAPU8, at, 100e6)
    await vm.checkpoint().save(IMAGE)
    console.log(JSON.stringify({ bytes: HEAPU8.length }))
    process.exit()
  })()
`

// The file in a fresh process, and the first time in one that has the program open.
const FROM_IMAGE = `
  const { open } = require(${JSON.stringify(path.join(__dirname, '..'))})
  ;(async () => {
    if (OPENED) await open(${JSON.stringify(FILE)}, { cache: CACHE })
    const started = performance.now()
    await open(${JSON.stringify(FILE)}, { cache: CACHE, image: IMAGE })
    console.log(JSON.stringify({ first: performance.now() - started }))
    process.exit()
  })()
`

const PLAIN = `
  const started = performance.now()
  const loaded = require(${JSON.stringify(FILE)})
  loaded.then(() => { console.log(JSON.stringify({ first: performance.now() - started })); process.exit() })
`

function run (script, env = {}) {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', env: { ...process.env, ...env }, timeout: 300_000 })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

function main () {
  console.log(machine())
  const cache = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-bench-'))
  const image = path.join(cache, 'image')
  const at = (script, folder) => script.replaceAll('CACHE', JSON.stringify(folder)).replaceAll('IMAGE', JSON.stringify(image))
  const emvm = (folder) => at(EMVM, folder)
  const fromImage = (opened) => run(at(FROM_IMAGE, cache).replace('OPENED', `${opened}`))
  try {
    run(emvm(cache), { EMVM_TIER: 'optimised' })
    run(at(SAVE, cache))
    // Only a file that has been at rest for some seconds is noted as right.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4000)
    fromImage(false)
    const sides = {
      'plain Node': () => run(PLAIN),
      'nothing cached': () => run(emvm(false), { EMVM_TIER: 'auto' }),
      'nothing cached, optimised code': () => run(emvm(false), { EMVM_TIER: 'optimised' }),
      'from the cache': () => run(emvm(cache)),
      'from an image of 100 MB': () => fromImage(false),
      'the same beside an open sandbox': () => fromImage(true)
    }
    const threads = []
    const found = Object.fromEntries(Object.keys(sides).map((side) => [side, []]))
    for (let round = 0; round < ROUNDS; round++) {
      for (const [side, measure] of Object.entries(sides)) {
        // Compiling for seconds in each round says no more than in every third.
        if (side.endsWith('code') && round % 3 > 0) continue
        found[side].push(measure())
      }
      threads.push(run(at(THREADS, cache)))
    }
    const of = (side) => median(found[side].map(({ first }) => first))
    const again = median(found['from the cache'].flatMap(({ again }) => again))
    const rows = [...Object.keys(sides).map((side) => [side, of(side)]), ['a second sandbox', again],
      ...[['load', 'in a thread: loading emvm'], ['start', "a thread's first sandbox"], ['from', 'the same, from a checkpoint']]
        .map(([key, name]) => [name, median(threads.flatMap((found) => found[key]))])]
    printTable(['opencv.js, opened', 'median', 'of plain Node'], rows.map(([name, ms]) => [name, duration(ms * 1e6), ratio(ms / of('plain Node'))]))
    save('open', { rounds: ROUNDS, rows: rows.map(([name, ms]) => ({ name, ms })) })
  } finally {
    fs.rmSync(cache, { recursive: true })
  }
}

main()
