'use strict'

// What opening opencv.js takes: with nothing cached, on baseline code and waiting for optimised code; from the cache; a second sandbox
// of the process. Against plain Node, which compiles lazily and goes on in the background. Each in a process of its own, the rounds interleaved.
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
  const emvm = (folder) => EMVM.replaceAll('CACHE', JSON.stringify(folder))
  try {
    run(emvm(cache), { EMVM_TIER: 'optimised' })
    const sides = {
      'plain Node': () => run(PLAIN),
      'nothing cached': () => run(emvm(false), { EMVM_TIER: 'auto' }),
      'nothing cached, optimised code': () => run(emvm(false), { EMVM_TIER: 'optimised' }),
      'from the cache': () => run(emvm(cache))
    }
    const found = Object.fromEntries(Object.keys(sides).map((side) => [side, []]))
    for (let round = 0; round < ROUNDS; round++) {
      for (const [side, measure] of Object.entries(sides)) {
        // Compiling for seconds in each round says no more than in every third.
        if (side.endsWith('code') && round % 3 > 0) continue
        found[side].push(measure())
      }
    }
    const of = (side) => median(found[side].map(({ first }) => first))
    const again = median(found['from the cache'].flatMap(({ again }) => again))
    const rows = [...Object.keys(sides).map((side) => [side, of(side)]), ['a second sandbox', again]]
    printTable(['opencv.js, opened', 'median', 'of plain Node'], rows.map(([name, ms]) => [name, duration(ms * 1e6), ratio(ms / of('plain Node'))]))
    save('open', { rounds: ROUNDS, rows: rows.map(([name, ms]) => ({ name, ms })) })
  } finally {
    fs.rmSync(cache, { recursive: true })
  }
}

main()
