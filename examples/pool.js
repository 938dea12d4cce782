'use strict'

// The same work as main.js on worker threads: the event loop stays free, and every picture gets a fresh opencv.js.

const fs = require('node:fs')
const path = require('node:path')
const { once } = require('node:events')
const { performance } = require('node:perf_hooks')
const { Pool } = require('..')

const REQUESTS = Number(process.env.REQUESTS || 60)

async function main () {
  const picture = fs.readFileSync(path.join(__dirname, 'picture.jpg'))
  const pool = new Pool(require.resolve('opencv-4.12'), { timeout: 30_000 })
  await pool.ready()

  const start = performance.now()
  const results = []
  for (let request = 0; request < REQUESTS; request++) {
    if (pool.needsDrain) await once(pool, 'drain')
    results.push(pool.run(path.join(__dirname, 'lib', 'outline-task.js'), picture))
  }
  const pictures = await Promise.all(results)
  const seconds = (performance.now() - start) / 1000

  const { threads, waitMs, runMs, recycleMicros } = pool.stats()
  console.log(`${REQUESTS} pictures on ${threads} threads: ${(REQUESTS / seconds).toFixed(1)} a second, ${pictures[0].found} things outlined on each`)
  console.log(`waited ${waitMs.p50.toFixed(1)} ms, ran ${runMs.p50.toFixed(1)} ms, recycled in ${recycleMicros.p50.toFixed(0)} us (p50)`)
  await pool.close()
}

main().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
