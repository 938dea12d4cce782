'use strict'

// What producers and workers have to agree on. Every figure can be set from the environment, as it is in a container.

const path = require('node:path')

const number = (name, otherwise) => Number(process.env[name] || otherwise)

module.exports = {
  queue: process.env.QUEUE || 'pictures',
  redis: process.env.REDIS_URL || 'redis://127.0.0.1:6379',
  storage: process.env.STORAGE || path.join(__dirname, '..', 'out', 'queue'),
  threads: number('THREADS', 2),
  // How long a job may run. What BullMQ does not have, emvm does: it stops the wasm and keeps the thread.
  timeoutMs: number('JOB_TIMEOUT_MS', 30_000),
  // A worker that has not been heard of for so long has lost its jobs to others.
  lockMs: number('LOCK_MS', 30_000),
  stalledMs: number('STALLED_MS', 15_000)
}
