'use strict'

// `realm: 'context'` and what of the two realms differs.

const test = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { types } = require('node:util')
const { open } = require('../..')
const { glueFolder } = require('../support/glue')

const fixture = (name) => path.join(__dirname, '..', 'fixtures', name)
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const quiet = { print () {}, printErr () {} }

for (const realm of ['shared', 'context']) {
  for (const shape of ['commonjs', 'esm', 'script']) {
    test(`${shape} in realm '${realm}': opened, used, recycled`, async (t) => {
      const { glue } = glueFolder(t)
      const vm = await open(glue('glue.mjs'.replace('mjs', shape === 'esm' ? 'mjs' : 'js'), shape), { host: 'glue', realm })
      const first = vm.exports
      assert.deepStrictEqual([first._add(2, 3), first._next(), first._next()], [5, 8, 9])
      const second = await vm.isReady()
      assert.deepStrictEqual([second._next(), vm.exports === second], [8, true])
      assert.throws(() => first._add(1, 1), { code: 'EMVM_ERR_STALE' })
      vm.dispose()
    })
  }

  test(`faults in realm '${realm}' are the same errors`, async (t) => {
    const { glue } = glueFolder(t)
    const vm = await open(glue('glue.js', 'commonjs', 'Module.fail = function (how) { throw new how.Error("mine") }'), {
      host: 'glue', realm, timeout: 1000, module: { onBack: (x) => { if (x === 1) throw new RangeError('from a callback'); return x } }
    })
    assert.throws(() => vm.exports._trap(), (error) => error.name === 'RuntimeError' && error.code === 'EMVM_ERR_TRAP' && error.trap === 'unreachable')
    assert.throws(() => vm.exports._divide(1, 0), { trap: 'divide', message: 'divide by zero' })
    assert.throws(() => vm.exports._load(-8), { trap: 'out-of-bounds' })
    assert.throws(() => vm.exports._back(1), (error) => error instanceof RangeError && error.message === 'from a callback')
    assert.throws(() => vm.exports._forever(), { code: 'EMVM_ERR_TIMEOUT', limit: 1000 })
    assert.throws(() => vm.exports.fail({ Error: SyntaxError }), SyntaxError)
    assert.strictEqual((await vm.isReady())._add(1, 2), 3)
    assert.deepStrictEqual([vm.stats().traps, vm.stats().timeouts], [3, 1])
    vm.dispose()
  })
}

test('a context has globals of its own, which die with the generation', async (t) => {
  const { glue } = glueFolder(t)
  const more = `
    globalThis.mark = (globalThis.mark || 0) + 1; Module.mark = globalThis.mark; Module.array = [1]
    Module.sees = { process: typeof process.version, Buffer: typeof Buffer.from, setTimeout: typeof setTimeout, crypto: typeof crypto.getRandomValues,
      performance: typeof performance.now, TextDecoder: typeof TextDecoder, fetch: typeof fetch, WebAssembly: globalThis.WebAssembly === WebAssembly }
    Module.later = function (tell) { setTimeout(function () { tell(globalThis.mark) }, 5) }`
  const file = glue('glue.js', 'commonjs', more)
  const vm = await open(file, { host: 'glue', realm: 'context' })
  const { sees, later } = vm.exports
  assert.deepStrictEqual({ ...sees }, {
    process: 'string', Buffer: 'function', setTimeout: 'function', crypto: 'function', performance: 'function', TextDecoder: 'function', fetch: 'function', WebAssembly: true
  })
  assert.strictEqual(await new Promise(later), 1)
  assert.strictEqual(vm.exports.array instanceof Array, false)
  assert.ok(Array.isArray(vm.exports.array))
  const told = []
  later((mark) => told.push(mark))
  assert.strictEqual((await vm.isReady()).mark, 1)
  await pause(30)
  assert.deepStrictEqual(told, [])
  assert.strictEqual(globalThis.mark, undefined)
  vm.dispose()
})

test('in the shared realm what the glue puts on the global object stays in its generation', async (t) => {
  const { glue } = glueFolder(t)
  const vm = await open(glue('glue.js', 'commonjs', 'globalThis.mark = (globalThis.mark || 0) + 1; Module.mark = globalThis.mark; Module.array = [1]'), { host: 'glue' })
  assert.strictEqual((await vm.isReady()).mark, 1)
  assert.strictEqual(globalThis.mark, undefined)
  assert.ok(vm.exports.array instanceof Array)
  vm.dispose()
})

// What docs/glue.md says about contexts: views are the context's, buffers are the caller's.
test('typed arrays of a context belong to it, and still read the memory', async (t) => {
  const { glue } = glueFolder(t)
  const vm = await open(glue('glue.js', 'commonjs', 'Module.sum = function (view) { return view instanceof Uint8Array }'), { host: 'glue', realm: 'context' })
  const { HEAPU8 } = vm.exports
  assert.strictEqual(HEAPU8 instanceof Uint8Array, false)
  assert.ok(types.isUint8Array(HEAPU8))
  assert.strictEqual(Buffer.from(HEAPU8.subarray(1024, 1029)).toString(), 'image')
  assert.strictEqual(vm.exports.sum(new Uint8Array(1)), false)
  await vm.isReady()
  assert.strictEqual(HEAPU8.length, 0)
  vm.dispose()
})

for (const name of ['capi-modularize.js', 'capi-O2.js', 'exceptions-O2.js', 'program.js']) {
  test(`${name} in a context gives what it gives in the caller's realm`, async () => {
    const keys = {}
    for (const realm of ['shared', 'context']) {
      const vm = await open(fixture(name), { host: 'glue', realm, ...quiet })
      await vm.isReady()
      keys[realm] = Object.keys(vm.exports).sort()
      if (vm.exports._add) assert.strictEqual(vm.exports._add(40, 2), 42)
      vm.dispose()
    }
    assert.deepStrictEqual(keys.context, keys.shared)
  })
}
