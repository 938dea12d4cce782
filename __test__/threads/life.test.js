'use strict'

// How threads end: with a recycle, with dispose, with their sandbox's worker, with the process; and what a fault in one does.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { Worker } = require('node:worker_threads')
const diagnostics = require('node:diagnostics_channel')
const { setTimeout: sleep } = require('node:timers/promises')
const emvm = require('../..')
const native = require('../../lib/webassembly/native')
const { runScript } = require('../support/child')
const { until } = require('../support/until')

const FIXTURE = path.join(__dirname, '..', 'fixtures', 'pthreads.js')
const quiet = { print () {}, printErr () {}, timeout: 60_000 }
const open = (options) => emvm.open(FIXTURE, { ...quiet, ...options })

// What a detached thread of the fixture does, by the number that it is started with.
const STATES = { spins: 1, 'waits for a condition': 2, sleeps: 5, 'takes all memory': 6, 'waits for ever': 8 }

// Milliseconds until nothing of the process's threads has a shared memory.
async function untilGone () {
  const started = performance.now()
  await until(() => native.sharedMemories() === 0)
  return performance.now() - started
}

for (const [state, way] of Object.entries(STATES)) {
  test(`a thread that ${state} ends with its generation, and gives its memory back`, async () => {
    const vm = await open()
    const { _detach, _count, HEAPU8 } = vm.exports
    assert.strictEqual(_detach(way), 0)
    await until(() => _count() > 0)
    await sleep(20)
    await vm.isReady()
    assert.throws(() => _count(), { code: 'EMVM_ERR_STALE' })
    assert.strictEqual(vm.exports._count(), 0)
    assert.strictEqual(vm.exports._sum(2, 10), 100)
    vm.exports._detach(way)
    await until(() => vm.exports._count() > 0)
    vm.dispose()
    const took = await untilGone()
    // Far more than it takes: the machine may be busy.
    assert.ok(took < 2000, `${took} ms`)
    assert.ok(HEAPU8.every((byte) => byte === 0))
    await until(() => native.threadsGroups() === 0)
  })
}

// A thread of the pool may trap before `_detach` has returned, and then this call ends with the fault as well: either is right.
function startsTrapping (module, way) {
  try {
    assert.strictEqual(module._detach(way), 0)
  } catch (error) {
    if (!(error instanceof emvm.TrapError)) throw error
  }
}

for (const [what, way, trap] of [['unreachable', 3, 'unreachable'], ['a wild address', 4, 'out-of-bounds']]) {
  test(`${what} in a thread is the generation's fault, and the process lives`, async () => {
    const faults = []
    const hear = (message) => faults.push(message.code)
    diagnostics.subscribe('emvm:trap', hear)
    const vm = await open({ recycle: { onTrap: true } })
    const fault = { name: 'TrapError', code: 'EMVM_ERR_TRAP', trap, message: /^a thread of the module failed: / }
    try {
      for (let round = 0; round < 2; round++) {
        startsTrapping(vm.exports, way)
        // The opening thread waits for what never comes.
        assert.throws(() => vm.exports._wait_for(1000), (error) => {
          assert.ok(error instanceof emvm.TrapError, error)
          assert.ok(Array.isArray(error.wasmStack) && error.wasmStack.length > 0)
          return true
        })
        assert.throws(() => vm.exports._count(), fault)
        assert.ok(vm.stats().traps > 0)
        // The policy recycles because of it.
        const { generation } = vm
        await vm.isReady()
        assert.strictEqual(vm.generation, generation + 1)
        assert.strictEqual(vm.exports._sum(2, 10), 100)
        // Nobody waits: it is told all the same.
        startsTrapping(vm.exports, way)
        await until(() => { try { vm.exports._count() } catch (error) { return assert.throws(() => { throw error }, fault) === undefined } })
        await vm.isReady()
      }
      assert.ok(faults.length >= 4, `${faults}`)
    } finally {
      vm.dispose()
      diagnostics.unsubscribe('emvm:trap', hear)
    }
    await untilGone()
  })
}

test('the limit of time holds while the opening thread waits, and for what it waits for', async () => {
  // The start, which is limited as well, makes a pool of workers.
  const vm = await open({ timeout: 1000 })
  try {
    for (const call of [(module) => module._stuck(), (module) => { module._detach(1); module._wait_for(5) }]) {
      const started = performance.now()
      assert.throws(() => call(vm.exports), { code: 'EMVM_ERR_TIMEOUT' })
      assert.ok(performance.now() - started < 5000)
      await vm.isReady()
      assert.strictEqual(vm.exports._sum(1, 3), 3)
    }
  } finally {
    vm.dispose()
  }
})

test('memory.max holds for all threads', async () => {
  const vm = await open({ memory: { max: '64mb' } })
  // Three threads want 96 MB.
  assert.ok(vm.exports._grow(3, 32, 1 << 20) < 96)
  assert.ok(vm.stats().heapBytes <= 64 * 2 ** 20)
  await vm.isReady()
  assert.strictEqual(vm.exports._grow(2, 4, 1 << 20), 8)
  vm.dispose()
})

test('the option `threads` bounds their number, and the error names it', async () => {
  const refused = { code: 'EMVM_ERR_OPTION', option: 'threads', message: /Option 'threads' is \d/ }
  await assert.rejects(open({ threads: 3 }), refused)
  await assert.rejects(open({ threads: 0 }), { code: 'EMVM_ERR_OPTION' })
  const vm = await open({ threads: 5 })
  assert.strictEqual(vm.exports._many(4), 4)
  vm.dispose()
  await untilGone()
})

test('a worker that holds a sandbox with threads is ended, and they with it', async () => {
  for (const way of [1, 8]) {
    const worker = new Worker(`
      const { open } = require(${JSON.stringify(require.resolve('../..'))})
      open(${JSON.stringify(FIXTURE)}, { print () {}, printErr () {} }).then((vm) => {
        vm.exports._detach(${way})
        require('node:worker_threads').parentPort.postMessage('started')
        vm.exports._stuck()
      })`, { eval: true })
    await new Promise((resolve) => worker.once('message', resolve))
    await sleep(20)
    await worker.terminate()
    await untilGone()
  }
})

test('the process ends although threads spin, wait and trap', async () => {
  for (const end of ['process.exit(3)', 'vm.dispose(); process.exitCode = 3']) {
    const started = performance.now()
    const { code, signal, stderr } = await runScript(`
      emvm.open(${JSON.stringify(FIXTURE)}, { print () {}, printErr () {} }).then(async (vm) => {
        vm.exports._detach(1)
        vm.exports._detach(8)
        await new Promise((resolve) => setTimeout(resolve, 20))
        ${end}
      })`)
    assert.deepStrictEqual([code, signal, stderr], [3, null, ''])
    assert.ok(performance.now() - started < 20_000)
  }
})

test('recycles in every state leave nothing behind', { skip: process.platform !== 'linux' }, () => {
  // EMVM_TEST_RECYCLES=50: a thousand recycles.
  const args = ['--expose-gc', path.join('bench', 'threads-soak.js'), '--json', '--recycles', process.env.EMVM_TEST_RECYCLES || '1']
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: path.join(__dirname, '..', '..'), encoding: 'utf8', timeout: 3600_000, maxBuffer: 1 << 28 })
  assert.strictEqual(status, 0, stderr)
  const { first, rows, last } = JSON.parse(stdout)
  for (const { name, memories, groups, threads, descriptors } of rows) {
    assert.deepStrictEqual([memories, groups], [0, 0], name)
    assert.ok(threads <= first.threads + 1 && descriptors <= first.descriptors + 2, `${name}: ${threads} threads, ${descriptors} descriptors`)
  }
  assert.ok(last.rssMb < first.rssMb + 40, stdout)
  // Each shared memory has 8 GB.
  assert.ok(last.addressSpaceGb < first.addressSpaceGb + 9, stdout)
})

test('nothing of a past generation is heard', async () => {
  const lines = []
  const vm = await open({ print: (line) => lines.push(line), printErr: (line) => lines.push(line) })
  const errors = []
  const hear = (error) => errors.push(error)
  process.on('uncaughtException', hear)
  for (let round = 0; round < 3; round++) {
    for (const way of [3, 4, 0]) startsTrapping(vm.exports, way)
    await vm.isReady()
  }
  vm.dispose()
  await untilGone()
  await sleep(50)
  process.off('uncaughtException', hear)
  assert.deepStrictEqual(errors, [])
  assert.ok(fs.existsSync(FIXTURE))
})

test('dispose does not wait for the generation that is being made', async () => {
  const vm = await open()
  const made = vm.isReady()
  vm.dispose()
  await assert.rejects(made, { code: 'EMVM_ERR_DISPOSED' })
  await untilGone()
  await until(() => native.threadsGroups() === 0)
})

test('a thread that fails stops no generation but its own', async () => {
  const vm = await open()
  const results = []
  for (let round = 0; round < 6; round++) {
    // It traps when the next generation starts, or is in use already.
    startsTrapping(vm.exports, 3)
    await vm.isReady()
    results.push(vm.exports._sum(2, 10))
  }
  assert.deepStrictEqual(results, Array(6).fill(100))
  vm.dispose()
  await untilGone()
})
