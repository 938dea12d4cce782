'use strict'

// Prometheus metrics of the sandboxes of this thread, fed by diagnostics_channel, and of pools. What costs something to know is asked
// when somebody scrapes.

const { subscribe, unsubscribe } = require('node:diagnostics_channel')
const { OptionError } = require('./errors')

const SUMS = {
  recycles: ['recycles_total', 'counter', 'Instances replaced by fresh ones'],
  calls: ['calls_total', 'counter', 'Calls into modules'],
  traps: ['traps_total', 'counter', 'Calls that ended in a trap'],
  timeouts: ['timeouts_total', 'counter', 'Calls that ran too long or were interrupted'],
  heapBytes: ['heap_bytes', 'gauge', 'Linear memory of live instances'],
  residentBytes: ['resident_bytes', 'gauge', 'Memory of sandboxes that is in RAM'],
  dirtyBytes: ['dirty_bytes', 'gauge', 'Memory that live instances have written and the next recycle gives back'],
  liveHandles: ['live_handles', 'gauge', 'C++ objects of live instances that were not deleted']
}

const POOL = {
  threads: ['pool_threads', 'gauge', 'Worker threads'],
  running: ['pool_running', 'gauge', 'Tasks that have a thread'],
  queued: ['pool_queued', 'gauge', 'Tasks that wait for a thread'],
  completed: ['pool_completed_total', 'counter', 'Tasks that gave a result'],
  failed: ['pool_failed_total', 'counter', 'Tasks that threw, or lost their thread'],
  timeouts: ['pool_timeouts_total', 'counter', 'Tasks that ran too long'],
  aborted: ['pool_aborted_total', 'counter', 'Tasks that were aborted'],
  workersLost: ['pool_workers_lost_total', 'counter', 'Threads that died and were replaced']
}

const POOL_TIMES = {
  waitMs: ['pool_wait_seconds', 1e3, 'From run to the beginning of the task'],
  runMs: ['pool_run_seconds', 1e3, 'How long tasks ran'],
  recycleMicros: ['pool_recycle_seconds', 1e6, 'How long recycles took']
}

function metrics ({ client = load(), register = client.register, pools = {}, prefix = 'emvm_' } = {}) {
  const sandboxes = new Map()
  const past = { recycles: 0, calls: 0, traps: 0, timeouts: 0 }
  const names = []
  let at = { time: 0, figures: null }

  const onOpen = ({ name, sandbox }) => sandboxes.set(name, new WeakRef(sandbox))
  const onDispose = ({ name, stats }) => {
    const last = stats()
    for (const key of Object.keys(past)) past[key] += last[key]
    sandboxes.delete(name)
  }
  subscribe('emvm:open', onOpen)
  subscribe('emvm:dispose', onDispose)

  // One look at all sandboxes serves all metrics of a scrape.
  function figures () {
    const time = performance.now()
    if (at.figures !== null && time - at.time < 50) return at.figures
    const sums = Object.fromEntries(Object.keys(SUMS).map((key) => [key, past[key] ?? 0]))
    let count = 0
    const times = { p50: 0, p99: 0, max: 0 }
    for (const [name, reference] of sandboxes) {
      const sandbox = reference.deref()
      const stats = sandbox && statsOf(sandbox)
      if (!stats) {
        sandboxes.delete(name)
        continue
      }
      count++
      for (const key of Object.keys(SUMS)) sums[key] += stats[key]
      for (const key of Object.keys(times)) times[key] = Math.max(times[key], stats.recycleMicros[key])
    }
    at = { time, figures: { count, sums, times } }
    return at.figures
  }

  // A counter of prom-client can only be added to: it is set anew at each scrape.
  function define (kind, name, help, labelNames, collect) {
    names.push(prefix + name)
    const Class = kind === 'counter' ? client.Counter : client.Gauge
    return new Class({
      name: prefix + name,
      help,
      labelNames,
      registers: [register],
      collect () {
        this.reset()
        collect((value, labels = {}) => kind === 'counter' ? this.inc(labels, value) : this.set(labels, value))
      }
    })
  }

  define('gauge', 'sandboxes', 'Open sandboxes of this thread', [], (give) => give(figures().count))
  for (const [key, [name, kind, help]] of Object.entries(SUMS)) define(kind, name, help, [], (give) => give(figures().sums[key]))
  define('gauge', 'recycle_seconds', 'What recycles cost, the worst of all sandboxes', ['quantile'], (give) => {
    const { p50, p99, max } = figures().times
    for (const [quantile, micros] of [['0.5', p50], ['0.99', p99], ['1', max]]) give(micros / 1e6, { quantile })
  })

  const entries = Object.entries(pools)
  if (entries.length > 0) {
    for (const [key, [name, kind, help]] of Object.entries(POOL)) {
      define(kind, name, help, ['pool'], (give) => entries.forEach(([pool, it]) => give(it.stats()[key], { pool })))
    }
    for (const [key, [name, unit, help]] of Object.entries(POOL_TIMES)) {
      define('gauge', name, help, ['pool', 'quantile'], (give) => entries.forEach(([pool, it]) => {
        const { p50, p90, p99, max } = it.stats()[key]
        for (const [quantile, value] of [['0.5', p50], ['0.9', p90], ['0.99', p99], ['1', max]]) give(value / unit, { pool, quantile })
      }))
    }
  }

  return {
    stop () {
      unsubscribe('emvm:open', onOpen)
      unsubscribe('emvm:dispose', onDispose)
      for (const name of names) register.removeSingleMetric(name)
    }
  }
}

function statsOf (sandbox) {
  try {
    return sandbox.stats()
  } catch {
    return null
  }
}

function load () {
  try {
    return require('prom-client')
  } catch (cause) {
    throw new OptionError('metrics() needs prom-client: `npm install prom-client`, or give yours as the option `client`.', {
      option: 'client', value: undefined, accepted: 'the module prom-client', cause
    })
  }
}

module.exports = { metrics }
