'use strict'

// What modules just within the bounds of src/engine/budget.rs cost to compile, each in a process of its own.
//
//   node bench/compile-budget.js [name]

const { spawnSync } = require('node:child_process')
const path = require('node:path')
const bombs = require('../__test__/support/bombs')
const { withFunctions } = require('../__test__/support/hostile')

const MODULES = {
  'nested loops that share locals': () => bombs.nestedLoops(90, 1000),
  'wide branches': () => bombs.wideBranches(80, 1000, 10),
  'wide calls': () => bombs.wideCalls(340, 1000),
  'branches times locals': () => bombs.branchesAndLocals(18_000, 1000),
  blocks: () => bombs.branches(80_000),
  locals: () => bombs.manyLocals(1000, 50_000),
  parameters: () => bombs.manyParameters(300_000, 1000),
  functions: () => withFunctions(1_000_000),
  tables: () => bombs.tables(10, 1_000_000)
}

async function measure (name) {
  const { open } = require('..')
  const bytes = MODULES[name]()
  const before = process.cpuUsage()
  const outcome = await open(bytes, { cache: false, host: 'native' }).then(() => 'compiles', (error) => `refused: ${error.message}`)
  const { user, system } = process.cpuUsage(before)
  console.log(`${name}: ${bytes.length} bytes, ${outcome}, ${((user + system) / 1e6).toFixed(1)} s of processor time, ${process.resourceUsage().maxRSS >> 10} MB`)
}

if (process.argv[2] in MODULES) {
  measure(process.argv[2])
} else {
  for (const name of Object.keys(MODULES)) spawnSync(process.execPath, [path.join(__dirname, 'compile-budget.js'), name], { stdio: 'inherit' })
}
