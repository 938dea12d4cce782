'use strict'

// System calls about the process. Newer modules answer most of them themselves: what those say is what the host says to
// older ones.

const { test } = require('node:test')
const assert = require('node:assert')
const { compare, native } = require('../support/compare')

test('the process is the one that Emscripten has always shown', async () => {
  const { result } = await compare('process.js', 'process.js', { lines: () => false })
  const [first, second] = await native('wat/process.wasm', 'process.js')
  assert.deepStrictEqual(first.result, result)
  assert.deepStrictEqual(second.result, result, 'after a recycle')
  assert.ok(Object.keys(result).length > 45)
})

test('calls for threads succeed where there is one, and new threads are refused', async () => {
  const { result } = await compare('threads.js', 'threads.js')
  for (const run of await native('wat/threads.wasm', 'threads.js')) assert.deepStrictEqual(run.result, result)
  assert.ok(Object.keys(result).length > 50)
})
