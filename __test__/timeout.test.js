'use strict'

// In processes of their own: where a timeout does not work, the call never returns.

const { test } = require('node:test')
const assert = require('node:assert')
const { runScript } = require('./support/child')

const LOOP = `
  const { MACHINE } = require('./__test__/support/wasm')
  const call = (vm, name, ...args) => (vm.exports['_' + name] || vm.exports[name])(...args)`

async function outputOf (body) {
  const { code, signal, stdout, stderr } = await runScript(`${LOOP}\n${body}`, { timeout: 20_000 })
  assert.strictEqual(signal, null, 'the call did not return')
  assert.strictEqual(stderr, '')
  assert.strictEqual(code, 0)
  return JSON.parse(stdout)
}

test('an endless loop ends within 50 ms of the timeout, and the next instance works', async () => {
  const result = await outputOf(`
    emvm.open(MACHINE, { timeout: 100, imports: { env: { callback: (x) => x } } }).then(async (vm) => {
      const start = performance.now()
      let error
      try { call(vm, 'forever') } catch (caught) { error = caught }
      const spent = performance.now() - start
      await vm.isReady()
      console.log(JSON.stringify({ code: error.code, limit: error.limit, elapsed: error.elapsed, spent, sum: call(vm, 'add', 1, 2), timeouts: vm.stats().timeouts }))
      vm.dispose()
    })`)
  assert.strictEqual(result.code, 'EMVM_ERR_TIMEOUT')
  assert.strictEqual(result.limit, 100)
  assert.ok(result.elapsed >= 100 && result.spent < 250, `${result.elapsed} ms, ${result.spent} ms`)
  assert.strictEqual(result.sum, 3)
  assert.strictEqual(result.timeouts, 1)
})

test('calls that end in time are not touched, however many', async () => {
  const { sum } = await outputOf(`
    emvm.open(MACHINE, { timeout: 400, imports: { env: { callback: (x) => x } } }).then((vm) => {
      const end = performance.now() + 1000
      let sum = 0
      while (performance.now() < end) sum = call(vm, 'add', sum, 1)
      console.log(JSON.stringify({ sum }))
      vm.dispose()
    })`)
  assert.ok(sum > 1000)
})
