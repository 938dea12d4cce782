'use strict'

// Threads of a module on the glue host, against plain Node.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { setTimeout: sleep } = require('node:timers/promises')
const emvm = require('../..')
const { plain } = require('../support/compare')

const FIXTURES = path.join(__dirname, '..', 'fixtures')
const quiet = { print () {}, printErr () {}, timeout: 60_000 }
const open = (name, options) => emvm.open(path.join(FIXTURES, name), { ...quiet, ...options })

// Glue of Emscripten 3.1.6 and 3.1.69.
const [GLUES, MAINS] = [['pthreads.js', 'pthreads-new.js'], ['pthreads-main.js', 'pthreads-new-main.js']]

for (const file of GLUES) test(`mutexes, conditions, thread-local variables, exceptions, futexes, joins, proxied calls, growth: ${file}`, async () => {
  const { result } = plain(file, 'pthreads.js')
  const { job } = require('../jobs/pthreads')
  const vm = await open(file)
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

for (const file of MAINS) test(`a program whose main runs in a thread: ${file}`, async () => {
  const lines = []
  let done
  const ended = new Promise((resolve) => { done = resolve })
  const vm = await open(file, { print: (line) => lines.push(line), module: { onDone: done } })
  assert.strictEqual(await ended, 42)
  // The generation that stands by has run as well.
  assert.deepStrictEqual([...new Set(lines)], ['main is on the main thread: 0', 'sum: 3', 'twice: 42'])
  vm.dispose()
})

for (const [way, status] of [['exits', 7], ['thread exits', 9]]) {
  // Newer glue sets `process.exitCode` alone, and lets the event loop run empty.
  const [file] = MAINS
  test(`exit() in a thread ends the module with the status that plain Node ends with: ${way}`, async () => {
    const program = `delete globalThis.fetch; process.argv = ['node', 'x', ${JSON.stringify(way)}]; require('./${file}')`
    assert.strictEqual(spawnSync(process.execPath, ['-e', program], { cwd: FIXTURES, timeout: 60_000 }).status, status)
    const told = []
    const vm = await open(file, { args: [way], onUncaught: (error) => told.push(error.status) })
    try {
      for (const end = performance.now() + 20_000; told.length === 0 && performance.now() < end;) await sleep(5)
      assert.throws(() => vm.exports._main(0, 0), { name: 'ExitError', code: 'EMVM_ERR_EXIT', status })
      assert.deepStrictEqual([...new Set(told)], [status])
    } finally {
      vm.dispose()
    }
  })
}

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
