'use strict'

// A worker of the queue: takes jobs from Redis and does them on threads, each on a fresh opencv.js. Start as many as you like, on as
// many machines.
//
//   REDIS_URL=redis://... STORAGE=... node examples/queue/worker.js

const os = require('node:os')
const path = require('node:path')
const { Worker, UnrecoverableError } = require('bullmq')
const { Pool } = require('../..')
const settings = require('./settings')
const { Storage } = require('./storage')
const tasks = require('./tasks')

// The same picture would end the same way again.
const FINAL = new Set(['EMVM_ERR_TIMEOUT', 'EMVM_ERR_TRAP', 'EMVM_ERR_ABORT', 'EMVM_ERR_MEMORY', 'EMVM_ERR_CPP_EXCEPTION'])

async function main () {
  const { threads, timeoutMs, lockMs, stalledMs } = settings
  const name = process.env.WORKER_NAME || `${os.hostname()}:${process.pid}`
  const storage = new Storage(settings.storage)
  const pool = new Pool(require.resolve('opencv-4.12'), { threads, timeout: timeoutMs, open: { memory: { max: '512mb' } } })
  await pool.ready()

  async function work (job) {
    const { name: operation, data: { picture, timeout } } = job
    if (!Object.hasOwn(tasks, operation)) throw new UnrecoverableError(`There is no operation '${operation}'.`)
    const bytes = await storage.read(picture)
    try {
      const { picture: made, found } = await pool.run(path.join(__dirname, 'tasks.js'), bytes, { name: operation, timeout })
      return { result: await storage.write(path.join('results', `${job.id}.jpg`), made), found }
    } catch (error) {
      throw FINAL.has(error.code) ? new UnrecoverableError(`${error.code}: ${error.message}`) : error
    }
  }

  // The work is done on other threads: this one is free to renew its locks, however long a job takes.
  const worker = new Worker(settings.queue, work, {
    name,
    connection: { url: settings.redis, maxRetriesPerRequest: null },
    concurrency: threads,
    lockDuration: lockMs,
    stalledInterval: stalledMs,
    maxStalledCount: 3
  })
  worker.on('error', (error) => console.error(`${name}: ${error.message}`))

  // Told to end, it finishes the jobs it has and takes no more.
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, async () => {
      await worker.close()
      await pool.close()
      process.exit()
    })
  }
  await worker.waitUntilReady()
  console.log(`${name}: ready, ${threads} threads`)
}

main().catch((error) => {
  console.error(error)
  process.exit(1)
})
