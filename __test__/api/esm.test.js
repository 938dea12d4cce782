'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { pathToFileURL } = require('node:url')

test('everything can be imported by name from an ES module', async () => {
  const required = require('../..')
  const imported = await import(pathToFileURL(path.join(__dirname, '..', '..', 'index.js')).href)
  const names = Object.keys(required).filter((name) => name !== 'WebAssembly').sort()
  assert.deepStrictEqual(Object.keys(imported).filter((name) => !['default', 'module.exports'].includes(name)).sort(), names)
  for (const name of names) assert.strictEqual(imported[name], required[name])
  assert.strictEqual(imported.default, required)
})
