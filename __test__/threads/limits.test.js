'use strict'

// Limits of what threads do: the limit of time and `interrupt`, while no call runs in the opening thread and while one does.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const diagnostics = require('node:diagnostics_channel')
const { setTimeout: sleep } = require('node:timers/promises')
const emvm = require('../..')
const native = require('../../lib/webassembly/native')
const { until } = require('../support/until')

const fixture = (name) => path.join(__dirname, '..', 'fixtures', name)
const quiet = { print () {}, printErr () {} }
const open = (options) => emvm.open(fixture('pthreads.js'), { ...quiet, ...options })

// What a detached thread of the fixture does.
const [SPINS, WAITS, SLEEPS, WAITS_FOR_EVER, NO_WAITS, WAITS_IN_JS] = [1, 2, 5, 8, 9, 11]

// The error that calls end with, once one does.
async function fault (vm) {
  let found
  await until(() => {
    try {
      vm.exports._count()
    } catch (error) {
      found = error
    }
    return found !== undefined
  })
  return found
}

const LATE = { name: 'TimeoutError', code: 'EMVM_ERR_TIMEOUT', limit: 1000, message: /^a thread of the module failed: it ran without rest for \d+ ms, the limit is 1000 ms/ }

for (const [what, way] of [['spins', SPINS], ['waits for what is so already, again and again', NO_WAITS]]) {
  test(`a thread that ${what} while no call runs is over the limit of time`, async () => {
    const told = []
    const hear = ({ code }) => told.push(code)
    diagnostics.subscribe('emvm:timeout', hear)
    const vm = await open({ timeout: 1000, recycle: { calls: 1000 } })
    try {
      for (let round = 0; round < 2; round++) {
        const { timeouts, traps } = vm.stats()
        vm.exports._detach(way)
        const started = performance.now()
        await until(() => vm.stats().timeouts > timeouts)
        assert.ok(performance.now() - started >= 950)
        const error = await fault(vm)
        assert.throws(() => { throw error }, LATE)
        assert.ok(error.elapsed >= 1000)
        assert.strictEqual(vm.stats().traps, traps)
        // Nothing else makes an instance due.
        await vm.isReady()
        assert.strictEqual(vm.exports._sum(2, 10), 100)
      }
      assert.ok(told.includes('EMVM_ERR_TIMEOUT'))
    } finally {
      vm.dispose()
      diagnostics.unsubscribe('emvm:timeout', hear)
    }
  })
}

for (const [what, way] of Object.entries({ 'waits for a condition': WAITS, sleeps: SLEEPS, 'waits for ever': WAITS_FOR_EVER, 'waits in JavaScript': WAITS_IN_JS })) {
  test(`a thread that ${what} has all the time in the world`, async () => {
    const vm = await open({ timeout: 1000 })
    try {
      vm.exports._detach(way)
      await sleep(2500)
      assert.strictEqual(vm.exports._count(), 1)
      assert.strictEqual(vm.exports._sum(2, 10), 100)
    } finally {
      vm.dispose()
    }
  })
}

test('the time of calls in the opening thread does not count for other threads', async () => {
  const vm = await open({ timeout: 1500 })
  try {
    vm.exports._detach(SPINS)
    for (let round = 0; round < 4; round++) assert.strictEqual(vm.exports._work(800), 800)
    assert.throws(() => vm.exports._stuck(), { code: 'EMVM_ERR_TIMEOUT', message: /^the call ran for/ })
    const started = performance.now()
    // Calls that take no time do not hide that it runs.
    assert.match((await fault(vm)).message, /a thread of the module failed: it ran without rest/)
    assert.ok(performance.now() - started >= 1000)
  } finally {
    vm.dispose()
  }
})

test('main() that runs in a thread obeys the limit of time', async () => {
  const errors = []
  const vm = await emvm.open(fixture('pthreads-main.js'), { ...quiet, timeout: 1000, args: ['spins'], onUncaught: (error) => errors.push(error) })
  try {
    await until(() => vm.stats().timeouts > 0)
    assert.throws(() => vm.exports._emscripten_main_browser_thread_id?.() ?? vm.exports._main(0, 0), LATE)
  } finally {
    vm.dispose()
  }
  await until(() => native.sharedMemories() === 0)
})

test('interrupt() stops the call in the opening thread and what threads compute, and no thread that waits', async () => {
  const stopped = { name: 'TimeoutError', code: 'EMVM_ERR_TIMEOUT', interrupted: true }
  const vm = await open()
  const { _detach, _count } = vm.exports
  const later = () => new Worker(`
    const { interrupt } = require(${JSON.stringify(require.resolve('../..'))})
    setTimeout(() => interrupt(${vm.interruptHandle}), 100)`, { eval: true })
  try {
    // Only the call runs; the pool waits, and goes on doing so.
    _detach(WAITS_FOR_EVER)
    await until(() => _count() === 1)
    later()
    assert.throws(() => vm.exports._stuck(), { ...stopped, message: 'the call was interrupted' })
    await sleep(50)
    assert.strictEqual(_count(), 1)
    assert.strictEqual(vm.exports._sum(2, 10), 100)
    // A thread computes, with a call and without.
    for (const call of [() => vm.exports._stuck(), undefined]) {
      await vm.isReady()
      vm.exports._detach(SPINS)
      await until(() => vm.exports._count() === 1)
      later()
      if (call) assert.throws(call, stopped)
      else await until(() => vm.stats().timeouts > 0)
      const error = await fault(vm)
      assert.throws(() => { throw error }, { ...stopped, message: /^a thread of the module failed: the call was interrupted/ })
    }
    await vm.isReady()
    assert.strictEqual(vm.exports._sum(2, 10), 100)
  } finally {
    vm.dispose()
  }
})

test('a call that waits in JavaScript of its own is stopped', async () => {
  const vm = await open({ timeout: 1000 })
  try {
    for (let round = 0; round < 2; round++) {
      // The opening thread itself waits in JavaScript: with Emscripten's old glue all of them did.
      assert.throws(() => vm.exports._wait_in_js(), { code: 'EMVM_ERR_TIMEOUT', message: /^the call ran for/ })
      assert.strictEqual(vm.exports._sum(2, 10), 100)
    }
  } finally {
    vm.dispose()
  }
})
