'use strict'

// Modules with threads in a Pool: each of its threads holds a sandbox, whose module starts threads of its own.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { Pool } = require('../..')
const native = require('../../lib/webassembly/native')
const { until } = require('../support/until')

const FIXTURE = path.join(__dirname, '..', 'fixtures', 'pthreads.js')
const LINUX = process.platform === 'linux'
const [SPINS, TRAPS, WAITS_FOR_EVER] = [1, 3, 8]

const threads = () => LINUX ? fs.readdirSync('/proc/self/task').length : 0

// Waits until no thread of a module is left, and asserts that the process has no more threads than before.
async function assertGone (before) {
  await until(() => native.sharedMemories() === 0 && native.threadsGroups() === 0)
  await until(() => threads() <= before)
}

test('each task has a fresh module with its threads, and close() leaves none', async () => {
  // The first pool starts what the process keeps.
  for (let round = 0, before; round < 2; round++) {
    before = threads()
    const pool = new Pool(FIXTURE, { threads: 2 })
    try {
      const tasks = Array.from({ length: 3 }, () => pool.run((module) => [module._count(), module._sum(2, 1000), module._count()]))
      const [first, ...others] = await Promise.all(tasks)
      assert.strictEqual(first[0], 0)
      for (const other of others) assert.deepStrictEqual(other, first)
      // What a task leaves behind runs on until the recycle that follows.
      for (const way of [SPINS, WAITS_FOR_EVER]) assert.strictEqual(await pool.run((module, way) => module._detach(way), way), 0)
      assert.deepStrictEqual(await pool.run((module) => [module._count(), module._sum(2, 1000), module._count()]), first)
    } finally {
      await pool.close()
    }
    await until(() => native.sharedMemories() === 0 && native.threadsGroups() === 0)
    if (round > 0) await assertGone(before)
  }
})

test('a thread of the module that traps fails the task alone', async () => {
  const pool = new Pool(FIXTURE, { threads: 1 })
  try {
    await assert.rejects(pool.run((module, way) => { module._detach(way); module._wait_for(1000) }, TRAPS), { code: 'EMVM_ERR_TRAP' })
    assert.strictEqual(await pool.run((module) => module._sum(2, 10)), 100)
  } finally {
    await pool.close()
  }
  await until(() => native.sharedMemories() === 0 && native.threadsGroups() === 0)
})

test('timeout and destroy() end the threads of a task', async () => {
  const pool = new Pool(FIXTURE, { threads: 1 })
  try {
    await assert.rejects(pool.run((module) => module._stuck(), undefined, { timeout: 500 }), { code: 'EMVM_ERR_TIMEOUT' })
    assert.strictEqual(await pool.run((module) => module._sum(2, 10)), 100)
    const stuck = pool.run((module, way) => { module._detach(way); module._stuck() }, SPINS)
    stuck.catch(() => {})
    await sleep(100)
  } finally {
    await pool.destroy()
  }
  await until(() => native.sharedMemories() === 0 && native.threadsGroups() === 0)
})
