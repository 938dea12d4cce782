'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')

test('index.d.ts compiles under --strict and types what users write', () => {
  const tsc = require.resolve('typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [
    tsc, '--project', path.join(__dirname, 'types')
  ], { cwd: root, encoding: 'utf8' })
  assert.strictEqual(stdout, '')
  assert.strictEqual(status, 0)
})

test('index.d.ts declares every error class, and no other', () => {
  const declared = [...fs.readFileSync(path.join(root, 'index.d.ts'), 'utf8').matchAll(/export class (\w+) extends/g)].map(([, name]) => name)
  const { fromNative, ...classes } = require('../lib/errors')
  assert.deepStrictEqual(declared.sort(), Object.keys(classes).sort())
})
