'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { open, StaleHandleError } = require('../..')
const { exportsOf, MACHINE } = require('../support/wasm')
const { CASCADE } = require('../packages/opencv/fixtures')

const OPENCV = require.resolve('opencv-4.12')

async function opened (t, source = OPENCV, options) {
  const vm = await open(source, options)
  t.after(() => vm.dispose())
  return vm
}

const machine = (t, options) => opened(t, MACHINE, { imports: { env: { callback: (x) => x } }, ...options })

const stale = (fn, className) => assert.throws(fn, (error) => {
  assert.ok(error instanceof StaleHandleError, String(error))
  assert.strictEqual(error.code, 'EMVM_ERR_STALE')
  if (className) assert.match(error.message, new RegExp(className))
  return true
})

test('isReady gives the same module object, one generation on', async (t) => {
  const vm = await opened(t)
  const { exports: cv, isReady } = vm
  const { Mat } = cv
  assert.strictEqual(await isReady(), cv)
  assert.strictEqual(await vm.isReady(), cv)
  assert.strictEqual(vm.recycle(), cv)
  assert.strictEqual(vm.generation, 4)
  assert.strictEqual(cv.Mat, Mat)
  assert.strictEqual(vm.stats().recycles, 3)
})

test('memory, its length, globals and data are those of the image again', async (t) => {
  const vm = await machine(t)
  const exports = exportsOf(vm.exports)
  for (let round = 0; round < 5; round++) {
    assert.strictEqual(exports.next(), 8)
    assert.strictEqual(exports.next(), 9)
    assert.strictEqual(exports.load(2048), 0)
    assert.strictEqual(exports.load(1024), Buffer.from('imag').readInt32LE())
    exports.store(2048, 99)
    exports.store(1024, 0)
    assert.strictEqual(exports.grow(3), 1)
    exports.store(3 * 65536, 5)
    await vm.isReady()
  }
})

test('what leaked is gone: the allocator starts where it started', async (t) => {
  const vm = await opened(t)
  const first = vm.recycle()._malloc(1000)
  for (let round = 0; round < 20; round++) {
    const cv = await vm.isReady()
    assert.strictEqual(cv._malloc(1000), first)
    for (let i = 0; i < 20; i++) void new cv.Mat(500, 500, cv.CV_8UC4, new cv.Scalar(round))
  }
})

test('the heap that grew has the image\'s length again', async (t) => {
  const vm = await opened(t)
  const cv = vm.recycle()
  const before = cv.HEAPU8.length
  void new cv.Mat(8000, 8000, cv.CV_8UC3)
  assert.ok(cv.HEAPU8.length > before)
  await vm.isReady()
  assert.strictEqual(cv.HEAPU8.length, before)
  assert.strictEqual(vm.stats().heapBytes, before)
  assert.ok(vm.stats().heapPeakBytes > before)
})

test('an object of a past generation throws, however it is used', async (t) => {
  const vm = await opened(t)
  const cv = vm.exports
  const mat = new cv.Mat(4, 4, cv.CV_8UC1, new cv.Scalar(3))
  const vector = new cv.MatVector()
  const orb = new cv.ORB()
  await vm.isReady()
  const fresh = new cv.Mat(4, 4, cv.CV_8UC1, new cv.Scalar(9))
  stale(() => mat.rows, 'Mat')
  stale(() => mat.channels())
  stale(() => mat.ucharAt(0, 0))
  stale(() => mat.data)
  stale(() => mat.clone())
  stale(() => mat.delete())
  stale(() => mat.deleteLater())
  stale(() => mat.isAliasOf(fresh))
  stale(() => fresh.isAliasOf(mat))
  stale(() => mat.roi(new cv.Rect(0, 0, 1, 1)))
  stale(() => cv.bitwise_not(mat, new cv.Mat()))
  stale(() => cv.bitwise_not(fresh, mat))
  stale(() => fresh.copyTo(mat))
  stale(() => new cv.Mat(mat))
  stale(() => vector.push_back(fresh), 'MatVector')
  stale(() => new cv.MatVector().push_back(mat))
  stale(() => orb.getDefaultName(), 'ORB')
  if (Symbol.dispose) stale(() => mat[Symbol.dispose]())
  assert.ok(mat instanceof cv.Mat)
  assert.deepStrictEqual(Array.from(fresh.data), Array(16).fill(9))
})

test('the error says which generation the object is of and which one lives', async (t) => {
  const vm = await opened(t)
  const mat = new vm.exports.Mat()
  await vm.isReady()
  await vm.isReady()
  assert.throws(() => mat.rows, (error) => {
    assert.strictEqual(error.generation, 1)
    assert.strictEqual(error.current, 3)
    assert.match(error.message, /1/)
    assert.match(error.message, /3/)
    return true
  })
})

test('views of a past generation have length 0', async (t) => {
  const vm = await opened(t)
  const cv = vm.exports
  const mat = new cv.Mat(4, 4, cv.CV_32FC1)
  const views = [mat.data, mat.data32F, cv.HEAPU8, cv.HEAP32, cv.HEAPF64, cv.HEAPU8.subarray(100, 200)]
  const { buffer } = cv.HEAPU8
  await vm.isReady()
  assert.deepStrictEqual(views.map((view) => view.length), views.map(() => 0))
  assert.strictEqual(buffer.byteLength, 0)
  assert.ok(cv.HEAPU8.length > 0)
})

test('a view from before the heap grew has length 0, and the new one has the data', async (t) => {
  const vm = await opened(t)
  const cv = vm.exports
  const mat = new cv.Mat(2, 2, cv.CV_8UC1, new cv.Scalar(5))
  const { data } = mat
  void new cv.Mat(8000, 8000, cv.CV_8UC3)
  assert.strictEqual(data.length, 0)
  assert.deepStrictEqual(Array.from(mat.data), [5, 5, 5, 5])
})

test('finalizers of a past generation touch nothing', { skip: !global.gc }, async (t) => {
  const vm = await opened(t)
  let cv = vm.exports
  for (let i = 0; i < 300; i++) void new cv.Mat(10, 10, cv.CV_8UC1)
  cv = await vm.isReady()
  const mats = Array.from({ length: 300 }, (_, i) => new cv.Mat(10, 10, cv.CV_8UC1, new cv.Scalar(i % 256)))
  for (let i = 0; i < 5; i++) {
    global.gc()
    await new Promise((resolve) => setImmediate(resolve))
  }
  mats.forEach((mat, i) => assert.strictEqual(mat.data[99], i % 256))
})

test('files of a past generation are gone, those of warmUp are there', async (t) => {
  const vm = await opened(t, OPENCV, { warmUp: (cv) => cv.FS_createDataFile('/', 'kept.txt', new Uint8Array([1, 2]), true, true, true) })
  const cv = vm.exports
  cv.FS_createDataFile('/', 'leaked.txt', new Uint8Array([3]), true, true, true)
  cv.FS_unlink('/kept.txt')
  await vm.isReady()
  assert.throws(() => cv.FS_unlink('/leaked.txt'))
  assert.doesNotThrow(() => cv.FS_unlink('/kept.txt'))
  await vm.isReady()
  assert.doesNotThrow(() => cv.FS_unlink('/kept.txt'))
})

test('objects made in warmUp are valid in each generation, whatever a generation does to them', async (t) => {
  let classifier, mat
  const vm = await opened(t, OPENCV, {
    warmUp (cv) {
      cv.FS_createDataFile('/', 'edges.xml', CASCADE, true, false, false)
      classifier = new cv.CascadeClassifier()
      assert.ok(classifier.load('edges.xml'))
      mat = new cv.Mat(1, 3, cv.CV_8UC1, new cv.Scalar(6))
    }
  })
  for (let round = 0; round < 4; round++) {
    await vm.isReady()
    assert.strictEqual(classifier.empty(), false)
    assert.deepStrictEqual(Array.from(mat.data), [6, 6, 6])
    mat.data.fill(round)
    if (round % 2) mat.delete()
    else classifier.delete()
  }
})

test('a failing warmUp fails open with its cause', async () => {
  const cause = new Error('no font')
  await assert.rejects(open(OPENCV, { warmUp () { throw cause } }), (error) => error.code === 'EMVM_ERR_START' && error.cause === cause)
  await assert.rejects(open(OPENCV, { warmUp: async () => { throw cause } }), (error) => error.code === 'EMVM_ERR_START' && error.cause === cause)
})

test('random numbers of the host differ between generations, OpenCV\'s own start the same', async (t) => {
  const vm = await opened(t)
  const draw = () => {
    const mat = new vm.exports.Mat(1, 8, vm.exports.CV_8UC1)
    vm.exports.randu(mat, new vm.exports.Mat(1, 1, vm.exports.CV_64FC1, new vm.exports.Scalar(0)), new vm.exports.Mat(1, 1, vm.exports.CV_64FC1, new vm.exports.Scalar(255)))
    return Array.from(mat.data)
  }
  const first = draw()
  await vm.isReady()
  assert.deepStrictEqual(draw(), first)
})

test('recycle: never keeps the instance until it is told otherwise', async (t) => {
  const vm = await opened(t, OPENCV, { recycle: 'never' })
  const mat = new vm.exports.Mat(2, 2, vm.exports.CV_8UC1)
  await vm.isReady()
  assert.strictEqual(mat.rows, 2)
  assert.strictEqual(vm.generation, 1)
  vm.recycle()
  assert.strictEqual(vm.generation, 2)
})

test('recycle by calls', async (t) => {
  const vm = await machine(t, { recycle: { calls: 10 } })
  for (let i = 0; i < 9; i++) exportsOf(vm.exports).add(1, 2)
  await vm.isReady()
  assert.strictEqual(vm.generation, 1)
  exportsOf(vm.exports).add(1, 2)
  await vm.isReady()
  assert.strictEqual(vm.generation, 2)
})

test('recycle by the size of the heap', async (t) => {
  const vm = await machine(t, { recycle: { heapBytes: 3 * 65536 } })
  exportsOf(vm.exports).grow(1)
  await vm.isReady()
  assert.strictEqual(vm.generation, 1)
  exportsOf(vm.exports).grow(1)
  await vm.isReady()
  assert.strictEqual(vm.generation, 2)
})

test('recycle by age, and after a trap', async (t) => {
  const vm = await machine(t, { recycle: { ageMs: 1000 } })
  await vm.isReady()
  assert.strictEqual(vm.generation, 1)
  await new Promise((resolve) => setTimeout(resolve, 1050))
  await vm.isReady()
  assert.strictEqual(vm.generation, 2)
  assert.throws(() => exportsOf(vm.exports).trap(), { code: 'EMVM_ERR_TRAP' })
  await vm.isReady()
  assert.strictEqual(vm.generation, 3)
})

test('onTrap: false keeps a trapped instance', async (t) => {
  const vm = await machine(t, { recycle: { calls: 1000, onTrap: false } })
  assert.throws(() => exportsOf(vm.exports).trap(), { code: 'EMVM_ERR_TRAP' })
  await vm.isReady()
  assert.strictEqual(vm.generation, 1)
})

test('a recycle from inside a call is refused, and the call goes on', async (t) => {
  const caught = []
  let vm
  const callback = (x) => {
    for (const fn of [() => vm.recycle(), () => vm.dispose()]) {
      try { fn() } catch (error) { caught.push(error.code) }
    }
    return x + 1
  }
  vm = await opened(t, MACHINE, { imports: { env: { callback } } })
  assert.strictEqual(exportsOf(vm.exports).back(1), 2)
  assert.deepStrictEqual(caught, ['EMVM_ERR_BUSY', 'EMVM_ERR_BUSY'])
  assert.strictEqual(vm.generation, 1)
})

test('isReady from inside a call rejects', async (t) => {
  let pending
  const vm = await opened(t, MACHINE, { imports: { env: { callback (x) { pending = vm.isReady(); pending.catch(() => {}); return x } } } })
  exportsOf(vm.exports).back(1)
  await assert.rejects(pending, { code: 'EMVM_ERR_BUSY' })
})

test('run leases a fresh instance and recycles after it', async (t) => {
  const vm = await machine(t)
  exportsOf(vm.exports).next()
  assert.strictEqual(await vm.run((module) => exportsOf(module).next()), 8)
  assert.strictEqual(exportsOf(vm.exports).next(), 8)
})

test('run recycles when the function throws, and passes the error on', async (t) => {
  const vm = await machine(t)
  const error = new Error('mine')
  await assert.rejects(vm.run(() => { throw error }), (caught) => caught === error)
  await assert.rejects(vm.run(async () => { throw error }), (caught) => caught === error)
  assert.strictEqual(exportsOf(vm.exports).next(), 8)
})

test('leases wait for each other', async (t) => {
  const vm = await machine(t)
  const order = []
  const lease = (name, ms) => vm.run(async (module) => {
    order.push(`${name} starts`)
    const value = exportsOf(module).next()
    await new Promise((resolve) => setTimeout(resolve, ms))
    order.push(`${name} ends`)
    return [value, exportsOf(module).next()]
  })
  assert.deepStrictEqual(await Promise.all([lease('a', 30), lease('b', 1), lease('c', 5)]), [[8, 9], [8, 9], [8, 9]])
  assert.deepStrictEqual(order, ['a starts', 'a ends', 'b starts', 'b ends', 'c starts', 'c ends'])
})

test('a lease that fails does not stop those that wait', async (t) => {
  const vm = await machine(t)
  const [bad, good] = await Promise.allSettled([vm.run(() => exportsOf(vm.exports).trap()), vm.run((module) => exportsOf(module).add(1, 2))])
  assert.strictEqual(bad.reason.code, 'EMVM_ERR_TRAP')
  assert.strictEqual(good.value, 3)
})

test('run refuses to give a live handle out', async (t) => {
  const vm = await opened(t)
  await assert.rejects(vm.run((cv) => new cv.Mat()), /Mat/)
  assert.deepStrictEqual(await vm.run((cv) => { const mat = cv.Mat.eye(2, 2, cv.CV_8UC1); return Array.from(mat.data) }), [1, 0, 0, 1])
})

test('many recycles hold no memory', { skip: !global.gc }, async (t) => {
  const vm = await opened(t)
  const round = async (n) => {
    for (let i = 0; i < n; i++) {
      const cv = await vm.isReady()
      for (let k = 0; k < 10; k++) void new cv.Mat(100, 1000, cv.CV_8UC1, new cv.Scalar(1))
    }
    global.gc()
    return process.memoryUsage.rss()
  }
  // V8 gives pages of its young generation back and takes them again, several megabytes of them: the least of a few looks counts.
  const least = async () => Math.min(await round(1000), await round(1000), await round(1000))
  const settled = await least()
  const end = await least()
  assert.ok(end - settled < 8 * 2 ** 20, `RSS grew by ${((end - settled) / 2 ** 20).toFixed(1)} MB`)
})
