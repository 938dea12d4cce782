'use strict'

// Recycles of a module with threads, in every state that its threads can be in: is anything left over, is each generation as
// the first was?
//
//   node --expose-gc bench/threads-soak.js [--recycles 50] [--fixture FILE] [--json]
//
// `--recycles`: of each of the twenty states. Each has a sandbox of its own; all are in one process. `--json` prints the figures alone, for the test of this.

const fs = require('node:fs')
const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { open } = require('..')
const native = require('../lib/webassembly/native')
const { machine, printTable, save } = require('./lib/measure')

const option = (name, otherwise) => process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : otherwise
const RECYCLES = +option('--recycles', 50)
const FIXTURE = path.resolve(option('--fixture', path.join(__dirname, '..', '__test__', 'fixtures', 'pthreads.js')))
const JSON_ONLY = process.argv.includes('--json')

const wrong = (what) => { throw new Error(what) }
const is = (given, expected) => given === expected || wrong(`${given} is not ${expected}`)
const faulty = (call) => {
  try {
    call()
  } catch ({ code }) {
    return code === 'EMVM_ERR_TRAP' || wrong(code)
  }
  return wrong('nothing was thrown')
}
const running = (way, threads = 1) => async (module) => {
  for (let i = 0; i < threads; i++) is(module._detach(way), 0)
  for (const end = performance.now() + 30_000; module._count() < threads;) performance.now() < end ? await sleep(1) : wrong('it did not start')
}
const starting = (way, threads = 1) => (module) => { for (let i = 0; i < threads; i++) module._detach(way) }

// What the threads are at when the recycle comes.
const STATES = {
  'mutexes: all have ended': (module) => is(module._sum(3, 100), 15150),
  'condition variables: two took turns': (module) => is(module._turns(6), 66430),
  'thread-local variables': (module) => module._locals(3),
  'a pool: four at once': (module) => is(module._many(4), 4),
  'threads that start threads': (module) => is(module._nested(2), 3),
  'one spins': running(1),
  'four spin': running(1, 4),
  'one waits for a condition': running(2),
  'one waits for ever': running(8),
  'four wait for ever': running(8, 4),
  'one sleeps': running(5),
  'one waits in JavaScript': running(11),
  'two take memory': running(6, 2),
  'two took memory at once': (module) => is(module._grow(2, 8, 1 << 20), 16),
  'one traps, nobody waits': running(3),
  'one traps, a call waits': (module) => { module._detach(3); faulty(() => module._wait_for(1000)) },
  'one writes to a wild address, a call waits': (module) => { module._detach(4); faulty(() => module._wait_for(1000)) },
  'one throws in JavaScript': starting(10),
  'one is just starting': starting(0),
  'four are just starting, and spin': starting(1, 4)
}

async function settled () {
  for (const end = performance.now() + 20_000; native.sharedMemories() > 0 && performance.now() < end;) await sleep(5)
  // The isolates of threads that ended, and what finalizers hold.
  for (let i = 0; i < 10; i++) {
    globalThis.gc?.()
    await sleep(20)
  }
}

const addressSpace = () => fs.existsSync('/proc/self/status') ? +/VmSize:\s+(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1] / 2 ** 20 : NaN
const entries = (folder) => fs.existsSync(folder) ? fs.readdirSync(folder).length : NaN

function figures () {
  return {
    rssMb: process.memoryUsage.rss() / 2 ** 20,
    heapMb: process.memoryUsage().heapUsed / 2 ** 20,
    addressSpaceGb: addressSpace(),
    threads: entries('/proc/self/task'),
    descriptors: entries('/proc/self/fd'),
    memories: native.sharedMemories(),
    groups: native.threadsGroups()
  }
}

async function soak (state, recycles) {
  const vm = await open(FIXTURE, { print () {}, printErr () {}, onUncaught () {} })
  const times = []
  for (let i = 0; i < recycles; i++) {
    try {
      await state(vm.exports)
    } catch (error) {
      // The trap of a thread came before the call that looks for it.
      if (error.code !== 'EMVM_ERR_TRAP') throw error
    }
    const start = performance.now()
    await vm.isReady()
    times.push(performance.now() - start)
    is(vm.exports._count(), 0)
    is(vm.exports._sum(1, 10), 45)
  }
  vm.dispose()
  await settled()
  return times.sort((a, b) => a - b)[times.length >> 1]
}

async function main () {
  // What Emscripten's workers print of traps is not to be seen.
  if (!JSON_ONLY) console.log(machine())
  for (const state of Object.values(STATES)) await soak(state, 2)
  const first = figures()
  const rows = []
  for (const [name, state] of Object.entries(STATES)) {
    const fresh = await soak(state, RECYCLES)
    rows.push({ name, fresh, ...figures() })
    if (!JSON_ONLY) console.error(name, JSON.stringify(rows.at(-1)))
  }
  const last = rows.at(-1)
  if (JSON_ONLY) return console.log(JSON.stringify({ first, rows, last }))
  const shown = ({ rssMb, heapMb, addressSpaceGb, threads, descriptors, memories, groups }) =>
    [`${rssMb.toFixed(0)} MB`, `${heapMb.toFixed(1)} MB`, `${addressSpaceGb.toFixed(0)} GB`, threads, descriptors, memories + groups]
  printTable([`after ${RECYCLES} recycles while`, 'a fresh generation', 'RSS', 'heap', 'address space', 'threads', 'descriptors', 'left over'],
    [['(two of each, before)', '', ...shown(first)], ...rows.map((row) => [row.name, `${row.fresh.toFixed(1)} ms`, ...shown(row)])])
  save('threads-soak', { recycles: RECYCLES, first, rows })
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
