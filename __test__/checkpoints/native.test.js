'use strict'

// Checkpoints of the native host: what a generation that begins at one finds, and what is refused.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { open, Checkpoint, StaleHandleError } = require('../..')
const { exportsOf, MACHINE } = require('../support/wasm')
const { packageWith } = require('../support/package')
const { scratch } = require('../support/files')

const OPENCV = require.resolve('opencv-4.12')
const COMPARE = Symbol.for('emvm.compareWithImage')
const fixture = (name) => path.join(__dirname, '..', 'fixtures', name)
const quiet = { print () {}, printErr () {} }

async function opened (t, source, options) {
  const vm = await open(source, { host: 'native', ...quiet, ...options })
  t.after(() => vm.dispose())
  return vm
}

const machine = (t, options) => opened(t, MACHINE, { imports: { env: { callback: (x) => x } }, ...options })

// Goes to a checkpoint (or the start), and sees that memory, globals and table are what they were.
function goTo (vm, from) {
  vm.recycle({ from })
  assert.deepStrictEqual(vm[COMPARE](from), [])
}

test('memory, its length and globals go to any checkpoint, back and forth', async (t) => {
  const vm = await machine(t)
  const exports = exportsOf(vm.exports)
  const look = () => [exports.load(2048), exports.load(1024), exports.grow(0), exports.next()]
  const points = [{ point: undefined, was: look() }]
  vm.recycle()
  for (let round = 1; round < 6; round++) {
    exports.store(2048, round)
    if (round % 2 === 0) exports.grow(round)
    const point = vm.checkpoint()
    assert.ok(point instanceof Checkpoint)
    points.push({ point, was: look() })
    goTo(vm, points[round % 3].point)
  }
  for (const from of points) {
    for (const to of points) {
      goTo(vm, from.point)
      exports.store(1024, 77)
      exports.grow(1)
      goTo(vm, to.point)
      assert.deepStrictEqual(look(), to.was)
    }
  }
  assert.strictEqual(vm.stats().checkpoints, 5)
})

test('handles that were good at a checkpoint are good again, later ones are stale', async (t) => {
  const vm = await opened(t, OPENCV)
  const cv = vm.exports
  const early = new cv.Mat(4, 4, cv.CV_8UC1, new cv.Scalar(5))
  const first = vm.checkpoint()
  const later = new cv.Mat(2, 2, cv.CV_8UC1)
  early.data[0] = 9
  const second = vm.checkpoint()
  early.delete()
  assert.throws(() => early.rows, /deleted/)

  goTo(vm, first)
  assert.deepStrictEqual([early.rows, early.data[0]], [4, 5])
  assert.throws(() => later.rows, StaleHandleError)
  early.delete()
  goTo(vm, first)
  assert.strictEqual(early.rows, 4)

  goTo(vm, second)
  assert.deepStrictEqual([early.data[0], later.rows], [9, 2])
  const twin = later.clone()
  goTo(vm, second)
  assert.throws(() => twin.rows, StaleHandleError)

  goTo(vm, undefined)
  for (const gone of [early, later]) assert.throws(() => gone.rows, StaleHandleError)
  goTo(vm, second)
  assert.deepStrictEqual([early.rows, later.rows], [4, 2])
  assert.deepStrictEqual(vm.leaks(), [], 'what a checkpoint has is no leak of the generation')
})

test('JavaScript values that C++ holds, and instances of subclasses', async (t) => {
  const vm = await opened(t, fixture('embind.js'))
  const { exports: m } = vm
  const handles = m.count_emval_handles()
  const value = { of: 'JavaScript' }
  const Own = m.Listener.extend('Listener', { heard: (text) => text.length })
  m.store(value)
  const own = new Own()
  const point = vm.checkpoint()
  assert.strictEqual(m.load(), value)
  m.store({ of: 'later' })
  m.store(null)
  own.delete()
  for (let round = 0; round < 3; round++) {
    goTo(vm, point)
    assert.strictEqual(m.load(), value)
    assert.strictEqual(m.tell(own, 'abc') > 0, true)
    m.store({ of: 'later' })
    own.delete()
    goTo(vm, undefined)
    assert.strictEqual(m.load(), undefined)
    assert.strictEqual(m.count_emval_handles(), handles)
    assert.throws(() => m.tell(own, 'abc'), StaleHandleError)
  }
  point.dispose()
  m.store(value)
  assert.strictEqual(m.load(), value)
})

test('functions of the table', async (t) => {
  const capi = await opened(t, fixture('capi-O2.js'))
  const { exports: module } = capi
  const index = module.addFunction((x) => x + 1, 'ii')
  const entry = module.getWasmTableEntry?.(index)
  const point = capi.checkpoint()
  module.removeFunction(index)
  const other = module.addFunction((x) => x + 100, 'ii')
  const after = module.addFunction((x) => x + 200, 'ii')
  goTo(capi, point)
  assert.notStrictEqual(other, undefined)
  assert.notStrictEqual(after, undefined)
  if (entry !== undefined) assert.strictEqual(entry(1), 2)
  assert.strictEqual(module.addFunction((x) => x, 'ii'), Math.max(other, after), 'the indices are free again')
  goTo(capi, undefined)
  if (entry !== undefined) assert.throws(() => entry(1), StaleHandleError)
  goTo(capi, point)
  if (entry !== undefined) assert.strictEqual(entry(1), 2)
})

test('files, descriptors, positions and the working folder', async (t) => {
  const vm = await opened(t, fixture('program.js'))
  const { FS } = vm.exports
  FS.mkdir('/d')
  FS.writeFile('/d/a', 'one')
  FS.chdir('/d')
  const stream = FS.open('/d/a', 'r+')
  FS.llseek(stream, 2, 0)
  const point = vm.checkpoint()
  FS.write(stream, Buffer.from('XYZ'), 0, 3)
  FS.close(stream)
  FS.unlink('/d/a')
  FS.chdir('/')
  FS.writeFile('/new', 'x')
  const late = FS.open('/new', 'r')

  goTo(vm, point)
  assert.strictEqual(FS.cwd(), '/d')
  assert.strictEqual(FS.readFile('/d/a', { encoding: 'utf8' }), 'one')
  assert.strictEqual(stream.position, 2, 'a stream that was closed later is open')
  const byte = Buffer.alloc(1)
  assert.strictEqual(FS.read(stream, byte, 0, 1), 1)
  assert.strictEqual(byte.toString(), 'e')
  assert.throws(() => FS.stat('/new'), { code: 'ENOENT' })
  assert.throws(() => late.position, StaleHandleError)
  goTo(vm, undefined)
  assert.throws(() => stream.position, StaleHandleError)
  assert.throws(() => FS.stat('/d'), { code: 'ENOENT' })
})

test('real files are no part of a checkpoint, but descriptors of them are', async (t) => {
  const { folder } = scratch(t)
  fs.writeFileSync(path.join(folder, 'real'), 'abcdef')
  const vm = await opened(t, fixture('program.js'), { mounts: { '/real': { path: folder } } })
  const { FS } = vm.exports
  const stream = FS.open('/real/real', 'r+')
  const byte = Buffer.alloc(1)
  FS.read(stream, byte, 0, 1)
  const point = vm.checkpoint()
  FS.read(stream, byte, 0, 1)
  FS.writeFile('/real/other', 'stays')
  FS.close(stream)
  goTo(vm, point)
  assert.strictEqual(FS.read(stream, byte, 0, 1), 1)
  assert.strictEqual(byte.toString(), 'b')
  assert.strictEqual(fs.readFileSync(path.join(folder, 'other'), 'utf8'), 'stays')
  goTo(vm, undefined)
  assert.throws(() => stream.position, StaleHandleError)
})

// Its post-js has no variable, but changes objects of the module.
const CHANGES = `
  Module.state = { steps: 0, list: [] }
  Module.step = function () { Module.state.steps++; Module.state.list.push({ at: Module.state.steps }) }
  Module.fresh = function () { Module.made = { deep: { n: 1 } } }
  Module.spoil = function () { Module.made.deep.n = 99; delete Module.made.deep }
  Module.later = function (f) { setTimeout(f, 20) }`

test("the module object is what the package's own JavaScript had made of it", async (t) => {
  const vm = await opened(t, packageWith(scratch(t).write, { fixture: 'capi-O2', post: CHANGES }))
  const { exports: module } = vm
  module.step()
  module.fresh()
  const point = vm.checkpoint()
  const seen = () => JSON.stringify([module.state.steps, module.state.list, module.made])
  const was = seen()
  for (let round = 0; round < 3; round++) {
    module.step()
    module.spoil()
    assert.notStrictEqual(seen(), was)
    goTo(vm, point)
    assert.strictEqual(seen(), was)
  }
  goTo(vm, undefined)
  assert.strictEqual(module.made, undefined)
  assert.strictEqual(module.state.steps, 0)
  goTo(vm, point)
  assert.strictEqual(seen(), was)
})

test('what is no checkpoint of this sandbox is refused', async (t) => {
  const vm = await machine(t)
  const other = await machine(t)
  const point = vm.checkpoint()
  for (const from of [null, 1, {}, 'x', Object.create(Checkpoint.prototype)]) {
    assert.throws(() => vm.recycle({ from }), { code: 'EMVM_ERR_OPTION' })
    await assert.rejects(vm.isReady({ from }), { code: 'EMVM_ERR_OPTION' })
    await assert.rejects(vm.run(() => 1, { from }), { code: 'EMVM_ERR_OPTION' })
  }
  assert.throws(() => other.recycle({ from: point }), { code: 'EMVM_ERR_OPTION', message: /another sandbox/ })
  assert.throws(() => vm.recycle({ form: point }), { code: 'EMVM_ERR_OPTION', message: /'from'/ })
  assert.throws(() => new Checkpoint(), TypeError)
  point.dispose()
  point.dispose()
  assert.strictEqual(point.bytes, 0)
  assert.throws(() => vm.recycle({ from: point }), { code: 'EMVM_ERR_DISPOSED' })
  assert.strictEqual(vm.stats().checkpoints, 0)
  vm.recycle()
})

test('a checkpoint within a call is refused, and one in a lease is not', async (t) => {
  let error
  const vm = await machine(t, { imports: { env: { callback: (x) => { try { vm.checkpoint() } catch (thrown) { error = thrown } return x } } } })
  const exports = exportsOf(vm.exports)
  assert.strictEqual(exports.back(1), 1)
  assert.strictEqual(error.code, 'EMVM_ERR_BUSY')
  const point = await vm.run(() => { exports.store(2048, 5); return vm.checkpoint() })
  assert.strictEqual(exports.load(2048), 0)
  assert.strictEqual(await vm.run(() => exports.load(2048), { from: point }), 5)
  assert.strictEqual(exports.load(2048), 0)
})

test('a disposed checkpoint may be what the generation began with, and what others share', async (t) => {
  const vm = await machine(t)
  const exports = exportsOf(vm.exports)
  exports.store(2048, 1)
  const first = vm.checkpoint()
  vm.recycle({ from: first })
  exports.store(3000 * 4, 2)
  const second = vm.checkpoint()
  vm.recycle({ from: first })
  first.dispose()
  assert.strictEqual(exports.load(2048), 1)
  exports.store(2048, 3)
  goTo(vm, second)
  assert.deepStrictEqual([exports.load(2048), exports.load(3000 * 4)], [1, 2])
  second.dispose()
  assert.deepStrictEqual([exports.load(2048), exports.load(3000 * 4)], [1, 2])
  goTo(vm, undefined)
})

test('a coroutine that is suspended keeps a checkpoint from being taken', async (t) => {
  const vm = await opened(t, fixture('coroutines.js'))
  let settle
  const sum = vm.exports.sum(new Promise((resolve) => { settle = resolve }), 1)
  assert.throws(() => vm.checkpoint(), { code: 'EMVM_ERR_BUSY', message: /coroutine/ })
  settle(2)
  assert.strictEqual(await sum, 3)
  goTo(vm, vm.checkpoint())
})

test('the glue host says that it cannot', async (t) => {
  const vm = await open(fixture('capi-O2.js'), { host: 'glue', ...quiet })
  t.after(() => vm.dispose())
  assert.throws(() => vm.checkpoint(), { code: 'EMVM_ERR_UNSUPPORTED' })
})
