'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const client = require('prom-client')
const { MeterProvider, MetricReader } = require('@opentelemetry/sdk-metrics')
const api = require('@opentelemetry/api')
const { open, Pool } = require('../..')
const { metrics, openTelemetry } = require('../../metrics')
const { MACHINE } = require('../support/wasm')

test('what Prometheus is told', async (t) => {
  const register = new client.Registry()
  const pool = new Pool(MACHINE, { threads: 1, setup: path.join(__dirname, '..', 'pool', 'setup.js') })
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
  assert.strictEqual(await value('emvm_sandboxes'), 0)
  assert.strictEqual(await value('emvm_recycles_total'), 5)
  assert.match(await register.metrics(), /# TYPE emvm_recycles_total counter\nemvm_recycles_total 5/)
  watched.stop()
  assert.strictEqual((await register.getMetricsAsJSON()).length, 0)
})

class Reader extends MetricReader {
  async onForceFlush () {}
  async onShutdown () {}
  async values () {
    const { resourceMetrics, errors } = await this.collect()
    assert.deepStrictEqual(errors, [])
    return Object.fromEntries(resourceMetrics.scopeMetrics.flatMap(({ metrics }) => metrics).map(({ descriptor, dataPoints }) => [descriptor.name, { unit: descriptor.unit, dataPoints }]))
  }
}

const valueOf = ({ dataPoints }, wanted = {}) => dataPoints.find(({ attributes }) => Object.entries(wanted).every(([key, value]) => attributes[key] === value))?.value

test('what OpenTelemetry is told', async (t) => {
  const reader = new Reader()
  const provider = new MeterProvider({ readers: [reader] })
  const pool = new Pool(MACHINE, { threads: 1, setup: path.join(__dirname, '..', 'pool', 'setup.js') })
  const watched = openTelemetry({ meter: provider.getMeter('test'), pools: { numbers: pool } })
  t.after(() => Promise.all([pool.destroy(), provider.shutdown()]))
  const options = { imports: { env: { callback: (x) => x } } }
  const first = await open(MACHINE, options)
  const second = await open(MACHINE, options)
  for (let i = 0; i < 5; i++) await first.isReady()
  first.exports._add(1, 2)
  assert.throws(() => second.exports._trap(), { code: 'EMVM_ERR_TRAP' })
  await pool.run((m) => m._add(1, 2))
  await pool.run((m) => m._trap()).catch(() => {})

  const values = await reader.values()
  assert.strictEqual(valueOf(values['emvm.sandboxes']), 2)
  assert.strictEqual(valueOf(values['emvm.recycles']), 5)
  assert.strictEqual(valueOf(values['emvm.traps']), 1)
  assert.ok(valueOf(values['emvm.calls']) >= 1)
  assert.ok(valueOf(values['emvm.heap']) >= 2 * 65536 && values['emvm.heap'].unit === 'By')
  assert.ok(valueOf(values['emvm.recycle.duration'], { quantile: '0.99' }) > 0 && values['emvm.recycle.duration'].unit === 's')
  assert.strictEqual(valueOf(values['emvm.pool.completed'], { pool: 'numbers' }), 1)
  assert.strictEqual(valueOf(values['emvm.pool.failed'], { pool: 'numbers' }), 1)
  assert.ok(valueOf(values['emvm.pool.run.duration'], { pool: 'numbers', quantile: '1' }) > 0)
  assert.strictEqual(valueOf(values['emvm.pool.workers_lost'], { pool: 'numbers' }), 0)

  first.dispose()
  second.dispose()
  const later = await reader.values()
  assert.deepStrictEqual([valueOf(later['emvm.sandboxes']), valueOf(later['emvm.recycles']), valueOf(later['emvm.traps'])], [0, 5, 1])
  watched.stop()
  const third = await open(MACHINE, options)
  // The SDK goes on telling the last value it was given.
  assert.strictEqual(valueOf((await reader.values())['emvm.sandboxes']), 0)
  third.dispose()
})

test('without a meter it is the global one, and nothing is asked of emvm until somebody collects', async (t) => {
  const reader = new Reader()
  const provider = new MeterProvider({ readers: [reader] })
  api.metrics.setGlobalMeterProvider(provider)
  const watched = openTelemetry({ prefix: 'mine.' })
  t.after(() => { watched.stop(); api.metrics.disable(); return provider.shutdown() })
  assert.strictEqual(valueOf((await reader.values())['mine.sandboxes']), 0)
})

test('counters outlive a sandbox that nobody disposed of', async (t) => {
  const register = new client.Registry()
  const watched = metrics({ register })
  t.after(() => watched.stop())
  const recycles = async () => (await register.getSingleMetric('emvm_recycles_total').get()).values[0].value
  await (async () => {
    const lost = await open(MACHINE, { imports: { env: { callback: (x) => x } } })
    for (let i = 0; i < 3; i++) await lost.isReady()
    assert.strictEqual(await recycles(), 3)
  })()
  for (let i = 0; i < 50; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    global.gc()
    if ((await register.getSingleMetric('emvm_sandboxes').get()).values[0].value === 0) break
  }
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.strictEqual((await register.getSingleMetric('emvm_sandboxes').get()).values[0].value, 0)
  assert.strictEqual(await recycles(), 3)
})
