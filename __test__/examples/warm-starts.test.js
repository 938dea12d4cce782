'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const path = require('node:path')

const EXAMPLES = path.join(__dirname, '..', '..', 'examples')

test('a fresh PostgreSQL for each test: none sees another', () => {
  const { status, stdout } = spawnSync(process.execPath, ['--test', path.join(EXAMPLES, 'fresh-postgres', 'shop.test.js')], {
    encoding: 'utf8', env: { ...process.env, NODE_TEST_CONTEXT: undefined }, timeout: 300_000
  })
  assert.strictEqual(status, 0, stdout)
  assert.match(stdout, /pass 5/)
})

test('a fresh interpreter for each request: none sees another, and none goes on for ever', async (t) => {
  const { serve } = require('../../examples/fresh-interpreter')
  const server = await serve(0)
  t.after(() => { server.closeAllConnections(); server.close() })
  const ask = async (script) => {
    const response = await fetch(`http://localhost:${server.address().port}`, { method: 'POST', body: script })
    return [response.status, (await response.text()).trim()]
  }
  const answers = await Promise.all([
    'sum([1, 2, 3])', 'globalThis.mine = 1; store.clear(); sum = undefined', 'typeof mine + store.size', 'Array.prototype.map = null; 1', '[1, 2].map((x) => x * 2).join()', 'for (;;);', 'sum([4])'
  ].map(ask))
  assert.deepStrictEqual(answers[0], [200, '6'])
  assert.strictEqual(answers[1][0], 422)
  assert.match(answers[2][1], /undefined1000/)
  assert.match(answers[4][1], /2,4/)
  assert.strictEqual(answers[5][0], 408)
  assert.deepStrictEqual(answers[6], [200, '4'])
})
