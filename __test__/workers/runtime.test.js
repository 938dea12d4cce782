'use strict'

// What the runtime around emvm may do: forbid external buffers, detach and resize them, drop the last reference.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { open } = require('../..')
const { faults } = require('../support/faults')
const { faultsOn, HOSTS } = require('../support/hosts')
const { runScript } = require('../support/child')

test('a runtime without external buffers (Electron) is told by name, with the way out', async () => {
  const { stdout, code } = await runScript(`
    const { FAULTS } = require('./__test__/support/faults')
    emvm.open(FAULTS).then(() => 'opened', (error) => ({ code: error.code, message: error.message })).then((result) => console.log(JSON.stringify(result)))`,
  { env: { EMVM_TEST_NO_EXTERNAL_BUFFERS: '1' } })
  assert.strictEqual(code, 0)
  const result = JSON.parse(stdout)
  assert.strictEqual(result.code, 'EMVM_ERR_UNSUPPORTED')
  assert.match(result.message, /Electron[\s\S]*child_process/)
})

test('code without interruption points takes no timeout', async () => {
  const { stdout } = await runScript(`
    const { FAULTS } = require('./__test__/support/faults')
    const code = (promise) => promise.then((vm) => { vm.dispose(); return 'opened' }, (error) => error.code)
    ;(async () => console.log(JSON.stringify([await code(emvm.open(FAULTS, { timeout: 10, cache: false })), await code(emvm.open(FAULTS, { cache: false, imports: { env: { callback () {} } } }))])))()`,
  { env: { EMVM_INTERRUPTION_POINTS: 'off' } })
  assert.deepStrictEqual(JSON.parse(stdout), ['EMVM_ERR_OPTION', 'opened'])
})

for (const host of HOSTS) {
  test(`buffers that JavaScript takes away, detaches and resizes: ${host} host`, async () => {
    const { vm, call } = await faultsOn(host)
    const { buffer } = vm.exports.HEAPU8
    const canary = Buffer.from('taken-away')
    vm.exports.HEAPU8.set(canary, 70000)
    for (const take of [() => structuredClone(buffer, { transfer: [buffer] }), () => buffer.transfer && buffer.transfer(), () => new MessageChannel().port1.postMessage(buffer, [buffer])]) {
      try { take() } catch (error) { assert.ok(error instanceof Error) }
    }
    // Whatever became of the buffer, the module works, and a new instance has views.
    assert.strictEqual(call.add(1, 2), 3)
    await vm.isReady()
    const { HEAPU8 } = vm.exports
    assert.strictEqual(HEAPU8.length, 131072)
    assert.ok(!Buffer.from(HEAPU8.buffer).includes(canary))
    assert.throws(() => new Uint8Array(HEAPU8.buffer).subarray(0, 10).set(new Uint8Array(11)), RangeError)
    if (HEAPU8.buffer.resize) assert.throws(() => HEAPU8.buffer.resize(10), TypeError)
    const past = vm.exports.HEAPU8
    call.grow(200_000)
    assert.strictEqual(past.length, 0)
    assert.ok(vm.exports.HEAPU8.length > 131072)
    vm.dispose()
    assert.strictEqual(HEAPU8.length, 0)
  })
}

test('hot reload: sandboxes whose last reference goes are collected without being asked', async () => {
  const { code, stderr } = await runScript(`
    const assert = require('node:assert')
    const { faultsOn } = require('./__test__/support/hosts')
    const rss = () => process.memoryUsage.rss()
    async function reload (host) {
      const { vm, call } = await faultsOn(host, { memory: { max: '64mb' } })
      const at = call.grow(40 << 20)
      vm.exports.HEAPU8.fill(1, at, at + (40 << 20))
    }
    ;(async () => {
      const host = process.argv[1]
      for (let i = 0; i < 3; i++) await reload('native')
      const before = rss()
      // Nobody calls gc(): V8 must know by itself that much hangs on little. 40 reloads that kept all would be 1.6 GB.
      let most = 0
      for (let i = 0; i < 40; i++) {
        await reload(i % 2 ? 'native' : 'glue')
        await new Promise((resolve) => setTimeout(resolve, 5))
        most = Math.max(most, rss() - before)
      }
      assert.ok(most < 900 << 20, (most >> 20) + ' MB')
    })()`, { timeout: 120_000 })
  assert.strictEqual(stderr, '')
  assert.strictEqual(code, 0)
})

test('memories at their maxima, next to memory.max', async () => {
  const { assemble, exportsOf, OP } = require('../support/wasm')
  const grow = { export: 'grow', params: 1, result: true, code: [OP.localGet, 0, OP.memoryGrow, 0] }
  for (const [memory, max, code] of [
    [{ min: 65536, max: 65536 }, '16mb', 'EMVM_ERR_MEMORY'],
    [{ min: 257, max: 65536 }, '16mb', 'EMVM_ERR_MEMORY'],
    [{ min: 65537 }, undefined, 'EMVM_ERR_INVALID_WASM']
  ]) {
    await assert.rejects(open(assemble({ memory, functions: [grow] }), { cache: false, ...(max && { memory: { max } }) }), { code })
  }
  const vm = await open(assemble({ memory: { min: 256, max: 65536 }, functions: [grow] }), { cache: false, memory: { max: '16mb' } })
  for (const delta of [1, 65280, -1]) assert.strictEqual(exportsOf(vm.exports).grow(delta), -1)
  assert.strictEqual(exportsOf(vm.exports).grow(0), 256)
  vm.dispose()
})

test('a module of another copy of emvm, and of another thread, is told apart', async () => {
  const { vm } = await faults()
  const other = await open(path.join(__dirname, '..', 'fixtures', 'crash.js'), { print () {}, printErr () {} })
  const holder = new other.exports.Holder()
  const second = await open(path.join(__dirname, '..', 'fixtures', 'crash.js'), { print () {}, printErr () {} })
  const { plain } = second.exports.Holder.prototype
  assert.throws(() => plain.call(holder))
  assert.throws(() => plain.call({}))
  assert.throws(() => plain.call(vm.exports))
  assert.strictEqual(structuredClone(vm).exports, undefined)
  assert.throws(() => structuredClone(vm.exports), { name: 'DataCloneError' })
  for (const one of [vm, other, second]) one.dispose()
})
