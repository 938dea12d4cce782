'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const { open } = require('../..')
const { framesOf } = require('../../lib/leaks/frames')

const OPENCV = require.resolve('opencv-4.12')
const LINES = fs.readFileSync(__filename, 'utf8').split('\n')
const lineOf = (text) => LINES.findIndex((line) => line.includes(text) && !line.includes('lineOf(')) + 1
const placeOf = ({ stack }) => framesOf(stack).find(({ file }) => file === __filename)

test('profile tells what a function left behind, and where it was made', async (t) => {
  const vm = await open(OPENCV, { trackLeaks: 'allocations' })
  t.after(() => vm.dispose())
  const before = vm.generation
  const result = await vm.profile(function forgets (cv) {
    for (let i = 0; i < 3; i++) void new cv.Mat(500, 500, cv.CV_8UC4, new cv.Scalar(1)) // a delete() is missing
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
  const [pixels] = result.blocks
  assert.strictEqual(pixels.count, 3)
  assert.ok(pixels.bytes >= 3e6 && pixels.bytes < 3.01e6, String(pixels.bytes))
  assert.deepStrictEqual([placeOf(pixels).name, placeOf(pixels).line], ['forgets', lineOf('// a delete() is missing')])
  assert.strictEqual(pixels.wasmStack[0], 'malloc')
  assert.match(pixels.function, /^wasm-function\[\d+\]$/)
  const taken = result.blocks.filter(({ wasmStack }) => wasmStack.length === 1)
  assert.deepStrictEqual(taken.map(({ count, bytes, function: asked }) => ({ count, bytes, asked })), [{ count: 1, bytes: 200, asked: null }, { count: 1, bytes: 100, asked: null }])
  assert.strictEqual(placeOf(taken[0]).line, lineOf('const kept ='))
  assert.ok(result.dirtyBytes >= 3e6, String(result.dirtyBytes))
  assert.strictEqual(vm.generation, before + 2)
  assert.deepStrictEqual([vm.leaks(), vm.allocations()], [[], []])
})

test('the glue host: a forgotten Mat is found by its memory', async (t) => {
  const vm = await open(OPENCV, { host: 'glue', trackLeaks: 'allocations' })
  t.after(() => vm.dispose())
  const { blocks } = await vm.profile(function forgets (cv) {
    const kept = new cv.Mat(500, 500, cv.CV_8UC4) // this one is forgotten
    const given = kept.clone()
    given.delete()
  })
  const [pixels] = blocks
  assert.ok(pixels.count === 1 && pixels.bytes >= 1e6 && pixels.bytes < 1.01e6, JSON.stringify(pixels))
  assert.deepStrictEqual([placeOf(pixels).name, placeOf(pixels).line], ['forgets', lineOf('// this one is forgotten')])
  assert.ok(blocks.slice(1).every(({ bytes }) => bytes < 1000), JSON.stringify(blocks.map(({ bytes }) => bytes)))
})

test('profile of a function that throws leaves everything as it was', async (t) => {
  const vm = await open(OPENCV)
  t.after(() => vm.dispose())
  const malloc = vm.exports._malloc
  await assert.rejects(vm.profile(() => { throw new RangeError('no') }), RangeError)
  assert.strictEqual(vm.exports._malloc, malloc)
  const { leaks } = await vm.profile((cv) => { void new cv.Mat() })
  assert.deepStrictEqual(leaks.map(({ className, count }) => ({ className, count })), [{ className: 'Mat', count: 1 }])
})
