'use strict'

// Shared memories: each test runs over V8's WebAssembly and over emvm's, and both give the same.

const { test } = require('node:test')
const assert = require('node:assert')
const { Worker } = require('node:worker_threads')
const emvm = require('../..')
const native = require('../../lib/webassembly/native')
const { createNamespace } = require('../../lib/webassembly')
const { runScript } = require('../support/child')
const { sharedModule } = require('../support/shared-wasm')

const ENGINES = { V8: WebAssembly, emvm: emvm.WebAssembly }

function instance (engine, { initial = 1, maximum = 4 } = {}) {
  const memory = new engine.Memory({ initial, maximum, shared: true })
  return { memory, exports: new engine.Instance(new engine.Module(sharedModule({ initial, maximum })), { env: { memory } }).exports }
}

// What came of each step, with errors by their words.
const outcomes = (...steps) => steps.map((step) => {
  try {
    return step()
  } catch ({ name, message }) {
    return `${name}: ${message}`
  }
})

function same (name, job) {
  test(name, async () => {
    const [expected, actual] = [await job(ENGINES.V8), await job(ENGINES.emvm)]
    assert.deepStrictEqual(actual, expected)
  })
}

same('the buffer is a SharedArrayBuffer that wasm and JavaScript have at once', (engine) => {
  const { memory, exports } = instance(engine)
  const view = new Int32Array(memory.buffer)
  const before = exports.add(8, 5)
  const middle = Atomics.add(view, 2, 10)
  const { buffer } = memory
  return [before, middle, exports.add(8, 0), view[2], memory.buffer === buffer, memory.buffer.constructor === SharedArrayBuffer, Object.isFrozen(memory.buffer)]
})

same('growth from wasm and from JavaScript is one', (engine) => {
  const { memory, exports } = instance(engine)
  const first = memory.buffer
  const told = outcomes(
    () => exports.grow(1), () => exports.size(), () => memory.buffer.byteLength, () => first.byteLength, () => memory.buffer === first,
    () => memory.grow(1), () => exports.size(), () => exports.grow(2), () => memory.grow(2), () => exports.size(), () => memory.grow(0), () => exports.grow(0))
  const past = new Uint8Array(first)
  new Uint8Array(memory.buffer)[5] = 77
  return [...told, past[5], exports.load(4)]
})

same('accesses that are out of bounds trap, with every offset and at the very end', (engine) => {
  const { exports } = instance(engine, { initial: 2, maximum: 2 })
  const ends = [0, 2 * 65536 - 4, 2 * 65536 - 3, 2 * 65536, -1, -4, 0x7fffffff, -0x80000000]
  return ['load', 'far', 'farther'].map((name) => outcomes(...ends.map((at) => () => exports[name](at))))
    .concat([outcomes(() => exports.fill(0, 1, 2 * 65536), () => exports.fill(1, 1, 2 * 65536), () => exports.load(0))])
})

same('a memory of 4 GiB ends where it ends', (engine) => {
  const { memory, exports } = instance(engine, { initial: 1, maximum: 65536 })
  memory.grow(65535)
  return outcomes(() => memory.buffer.byteLength, () => exports.size(), () => exports.load(-4), () => exports.load(-3), () => exports.far(0), () => exports.far(-1), () => exports.farther(-1))
})

same('waits that do not wait, and waits that time out', (engine) => {
  const { exports } = instance(engine)
  exports.add(8, 7)
  return outcomes(
    () => exports.wait32(8, 6, -1n), () => exports.wait32(8, 7, 5_000_000n), () => exports.wait64(8, 6n, -1n), () => exports.wait64(8, 7n, 5_000_000n),
    () => exports.wait32(8, 7, 0n), () => exports.notify(8, 1), () => exports.notify(65532, -1),
    () => exports.wait32(2, 0, 0n), () => exports.wait64(4, 0n, 0n), () => exports.notify(2, 1), () => exports.wait32(65536, 0, 0n), () => exports.notify(-4, 1))
})

// (memory 1) (func (export "f") (result i32) (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const 0)))
const UNSHARED = Buffer.from('0061736d010000000105016000017f030201000503010001070501016600000a0e010c00410041004200fe0102000b', 'hex')

same('a wait on a memory that is not shared traps', (engine) => outcomes(() => new engine.Instance(new engine.Module(UNSHARED)).exports.f()))

// Runs in a worker over V8 alone: the other side of a wait.
const beside = (memory, text) => new Worker(`
  const { workerData: buffer, parentPort } = require('node:worker_threads')
  const view = new Int32Array(buffer)
  ;(async () => { ${text} })()`, { eval: true, workerData: memory.buffer })

same('wasm is woken by JavaScript of another thread', async (engine) => {
  const { memory, exports } = instance(engine)
  const worker = beside(memory, `
    while (Atomics.load(view, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1))
    await new Promise((resolve) => setTimeout(resolve, 30))
    Atomics.store(view, 4, 1)
    Atomics.store(view, 5, Atomics.notify(view, 4))`)
  exports.add(0, 1)
  const woken = exports.wait32(16, 0, -1n)
  await new Promise((resolve) => worker.on('exit', resolve))
  return [woken, exports.load(16), exports.load(20)]
})

same('wasm wakes JavaScript that waits in another thread, and what waits without blocking here', async (engine) => {
  const { memory, exports } = instance(engine)
  const view = new Int32Array(memory.buffer)
  const worker = beside(memory, 'Atomics.store(view, 0, 1); Atomics.store(view, 1, Atomics.wait(view, 4, 0) === "ok" ? 5 : 6)')
  while (Atomics.load(view, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 1))
  let woken = 0
  while (woken === 0) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    woken = exports.notify(16, 1)
  }
  await new Promise((resolve) => worker.on('exit', resolve))
  if (typeof Atomics.waitAsync !== 'function') return [woken, view[1]]
  const { value } = Atomics.waitAsync(view, 6, 0)
  return [woken, view[1], exports.notify(24, 5), await value]
})

same('what a constructor and an import refuse', (engine) => {
  const make = (descriptor) => () => new engine.Memory(descriptor).buffer.byteLength
  const link = (memory) => () => Boolean(new engine.Instance(new engine.Module(sharedModule()), { env: { memory } }))
  const shared = (initial, maximum) => new engine.Memory({ initial, maximum, shared: true })
  const names = outcomes(
    make({ initial: 1, shared: true }), make({ initial: 2, maximum: 1, shared: true }), make({ initial: 0, maximum: 0, shared: true }), make({ initial: 1, maximum: 65537, shared: true }),
    link(new engine.Memory({ initial: 1, maximum: 4 })), link(shared(1, 5)), link(shared(1, 4)), link({}))
  // The engines' words differ for what does not link, and V8's from one version to the next.
  return names.map((told) => `${told}`.replace(/^(LinkError): .*/, '$1').replace('defined.', 'specified.'))
})

same('a shared memory of the module\'s own', (engine) => {
  const bytes = sharedModule({ own: true })
  const module = new engine.Module(bytes)
  const { exports } = new engine.Instance(module)
  const other = new engine.Instance(module).exports
  exports.add(0, 5)
  return [engine.validate(bytes), engine.Module.imports(module), engine.Module.exports(module).at(-1), exports.memory instanceof engine.Memory,
    exports.memory.buffer.constructor.name, exports.memory.buffer.byteLength, exports.load(0), other.load(0), exports.grow(1), exports.memory.buffer.byteLength, other.size()]
})

test('a module with a memory that is shared and one that is not is refused before it is compiled', () => {
  const bytes = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 5, 7, 2, 3, 1, 1, 1, 1, 1])
  assert.throws(() => new emvm.WebAssembly.Module(bytes), { name: 'CompileError', code: 'EMVM_ERR_UNSUPPORTED', message: /some are shared/ })
})

test('the limit on memory holds for growth from both sides', () => {
  const { WebAssembly: engine } = createNamespace({ memoryMax: 2 * 65536 })
  const { memory, exports } = instance(engine)
  assert.strictEqual(exports.grow(1), 1)
  assert.strictEqual(exports.grow(1), -1)
  assert.throws(() => memory.grow(1), RangeError)
  assert.strictEqual(exports.size(), 2)
  const before = new engine.Memory({ initial: 1, maximum: 4, shared: true })
  assert.strictEqual(before.grow(1), 1)
  assert.throws(() => before.grow(1), RangeError)
  assert.throws(() => new engine.Memory({ initial: 3, maximum: 4, shared: true }), RangeError)
})

test('a memory that goes gives its pages back, and nothing of it is used again', () => {
  const namespace = createNamespace({})
  const { memory, exports } = instance(namespace.WebAssembly, { initial: 256, maximum: 256 })
  const view = new Uint8Array(memory.buffer)
  view.fill(1)
  assert.ok(namespace.residency.residentBytes >= 256 * 65536)
  const before = native.sharedMemories()
  namespace.release()
  assert.strictEqual(native.sharedMemories(), before - 1)
  assert.strictEqual(view[12345], 0)
  assert.throws(() => exports.size(), { code: 'EMVM_ERR_STALE' })
  assert.throws(() => memory.buffer, { code: 'EMVM_ERR_STALE' })
  assert.throws(() => memory.grow(1), { code: 'EMVM_ERR_STALE' })
})

test('a memory that is disposed of gives its pages back when no wasm has it any more', () => {
  const namespace = createNamespace({})
  const { memory, exports } = instance(namespace.WebAssembly)
  const view = new Uint8Array(memory.buffer).fill(1)
  memory.dispose()
  memory.dispose()
  assert.throws(() => memory.buffer, { code: 'EMVM_ERR_DISPOSED' })
  assert.strictEqual(exports.load(0), 0x1010101)
  namespace.release()
  assert.strictEqual(view[0], 0)
})

test('a wait is stopped by the limit of time and by another thread', async () => {
  const { WebAssembly: engine } = createNamespace({ timeout: 100 })
  const started = performance.now()
  assert.throws(() => instance(engine).exports.wait32(0, 0, -1n), { code: 'EMVM_ERR_TIMEOUT' })
  const took = performance.now() - started
  assert.ok(took >= 99 && took < 1000, `${took} ms`)
  const namespace = createNamespace({})
  const { exports } = instance(namespace.WebAssembly)
  const worker = new Worker(`
    const { interrupt } = require(${JSON.stringify(require.resolve('../..'))})
    setTimeout(() => interrupt(${namespace.interruptId}), 50)`, { eval: true })
  for (let round = 0; round < 2; round++) {
    if (round === 0) assert.throws(() => exports.wait32(0, 0, -1n), { code: 'EMVM_ERR_TIMEOUT', message: /interrupted/ })
    // Neither JavaScript nor wasm has suffered.
    assert.strictEqual(exports.wait32(0, 0, 1_000_000n), 2)
    assert.strictEqual(exports.add(0, 0), 0)
  }
  await new Promise((resolve) => worker.on('exit', resolve))
})

test('a worker that waits in wasm is ended', async () => {
  const worker = new Worker(`
    const { WebAssembly } = require(${JSON.stringify(require.resolve('../..'))})
    const { sharedModule } = require(${JSON.stringify(require.resolve('../support/shared-wasm'))})
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true })
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(sharedModule()), { env: { memory } })
    require('node:worker_threads').parentPort.postMessage(1)
    exports.wait32(0, 0, -1n)`, { eval: true })
  await new Promise((resolve) => worker.once('message', resolve))
  await new Promise((resolve) => setTimeout(resolve, 50))
  const started = performance.now()
  await worker.terminate()
  assert.ok(performance.now() - started < 2000)
})

test('without address space that faults behind V8\'s memories no wasm runs on them', async () => {
  const { code, stdout, stderr } = await runScript(`
    const { sharedModule } = require('./__test__/support/shared-wasm')
    const memory = new emvm.WebAssembly.Memory({ initial: 1, maximum: 4, shared: true })
    Atomics.add(new Int32Array(memory.buffer), 0, 1)
    try {
      new emvm.WebAssembly.Instance(new emvm.WebAssembly.Module(sharedModule()), { env: { memory } })
    } catch (error) { console.log(error.code, error.message) }`, { args: ['--disable-wasm-trap-handler'] })
  assert.strictEqual(stderr, '')
  assert.strictEqual(code, 0)
  assert.match(stdout, /^EMVM_ERR_UNSUPPORTED .*--disable-wasm-trap-handler/)
})
