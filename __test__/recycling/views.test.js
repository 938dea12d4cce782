'use strict'

// Views of a large memory: V8 counts the whole length of an ArrayBuffer, so small views of opencv.js's 128 MB look through a window.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { PerformanceObserver, constants } = require('node:perf_hooks')
const { open } = require('../..')
const { fixtures } = require('../support/compare')

const OPENCV = require.resolve('opencv-4.12')
const LARGE = 64 * 2 ** 20

async function opened (t, source = OPENCV, options) {
  const vm = await open(source, { host: 'native', ...options })
  t.after(() => vm.dispose())
  return vm
}

const ones = (cv, size) => new cv.Mat(size, size, cv.CV_8UC1, new cv.Scalar(7))

test('views are at their address, whichever buffer they look into', async (t) => {
  const { exports: cv } = await opened(t)
  const mat = ones(cv, 64)
  const { data } = mat
  assert.ok(data.byteOffset > 0 && data.buffer.byteLength < LARGE)
  assert.ok(cv.HEAPU8.length >= LARGE)
  assert.deepStrictEqual(cv.HEAPU8.slice(data.byteOffset, data.byteOffset + data.length), new Uint8Array(64 * 64).fill(7))
  data[5] = 9
  assert.deepStrictEqual([cv.HEAPU8[data.byteOffset + 5], mat.ucharAt(0, 5)], [9, 9])
  assert.strictEqual(mat.data.byteOffset, data.byteOffset)
  // Once there is a buffer of the whole, views have that.
  assert.strictEqual(mat.data.buffer, cv.HEAPU8.buffer)
})

test('a view that reaches beyond the window has the whole buffer', async (t) => {
  const { exports: cv } = await opened(t)
  const mat = ones(cv, 6500)
  const { data } = mat
  assert.strictEqual(data.length, 6500 * 6500)
  assert.ok(data.every((value) => value === 7))
  assert.strictEqual(data.buffer, cv.HEAPU8.buffer)
})

test('all views die with their generation, and with growth', async (t) => {
  const vm = await opened(t)
  const cv = vm.exports
  for (let i = 0; i < 3; i++) {
    const small = ones(cv, 8).data
    const heap = cv.HEAPU8
    assert.ok(small.length === 64 && heap.length > 0)
    await vm.isReady()
    assert.deepStrictEqual([small.length, heap.length], [0, 0])
  }
  const small = ones(cv, 8).data
  const before = cv.HEAPU8.length
  const bigs = [1, 2, 3].map(() => new cv.Mat(8000, 8000, cv.CV_8UC1))
  assert.ok(cv.HEAPU8.length > before && bigs.length === 3)
  assert.strictEqual(small.length, 0)
})

test('a lease gives back no view of the memory, in the window or not', async (t) => {
  const vm = await opened(t)
  await assert.rejects(vm.run((cv) => ones(cv, 8).data), { code: 'EMVM_ERR_STALE' })
  await assert.rejects(vm.run((cv) => cv.HEAPU8.subarray(0, 4)), { code: 'EMVM_ERR_STALE' })
  assert.deepStrictEqual(await vm.run((cv) => ones(cv, 1).data.slice()), Uint8Array.of(7))
})

test('a memory of ordinary size has one buffer', async (t) => {
  const { exports: m } = await opened(t, path.join(fixtures, 'embind.js'))
  const view = new m.Buffer(4).view()
  assert.strictEqual(view.buffer, m.HEAPU8.buffer)
})

test('generations that look at their pictures do not keep the collector busy', async (t) => {
  const vm = await opened(t)
  let major = 0
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) if (detail.kind !== constants.NODE_PERFORMANCE_GC_MINOR) major++
  })
  observer.observe({ entryTypes: ['gc'] })
  for (let i = 0; i < 200; i++) {
    const cv = await vm.isReady()
    assert.strictEqual(ones(cv, 8).data[3], 7)
    if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await new Promise((resolve) => setTimeout(resolve, 50))
  observer.disconnect()
  assert.ok(major < 20, `${major} major collections in 200 generations`)
})
