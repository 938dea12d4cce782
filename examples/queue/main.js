'use strict'

// The queue in one command: a Redis (REDIS_URL, or one of its own where redis-server is installed), three worker processes, forty
// pictures and a job that never ends. One worker is killed in mid-job, and nothing is lost.
//
//   node examples/queue/main.js [pictures] [workers]

const fs = require('node:fs')
const path = require('node:path')
const { once } = require('node:events')
const { spawn } = require('node:child_process')
const { setTimeout: sleep } = require('node:timers/promises')
const { Queue, QueueEvents } = require('bullmq')
const { isInstalled, startRedis } = require('./redis')
const { table } = require('../lib/report')

const OPERATIONS = ['outline', 'sketch', 'blur']

async function startWorker (name, env) {
  const child = spawn(process.execPath, [path.join(__dirname, 'worker.js')], { env: { ...process.env, ...env, WORKER_NAME: name }, stdio: ['ignore', 'pipe', 'inherit'] })
  child.stdout.setEncoding('utf8')
  const [said] = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(([code]) => { throw new Error(`${name} ended with ${code}`) })])
  return { name, child, said }
}

// Kills a worker that surely has a job: it is stopped first, so that the job cannot end between the look and the kill.
async function killInMidJob (queue, workers) {
  for (;;) {
    const [active] = (await queue.getActive()).filter((job) => job?.processedBy)
    const worker = active && workers.find(({ name }) => name === active.processedBy)
    if (worker) {
      worker.child.kill('SIGSTOP')
      const inHand = (await queue.getActive()).filter((job) => job?.processedBy === worker.name)
      if (inHand.length > 0) {
        worker.child.kill('SIGKILL')
        await once(worker.child, 'exit')
        return { worker, jobs: inHand.map(({ id }) => id) }
      }
      worker.child.kill('SIGCONT')
    }
    await sleep(5)
  }
}

async function run ({ pictures = 40, workers: count = 3, redis, env = {}, log = () => {} } = {}) {
  const storage = env.STORAGE || path.join(__dirname, '..', 'out', 'queue')
  const settings = { REDIS_URL: redis, STORAGE: storage, QUEUE: `pictures-${process.pid}`, THREADS: '1', LOCK_MS: '2000', STALLED_MS: '1000', ...env }
  fs.mkdirSync(storage, { recursive: true })
  fs.copyFileSync(path.join(__dirname, '..', 'picture.jpg'), path.join(storage, 'picture.jpg'))

  const connection = { url: redis }
  const queue = new Queue(settings.QUEUE, { connection, defaultJobOptions: { attempts: 3, backoff: { type: 'exponential', delay: 200 } } })
  const events = new QueueEvents(settings.QUEUE, { connection })
  const ended = new Set()
  for (const end of ['completed', 'failed']) events.on(end, ({ jobId }) => ended.add(jobId))
  const workers = []
  try {
    await events.waitUntilReady()
    for (let i = 1; i <= count; i++) {
      const worker = await startWorker(`worker ${i}`, settings)
      workers.push(worker)
      log(worker.said.trim())
    }
    const jobs = await queue.addBulk([
      ...Array.from({ length: pictures }, (_, i) => ({ name: OPERATIONS[i % OPERATIONS.length], data: { picture: 'picture.jpg' } })),
      { name: 'endless', data: { picture: 'picture.jpg', timeout: 500 } }
    ])
    const killed = await killInMidJob(queue, workers)
    log(`${killed.worker.name}: killed in the middle of job ${killed.jobs.join(', ')}`)
    while (jobs.some(({ id }) => !ended.has(id))) await sleep(20)
    const done = await Promise.all(jobs.map(({ id }) => queue.getJob(id)))
    return {
      killed,
      storage,
      jobs: await Promise.all(done.map(async (job) => ({
        id: job.id, operation: job.name, state: await job.getState(), by: job.processedBy, result: job.returnvalue, failed: job.failedReason, stalled: job.stalledCounter
      })))
    }
  } finally {
    for (const { child } of workers) child.kill()
    await Promise.all(workers.map(({ child }) => child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null))
    await queue.obliterate({ force: true }).catch(() => {})
    await Promise.all([queue.close(), events.close()])
  }
}

function show ({ killed, jobs, storage }) {
  const of = (state) => jobs.filter((job) => job.state === state)
  const names = [...new Set(jobs.map(({ by }) => by))].sort()
  const again = jobs.filter(({ id }) => killed.jobs.includes(id))
  console.log(table([
    ...names.map((name) => [name + (name === killed.worker.name ? ', until it was killed' : ''), `${of('completed').filter(({ by }) => by === name).length} pictures`]),
    ['done / lost', `${of('completed').length} / ${jobs.length - of('completed').length - of('failed').length}`],
    ['of the killed worker, done by another', again.map(({ id, by }) => `job ${id}: ${by}`).join(', ')],
    ...of('failed').map(({ operation, failed }) => [`'${operation}', which never ends`, failed.split(':')[0]])
  ]))
  console.log(`The results are in ${path.relative(process.cwd(), path.join(storage, 'results'))}.`)
}

async function main () {
  const [pictures, workers] = process.argv.slice(2).map(Number)
  if (!process.env.REDIS_URL && !isInstalled()) throw new Error('No Redis: install redis-server, or name one in REDIS_URL.')
  const own = process.env.REDIS_URL ? null : await startRedis()
  try {
    show(await run({ ...(pictures && { pictures }), ...(workers && { workers }), redis: process.env.REDIS_URL || own.url, log: console.log }))
  } finally {
    own?.stop()
  }
}

if (require.main === module) {
  main().catch((error) => {
    console.error(error.message)
    process.exitCode = 1
  })
}

module.exports = { run }
