'use strict'

// Broken, lying and enormous input: an error in bounded time and memory, never a crash.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const { open, inspect, EmvmError } = require('../..')
const { FAULTS, faults } = require('../support/faults')
const { runScript } = require('../support/child')
const { uleb, sections, withBody, withCode, mutate, random, repeat, values } = require('../support/hostile')

const settle = (promise) => promise.then((value) => ({ value }), (error) => ({ error }))

async function outcome (bytes, options) {
  const { value: vm, error } = await settle(open(bytes, { cache: false, timeout: 1000, memory: { max: '64mb' }, ...options }))
  if (error) {
    assert.ok(error instanceof EmvmError, String(error && error.stack))
    return error.code
  }
  try {
    vm.exports._f ? vm.exports._f() : vm.exports.f && vm.exports.f()
    return 'works'
  } catch (thrown) {
    return thrown.code
  } finally {
    vm.dispose()
  }
}

test('deep nesting, many locals, wide tables of branches', async () => {
  const deep = 100_000
  assert.strictEqual(await outcome(withCode(Buffer.concat([repeat(deep, [0x02, 0x40]), repeat(deep, [0x0b])]))), 'works')
  assert.strictEqual(await outcome(withCode(Buffer.concat([repeat(20_000, [0x03, 0x40]), repeat(20_000, [0x0b])]))), 'works')
  assert.strictEqual(await outcome(withCode(Buffer.concat([repeat(deep, [0x41, 1]), repeat(deep - 1, [0x6a]), Buffer.from([0x1a])]))), 'works')
  assert.strictEqual(await outcome(withBody(Buffer.from([1, ...uleb(50_000), 0x7f, 0x0b]))), 'works')
  assert.strictEqual(await outcome(withBody(Buffer.from([1, ...uleb(50_001), 0x7f, 0x0b]))), 'EMVM_ERR_INVALID_WASM')
  assert.strictEqual(await outcome(withCode([0x41, 0, 0x0e, ...uleb(60_000), ...Array(60_001).fill(0)])), 'works')
})

test('tables: too large is refused, and growth ends', async () => {
  assert.strictEqual(await outcome(sections([4, [1, 0x70, 0, ...uleb(0xffffffff)]])), 'EMVM_ERR_START')
  assert.strictEqual(await outcome(sections([4, [1, 0x70, 1, 1, ...uleb(0xffffffff)]])), 'works')
  // f: table.grow by 2^32 - 2 must give -1, else it traps.
  const grow = (delta, expected) => sections(
    [1, [1, 0x60, 0, 0]], [3, [1, 0]], [4, [1, 0x70, 0, 1]], [7, [1, 1, 0x66, 0, 0]],
    [10, (() => {
      const body = [0, 0xd0, 0x70, 0x41, ...delta, 0xfc, 0x0f, 0, 0x41, ...expected, 0x47, 0x04, 0x40, 0x00, 0x0b, 0x0b]
      return [1, body.length, ...body]
    })()])
  assert.strictEqual(await outcome(grow([0x7e], [0x7f])), 'works')
  assert.strictEqual(await outcome(grow([0x80, 0xad, 0xe2, 0x04], [0x7f])), 'works')
  assert.strictEqual(await outcome(grow([0x05], [0x01])), 'works')
})

test('data and elements past the end', async () => {
  assert.strictEqual(await outcome(sections([5, [1, 0, 1]], [11, [1, 0, 0x41, 0xff, 0xff, 0x03, 0x0b, 4, 1, 2, 3, 4]])), 'EMVM_ERR_START')
  assert.strictEqual(await outcome(sections([5, [1, 0, 1]], [11, [1, 0, 0x41, 0x7f, 0x0b, 1, 1]])), 'EMVM_ERR_START')
  assert.strictEqual(await outcome(sections(
    [1, [1, 0x60, 0, 0]], [3, [1, 0]], [4, [1, 0x70, 0, 1]], [9, [1, 0, 0x41, 5, 0x0b, 1, 0]], [10, [1, 2, 0, 0x0b]])), 'EMVM_ERR_START')
})

test('200 MB of nothing, of JavaScript, of brackets: an error, in bounded memory', async () => {
  const { code, stdout, stderr } = await runScript(`
    const { sections, withFunctions } = require('./__test__/support/hostile')
    const size = 200 << 20
    const sources = [
      () => { const bytes = Buffer.alloc(size); sections().copy(bytes); return bytes },
      () => Buffer.alloc(size, 'var a = 1;\\n'),
      () => Buffer.alloc(size, '('),
      () => Buffer.alloc(size, 'x'),
      () => withFunctions(1_000_001)
    ]
    ;(async () => {
      const codes = []
      for (const source of sources) codes.push(await emvm.open(source(), { cache: false }).then(() => 'opened', (error) => error.code))
      console.log(JSON.stringify({ codes, mb: process.resourceUsage().maxRSS >> 10 }))
    })()`, { timeout: 240_000 })
  assert.strictEqual(code, 0, stderr)
  const { codes, mb } = JSON.parse(stdout)
  assert.deepStrictEqual(codes, ['EMVM_ERR_INVALID_WASM', 'EMVM_ERR_SOURCE', 'EMVM_ERR_SOURCE', 'EMVM_ERR_SOURCE', 'EMVM_ERR_INVALID_WASM'])
  assert.ok(mb < 1500, `${mb} MB`)
})

test('JavaScript nested in every way that grammar has', async () => {
  for (const piece of ['(', '[', '{', 'a=>', '!', 'a?b:', '1+', 'if(a);else ', '`${', 'x=>{', 'a**', 'a=', 'new ', 'l:', 'for(;;)', 'class a extends ', 'typeof ', 'a.b(', '...', 'async ']) {
    const { error } = await settle(inspect(Buffer.from(piece.repeat(200_000) + '1')))
    assert.strictEqual(error && error.code, 'EMVM_ERR_SOURCE', piece)
  }
})

test('truncated at each length', async () => {
  const bytes = fs.readFileSync(FAULTS)
  for (let length = 0; length < bytes.length; length += 7) {
    const got = await outcome(bytes.subarray(0, length))
    assert.notStrictEqual(got, undefined)
  }
})

test('mutated modules and glue, from fixed seeds', async () => {
  const fixtures = path.join(__dirname, '..', 'fixtures')
  const wasm = ['wat/faults.wasm', 'program.wasm', 'exceptions-O2.wasm'].map((name) => fs.readFileSync(path.join(fixtures, name)))
  const glue = ['program.js', 'capi-O2.js'].map((name) => fs.readFileSync(path.join(fixtures, name)))
  const codes = {}
  for (let seed = 0; seed < 300; seed++) {
    const rng = random(seed)
    const got = seed % 3 === 0
      ? await outcome(mutate(rng.pick(glue), rng), { wasm: rng.pick(wasm), host: 'native', print () {}, printErr () {} })
      : await outcome(mutate(rng.pick(wasm), rng), { host: 'native', print () {}, printErr () {} })
    codes[got] = (codes[got] || 0) + 1
  }
  assert.ok(codes.EMVM_ERR_INVALID_WASM > 20 && Object.keys(codes).length > 2, JSON.stringify(codes))
})

test('every type of value to every export, runtime function and file operation, while others meddle', async () => {
  const { vm, call } = await faults({ timeout: 500, memory: { max: '8mb' }, print () {}, printErr () {} })
  const other = await faults()
  const act = () => {
    for (const attempt of [() => vm.recycle(), () => call.grow(1), () => call.unreachable(), () => other.vm.recycle()]) {
      try { attempt() } catch { }
    }
  }
  const module = vm.exports
  const targets = []
  for (const [name, value] of [...Object.entries(module), ...Object.entries(module.FS || {}).map(([name, fn]) => [`FS.${name}`, fn])]) {
    if (typeof value === 'function' && !/sleep|forever|alternate|spin|callMain|^run$/.test(name)) targets.push([name, value])
  }
  assert.ok(targets.length > 60)
  const all = values(act)
  let thrown = 0
  for (const [, fn] of targets) {
    for (const value of all) {
      for (const args of [[value], [1, value], [value, value, value], ['/x', value, value]]) {
        try { fn.apply(module, args) } catch { thrown++ }
      }
    }
    vm.recycle()
  }
  assert.ok(thrown > 1000)
  vm.recycle()
  assert.strictEqual(call.add(1, 2), 3)
  other.vm.dispose()
  vm.dispose()
})

test('objects of another sandbox and of another thread', async () => {
  const { vm, call } = await faults()
  const other = await faults()
  const foreign = [other.vm, other.vm.exports, other.vm.exports.HEAPU8, other.vm.exports.wasmTable, other.vm.exports._add]
  for (const value of foreign) {
    for (const fn of [() => call.add(value, 1), () => vm.exports.HEAPU8.set(value), () => vm.exports.addFunction(value, 'vi'), () => vm.exports.wasmTable.set(1, value), () => vm.exports.removeFunction(value)]) {
      try { fn() } catch (error) { assert.ok(error instanceof Error) }
    }
  }
  const worker = new Worker('require("node:worker_threads").parentPort.on("message", () => {})', { eval: true })
  try {
    assert.throws(() => worker.postMessage(vm.exports._add), { name: 'DataCloneError' })
    // A view's memory stays with the sandbox: the other side gets a copy.
    worker.postMessage(vm.exports.HEAPU8.subarray(0, 16))
    try { worker.postMessage(vm.exports.HEAPU8, [vm.exports.HEAPU8.buffer]) } catch { }
  } finally {
    await worker.terminate()
  }
  assert.strictEqual(call.load(1024), 0x67616d69)
  await vm.isReady()
  assert.strictEqual(call.load(1024), 0x67616d69)
  assert.strictEqual(vm.exports.HEAPU8.length, 131072)
  other.vm.dispose()
  vm.dispose()
})
