'use strict'

// What a fresh instance of opencv.js 4.12 costs: emvm against the two ways V8 has, in one process, the rounds interleaved.
//
//   node bench/recycle.js [--quick]

const path = require('node:path')
const { once } = require('node:events')
const { Worker } = require('node:worker_threads')
const { open } = require('..')
const { leak } = require('./lib/leak')
const { now, quantile, median, duration, ratio, bytes, machine, printTable, save } = require('./lib/measure')
const { FILE, vmTechnique, bestOfV8 } = require('./lib/peers')
const { barChart } = require('./lib/svg')

const QUICK = process.argv.includes('--quick')
const ROUNDS = QUICK ? 4 : 12
const LEAKS = [[0, 1000], [1, 200], [10, 40], [100, 8]]
const THROUGHPUT_MS = QUICK ? 500 : 2000

async function recyclesAfterLeaks (vm, samples) {
  for (const [megabytes, perRound] of LEAKS) {
    const into = samples.get(megabytes)
    for (let i = 0; i < perRound; i++) {
      leak(vm.exports, megabytes)
      const start = now()
      await vm.isReady()
      into.push(now() - start)
    }
  }
}

// The first call after a recycle meets pages that are not there yet; the second does not.
async function firstTouch (vm, touches) {
  for (let i = 0; i < 200; i++) {
    const cv = await vm.isReady()
    const start = now()
    void new cv.Mat(8, 8, cv.CV_8UC1)
    const between = now()
    void new cv.Mat(8, 8, cv.CV_8UC1)
    const end = now()
    touches.first.push(between - start)
    touches.second.push(end - between)
  }
}

// A view of the whole memory makes V8 collect garbage now and then: means, of many.
async function withView (vm, view, into) {
  const start = now()
  for (let i = 0; i < 100; i++) void view(await vm.isReady()).length
  into.push((now() - start) / 100)
}

const VIEWS = { 'mat.data': (cv) => new cv.Mat(8, 8, cv.CV_8UC1).data, HEAPU8: (cv) => cv.HEAPU8 }

async function timeOfFresh (fresh, into) {
  const start = now()
  const [cv] = await fresh()
  into.push(now() - start)
  leak(cv, 1)
}

// What a request does on its fresh instance: pictures of 1920x1080, none of them deleted.
function pictureJob (cv) {
  const [picture, grey, edges] = [new cv.Mat(1080, 1920, cv.CV_8UC4, new cv.Scalar(1, 2, 3, 4)), new cv.Mat(), new cv.Mat()]
  cv.cvtColor(picture, grey, cv.COLOR_RGBA2GRAY)
  cv.Canny(grey, edges, 50, 100)
}

async function timeOfJob (fresh, into) {
  const cv = await fresh()
  const start = now()
  pictureJob(cv)
  into.push(now() - start)
}

async function throughput (threads) {
  const workers = Array.from({ length: threads }, () => new Worker(path.join(__dirname, 'lib', 'recycle-worker.js'), { workerData: { file: FILE, ms: THROUGHPUT_MS } }))
  const exits = workers.map((worker) => once(worker, 'exit'))
  await Promise.all(workers.map((worker) => once(worker, 'message')))
  const results = workers.map((worker) => once(worker, 'message'))
  for (const worker of workers) worker.postMessage('go')
  const counts = await Promise.all(results)
  await Promise.all(exits)
  return counts.reduce((sum, [{ recycles, seconds }]) => sum + recycles / seconds, 0)
}

async function main () {
  console.log(machine())
  const vm = await open(FILE, { host: 'native' })
  const byScript = vmTechnique()
  const byModule = await bestOfV8()
  const samples = new Map(LEAKS.map(([megabytes]) => [megabytes, []]))
  const touches = { first: [], second: [] }
  const script = []
  const module = []
  const jobs = { emvm: [], v8: [] }
  const views = { 'mat.data': [], HEAPU8: [] }
  await byScript()
  await byModule()
  for (let i = 0; i < 2000; i++) await vm.isReady()
  for (let round = 0; round < ROUNDS; round++) {
    await recyclesAfterLeaks(vm, samples)
    await firstTouch(vm, touches)
    for (const [name, view] of Object.entries(VIEWS)) await withView(vm, view, views[name])
    await timeOfFresh(byScript, script)
    await timeOfFresh(byModule, module)
    for (let i = 0; i < 3; i++) {
      await timeOfJob(vm.isReady, jobs.emvm)
      await timeOfJob(async () => (await byModule())[0], jobs.v8)
    }
  }

  const emvm = median(samples.get(0))
  const rows = [
    ...LEAKS.map(([megabytes]) => ({ name: `emvm, ${megabytes} MB leaked`, colour: 'emvm', values: samples.get(megabytes) })),
    { name: 'V8, module compiled once, glue run again', colour: 'v8', values: module },
    { name: 'V8, script run again in a new context', colour: 'vm', values: script }
  ].map((row) => ({ ...row, p50: median(row.values), p99: quantile(row.values, 0.99), n: row.values.length }))
  printTable(['a fresh instance of opencv.js 4.12', 'p50', 'p99', 'times emvm', 'n'],
    rows.map(({ name, p50, p99, n }) => [name, duration(p50), duration(p99), ratio(p50 / emvm), n]))

  const touch = { first: median(touches.first), second: median(touches.second) }
  printTable(['new cv.Mat after a recycle', 'p50'], [['first', duration(touch.first)], ['second', duration(touch.second)]])

  const job = { emvm: median(jobs.emvm), v8: median(jobs.v8) }
  const view = Object.fromEntries(Object.entries(views).map(([name, values]) => [name, median(values)]))
  printTable(['a fresh instance and a view of its memory', 'mean'], Object.entries(view).map(([name, value]) => [name, duration(value)]))

  printTable(['a job on a fresh instance, its making not counted', 'p50'], [['emvm', duration(job.emvm)], ['V8, module compiled once', duration(job.v8)]])

  const perSecond = { one: await throughput(1), two: await throughput(2) }
  printTable(['recycles per second', ''], [['one thread', Math.round(perSecond.one).toLocaleString('en')], ['two threads together', Math.round(perSecond.two).toLocaleString('en')]])

  const { residentBytes } = vm.stats()
  console.log(`Resident after the last recycle: ${bytes(residentBytes)}\n`)
  vm.dispose()

  save('recycle', {
    rows: rows.map(({ name, p50, p99, n }) => ({ name, p50ns: p50, p99ns: p99, timesEmvm: p50 / emvm, n })), firstTouchNs: touch, withViewNs: view, jobOnFreshNs: job, recyclesPerSecond: perSecond
  }, {
    recycle: barChart({
      title: 'A fresh instance of opencv.js 4.12',
      subtitle: 'median time of one, logarithmic; in one process, rounds interleaved',
      log: true,
      format: duration,
      rows: rows.map(({ name, colour, p50 }) => ({ label: name, value: p50, note: colour === 'emvm' ? duration(p50) : `${duration(p50)}  (${ratio(p50 / emvm)})`, colour, group: colour === 'emvm' }))
    })
  })
}

main()
