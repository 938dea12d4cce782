'use strict'

// Options as nobody means them: objects that answer differently each time, that throw, that are taken away; names that the program
// has put on what all objects inherit.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { runScript } = require('../support/child')
const { open, inspect, interrupt, Pool } = require('../..')
const { openOptions, sourceOf } = require('../../lib/options')

const FILE = path.join(__dirname, '..', 'fixtures', 'capi-O2.js')
const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}
const OPTION = { code: 'EMVM_ERR_OPTION' }

test('what an array of strings says of itself is not asked', () => {
  class Agrees extends Array { every () { return true } }
  const iterates = Object.assign(['a'], { * [Symbol.iterator] () { yield 5 } })
  const huge = new Proxy(['a'], { get: (target, key) => key === 'length' ? 2 ** 32 : target[key] })
  // eslint-disable-next-line no-sparse-arrays
  for (const args of [[, 'a'], new Agrees(3), huge, revoked()]) {
    assert.throws(() => openOptions({ args }), OPTION)
    assert.throws(() => openOptions({ packages: args }), OPTION)
  }
  assert.deepStrictEqual(openOptions({ args: iterates }).args, ['a'])
})

test('each option is read once', () => {
  let reads = 0
  const flips = (good, bad) => ({ enumerable: true, get: () => reads++ === 0 ? good : bad })
  const check = (options, value) => {
    reads = 0
    assert.deepStrictEqual(value(openOptions(options)), true)
    assert.strictEqual(reads, 1)
  }
  check(Object.defineProperty({}, 'timeout', flips(5, 'x')), ({ timeout }) => timeout === 5)
  check({ memory: Object.defineProperty({}, 'max', flips(65536, {})) }, ({ memory }) => memory.max === 65536)
  check({ recycle: Object.defineProperty({}, 'calls', flips(3, {})) }, ({ recycle }) => recycle.calls === 3)
  check({ env: Object.defineProperty({}, 'A', flips('b', 5)) }, ({ env }) => env.A === 'b')
  check({ mounts: { '/d': Object.defineProperty({}, 'path', flips('/tmp', 5)) } }, ({ mounts }) => mounts[0].path === '/tmp')
  check({ args: Object.defineProperty([], 0, flips('a', 5)) }, ({ args }) => args[0] === 'a')
})

test('proxies and what was taken away are refused with a code', async () => {
  const detached = new Uint8Array(8)
  structuredClone(detached, { transfer: [detached.buffer] })
  for (const name of ['wasm', 'recycle', 'memory', 'mounts', 'env', 'args', 'stdin', 'imports', 'packages', 'from', 'image', 'timeout']) {
    assert.throws(() => openOptions({ [name]: revoked() }), OPTION, name)
  }
  assert.throws(() => sourceOf(revoked()), OPTION)
  const lookalike = Object.create(AbortSignal.prototype)
  const shows = { get [Symbol.for('nodejs.util.inspect.custom')] () { throw new Error('looked at') } }
  const vm = await open(FILE)
  await assert.rejects(vm.isReady(revoked()), OPTION)
  await assert.rejects(vm.run(() => 1, revoked()), OPTION)
  await assert.rejects(vm.run(() => 1, { signal: lookalike }), OPTION)
  await assert.rejects(vm.checkpoint().save(revoked()), OPTION)
  await assert.rejects(inspect(FILE, { host: shows }), OPTION)
  for (const handle of [Object.create(null), detached, Symbol('x'), shows]) assert.throws(() => interrupt(handle), OPTION)
  vm.dispose()
})

test('what options hold is what they held when `open` was called', async () => {
  const stdin = Buffer.from('before')
  const imports = { env: { f () {} } }
  const options = openOptions({ stdin, imports })
  stdin.write('later!')
  imports.env.f = 5
  assert.strictEqual(Buffer.from(options.stdin).toString(), 'before')
  assert.strictEqual(typeof options.imports.env.f, 'function')

  const read = () => new Uint8Array(fs.readFileSync(FILE.replace('.js', '.wasm')))
  const changes = [(bytes) => bytes.fill(0), (bytes) => structuredClone(bytes, { transfer: [bytes.buffer] })]
  for (const change of changes) {
    const bytes = read()
    const opening = open(FILE, { wasm: bytes, cache: false })
    change(bytes)
    const vm = await opening
    assert.ok(vm.exports._malloc(8) > 0)
    vm.dispose()
  }
})

for (const host of ['native', 'glue']) {
  test(`a time limit beyond what clocks reach is none: ${host} host`, async () => {
    const { stderr, stdout } = await runScript(`
      (async () => {
        for (const timeout of [1e308, Number.MAX_VALUE, 2 ** 32, 2 ** 53]) {
          const vm = await emvm.open(${JSON.stringify(FILE)}, { host: '${host}', timeout })
          const module = await vm.isReady()
          if (!(module._malloc(8) > 0)) throw new Error('malloc')
          vm.dispose()
        }
        console.log('good')
      })()`)
    assert.strictEqual(stderr, '')
    assert.strictEqual(stdout, 'good\n')
  })

  test(`what the program puts on Object.prototype is nobody's option: ${host} host`, async () => {
    const names = [
      'timeout', 'memory', 'max', 'stack', 'env', 'args', 'stdin', 'mounts', 'imports', 'packages', 'factory', 'module', 'cache', 'wasm', 'recycle', 'heapBytes', 'calls', 'warmUp', 'from',
      'image', 'rewind', 'trackLeaks', 'threads', 'onProgress', 'onUncaught', 'signal', 'realm', 'host',
      'bytes', 'path', 'wasmPath', 'wasmBytes', 'beside', 'translated', 'watched', 'settled', 'memoryMax', 'noInitialRun', 'language', 'opensImage', 'code', 'lacks', 'feature', 'maker',
      'keepsState', 'replacesModule'
    ]
    const { stderr, stdout } = await runScript(`
      (async () => {
        for (const name of ${JSON.stringify(names)}) {
          Object.defineProperty(Object.prototype, name, { value: 1, configurable: true, writable: true })
          try {
            const vm = await emvm.open(${JSON.stringify(FILE)}, { host: '${host}', print () {}, printErr () {} })
            await vm.isReady()
            await vm.run((module) => module._malloc(8), {})
            vm.dispose()
            const other = await emvm.open(${JSON.stringify(FILE)})
            other.dispose()
          } catch (error) {
            console.log(name, String(error))
          }
          delete Object.prototype[name]
        }
      })()`)
    assert.strictEqual(stderr, '')
    assert.strictEqual(stdout, '')
  })
}

test('options of a pool and of its tasks are checked as those of open()', async () => {
  const circular = {}
  circular.self = circular
  for (const options of [{ threads: circular }, { toString: 1 }, { threads: 10n }, { setup: revoked() }, { open: { hots: 1 } }]) assert.throws(() => new Pool(FILE, options), OPTION)
  const pool = new Pool(FILE, { threads: 1 })
  try {
    const wrong = [null, 5, { signal: {} }, { signal: Object.create(AbortSignal.prototype) }, { transferList: 5 }, { timeout: NaN }, { timout: 5 }, { name: Symbol('x') }]
    for (const options of wrong) await assert.rejects(pool.run(() => 1, 0, options), OPTION)
    assert.strictEqual(await pool.run(() => 1, 0, { timeout: Infinity }), 1)
  } finally {
    await pool.destroy()
  }
})

test('errors of tasks keep their names, whatever these are', async () => {
  const pool = new Pool(FILE, { threads: 1 })
  try {
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      const task = (module, payload) => { throw Object.assign(new Error('mine'), { name: payload }) }
      const error = await pool.run(task, name).catch((reason) => reason)
      assert.ok(error instanceof Error)
      assert.strictEqual(error.name, name)
      assert.strictEqual(error.message, 'mine')
    }
    const given = await pool.run((module) => JSON.parse('{"a":{"__proto__":5}}', (key, value) => key === '' ? { ...value, view: module.HEAPU8.subarray(0, 4) } : value), 0)
    assert.strictEqual(Object.getOwnPropertyDescriptor(given.a, '__proto__').value, 5)
  } finally {
    await pool.destroy()
  }
})

test('a listener that throws ends no task', async () => {
  const { stdout, stderr } = await runScript(`
    process.on('uncaughtException', (error) => console.log('uncaught', error.message))
    const pool = new emvm.Pool(${JSON.stringify(FILE)}, { threads: 1 })
    pool.on('needsDrain', () => { throw new Error('needsDrain') })
    pool.on('drain', () => { throw new Error('drain') })
    ;(async () => {
      console.log(await Promise.all([pool.run(() => 1), pool.run(() => 2)]))
      await pool.close()
    })()`)
  assert.strictEqual(stderr, '')
  assert.deepStrictEqual(stdout.trim().split('\n').sort(), ['[ 1, 2 ]', 'uncaught drain', 'uncaught needsDrain'])
})
