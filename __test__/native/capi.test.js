'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { open } = require('../..')
const { compare, fixtures } = require('../support/compare')

const BUILDS = {
  'capi-O0.js': { assertions: true },
  'capi-O2.js': {},
  'capi-growth.js': { growth: true },
  'capi-bigint.js': { bigint: true },
  'capi-modularize.js': {},
  'capi-embedded.js': {}
}

for (const [fixture, argument] of Object.entries(BUILDS)) {
  test(`${fixture}: calls, memory, texts and the function table as in Emscripten`, () => {
    // What builds with assertions say about wrong use is left out: emvm throws it.
    const lines = (line) => !line.startsWith('err ') || line === 'err to stderr'
    return compare(fixture, 'capi.js', { argument, lines })
  })
}

async function using (fixture, run, options) {
  const vm = await open(path.join(fixtures, fixture), { host: 'native', ...options })
  try {
    return await run(vm, vm.exports)
  } finally {
    vm.dispose()
  }
}

test('a recycle takes functions out of the table and gives their indices anew', () => using('capi-O2.js', async (vm, m) => {
  const first = m.addFunction((a, b) => a + b, 'iii')
  for (let i = 0; i < 20; i++) m.addFunction((a) => a + i, 'ii')
  await vm.isReady()
  assert.throws(() => m._call_iii(first, 1, 2), { code: 'EMVM_ERR_TRAP' })
  assert.strictEqual(m.addFunction((a, b) => a * b, 'iii'), first)
  assert.strictEqual(m._call_iii(first, 3, 4), 12)
}))

test('functions that a warm-up adds are there in every generation, even when one removes them', () => {
  let index
  const warmUp = (m) => { index = m.addFunction((a, b) => a ** b, 'iii') }
  return using('capi-O2.js', async (vm, m) => {
    assert.strictEqual(m._call_iii(index, 2, 10), 1024)
    m.removeFunction(index)
    assert.throws(() => m._call_iii(index, 2, 10), { code: 'EMVM_ERR_TRAP' })
    await vm.isReady()
    assert.strictEqual(m._call_iii(index, 3, 3), 27)
    const other = m.addFunction((a, b) => a - b, 'iii')
    assert.notStrictEqual(other, index)
    assert.strictEqual(m._call_iii(other, 3, 1), 2)
  }, { warmUp })
})

test('many functions come and go without new ones being made', () => using('capi-O2.js', async (vm, m) => {
  for (let generation = 0; generation < 50; generation++) {
    const indices = Array.from({ length: 40 }, (_, i) => m.addFunction((a, b) => a + b + i, 'iii'))
    indices.forEach((index, i) => assert.strictEqual(m._call_iii(index, 1, 1), 2 + i))
    if (generation % 2) indices.forEach((index) => m.removeFunction(index))
    await vm.isReady()
  }
}))

test('what is wrong with addFunction and ccall is said', () => using('capi-O2.js', async (vm, m) => {
  assert.throws(() => m.addFunction(() => 1), { name: 'TypeError', message: /Missing signature/ })
  assert.throws(() => m.addFunction(() => 1, 'ixx'), { name: 'TypeError', message: /'ixx' is not a signature/ })
  assert.throws(() => m.addFunction(5, 'i'), { name: 'TypeError' })
  assert.throws(() => m.ccall('absent', null, [], []), { name: 'TypeError', message: /unknown function absent/ })
  assert.throws(() => m.ccall('add', 'number', ['number', 'number'], [1, 2], { async: true }), { code: 'EMVM_ERR_UNSUPPORTED' })
  assert.throws(() => m.removeFunction(99999), { name: 'RangeError' })
}))

test('a module ends in errors with codes, and goes on after', () => using('capi-O2.js', async (vm, m) => {
  assert.throws(() => m._quit(3), { code: 'EMVM_ERR_EXIT', status: 3 })
  assert.throws(() => m._give_up(), { code: 'EMVM_ERR_ABORT' })
  assert.throws(() => m._trap(), { code: 'EMVM_ERR_TRAP', trap: 'unreachable' })
  await vm.isReady()
  assert.strictEqual(m._count(), 1)
}))

test('static data, the heap and views start anew with each generation', () => using('capi-growth.js', async (vm, m) => {
  const length = m.HEAPU8.length
  const view = m.HEAPU8
  m._count()
  m._grow(64 << 20)
  assert.strictEqual(view.length, 0)
  assert.ok(m.HEAPU8.length > length)
  await vm.isReady()
  assert.strictEqual(m.HEAPU8.length, length)
  assert.strictEqual(m._count(), 1)
}))

test('a bare .wasm gets Emscripten\'s current runtime functions', () => using('standalone.wasm', async (vm, m) => {
  assert.strictEqual(m._twice(21), 42)
  const saved = m.stackSave()
  assert.strictEqual(m.UTF8ToString(m._reverse(m.stringToUTF8OnStack('abc'))), 'cba')
  m.stackRestore(saved)
  assert.strictEqual(m.ccall('reverse', 'string', ['string'], ['straw']), 'warts')
  assert.strictEqual(m.wasmMemory.buffer, m.HEAPU8.buffer)
  assert.strictEqual(typeof m.wasmExports.twice, 'function')
  assert.strictEqual(m.wasmExports.twice(4), 8)
  assert.strictEqual(m.calledRun, true)
  m.FS.writeFile('/x', 'y')
  assert.strictEqual(m.FS.readFile('/x', { encoding: 'utf8' }), 'y')
  const lines = []
  await using('standalone.wasm', async (other, n) => n.ccall('say', null, ['string'], ['hi']), { print: (line) => lines.push(line) })
  assert.deepStrictEqual(lines, ['say hi'])
}))

test('every name that the facade says it provides is provided', async () => {
  const { Facade } = require('../../lib/facade')
  const { openProgram } = require('../../lib/open')
  const { load } = require('../../lib/base/binding')
  const names = require('../../lib/facade/provided.json')
  assert.strictEqual(new Set(names).size, names.length)
  const { program, facts } = await openProgram(path.join(fixtures, 'standalone.wasm'), {})
  const sandbox = new (load().Sandbox)(program, {})
  try {
    sandbox.instantiate()
    const { runtime } = new Facade(sandbox, facts, { userImports: [] })
    const missing = names.filter((name) => runtime.provide(name) === undefined && !(name in runtime.live))
    assert.deepStrictEqual(missing, [])
  } finally {
    sandbox.dispose()
  }
})

test('`ready` is a promise of the module, where the glue has one', async () => {
  const vm = await open(path.join(fixtures, 'capi-modularize.js'), { host: 'native' })
  try {
    assert.strictEqual(await vm.exports.ready, vm.exports)
    await vm.isReady()
    assert.strictEqual(await vm.exports.ready, vm.exports)
  } finally {
    vm.dispose()
  }
  const script = await open(path.join(fixtures, 'capi-O2.js'), { host: 'native' })
  assert.ok(!('ready' in script.exports))
  script.dispose()
})

test('the module option is what a program gives the factory', async () => {
  const said = []
  const lines = []
  const module = {
    mine: 1,
    print: (line) => lines.push(line),
    preRun: [(m) => { said.push(`preRun ${m.mine}`) }],
    postRun: () => { said.push('postRun') },
    onRuntimeInitialized () { said.push(`ready ${typeof this._malloc}`) }
  }
  const vm = await open(path.join(fixtures, 'program.js'), { host: 'native', module: { ...module, noInitialRun: true } })
  try {
    assert.deepStrictEqual(said, ['preRun 1', 'ready function', 'postRun'])
    assert.strictEqual(vm.exports.mine, 1)
    vm.exports.callMain(['x'])
    assert.ok(lines.length > 0)
    await vm.isReady()
    assert.strictEqual(vm.exports.mine, 1)
    assert.strictEqual(said.length, 3)
  } finally {
    vm.dispose()
  }
})
