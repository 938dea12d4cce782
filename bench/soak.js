'use strict'

// Two hundred thousand requests that leak a megabyte each: RSS over calls, emvm beside the `vm` technique.
//
//   node bench/soak.js [--quick]

const { spawn } = require('node:child_process')
const path = require('node:path')
const { createInterface } = require('node:readline')
const { open } = require('..')
const { leak } = require('./lib/leak')
const { bytes, duration, machine, now, printTable, save } = require('./lib/measure')
const { FILE } = require('./lib/peers')
const { lineChart } = require('./lib/svg')

const QUICK = process.argv.includes('--quick')
const CALLS = QUICK ? 5000 : 200_000
const MEGABYTES = 1
const VM_CALLS = QUICK ? 100 : 2000
const VM_LIMIT = 2 * 2 ** 30
const SETTLED = 100
const ALLOWED_GROWTH = 5 * 2 ** 20

async function soakEmvm () {
  const vm = await open(FILE, { host: 'native' })
  const points = []
  let settled = 0
  const start = now()
  for (let call = 1; call <= CALLS; call++) {
    leak(await vm.isReady(), MEGABYTES)
    const sampled = call <= 200 || call % 500 === 0
    if (!sampled) continue
    const rss = process.memoryUsage.rss()
    points.push([call, rss])
    if (call === SETTLED) settled = rss
  }
  const spent = now() - start
  await vm.isReady()
  const end = process.memoryUsage.rss()
  const { recycles, recycleMicros } = vm.stats()
  vm.dispose()
  return { points, settled, end, spent, recycles, recycleMicros }
}

async function soakVm () {
  const child = spawn(process.execPath, [path.join(__dirname, 'lib', 'soak-vm.js'), VM_CALLS, MEGABYTES, VM_LIMIT].map(String), { stdio: ['ignore', 'pipe', 'ignore'] })
  const points = []
  const start = now()
  for await (const line of createInterface({ input: child.stdout })) points.push(line.split(' ').map(Number))
  return { points, spent: now() - start }
}

async function main () {
  console.log(machine())
  const emvm = await soakEmvm()
  const vm = await soakVm()
  const growth = emvm.end - emvm.settled
  const [lastCall, lastRss] = vm.points[vm.points.length - 1]
  printTable(['1 MB leaked per call', 'calls', 'leaked in all', `RSS after ${SETTLED}`, 'RSS at the end', 'time of a call'], [
    ['emvm', emvm.recycles.toLocaleString('en'), bytes(CALLS * MEGABYTES * 2 ** 20), bytes(emvm.settled), bytes(emvm.end), duration(emvm.spent / CALLS)],
    ['vm technique', lastCall.toLocaleString('en'), bytes(lastCall * MEGABYTES * 2 ** 20), bytes((vm.points[SETTLED - 1] || vm.points.at(-1))[1]), bytes(lastRss), duration(vm.spent / lastCall)]
  ])
  console.log(`emvm grew by ${bytes(Math.max(0, growth))} after the first ${SETTLED} calls (allowed: ${bytes(ALLOWED_GROWTH)}).\n`)
  const gigabytes = (value) => `${(value / 2 ** 30).toFixed(1)} GB`
  save('soak', {
    emvm: { calls: CALLS, settledBytes: emvm.settled, endBytes: emvm.end, growthBytes: growth, recycleMicros: emvm.recycleMicros },
    vm: { calls: lastCall, endBytes: lastRss }
  }, {
    soak: lineChart({
      title: `opencv.js 4.12, ${MEGABYTES} MB leaked in each call`,
      subtitle: `resident memory of the process over calls (logarithmic); the vm technique ran until 2 GB or ${VM_CALLS.toLocaleString('en')} calls`,
      xLabel: 'calls',
      logX: true,
      formatX: (value) => value.toLocaleString('en'),
      formatY: gigabytes,
      unitY: 2 ** 30,
      series: [
        { name: 'script run again in a new vm context', colour: 'vm', points: vm.points, end: `${bytes(lastRss)} after ${lastCall.toLocaleString('en')}` },
        { name: 'emvm, await vm.isReady()', colour: 'emvm', points: emvm.points, end: `${bytes(emvm.end)} after ${CALLS.toLocaleString('en')}` }
      ]
    })
  })
  if (growth > ALLOWED_GROWTH) process.exitCode = 1
}

main()
