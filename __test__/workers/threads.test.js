'use strict'

// Workers and garbage on the native host, each in a process of its own; see `termination.test.js` for both hosts.

const { test } = require('node:test')
const assert = require('node:assert')
const { runScript } = require('../support/child')

const PRELUDE = `
  const assert = require('node:assert')
  const { Worker, isMainThread } = require('node:worker_threads')
  const { faults, thrown, FAULTS } = require('./__test__/support/faults')
  const inWorker = (body) => new Worker("const { parentPort } = require('node:worker_threads'); const { faults, thrown, FAULTS } = require('./__test__/support/faults');" + body, { eval: true })
  const ended = (worker) => new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve))
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))`

async function run (body, { args, timeout = 240_000, status = 0, quiet = true } = {}) {
  const { code, signal, stderr, stdout } = await runScript(`${PRELUDE}
    ;(async () => { ${body} })()`, { args, timeout })
  assert.strictEqual(signal, null, `killed by ${signal}: ${stderr}`)
  if (quiet) assert.strictEqual(stderr, '')
  assert.strictEqual(code, status, stderr)
  return stdout
}

test('many workers that open, trap, recycle and end at once', () => run(`
  const body = \`
    const { recycles } = require('node:worker_threads').workerData || {}
    ;(async () => {
      for (let i = 0; i < 5; i++) {
        const { vm, call } = await faults({ timeout: 200 })
        for (let j = 0; j < 50; j++) {
          thrown(() => call[['unreachable', 'recurse', 'abort'][j % 3]](0))
          call.grow(j)
          await vm.isReady()
          if (call.count() !== 1) throw new Error('not fresh')
        }
        if (i % 2) vm.dispose()
      }
    })()\`
  for (let round = 0; round < 3; round++) {
    const codes = await Promise.all(Array.from({ length: 8 }, () => ended(inWorker(body))))
    assert.deepStrictEqual(codes, Array(8).fill(0))
  }
  const { call } = await faults()
  assert.strictEqual(call.add(1, 2), 3)`))

test('a sandbox that nobody disposed of does not keep the process, and dropped ones are collected', () => run(`
  await faults({ timeout: 1000 })
  const maps = () => require('node:fs').readFileSync('/proc/self/status', 'utf8').match(/VmSize:\\s+(\\d+)/)[1] / 1024 / 1024
  if (process.platform !== 'linux') return
  const before = maps()
  let held = []
  for (let i = 0; i < 40; i++) held.push(await faults())
  gc()
  // Each has 8 GiB of address space.
  assert.ok(maps() > before + 300, 'they are alive')
  // Whoever has a function of the module has all that it needs.
  const back = held[3].vm.exports._back
  const { FS } = held[4].vm.exports
  held = null
  for (let i = 0; i < 20 && maps() > before + 100; i++) { gc(); await wait(20) }
  assert.ok(maps() < before + 100, maps() + ' GiB of ' + before)
  assert.strictEqual(back(7), 7)
  assert.throws(() => FS.readFile('/nothing'), { name: 'ErrnoError' })
  FS.writeFile('/some', 'thing')
  assert.strictEqual(FS.readFile('/some', { encoding: 'utf8' }), 'thing')`, { args: ['--expose-gc'] }))

test("V8's own WebAssembly traps and works beside emvm's", () => run(`
  const bytes = require('node:fs').readFileSync(FAULTS)
  const env = { callback: (x) => x, emscripten_resize_heap: () => 0, abort () {}, exit () {}, usleep: () => 0 }
  const { exports: own } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env })
  const { vm, call, on } = await faults()
  for (let i = 0; i < 2000; i++) {
    assert.throws(() => own.load(-1), WebAssembly.RuntimeError)
    assert.strictEqual(thrown(() => call.load(-1)).trap, 'out-of-bounds')
    assert.throws(() => own.divide(1, 0), WebAssembly.RuntimeError)
  }
  // One inside the other.
  on(() => { assert.throws(() => own.load(-1), WebAssembly.RuntimeError); return 5 })
  assert.strictEqual(call.back(1), 5)
  assert.throws(() => own.recurse(0), RangeError)
  assert.strictEqual(thrown(() => call.recurse(0)).trap, 'stack-overflow')`))
