'use strict'

// What checkpoints cost: taking one after so much has changed, returning to it, opening another sandbox from it, saving it, opening
// from the file. Against a JavaScript copy of the memory (`HEAPU8.slice` and `set`) and against starting and warming up anew.
//
//   node bench/checkpoint.js [--quick]

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { open } = require('..')
const { now, quantile, median, duration, machine, printTable } = require('./lib/measure')

const QUICK = process.argv.includes('--quick')
const SOURCE = require.resolve('opencv-4.12')
const MEGABYTE = 1 << 20

// So many megabytes, written in pages, as a model that is loaded.
function load (cv, megabytes) {
  if (megabytes === 0) return
  const at = cv._malloc(megabytes * MEGABYTE)
  const words = new Uint32Array(cv.HEAPU8.buffer, at, megabytes * MEGABYTE / 4)
  for (let i = 0; i < words.length; i += 16) words[i] = i * 2654435761
}

// A little work: what a generation writes.
function work (cv) {
  const mat = new cv.Mat(8, 8, cv.CV_8UC1)
  mat.delete()
}

async function timed (into, fn) {
  const started = now()
  const value = await fn()
  into.push(now() - started)
  return value
}

function timedNow (into, fn) {
  const started = now()
  const value = fn()
  into.push(now() - started)
  return value
}

async function measure (megabytes, file) {
  const times = Object.fromEntries(['start', 'take', 'again', 'first', 'back', 'between', 'slice', 'set', 'fork', 'save', 'file', 'plain'].map((name) => [name, []]))
  let vm
  const rounds = QUICK ? 2 : 5
  for (let round = 0; round < rounds; round++) {
    vm?.dispose()
    vm = await timed(times.start, async () => {
      const opened = await open(SOURCE, { memory: { max: '1gb' } })
      load(opened.exports, megabytes)
      return opened
    })
    const cv = vm.exports
    const copy = timedNow(times.slice, () => cv.HEAPU8.slice())
    timedNow(times.set, () => cv.HEAPU8.set(copy))
    const other = await open(SOURCE, { memory: { max: '1gb' } })
    load(other.exports, megabytes)
    const point = timedNow(times.take, () => other.checkpoint())
    work(other.exports)
    const next = timedNow(times.again, () => other.checkpoint())
    timedNow(times.first, () => other.recycle({ from: point }))
    for (let i = 0; i < (QUICK ? 50 : 500); i++) {
      work(other.exports)
      timedNow(times.back, () => other.recycle({ from: point }))
    }
    for (let i = 0; i < (QUICK ? 20 : 200); i++) {
      work(other.exports)
      timedNow(times.between, () => other.recycle({ from: i % 2 === 0 ? next : point }))
    }
    const options = { memory: { max: '1gb' } }
    const fork = await timed(times.fork, () => open(SOURCE, { ...options, from: point }))
    fork.dispose()
    await timed(times.save, () => point.save(file))
    const plain = await timed(times.plain, () => open(SOURCE, options))
    plain.dispose()
    const loaded = await timed(times.file, () => open(SOURCE, { ...options, image: file }))
    loaded.dispose()
    other.dispose()
  }
  vm.dispose()
  return times
}

async function main () {
  console.log(machine())
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-bench-'))
  const rows = []
  for (const megabytes of QUICK ? [0, 10] : [0, 1, 10, 100]) {
    const times = await measure(megabytes, path.join(folder, 'image'))
    const shown = (name) => duration(median(times[name]))
    rows.push([
      `${megabytes} MB`, shown('take'), shown('again'), shown('first'), `${duration(quantile(times.back, 0.5))} / ${duration(quantile(times.back, 0.99))}`, shown('between'),
      shown('slice'), shown('set'), shown('fork'), shown('save'), shown('file'), shown('plain'), shown('start')
    ])
  }
  fs.rmSync(folder, { recursive: true })
  printTable(['changed', 'checkpoint()', 'the next one', 'first return', 'return p50 / p99', 'between two', 'HEAPU8.slice', 'HEAPU8.set', 'open from', 'save', 'open image', 'open', 'open and load'], rows)
}

main()
