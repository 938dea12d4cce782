'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { open } = require('..')
const { compare, fixtures } = require('./support/compare')

async function opened (t) {
  const vm = await open(path.join(fixtures, 'coroutines.js'), { host: 'native' })
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
