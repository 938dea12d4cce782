'use strict'

// What a lease (`vm.run`) holds, refuses and tells; that no failure of one is lost. Pools: that a task always has an answer.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { AsyncLocalStorage } = require('node:async_hooks')
const { open, Pool } = require('../..')
const { scratch } = require('../support/files')
const { runScript } = require('../support/child')
const { onBoth, HOSTS } = require('../support/hosts')

const fixture = (name) => path.join(__dirname, '..', 'fixtures', name)
const quiet = { print () {}, printErr () {} }

/* global faults */
onBoth('a run() that nobody awaits and that fails is an unhandled rejection', async () => {
  const { vm } = await faults()
  const seen = []
  process.on('unhandledRejection', (error) => seen.push(error.message))
  vm.run(() => { throw new Error('at once') })
  vm.run(async () => { throw new Error('later') }, { signal: new AbortController().signal })
  await vm.run(() => 1)
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.deepStrictEqual(seen, ['at once', 'later'])
  await assert.rejects(vm.run(() => { throw new Error('awaited') }), /awaited/)
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.strictEqual(seen.length, 2)
  vm.dispose()
}, { worker: true })

test('without a listener it ends the process', async () => {
  const { code, stderr } = await runScript(`emvm.open(${JSON.stringify(fixture('capi-O2.js'))}).then((vm) => { vm.run(() => { throw new Error('lost') }) })`)
  assert.match(stderr, /lost/)
  assert.strictEqual(code, 1)
})

for (const host of HOSTS) {
  test(`inside a lease nothing takes its instance away: ${host} host`, async () => {
    const vm = await open(fixture('embind.js'), { host, ...quiet })
    const other = await open(fixture('embind.js'), { host, ...quiet })
    const attempts = {
      recycle: () => vm.recycle(),
      dispose: () => vm.dispose(),
      isReady: () => vm.isReady(),
      run: () => vm.run(() => 1),
      asyncDispose: () => vm[Symbol.asyncDispose](),
      'run within run of another': () => other.run(() => vm.run(() => 1))
    }
    const codes = await vm.run(async (module) => {
      const codes = {}
      for (const [name, attempt] of Object.entries(attempts)) {
        codes[name] = await (async () => attempt())().then(() => 'nothing', (error) => error.code)
      }
      await new Promise((resolve) => setTimeout(resolve, 5))
      await assert.rejects((async () => vm.dispose())(), { code: 'EMVM_ERR_BUSY' })
      assert.strictEqual(typeof new module.Dog('rex').greet(), 'string')
      return codes
    })
    assert.deepStrictEqual(codes, Object.fromEntries(Object.keys(attempts).map((name) => [name, 'EMVM_ERR_BUSY'])))
    other.dispose()
    await vm[Symbol.asyncDispose]()
    assert.throws(() => vm.exports, { code: 'EMVM_ERR_DISPOSED' })
  })

  test(`leases that wait when the sandbox is disposed of are told; each has its caller's context: ${host} host`, async () => {
    const vm = await open(fixture('embind.js'), { host, ...quiet })
    const context = new AsyncLocalStorage()
    const seen = await Promise.all([1, 2, 3].map((n) => context.run(n, () => vm.run(() => context.getStore()))))
    assert.deepStrictEqual(seen, [1, 2, 3])
    let began
    const started = new Promise((resolve) => { began = resolve })
    const first = vm.run(async () => { began(); await new Promise((resolve) => setTimeout(resolve, 20)); return 1 })
    const second = vm.run(() => assert.fail('it must not begin'))
    await started
    vm.dispose()
    await assert.rejects(second, { code: 'EMVM_ERR_DISPOSED' })
    assert.strictEqual(await first, 1)
  })

  test(`live values are refused at any depth: ${host} host`, async () => {
    const vm = await open(fixture('embind.js'), { host, ...quiet })
    class Result { constructor (value) { this.value = value } }
    const shapes = {
      '': (x) => x,
      '.a[1].b': (x) => ({ a: [0, { b: x }] }),
      ".get('key')": (x) => new Map([['key', x]]),
      '.values()': (x) => new Set([x]),
      '.value.value': (x) => new Result(new Result(x))
    }
    const values = { Dog: (module) => new module.Dog('rex'), Uint8Array: (module) => module.HEAPU8.subarray(0, 4), ArrayBuffer: (module) => module.HEAPU8.buffer }
    for (const [name, make] of Object.entries(values)) {
      for (const [where, wrap] of Object.entries(shapes)) {
        await assert.rejects(vm.run((module) => wrap(make(module))), (error) => {
          assert.strictEqual(error.code, 'EMVM_ERR_STALE')
          assert.ok(error.message.includes(`given back a ${name}${where === '' ? '' : ` (at result${where})`} of`), error.message)
          return true
        })
      }
    }
    const cycle = { list: [1, 'two', null, undefined, Symbol.iterator, 10n, new Date(), /x/, new Uint8Array(4)] }
    cycle.self = cycle
    assert.strictEqual(await vm.run(() => cycle), cycle)
    const odd = { proxy: new Proxy({}, { get () { throw new Error('no') }, getPrototypeOf () { throw new Error('no') } }), server: process }
    assert.strictEqual(await vm.run(() => odd), odd)
    vm.dispose()
  })

  test(`output that print has the module print, as plain Node has it: ${host} host`, async () => {
    const lines = []
    let module
    let depth = 0
    const print = (line) => {
      lines.push(line)
      if (depth++ < 2) module.ccall('say', null, ['string'], [`inner ${depth}`])
    }
    const vm = await open(fixture('capi-O2.js'), { host, print, printErr () {} })
    for (let round = 0; round < 2; round++) {
      module = vm.exports
      depth = 0
      module.ccall('say', null, ['string'], ['outer'])
      module.ccall('say', null, ['string'], ['after'])
      // Neither the C library nor Emscripten has emptied its line before print returns.
      assert.deepStrictEqual(lines.splice(0), ['outer', 'outerouterinner 1', 'outerouterinner 1outerinner 1inner 2', 'after'])
      await vm.isReady()
    }
    vm.dispose()
  })
}

test('pool: setup that never settles, threads that cannot start', async (t) => {
  const { write } = scratch(t)
  const never = new Pool(fixture('embind.js'), { threads: 1, setup: write('never.js', 'module.exports = () => new Promise(() => {})') })
  await assert.rejects(never.run(() => 1), { code: 'EMVM_ERR_OPTION', message: /never\.js.*can no longer settle/ })
  await never.destroy()
  const slow = new Pool(fixture('embind.js'), { threads: 1, setup: write('slow.js', 'module.exports = () => new Promise((resolve) => setTimeout(resolve, 3500, {}))') })
  assert.strictEqual(await slow.run(() => 1), 1)
  await slow.destroy()
  const resourceLimits = { maxOldGenerationSizeMb: 4, maxYoungGenerationSizeMb: 1 }
  for (const threads of [{ threads: 1 }, { minThreads: 0, maxThreads: 2 }]) {
    const pool = new Pool(fixture('embind.js'), { ...threads, resourceLimits })
    for (let round = 0; round < 2; round++) await assert.rejects(pool.run(() => 1), { code: 'EMVM_ERR_WORKER', message: /memory limit/ })
    await pool.destroy()
  }
})

test('pool: objects of classes with memory in them, handles in them, what is thrown that is no error', async () => {
  const pool = new Pool(fixture('embind.js'), { threads: 1 })
  const value = await pool.run((module) => {
    class Result { constructor () { this.bytes = module.HEAPU8.subarray(8, 12); this.inner = { also: this.bytes } } }
    return [new Result(), new Date(5)]
  })
  assert.deepStrictEqual(value[0].bytes.length, 4)
  assert.strictEqual(value[0].bytes.buffer.byteLength, 4)
  assert.strictEqual(value[0].inner.also, value[0].bytes)
  assert.deepStrictEqual(value[1], new Date(5))
  await assert.rejects(pool.run((module) => {
    class Result { constructor () { this.list = [new module.Dog('rex')] } }
    return new Result()
  }), { code: 'EMVM_ERR_STALE', message: /a live Dog/ })
  await assert.rejects(pool.run(() => { throw { odd: 1, f () {} } }), { message: /odd: 1/ }) // eslint-disable-line no-throw-literal
  await assert.rejects(pool.run(() => { setTimeout(() => { throw { odd: 2 } }); return new Promise(() => {}) }), { code: 'EMVM_ERR_WORKER', message: /odd: 2/ }) // eslint-disable-line no-throw-literal
  assert.strictEqual(await pool.run(() => 3), 3)
  await pool.destroy()
})
