'use strict'

// What a call with scalars costs, C API and embind, against the same fixture in V8; one process, rounds interleaved.
//
//   node bench/calls.js [--quick]

const path = require('node:path')
const { open } = require('..')
const { median, perCall, duration, ratio, machine, printTable, save } = require('./lib/measure')

const FILE = path.join(__dirname, '..', '__test__', 'fixtures', 'calls.js')
const QUICK = process.argv.includes('--quick')
const ROUNDS = QUICK ? 5 : 25
const FOR_MS = QUICK ? 10 : 30

const CALLS = {
  '_nothing()': (m) => { const f = m._nothing; return () => f() },
  '_add4(int x 4)': (m) => { const f = m._add4; return () => f(1, 2, 3, 4) },
  '_add4d(double x 4)': (m) => { const f = m._add4d; return () => f(1.5, 2.5, 3.5, 4.5) },
  'cwrap: add4(int x 4)': (m) => { const f = m.cwrap('add4', 'number', ['number', 'number', 'number', 'number']); return () => f(1, 2, 3, 4) },
  'embind: doNothing()': (m) => () => m.doNothing(),
  'embind: addFour(int x 4)': (m) => () => m.addFour(1, 2, 3, 4),
  'embind: addFourDoubles(double x 4)': (m) => () => m.addFourDoubles(1.5, 2.5, 3.5, 4.5),
  'embind method: addFour(int x 4)': (m) => { const counter = new m.Counter(); return () => counter.addFour(1, 2, 3, 4) },
  'embind property: value': (m) => { const counter = new m.Counter(); return () => counter.value }
}

async function inV8 () {
  const { fetch } = globalThis
  // Glue of this age takes Node's fetch for a browser's.
  delete globalThis.fetch
  try {
    const m = require(FILE)
    while (!m.calledRun) await new Promise((resolve) => setTimeout(resolve, 1))
    return m
  } finally {
    globalThis.fetch = fetch
  }
}

async function main () {
  console.log(machine())
  const vm = await open(FILE, { host: 'native', recycle: 'never' })
  const v8 = await inV8()
  const rows = Object.entries(CALLS).map(([name, make]) => {
    const [one, two] = [make(vm.exports), make(v8)]
    if (String(one()) !== String(two())) throw new Error(`${name} gives another result`)
    perCall(two, 200)
    perCall(one, 200)
    const times = [[], []]
    for (let round = 0; round < ROUNDS; round++) {
      times[0].push(perCall(one, FOR_MS))
      times[1].push(perCall(two, FOR_MS))
    }
    const [emvm, plain] = times.map(median)
    return { name, emvm, v8: plain, fastest: Math.min(...times[0]) }
  })
  printTable(['call', 'emvm', 'its fastest round', 'V8', "V8's time = 1"], rows.map((row) => [row.name, duration(row.emvm), duration(row.fastest), duration(row.v8), ratio(row.emvm / row.v8)]))
  vm.dispose()
  save('calls', { calls: rows })
}

main()
