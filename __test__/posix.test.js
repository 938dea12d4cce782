'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { compare } = require('./support/compare')

test('POSIX calls give the same values and error numbers as on Emscripten', async () => {
  const { lines, result } = await compare('posix.js', 'posix.js')
  assert.strictEqual(result, 0)
  assert.ok(lines.length > 150, `${lines.length} checks`)
})
