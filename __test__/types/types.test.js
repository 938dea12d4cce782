'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const path = require('node:path')

const root = path.join(__dirname, '..', '..')

test('index.d.ts compiles under --strict and types what users write', () => {
  const tsc = require.resolve('typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [
    tsc, '--project', path.join(__dirname, '..', 'types')
  ], { cwd: root, encoding: 'utf8' })
  assert.strictEqual(stdout, '')
  assert.strictEqual(status, 0)
})
