'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { open } = require('..')

const OPENCV = require.resolve('opencv-4.12')

test('profile tells what a function left behind, and where it was made', async (t) => {
  const vm = await open(OPENCV, { trackLeaks: true })
  t.after(() => vm.dispose())
  const before = vm.generation
  const result = await vm.profile(function forgets (cv) {
    for (let i = 0; i < 3; i++) void new cv.Mat(500, 500, cv.CV_8UC4, new cv.Scalar(1))
    new cv.Mat().delete()
    const freed = cv._malloc(64)
    const kept = [cv._malloc(100), cv._malloc(200)]
    cv._free(freed)
    return kept.length
  })
  assert.strictEqual(result.value, 2)
  assert.strictEqual(result.leaks.length, 1)
  const [{ className, count, stacks, counts }] = result.leaks
  assert.deepStrictEqual({ className, count, counts }, { className: 'Mat', count: 3, counts: [3] })
  assert.match(stacks[0], /forgets .*profile\.test\.js/)
  assert.deepStrictEqual(result.blocks.map(({ count, bytes }) => ({ count, bytes })), [{ count: 1, bytes: 200 }, { count: 1, bytes: 100 }])
  assert.match(result.blocks[0].stack, /forgets/)
  assert.ok(result.dirtyBytes >= 3e6, String(result.dirtyBytes))
  assert.strictEqual(vm.generation, before + 2)
  assert.deepStrictEqual(vm.leaks(), [])
  assert.strictEqual(vm.exports._malloc.name.includes('take'), false)
})

test('profile of a function that throws leaves everything as it was', async (t) => {
  const vm = await open(OPENCV)
  t.after(() => vm.dispose())
  const malloc = vm.exports._malloc
  await assert.rejects(vm.profile(() => { throw new RangeError('no') }), RangeError)
  assert.strictEqual(vm.exports._malloc, malloc)
  const { leaks } = await vm.profile((cv) => { void new cv.Mat() })
  assert.deepStrictEqual(leaks, [{ className: 'Mat', count: 1 }])
})
