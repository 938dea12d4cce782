'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { open } = require('../..')
const { runScript } = require('../support/child')
const { compare, fixtures } = require('../support/compare')

async function opened (t, options) {
  const vm = await open(path.join(fixtures, 'coroutines.js'), { host: 'native', ...options })
  t.after(() => vm.dispose())
  return vm
}

test('coroutines wait for promises, and give promises, as under plain Node', () => compare('coroutines.js', 'coroutines.js'))

test('a C++ exception leaves a coroutine as the error it is', async (t) => {
  const { exports: m } = await opened(t)
  await assert.rejects(m.failsAfter(Promise.resolve(), 'by C++'), (error) => {
    assert.strictEqual(error.code, 'EMVM_ERR_CPP_EXCEPTION')
    assert.strictEqual(m.whatOf(Number(error)), 'by C++')
    return true
  })
})

test('a C++ exception that was a JavaScript value is caught by its type when thrown again', async (t) => {
  const vm = await opened(t)
  for (let i = 0; i < 2; i++) {
    assert.strictEqual(vm.exports.thrownAgain('twice'), 'caught twice;caught twice;')
    await vm.isReady()
  }
})

test('coroutines of a past generation are not gone on with: their promises say so', async (t) => {
  const vm = await opened(t)
  let settle
  const old = vm.exports.sum(new Promise((resolve) => { settle = resolve }), 1)
  const other = vm.exports.sum(new Promise(() => {}), 1)
  assert.strictEqual(vm.exports.running(), 2)
  const m = await vm.isReady()
  assert.strictEqual(m.running(), 0)
  settle(1)
  await assert.rejects(old, { code: 'EMVM_ERR_STALE', generation: 1, current: 2 })
  await assert.rejects(other, { code: 'EMVM_ERR_STALE' })
  assert.strictEqual(m.running(), 0)
  assert.strictEqual(await m.sum(1, 2), 3)
})

test('after `dispose`, waiting coroutines fail by name', async () => {
  const vm = await open(path.join(fixtures, 'coroutines.js'), { host: 'native' })
  let settle
  const waiting = vm.exports.sum(new Promise((resolve) => { settle = resolve }), 1)
  vm.dispose()
  settle(1)
  await assert.rejects(waiting, { code: 'EMVM_ERR_DISPOSED' })
})

test('coroutines that nobody waits for do not end the process when their generation ends', async () => {
  const { code, stdout, stderr } = await runScript(`
    emvm.open('__test__/fixtures/coroutines.js', { host: 'native' }).then(async (vm) => {
      const later = () => new Promise((resolve) => setTimeout(resolve, 20))
      vm.exports.sum(later(), 1)
      await vm.isReady()
      vm.exports.sum(later(), 1)
      vm.dispose()
      setTimeout(() => console.log('went on'), 100)
    })`)
  assert.deepStrictEqual({ code, stdout, stderr }, { code: 0, stdout: 'went on\n', stderr: '' })
})

test('a fault while a coroutine goes on is the error of all that wait', async (t) => {
  const vm = await opened(t, { timeout: 50 })
  const m = vm.exports
  const other = m.sum(new Promise(() => {}), 1)
  const failing = m.sum(Promise.resolve({ valueOf () { for (;;) m.running() } }), 1)
  await assert.rejects(failing, { code: 'EMVM_ERR_TIMEOUT' })
  await assert.rejects(other, { code: 'EMVM_ERR_TIMEOUT' })
  assert.strictEqual(await (await vm.isReady()).sum(1, 2), 3)
})

test('what JavaScript throws in a coroutine that goes on is told to onUncaught', async (t) => {
  const told = []
  const vm = await opened(t, { onUncaught: (error) => told.push(error.message) })
  vm.exports.sum(Promise.resolve({ valueOf () { throw new Error('mine') } }), 1)
  for (let i = 0; i < 100 && told.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepStrictEqual(told, ['mine'])
})
