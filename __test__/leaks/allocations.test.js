'use strict'

// What the module's allocator tells from inside, on both hosts.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { open, UnsupportedError } = require('../..')
const { framesOf } = require('../../lib/leaks/frames')

const fixture = (name) => path.join(__dirname, '..', 'fixtures', name)
const LINES = fs.readFileSync(__filename, 'utf8').split('\n')
const lineOf = (text) => LINES.findIndex((line) => line.includes(text) && !line.includes('lineOf(')) + 1

async function sandbox (t, name, options) {
  const vm = await open(fixture(name), { trackLeaks: 'allocations', ...options })
  t.after(() => vm.dispose())
  return vm
}

const short = ({ count, bytes, function: asked }) => ({ count, bytes, asked })
const userFrames = (block) => framesOf(block.stack).filter(({ file }) => file === __filename)

for (const host of ['native', 'glue']) {
  test(`${host}: a leak in C++ is found by function and by line`, async (t) => {
    const vm = await sandbox(t, 'leaky.js', { host })
    const { blocks } = await vm.profile(function shopping (module) {
      const basket = new module.Basket()
      for (let i = 0; i < 3; i++) basket.add(500) // here it leaks
      basket.weigh(40)
      basket.delete()
    })
    assert.deepStrictEqual(blocks.map(short), [{ count: 6, bytes: 1512, asked: 'shop::Basket::add(int)' }])
    const [{ wasmStack }] = blocks
    const at = wasmStack.indexOf('shop::Basket::add(int)')
    assert.deepStrictEqual(wasmStack.slice(0, at), ['dlmalloc', 'operator new(unsigned long)'])
    assert.match(wasmStack[at + 1], /^emscripten::internal::MethodInvoker</)
    const [frame] = userFrames(blocks[0])
    assert.deepStrictEqual([frame.name, frame.line], ['shopping', lineOf('// here it leaks')])
  })

  test(`${host}: what JavaScript takes with _malloc and forgets`, async (t) => {
    const vm = await sandbox(t, 'leaky.js', { host })
    const { blocks } = await vm.profile((module) => {
      module._free(module._malloc(64))
      module._malloc(32)
    })
    assert.deepStrictEqual(blocks.map(short), [{ count: 1, bytes: 32, asked: null }])
  })

  test(`${host}: each kind of allocation, freed and not`, async (t) => {
    const vm = await sandbox(t, 'leaky.js', { host })
    assert.deepStrictEqual((await vm.profile((module) => module._every_kind(1))).blocks, [])
    const { blocks } = await vm.profile((module) => module._every_kind(0))
    const kinds = blocks.map(({ count, bytes, wasmStack }) => [count, bytes, wasmStack.join(' < ')])
    assert.deepStrictEqual(kinds, [
      [1, 4096, 'dlrealloc < every_kind'],
      [2, 128 + 50, 'dlposix_memalign < every_kind'],
      [3, 10 + 20 * 3 + 30, 'dlmalloc < every_kind'],
      [1, 60, 'dlmalloc < operator new(unsigned long) < every_kind']
    ])
  })

  test(`${host}: a block from before is left out, also when it is moved`, async (t) => {
    const vm = await sandbox(t, 'leaky.js', { host, warmUp: (module) => module._take_early() })
    const left = async (fn) => (await vm.profile(fn)).blocks
    assert.deepStrictEqual(await left((module) => module._grow_early(5000)), [])
    assert.deepStrictEqual(await left((module) => module._free_early()), [])
    assert.deepStrictEqual(await left((module) => { module._take_early(); module._grow_early(9) }).then((all) => all.map(short)), [{ count: 1, bytes: 9, asked: 'grow_early' }])
  })

  test(`${host}: calls that go by JavaScript are one stack`, async (t) => {
    const vm = await sandbox(t, 'leaky-exceptions.js', { host })
    const { blocks } = await vm.profile((module) => {
      const basket = new module.Basket()
      assert.ok(module.guarded(basket, 2000) > 50)
      basket.delete()
    })
    const label = blocks.find(({ bytes }) => bytes === 2000)
    assert.strictEqual(label.function, 'shop::Basket::add(int)')
    const [inner, outer] = ['shop::Basket::add(int)', 'shop::guarded(shop::Basket&, int)'].map((name) => label.wasmStack.indexOf(name))
    assert.ok(inner > 0 && outer > inner, label.wasmStack.join(' < '))
    // The string was freed, and so was, by Emscripten's own JavaScript, the exception that was caught.
    const others = blocks.filter(({ function: asked }) => asked !== 'shop::Basket::add(int)')
    assert.ok(others.length <= (host === 'native' ? 1 : 0), JSON.stringify(others))
  })

  test(`${host}: without names functions go by their numbers, and it says what could not be seen`, async (t) => {
    const vm = await sandbox(t, 'leaky-stripped.js', { host })
    const { blocks, watched } = await vm.profile((module) => { module._forget(100) })
    assert.deepStrictEqual(watched, { functions: [{ name: 'malloc', by: 'export' }, { name: 'free', by: 'export' }], unseen: ['calloc', 'realloc', 'memalign'] })
    const [{ wasmStack, ...block }] = blocks
    assert.deepStrictEqual([block.count, block.bytes, wasmStack[0]], [1, 100, 'malloc'])
    assert.match(wasmStack[1], /^wasm-function\[\d+\]$/)
    assert.deepStrictEqual((await vm.profile((module) => module._every_kind(1))).blocks, [])
    // The aligned ones are told of by what they do to malloc's blocks.
    const { blocks: kept } = await vm.profile((module) => module._every_kind(0))
    assert.strictEqual(kept.reduce((sum, { count }) => sum + count, 0), 7)
    for (let i = 0; i < 20; i++) {
      const { blocks: left } = await vm.profile((module) => {
        module._malloc(8 * i)
        module._every_kind(1)
        module._malloc(40)
      })
      assert.deepStrictEqual(left.map(({ bytes }) => bytes).sort((a, b) => a - b), [8 * i, 40].sort((a, b) => a - b))
    }
  })

  test(`${host}: a JavaScript function between two wasm calls`, async (t) => {
    const vm = await sandbox(t, 'leaky.js', { host })
    const { blocks } = await vm.profile((module) => {
      const callback = module.addFunction(function between (bytes) { module._forget(bytes) }, 'vi')
      module._call_back(callback, 321)
    })
    const block = blocks.find(({ bytes }) => bytes === 321)
    assert.deepStrictEqual(block.wasmStack, ['dlmalloc', 'forget', 'call_back'])
    assert.strictEqual(block.function, 'forget')
    assert.strictEqual(userFrames(block)[0].name, 'between')
  })

  test(`${host}: deep recursion keeps the innermost frames`, async (t) => {
    const vm = await sandbox(t, 'leaky.js', { host })
    const { blocks: [block] } = await vm.profile((module) => { module._deep(2000, 11) })
    assert.deepStrictEqual([block.bytes, block.function], [11, 'deep'])
    assert.ok(block.wasmStack.length > 100 && block.wasmStack.length <= 256)
  })

  test(`${host}: each generation has books of its own`, async (t) => {
    const vm = await sandbox(t, 'leaky.js', { host })
    vm.exports._forget(100)
    assert.deepStrictEqual(vm.allocations().map(short), [{ count: 1, bytes: 100, asked: 'forget' }])
    await vm.isReady()
    assert.deepStrictEqual(vm.allocations(), [])
    vm.exports._forget(7)
    vm.exports._forget(7)
    assert.deepStrictEqual(vm.allocations().map(({ bytes }) => bytes).reduce((a, b) => a + b), 14)
  })
}

test('results are the same with and without', async (t) => {
  const plain = await open(fixture('leaky.js'))
  t.after(() => plain.dispose())
  const watched = await sandbox(t, 'leaky.js')
  const run = (module) => {
    const basket = new module.Basket()
    for (let i = 1; i < 50; i++) basket.add(i)
    const places = [module._malloc(5), module._forget(9), module._deep(20, 3)]
    module._every_kind(1)
    return { places, size: basket.size, weight: basket.weigh(7), memory: Buffer.from(module.HEAPU8).toString('latin1').length }
  }
  assert.deepStrictEqual(run(watched.exports), run(plain.exports))
})

test('many blocks, taken and given back in any order', async (t) => {
  const vm = await sandbox(t, 'leaky.js')
  let seed = 7
  const random = (n) => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % n
  const held = []
  const { blocks } = await vm.profile((module) => {
    for (let i = 0; i < 3000; i++) {
      if (held.length > 0 && random(5) < 2) module._free(held.splice(random(held.length), 1)[0].ptr)
      const bytes = 1 + random(600)
      held.push({ bytes, ptr: random(2) === 0 ? module._malloc(bytes) : module._forget(bytes) })
    }
  })
  const sum = (list, key) => list.reduce((total, { [key]: n }) => total + n, 0)
  assert.deepStrictEqual([sum(blocks, 'count'), sum(blocks, 'bytes')], [held.length, sum(held, 'bytes')])
  assert.strictEqual(blocks.length, 2)
})

test('a sandbox that was not opened for it profiles on a twin', async (t) => {
  const vm = await open(fixture('leaky.js'))
  t.after(() => vm.dispose())
  const { generation } = vm
  for (let i = 0; i < 2; i++) {
    const { blocks, value } = await vm.profile((module) => {
      assert.notStrictEqual(module, vm.exports)
      module._forget(50)
      return 'value'
    })
    assert.deepStrictEqual([value, blocks.map(short)], ['value', [{ count: 1, bytes: 50, asked: 'forget' }]])
  }
  assert.strictEqual(vm.generation, generation)
  assert.throws(() => vm.allocations(), UnsupportedError)
})

test('a module whose allocator cannot be found says so', async (t) => {
  const source = path.join(__dirname, '..', 'fixtures', 'standalone.wasm')
  await assert.rejects(open(source, { trackLeaks: 'allocations' }), (error) => {
    assert.ok(error instanceof UnsupportedError)
    assert.match(error.message, /--profiling-funcs/)
    return true
  })
  const vm = await open(source)
  t.after(() => vm.dispose())
  const { blocks, watched, value } = await vm.profile(() => 5)
  assert.deepStrictEqual([value, blocks, watched.functions], [5, [], []])
  assert.match(watched.reason, /cannot be found/)
})
