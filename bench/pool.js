'use strict'

// Throughput of a pool: the same tasks on one thread and on two, the rounds interleaved.
//
//   node bench/pool.js [--quick]

const { Pool } = require('..')
const { now, median, ratio, printTable, save } = require('./lib/measure')
const { FILE } = require('./lib/peers')

const QUICK = process.argv.includes('--quick')
const ROUNDS = QUICK ? 3 : 8
const TASKS = QUICK ? 30 : 100

// About ten milliseconds of work, and a leak.
function task (cv, size) {
  const source = new cv.Mat(size, size, cv.CV_8UC1, new cv.Scalar(127))
  const result = new cv.Mat()
  for (let i = 0; i < 4; i++) cv.GaussianBlur(source, result, new cv.Size(9, 9), 2.5)
  return result.ucharAt(size >> 1, size >> 1)
}

async function round (pool) {
  const start = now()
  await Promise.all(Array.from({ length: TASKS }, () => pool.run(task, 512)))
  return TASKS / ((now() - start) / 1e9)
}

async function main () {
  const pools = new Map([1, 2].map((threads) => [threads, new Pool(FILE, { threads })]))
  const perSecond = new Map([1, 2].map((threads) => [threads, []]))
  for (const pool of pools.values()) await round(pool)
  for (let i = 0; i < ROUNDS; i++) for (const [threads, pool] of pools) perSecond.get(threads).push(await round(pool))
  const gain = median(perSecond.get(2).map((two, i) => two / perSecond.get(1)[i]))
  const rows = [...pools].map(([threads, pool]) => {
    const { waitMs, runMs, recycleMicros, openMs } = pool.stats()
    return { threads, perSecond: median(perSecond.get(threads)), waitMs, runMs, recycleMicros, openMs }
  })
  printTable(['threads', 'tasks a second', 'run p50', 'recycle p50', 'opening a thread, mean'], rows.map((row) => [
    row.threads, row.perSecond.toFixed(1), `${row.runMs.p50.toFixed(1)} ms`, `${row.recycleMicros.p50.toFixed(0)} us`, `${row.openMs.mean.toFixed(0)} ms`
  ]))
  console.log(`\nTwo threads do ${ratio(gain)} of what one does (median of ${ROUNDS} rounds).`)
  save('pool', { gain, rows })
  await Promise.all([...pools.values()].map((pool) => pool.destroy()))
}

main().catch((error) => { console.error(error); process.exitCode = 1 })
