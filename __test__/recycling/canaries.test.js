'use strict'

// Nothing of one generation or sandbox is visible in another: memory, globals and tables are the image's, byte for byte.
// Once per memory backend, each in a process of its own.

const { test } = require('node:test')
const assert = require('node:assert')
const { runScript } = require('../support/child')

const BACKENDS = { 'copy-on-write': { EMVM_MEMORY_BACKEND: '' }, portable: { EMVM_MEMORY_BACKEND: 'portable' } }

async function onEach (t, body, args = []) {
  for (const [backend, env] of Object.entries(BACKENDS)) {
    await t.test(backend, async () => {
      const { code, signal, stderr, stdout } = await runScript(`
        const assert = require('node:assert')
        const path = require('node:path')
        const { faults, thrown } = require('./__test__/support/faults')
        const { assemble, exportsOf, OP } = require('./__test__/support/wasm')
        const { random } = require('./__test__/support/hostile')
        const differences = (vm) => vm[Symbol.for('emvm.compareWithImage')]()
        ;(async () => { ${body} })().then((result) => console.log(JSON.stringify(result)))`, { env, args, timeout: 240_000 })
      assert.strictEqual(`${signal} ${code} ${stderr}`, 'null 0 ')
      if (process.platform === 'linux') assert.strictEqual(JSON.parse(stdout).backend, backend)
    })
  }
}

const BACKEND = 'backend: /portable/i.test(JSON.stringify(emvm.capabilities())) ? "portable" : "copy-on-write"'

test('random work, then a recycle: memory, globals and tables are as after start-up', (t) => onEach(t, `
  const { vm, call, on } = await faults({ timeout: 200, memory: { max: '16mb' }, print () {}, printErr () {} })
  const cpp = await emvm.open(path.resolve('__test__/fixtures/exceptions-O2.js'), { print () {}, printErr () {} })
  const names = Object.keys(cpp.exports).filter((name) => name.startsWith('_') && typeof cpp.exports[name] === 'function')
  assert.deepStrictEqual(differences(vm), [])
  assert.deepStrictEqual(differences(cpp), [])
  let seen = 0
  for (let seed = 1; seed <= 60; seed++) {
    const rng = random(seed)
    const { exports: module } = vm
    const work = [
      () => call.store(rng.below(131072 - 4), rng.next()),
      () => call.fill(rng.below(65536), rng.below(256), rng.below(65536)),
      () => module.HEAPU8.fill(rng.below(256), rng.below(131072)),
      () => call.count(),
      () => call.grow(rng.below(40)),
      () => call.store(131072 + rng.below(65536), rng.next()),
      () => call.unreachable(),
      () => call.recurse(0),
      () => { on(() => { throw new Error('in a callback') }); call.back(1) },
      () => { on((x) => { call.store(x, 99); return call.divide(1, 0) }); call.back(2048) },
      () => module.addFunction((x) => x, 'ii'),
      () => module.addFunction(() => {}, 'v'),
      () => module.removeFunction(2),
      () => module.wasmTable.grow(rng.below(5)),
      () => module.wasmTable.set(rng.below(4), rng.pick([null, module._add])),
      () => module.stackAlloc(rng.below(5000)),
      () => module.FS.writeFile('/file' + rng.below(9), 'x'.repeat(rng.below(9999))),
      () => module.FS.mkdir('/folder' + rng.below(9)),
      () => call.exit(1)
    ]
    for (let i = rng.below(30); i >= 0; i--) try { rng.pick(work)() } catch { }
    if (differences(vm).length > 0) seen++
    if (rng.below(2)) vm.recycle(); else await vm.isReady()
    assert.deepStrictEqual(differences(vm), [], 'seed ' + seed)
    for (let i = rng.below(10); i >= 0; i--) try { cpp.exports[rng.pick(names)](rng.below(70000), rng.below(100)) } catch { }
    cpp.recycle()
    assert.deepStrictEqual(differences(cpp), [], 'seed ' + seed)
  }
  // The comparison can see.
  assert.ok(seen > 40)
  call.store(5000, 1)
  call.count()
  vm.exports.wasmTable.set(3, vm.exports._add)
  assert.strictEqual(differences(vm).length, 3)
  return { ${BACKEND} }`))

test('canaries: what one generation or sandbox wrote is nowhere in the next, in parts that grew neither', (t) => onEach(t, `
  const CANARY = Buffer.from('canary-of-a-past-life')
  const has = (vm) => Buffer.from(vm.exports.HEAPU8.buffer).includes(CANARY)
  const soil = (vm, call) => {
    call.grow(60)
    const heap = vm.exports.HEAPU8
    for (let at = 4096; at + 64 < heap.length; at += 4096) heap.set(CANARY, at)
    assert.ok(has(vm))
  }
  const zeroAbove = (vm, from) => assert.ok(vm.exports.HEAPU8.subarray(from).every((byte) => byte === 0))
  const { vm, call } = await faults()
  for (let i = 0; i < 20; i++) {
    soil(vm, call)
    vm.recycle()
    if (i % 3 === 0) vm.recycle()
    assert.ok(!has(vm))
    assert.strictEqual(vm.exports.HEAPU8.length, 131072)
    assert.strictEqual(call.grow(60), 2)
    zeroAbove(vm, 131072)
    assert.ok(!has(vm))
  }
  for (let i = 0; i < 20; i++) {
    const one = await faults()
    soil(one.vm, one.call)
    const two = await faults()
    assert.ok(!has(two.vm))
    one.vm.dispose()
    const three = await faults({ recycle: 'never' })
    three.call.grow(60)
    assert.ok(!has(three.vm))
    zeroAbove(three.vm, 131072)
    two.vm.dispose()
    three.vm.dispose()
  }
  return { ${BACKEND} }`))

test('views of a past generation are dead, and cannot be written through', (t) => onEach(t, `
  const { vm, call } = await faults()
  const heap = vm.exports.HEAPU8
  const part = heap.subarray(1024, 1029)
  const { buffer } = heap
  assert.strictEqual(Buffer.from(part).toString(), 'image')
  vm.recycle()
  assert.deepStrictEqual([heap.length, part.length, buffer.byteLength], [0, 0, 0])
  heap[1024] = 7
  assert.throws(() => part.fill(9), TypeError)
  assert.strictEqual(Buffer.from(vm.exports.HEAPU8.subarray(1024, 1029)).toString(), 'image')
  const before = vm.exports.HEAPU8
  call.grow(1)
  assert.strictEqual(before.length, 0)
  const last = vm.exports.HEAPU8
  vm.dispose()
  assert.strictEqual(last.length, 0)
  return { ${BACKEND} }`))
