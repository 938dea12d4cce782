'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const path = require('node:path')

test('undo and redo in a picture editor', () => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(__dirname, '..', '..', 'examples', 'undo.js')], { encoding: 'utf8', timeout: 120_000 })
  assert.strictEqual(status, 0, stderr)
  const lines = stdout.trim().split('\n').map((line) => line.split(/ +/))
  const sums = (what) => lines.filter(([name]) => name === what).map(([, sum]) => sum)
  const done = lines.slice(0, 5).map(([, sum]) => sum)
  assert.strictEqual(new Set(done).size >= 4, true, 'the operations change the picture')
  assert.deepStrictEqual(sums('undo'), done.slice(0, 4).reverse())
  assert.deepStrictEqual(sums('redo'), [...done.slice(1), 'possible:'])
  assert.match(stdout, /redo possible: false/)
})
