'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const client = require('prom-client')
const { open, Pool } = require('..')
const { metrics } = require('../metrics')
const { MACHINE } = require('./support/wasm')

test('what Prometheus is told', async (t) => {
  const register = new client.Registry()
  const pool = new Pool(MACHINE, { threads: 1, setup: path.join(__dirname, 'pool', 'setup.js') })
  const watched = metrics({ register, pools: { numbers: pool } })
  t.after(() => Promise.all([pool.destroy(), watched.stop()]))
  const options = { imports: { env: { callback: (x) => x } } }
  const first = await open(MACHINE, options)
  const second = await open(MACHINE, options)
  for (let i = 0; i < 5; i++) await first.isReady()
  first.exports._add(1, 2)
  await pool.run((m) => m._add(1, 2))
  await pool.run((m) => m._trap()).catch(() => {})

  const value = async (name, labels = {}) => {
    const { values } = await register.getSingleMetric(name).get()
    return values.find((entry) => Object.entries(labels).every(([key, wanted]) => entry.labels[key] === wanted))?.value
  }
  assert.strictEqual(await value('emvm_sandboxes'), 2)
  assert.strictEqual(await value('emvm_recycles_total'), 5)
  assert.ok(await value('emvm_calls_total') >= 1)
  assert.ok(await value('emvm_heap_bytes') >= 2 * 65536)
  assert.ok(await value('emvm_recycle_seconds', { quantile: '0.99' }) > 0)
  assert.strictEqual(await value('emvm_pool_completed_total', { pool: 'numbers' }), 1)
  assert.strictEqual(await value('emvm_pool_failed_total', { pool: 'numbers' }), 1)
  assert.ok(await value('emvm_pool_run_seconds', { pool: 'numbers', quantile: '1' }) > 0)
  first.dispose()
  second.dispose()
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.strictEqual(await value('emvm_sandboxes'), 0)
  assert.strictEqual(await value('emvm_recycles_total'), 5)
  assert.match(await register.metrics(), /# TYPE emvm_recycles_total counter\nemvm_recycles_total 5/)
  watched.stop()
  assert.strictEqual((await register.getMetricsAsJSON()).length, 0)
})
