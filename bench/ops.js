'use strict'

// The same operations of opencv.js 4.12 in emvm and in V8, in one process, the rounds interleaved.
//
//   node bench/ops.js [--quick]
//   node bench/ops.js --points [--quick]      what interruption points cost: emvm with and without them, no V8

const { open } = require('..')
const { median, geometricMean, perCall, duration, ratio, machine, now, printTable, save } = require('./lib/measure')
const { FILE, asPublished } = require('./lib/peers')
const { barChart } = require('./lib/svg')
const { HEAVY, SMALL } = require('./lib/workloads')

const QUICK = process.argv.includes('--quick')
const ROUNDS = QUICK ? 3 : 9
const HEAVY_MS = QUICK ? 30 : 120
const SMALL_MS = QUICK ? 10 : 40
const WARM_UP_MS = QUICK ? 200 : 800

function compare (emvm, v8, workloads, forMs) {
  return Object.entries(workloads).map(([name, make]) => {
    const [one, two] = [make(emvm), make(v8)]
    // V8 compiles a wasm function well only after it has run for a while.
    perCall(two, WARM_UP_MS)
    perCall(one, forMs)
    const times = { emvm: [], v8: [] }
    for (let round = 0; round < ROUNDS; round++) {
      times.v8.push(perCall(two, forMs))
      times.emvm.push(perCall(one, forMs))
    }
    const row = { name, emvm: median(times.emvm), v8: median(times.v8) }
    return { ...row, speed: row.v8 / row.emvm }
  })
}

const cells = ({ name, emvm, v8, speed }) => [name, duration(emvm), duration(v8), ratio(speed)]

function chart (title, subtitle, rows) {
  return barChart({
    title,
    subtitle,
    reference: 1,
    format: (value) => `${value}x`,
    rows: rows.map(({ name, emvm, v8, speed }) => ({ label: name, value: speed, note: `${ratio(speed)}   ${duration(emvm)} / ${duration(v8)}`, colour: speed >= 1 ? 'emvm' : 'v8' }))
  })
}

async function openingFromCache () {
  const times = []
  for (let i = 0; i < 5; i++) {
    const start = now()
    const vm = await open(FILE, { host: 'native' })
    times.push(now() - start)
    vm.dispose()
  }
  return times
}

// Processor time of one call: what others do on the machine counts less.
function cpuPerCall (fn, forMs) {
  let calls = 0
  const start = now()
  const before = process.cpuUsage()
  do {
    fn()
    calls++
  } while (now() - start < forMs * 1e6)
  const { user, system } = process.cpuUsage(before)
  return (user + system) * 1e3 / calls
}

async function costOfPoints () {
  const { load } = require('../lib/base/binding')
  const wasm = await load().readWasm({ path: FILE })
  const sides = []
  for (const points of ['on', 'off']) {
    process.env.EMVM_INTERRUPTION_POINTS = points
    sides.push(await open(FILE, { host: 'native', recycle: 'never', wasm }))
  }
  delete process.env.EMVM_INTERRUPTION_POINTS
  const rows = Object.entries(HEAVY).map(([name, make]) => {
    const [one, two] = sides.map((vm) => make(vm.exports))
    for (const fn of [one, two]) cpuPerCall(fn, HEAVY_MS)
    const times = { on: [], off: [] }
    for (let round = 0; round < 2 * ROUNDS; round++) {
      times.on.push(cpuPerCall(one, HEAVY_MS))
      times.off.push(cpuPerCall(two, HEAVY_MS))
    }
    const [on, off] = [Math.min(...times.on), Math.min(...times.off)]
    return { name, on, off, cost: on / off }
  })
  for (const vm of sides) vm.dispose()
  const mean = geometricMean(rows.map(({ cost }) => cost))
  const percent = (cost) => `${((cost - 1) * 100).toFixed(1)} %`
  printTable(['1920x1080', 'with points', 'without', 'cost'], [...rows.map(({ name, on, off, cost }) => [name, duration(on), duration(off), percent(cost)]), ['geometric mean', '', '', percent(mean)]])
  save('points', { rows, geometricMean: mean })
}

async function main () {
  console.log(machine())
  if (process.argv.includes('--points')) return costOfPoints()
  const vm = await open(FILE, { host: 'native', recycle: 'never' })
  const emvm = vm.exports
  const [v8] = await asPublished()

  const heavy = compare(emvm, v8, HEAVY, HEAVY_MS)
  const mean = geometricMean(heavy.map(({ speed }) => speed))
  printTable(['1920x1080', 'emvm', 'V8', "speed, V8's = 1"], [...heavy.map(cells), ['geometric mean', '', '', ratio(mean)]])

  const small = compare(emvm, v8, SMALL, SMALL_MS)
  const smallMean = geometricMean(small.map(({ speed }) => speed))
  printTable(['small calls', 'emvm', 'V8', "speed, V8's = 1"], [...small.map(cells), ['geometric mean', '', '', ratio(smallMean)]])

  const opening = await openingFromCache()
  printTable(['open', 'time'], [['the program already in this process, median', duration(median(opening))]])
  vm.dispose()

  save('ops', { heavy, heavyGeometricMean: mean, small, smallGeometricMean: smallMean, openNs: median(opening) }, {
    ops: chart('opencv.js 4.12 at 1920x1080', `speed of emvm, V8's being 1 (dashed); geometric mean ${ratio(mean)}; times are emvm / V8`, heavy),
    'small-calls': chart('Small calls', `speed of emvm, V8's being 1 (dashed); geometric mean ${ratio(smallMean)}; times are emvm / V8`, small)
  })
}

main()
