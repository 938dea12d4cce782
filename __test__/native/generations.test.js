'use strict'

// What a module's own build settings and its generation of Emscripten decide: the growth of memory, and the in-memory
// file system where later releases changed it.

const { test } = require('node:test')
const assert = require('node:assert')
const { compare, native } = require('../support/compare')

const MIB = 1 << 20
const pieces = (count, size) => Array(count).fill(size)

test('memory grows by the step that the glue names', async () => {
  const linear = await compare('growth-linear.js', 'growth.js', { argument: { pieces: [...pieces(30, MIB), 64 * MIB, 1] } })
  const sizes = new Set(linear.result.map(([, size]) => size / MIB))
  assert.deepStrictEqual([...sizes].slice(0, 3), [16, 19, 22])
  assert.deepStrictEqual(linear.result.at(-2).at(0), 0, 'beyond the maximum malloc gives NULL')
  const capped = await compare('growth-capped.js', 'growth.js', { argument: { pieces: pieces(60, MIB) } })
  assert.ok(new Set(capped.result.map(([, size]) => size)).size > 5)
})

test('JavaScript sees memory that has grown within the same call', async () => {
  for (const fixture of ['growth-linear.js', 'growth-capped.js', 'growth-aborting.js']) {
    const { result } = await compare(fixture, 'growth.js', { argument: { pieces: [], fills: [1000, 6 * MIB, 6 * MIB, 100] } })
    assert.ok(result.every(([last]) => Math.floor(last / 1000) >= 7), fixture)
  }
})

test('running out of memory aborts or fails malloc, as the module was built', async () => {
  for (const [fixture, ending] of [['growth-aborting.js', 'aborted'], ['growth-fixed.js', 'aborted'], ['growth-none.js', 0]]) {
    const { result } = await compare(fixture, 'growth.js', { argument: { pieces: [MIB, MIB, 256 * MIB, 1000] }, lines: (line) => !/enlarge memory|Aborted/.test(line) })
    assert.strictEqual(result[2][0], ending, fixture)
  }
})

test('open with every combination of flags, long names, /proc/self/fd and advice', async () => {
  const { lines } = await compare('files.js', 'files.js', { lines: (line) => !line.startsWith('out followed') })
  assert.ok(lines.length > 105)
  // Emscripten's links of descriptors cannot be followed (EPERM, EACCES); emvm's can.
  const [{ lines: ours }] = await native('files.js', 'files.js')
  const followed = ours.filter((line) => line.startsWith('out followed'))
  assert.deepStrictEqual(followed.map((line) => line.slice(4)), ['followed: 0 20000', 'followed: 0 20000', 'followed: 0 20000', 'followed: 0 100000', 'followed: 0'])
})

test('fastcomp modules with reserved function pointers take JavaScript functions', () => compare('wat/reserved.js', 'reserved.js'))

test('more releases of the runtime than holds abort builds with assertions', async () => {
  const { result } = await compare('keepalive.js', 'keepalive.js', { lines: () => false })
  assert.deepStrictEqual(result, [1, -1, 0, 'aborted'])
})
