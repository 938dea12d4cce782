'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const path = require('node:path')

for (const backend of ['', 'portable']) {
  for (const seed of [1, 2, 3, Date.now() % 1e6]) {
    test(`random work, checkpoints, returns, forks and files against a model: ${backend || 'the usual'} backend, seed ${seed}`, () => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(__dirname, 'model.js'), String(seed), '400'], {
        encoding: 'utf8', timeout: 300_000, env: { ...process.env, EMVM_MEMORY_BACKEND: backend }
      })
      assert.strictEqual(status, 0, stderr)
      // Work at random may leave something out; that of the first seeds does not.
      const counts = seed <= 3 ? JSON.parse(stdout) : {}
      for (const [what, count] of Object.entries(counts)) assert.ok(count > 0, `${what}: none`)
    })
  }
}
