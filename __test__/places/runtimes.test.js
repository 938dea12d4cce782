'use strict'

// emvm in other versions of Node.js, in Bun and in Deno: the same as here.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { scratch } = require('../support/files')
const { ROOT, missing, tool } = require('../support/installed')

const TOUR = path.join(__dirname, 'tour.cjs')
const RUNTIMES = {
  'Node.js 22': ['node-22/bin/node'],
  'Node.js 24': ['node-24/bin/node'],
  'Node.js 26': ['node-26/bin/node'],
  Bun: ['@oven/bun-linux-x64/bin/bun'],
  Deno: ['@deno/linux-x64-glibc/deno', 'run', '--allow-all']
}

function tour (t, command, args) {
  const { folder } = scratch(t)
  const { status, stderr } = spawnSync(command, [...args, TOUR, ROOT, folder], { encoding: 'utf8', timeout: 300_000, cwd: folder, env: { ...process.env, DENO_DIR: folder } })
  assert.strictEqual(status, 0, stderr)
  return JSON.parse(fs.readFileSync(path.join(folder, 'found.json'), 'utf8'))
}

let expected

for (const [name, [file, ...args]] of Object.entries(RUNTIMES)) {
  test(name, { skip: missing(file) }, (t) => {
    expected ??= tour(t, process.execPath, [])
    for (const [step, found] of Object.entries(expected)) assert.ok(typeof found !== 'string' || !/^\w*Error/.test(found), `${step}: ${found}`)
    assert.deepStrictEqual(tour(t, tool(file), args), expected)
  })
}
