'use strict'

const test = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { Worker } = require('node:worker_threads')
const { open, inspect, WebAssembly: emvm } = require('../..')
const { assemble, later, tell } = require('./scenarios')

// As Emscripten's does it: `_name` of each export gives a promise, `wait(-1)` waits until one of `waiting` is called.
const GLUE = `var createModule = (() => {
  return async function (moduleArg = {}) {
    var Module = moduleArg
    var waiting = Module.waiting = []
    var env = {
      wait: new WebAssembly.Suspending((value) => value < 0 ? new Promise((resolve) => waiting.push(resolve)) : new Promise((resolve) => setTimeout(resolve, 1, value * 2))),
      plain: (value) => value,
      twice: new WebAssembly.Suspending(async () => [1, 2n]),
      reference: new WebAssembly.Suspending(async (value) => value)
    }
    var bytes = Module.wasmBinary || require('fs').readFileSync(__dirname + '/suspending.wasm')
    var { instance } = await WebAssembly.instantiate(bytes, { env })
    for (const [name, value] of Object.entries(instance.exports)) Module['_' + name] = typeof value === 'function' ? WebAssembly.promising(value) : value
    return Module
  }
})()
if (typeof exports === 'object' && typeof module === 'object') module.exports = createModule
`

// What V8 of Node 26 tells; where this V8 has it, it is asked as well.
const EXPECTED = `names true 1 true false
once: promise: 41
sum: promise: 30
deep: promise: 250
indirect, suspending: promise: 14
indirect, not: promise: 7
nothing: promise: undefined
many: promise: [3,"4n"]
reference: true
long: promise: "5n"
an argument that cannot be converted: threw TypeError: Cannot convert 5 to a BigInt
grow: promise: 4
memory: 131072
no promise: promise: 3
no promise, no promising: threw SuspendError: trying to suspend without WebAssembly.promising
a thenable: promise: 10
converted: promise: 13
converting throws: promise: rejected Error: no number
thrown at once: promise: rejected Error: thrown at once
rejected: promise: rejected Error: rejected later
trap: promise: rejected RuntimeError: unreachable
out of bounds: promise: rejected RuntimeError: memory access out of bounds
divide: promise: rejected RuntimeError: divide by zero
overflow: promise: rejected RangeError: Maximum call stack size exceeded
after the traps: promise: 1
without promising: threw SuspendError: trying to suspend without WebAssembly.promising
the import itself: threw SuspendError: trying to suspend without WebAssembly.promising
the import itself, promising: promise: 4
JavaScript between: promise: rejected SuspendError: trying to suspend JS frames
a promising call within: promise: 1
inner 2
call 3: promise: 31
call 1: promise: rejected Error: one
call 4: promise: 41
call 2: promise: 21
first, which traps after the second began: promise: rejected RuntimeError: unreachable
second: promise: rejected RuntimeError: unreachable
a call beside those that wait: "6n"
a suspension beside those that wait: threw SuspendError: trying to suspend without WebAssembly.promising
a: promise: rejected RuntimeError: memory access out of bounds
b: promise: rejected RuntimeError: memory access out of bounds
order 0 1 2 3 4 5 call
caught by wasm: promise: -1
another call: promise: 2
rethrown after another wait: promise: rejected Error: for wasm
a suspension that is not allowed: -1`

let folder, wasm

test.before(async () => {
  wasm = await assemble()
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-suspending-'))
  fs.writeFileSync(path.join(folder, 'suspending.js'), GLUE)
  fs.writeFileSync(path.join(folder, 'suspending.wasm'), wasm.plain)
})

test.after(() => fs.rmSync(folder, { recursive: true, force: true }))

const openGlue = (options) => open(path.join(folder, 'suspending.js'), options)
const openOther = (file) => open(file, { host: 'glue' })
const codeOf = (promise) => promise.then((value) => `no error: ${value}`, ({ code }) => code)

test('suspending and promising do what V8 does', async () => {
  assert.deepStrictEqual(await tell(emvm, wasm), EXPECTED.split('\n'))
})

test('and this V8 does the same', { skip: typeof WebAssembly.Suspending !== 'function' && 'in this V8 they are an experiment, or not there' }, () => {
  const { stdout, stderr } = spawnSync(process.execPath, [path.join(__dirname, 'scenarios.js')], { encoding: 'utf8', timeout: 60000 })
  assert.strictEqual(stdout.trim(), EXPECTED, stderr)
})

test('the names of the namespace are as in V8', () => {
  const { Suspending, SuspendError, promising } = emvm
  assert.throws(() => Suspending(() => {}), TypeError)
  assert.throws(() => new Suspending({}), { name: 'TypeError', message: 'WebAssembly.Suspending(): Argument 0 must be a function' })
  assert.throws(() => promising(), { name: 'TypeError', message: 'WebAssembly.promising(): Argument 0 must be a function' })
  assert.throws(() => promising(() => {}), { name: 'TypeError', message: 'WebAssembly.promising(): Argument 0 must be a WebAssembly exported function' })
  assert.throws(() => new promising(() => {}), TypeError)
  assert.ok(new SuspendError('x') instanceof Error)
  assert.deepStrictEqual([Suspending.length, promising.length, SuspendError.length], [1, 1, 1])
  assert.strictEqual(Object.prototype.toString.call(new Suspending(() => {})), '[object WebAssembly.Suspending]')
})

for (const rewind of [false, true]) {
  test(`a package that suspends is opened and recycled, rewind: ${rewind}`, async () => {
    const vm = await openGlue({ rewind })
    assert.strictEqual(vm.host, 'glue')
    assert.strictEqual(vm.stats().rewind, rewind ? 'on' : 'off')
    let module = vm.exports
    for (let generation = 0; generation < 3; generation++) {
      assert.strictEqual(await module._once(20), 41)
      const waiting = [module._once(-1), module._sum(-1), module._trapAfter(-1)].map(codeOf)
      const [resolve] = module.waiting
      module = await vm.isReady()
      assert.deepStrictEqual(await Promise.all(waiting), Array(3).fill('EMVM_ERR_STALE'))
      // What the past generation waited for comes too late.
      resolve(5)
      await later(0)
      assert.strictEqual(await module._deep(30), 230)
    }
    assert.ok(vm.stats().calls > 0)
    await assert.rejects(module._trapAfter(1), { code: 'EMVM_ERR_TRAP', message: 'unreachable' })
    module = await vm.isReady()
    assert.strictEqual(await vm.run((fresh) => fresh._once(1)), 3)
    module = await vm.isReady()
    const last = codeOf(module._once(-1))
    vm.dispose()
    assert.strictEqual(await last, 'EMVM_ERR_STALE')
  })
}

test('the host and its reason are told', async () => {
  const found = await inspect(path.join(folder, 'suspending.js'))
  assert.strictEqual(found.host, 'glue')
  assert.ok(found.reasons.some((reason) => reason.includes('JSPI')), found.reasons.join())
})

test('a package that asks for JSPI has another way, and is told that there is none', async () => {
  const asking = path.join(folder, 'asking.js')
  for (const [question, there] of [['"Suspending"in WebAssembly', false], ['typeof WebAssembly.promising === "function"', false], ['assert("Suspending" in WebAssembly) === undefined', true]]) {
    fs.writeFileSync(asking, `module.exports = async (Module = {}) => {
      var assert = (value) => { if (!value) throw new Error('no JSPI') }
      var answer = ${question}
      var wait = answer ? new WebAssembly.Suspending(async (value) => value) : (value) => value
      var other = (value) => value
      var bytes = Module.wasmBinary || require('fs').readFileSync(__dirname + '/suspending.wasm')
      await WebAssembly.instantiate(bytes, { env: { wait, plain: other, twice: other, reference: other } })
      Module.way = answer ? 'JSPI' : 'another'
      return Module
    }`)
    const vm = await openOther(asking)
    assert.strictEqual(vm.exports.way, there ? 'JSPI' : 'another', question)
    vm.dispose()
  }
})

test('a time-out ends a call that goes on, and waiting does not count', async () => {
  const vm = await openGlue({ timeout: 200 })
  const slow = vm.exports._once(-1)
  await later(0, 400)
  vm.exports.waiting[0](1)
  assert.strictEqual(await slow, 2)
  assert.strictEqual(await codeOf(vm.exports._spin(1)), 'EMVM_ERR_TIMEOUT')
  assert.strictEqual(vm.stats().timeouts, 1)
  const module = await vm.isReady()
  assert.strictEqual(await module._once(1), 3)
  vm.dispose()
})

// From another thread: this one is busy, or waits.
function interruptLater (vm, ms) {
  new Worker("const { workerData: [emvm, handle, ms] } = require('worker_threads'); setTimeout(() => require(emvm).interrupt(handle), ms)", { eval: true, workerData: [path.join(__dirname, '../..'), vm.interruptHandle, ms] })
}

for (const rewind of [undefined, true]) {
  test(`interrupt() stops a call in the middle, after it waited, and no other, rewind: ${rewind}`, async () => {
    const vm = await openGlue({ ...(rewind && { rewind }) })
    for (let round = 0; round < 2; round++) {
      // It spins at once, while another call waits; that one goes on as if nothing had been.
      const waits = vm.exports._once(-1)
      interruptLater(vm, 150)
      assert.strictEqual(await codeOf(vm.exports._spin(1)), 'EMVM_ERR_TIMEOUT')
      vm.exports.waiting[0](1)
      assert.strictEqual(await waits.then((value) => value, (error) => error.code), 2)
      const module = await vm.isReady()
      assert.strictEqual(await module._once(1), 3)
    }
    // What is asked while a call waits, and nothing runs, stops nothing later.
    const waits = vm.exports._once(-1)
    interruptLater(vm, 1)
    await later(0, 300)
    vm.exports.waiting[0](1)
    assert.strictEqual(await waits.then((value) => value, (error) => error.code), 2)
    vm.dispose()
  })
}

test('a policy sees the trap of a call that went on', async () => {
  const vm = await openGlue({ recycle: { onTrap: true } })
  const module = vm.exports
  await assert.rejects(module._divide(0), { trap: 'divide' })
  assert.strictEqual(vm.stats().traps, 1)
  const { generation } = vm
  await vm.isReady()
  assert.strictEqual(vm.generation, generation + 1)
  vm.dispose()
})

test('thousands of suspended calls leave no stacks behind', { skip: process.platform !== 'linux' }, async () => {
  const regions = () => fs.readFileSync('/proc/self/maps', 'utf8').split('\n').length
  const vm = await openGlue({ rewind: false })
  await (await vm.isReady())._once(1)
  const before = regions()
  for (let generation = 0; generation < 4; generation++) {
    const module = await vm.isReady()
    const calls = Array.from({ length: 500 }, () => codeOf(module._once(-1)))
    assert.ok(regions() > before + 500)
    await vm.isReady()
    assert.ok((await Promise.all(calls)).every((code) => code === 'EMVM_ERR_STALE'))
    assert.ok(regions() < before + 100, `${before} ${regions()}`)
  }
  vm.dispose()
})

test('as many calls wait as the limit says', async () => {
  const vm = await openGlue()
  const calls = Array.from({ length: 2000 }, () => codeOf(vm.exports._once(-1)))
  assert.throws(() => vm.exports._once(-1), { name: 'RangeError', message: /2000 calls of this module wait for promises/ })
  vm.exports.waiting[0](1)
  assert.strictEqual(await calls[0], 'no error: 2')
  assert.strictEqual(await vm.exports._once(1), 3)
  vm.dispose()
})

test('books of allocations are kept over a suspension', async () => {
  const vm = await openGlue({ trackLeaks: 'allocations' })
  const calls = [vm.exports._allocating(-1), vm.exports._allocating(3)]
  assert.strictEqual(await calls[1], 7)
  vm.exports.waiting[0](4)
  assert.strictEqual(await calls[0], 5)
  assert.deepStrictEqual(vm.allocations().map(({ count, bytes }) => [count, bytes]), [[1, 16], [1, 16]])
  vm.dispose()
})

test('threads and processes end with suspended calls', async () => {
  const text = `
    const { open } = require(${JSON.stringify(path.join(__dirname, '..', '..'))})
    open(${JSON.stringify(path.join(folder, 'suspending.js'))}).then((vm) => {
      for (let number = 0; number < 20; number++) vm.exports._once(-1)
      const { parentPort } = require('node:worker_threads')
      if (parentPort) { parentPort.postMessage('waits'); setInterval(() => {}, 1000) } else process.exit(7)
    })`
  const worker = new Worker(text, { eval: true })
  await new Promise((resolve) => worker.once('message', resolve))
  assert.strictEqual(await worker.terminate(), 1)
  assert.strictEqual(spawnSync(process.execPath, ['-e', text], { timeout: 60000 }).status, 7)
})
