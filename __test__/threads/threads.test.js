'use strict'

// Threads of a module on the glue host, against plain Node.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const emvm = require('../..')
const { plain } = require('../support/compare')

const FIXTURES = path.join(__dirname, '..', 'fixtures')
const quiet = { print () {}, printErr () {}, timeout: 60_000 }
const open = (name, options) => emvm.open(path.join(FIXTURES, name), { ...quiet, ...options })

test('mutexes, conditions, thread-local variables, exceptions, futexes, joins, proxied calls, growth', async () => {
  const { result } = plain('pthreads.js', 'pthreads.js')
  const { job } = require('../jobs/pthreads')
  const vm = await open('pthreads.js')
  try {
    assert.strictEqual(vm.host, 'glue')
    for (let generation = 0; generation < 3; generation++) {
      assert.deepStrictEqual(JSON.parse(JSON.stringify(await job(vm.exports))), result)
      await vm.isReady()
    }
  } finally {
    vm.dispose()
  }
})

test('a module built with threads that starts none', async () => {
  const vm = await open('pthreads-none.js')
  const first = vm.exports.HEAPU8.buffer
  assert.ok(first instanceof SharedArrayBuffer)
  for (let generation = 0; generation < 3; generation++) {
    const { _malloc, _count, _seconds, HEAPU8 } = vm.exports
    const at = _malloc(1 << 20)
    HEAPU8.fill(7, at, at + (1 << 20))
    assert.strictEqual(_count(), 0)
    assert.strictEqual(_seconds(5), -73)
    await vm.isReady()
    assert.strictEqual(HEAPU8[at], 0)
    assert.notStrictEqual(vm.exports.HEAPU8.buffer, HEAPU8.buffer)
  }
  vm.dispose()
})

test('a program whose main runs in a thread', async () => {
  const lines = []
  let done
  const ended = new Promise((resolve) => { done = resolve })
  const vm = await open('pthreads-main.js', { print: (line) => lines.push(line), module: { onDone: done } })
  assert.strictEqual(await ended, 42)
  // The generation that stands by has run as well.
  assert.deepStrictEqual([...new Set(lines)], ['main is on the main thread: 0', 'sum: 3', 'twice: 42'])
  vm.dispose()
})

test('the native host refuses it, and so does a bare .wasm, with the way out', async () => {
  await assert.rejects(open('pthreads.js', { host: 'native' }), { code: 'EMVM_ERR_UNSUPPORTED', message: /it uses threads.*host: 'glue'/ })
  await assert.rejects(open('pthreads.wasm'), { code: 'EMVM_ERR_UNSUPPORTED', message: /uses threads.*\.js file/ })
})

test('it is not rewound, and says why', async () => {
  await assert.rejects(open('pthreads-none.js', { rewind: true }), { code: 'EMVM_ERR_UNSUPPORTED', message: /shared/ })
  const vm = await open('pthreads-none.js', { rewind: 'auto' })
  assert.strictEqual(vm.stats().rewind, 'shared-memory')
  vm.dispose()
})
