'use strict'

// The two ways to run opencv.js, behind the same three functions: `process`, `rss`, `close`.

const path = require('node:path')
const { fork } = require('node:child_process')
const { Pool } = require('../..')

const OPENCV = require.resolve('opencv-4.12')
const OPERATIONS = path.join(__dirname, 'operations.js')

// Sandboxes on worker threads of this process: every picture meets a fresh opencv.js.
function emvmEngine (options) {
  const pool = new Pool(OPENCV, { timeout: 10_000, maxQueue: 64, ...options })
  return {
    pool,
    ready: () => pool.ready(),
    process: (operation, picture) => pool.run(OPERATIONS, picture, { name: operation }),
    rss: () => process.memoryUsage.rss(),
    close: () => pool.destroy()
  }
}

// opencv.js as it is, in a process of its own so that its memory can be told apart. Nothing takes back what a picture leaves behind:
// past `limit` the process is ended and another takes its place, as a supervisor would do.
function plainEngine ({ limit = 1.5 * 2 ** 30 } = {}) {
  let current = null
  const engine = {
    restarts: 0,
    process: work,
    rss: () => current?.memory ?? 0,
    close () {
      current?.end()
      current = null
    }
  }

  async function work (operation, picture) {
    const child = current ??= startPlain()
    try {
      return await child.process(operation, picture)
    } finally {
      if (current === child && (child.gone || child.memory > limit)) {
        current = null
        engine.restarts++
        child.endWhenIdle()
      }
    }
  }

  return engine
}

function startPlain () {
  const child = fork(path.join(__dirname, 'plain.js'), { serialization: 'advanced', execArgv: [] })
  const waiting = new Map()
  let serial = 0
  let ending = false
  const it = {
    memory: 0,
    gone: false,
    process (operation, picture) {
      return new Promise((resolve, reject) => {
        waiting.set(++serial, { resolve, reject })
        child.send({ id: serial, operation, picture })
      })
    },
    end: () => child.kill(),
    endWhenIdle () {
      ending = true
      if (waiting.size === 0) child.kill()
    }
  }
  child.on('message', ({ id, rss, error, result }) => {
    it.memory = rss
    const { resolve, reject } = waiting.get(id)
    waiting.delete(id)
    if (error) reject(Object.assign(new Error(error), { status: 422 }))
    else resolve(result)
    if (ending && waiting.size === 0) child.kill()
  })
  child.on('exit', () => {
    it.gone = true
    for (const { reject } of waiting.values()) reject(Object.assign(new Error('The plain module took its process down.'), { status: 502 }))
    waiting.clear()
  })
  return it
}

module.exports = { emvmEngine, plainEngine }
