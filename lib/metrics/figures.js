'use strict'

// What adapters tell: figures of the sandboxes of this thread, learnt from diagnostics_channel, and of pools. What costs something to
// know is asked when somebody looks.

const { performance } = require('node:perf_hooks')
const { subscribe, unsubscribe } = require('node:diagnostics_channel')
const { OptionError } = require('../base/errors')

// key of stats(): [kind, unit, what it is]
const SANDBOX = {
  recycles: ['counter', '{recycle}', 'Instances replaced by fresh ones'],
  calls: ['counter', '{call}', 'Calls into modules'],
  traps: ['counter', '{trap}', 'Calls that ended in a trap'],
  timeouts: ['counter', '{timeout}', 'Calls that ran too long or were interrupted'],
  heapBytes: ['gauge', 'By', 'Linear memory of live instances'],
  residentBytes: ['gauge', 'By', 'Memory of sandboxes that is in RAM'],
  dirtyBytes: ['gauge', 'By', 'Memory that is private to live sandboxes: what their instances have written'],
  liveHandles: ['gauge', '{object}', 'C++ objects of live instances that were not deleted']
}

const POOL = {
  threads: ['gauge', '{thread}', 'Worker threads'],
  running: ['gauge', '{task}', 'Tasks that have a thread'],
  queued: ['gauge', '{task}', 'Tasks that wait for a thread'],
  completed: ['counter', '{task}', 'Tasks that gave a result'],
  failed: ['counter', '{task}', 'Tasks that threw, or lost their thread'],
  timeouts: ['counter', '{task}', 'Tasks that ran too long'],
  aborted: ['counter', '{task}', 'Tasks that were aborted'],
  workersLost: ['counter', '{thread}', 'Threads that died and were replaced']
}

// key of pool.stats(): [how many of its units a second has, what it is]
const POOL_TIMES = {
  waitMs: [1e3, 'From run to the beginning of the task'],
  runMs: [1e3, 'How long tasks ran'],
  recycleMicros: [1e6, 'How long recycles took']
}

const FRESH_MS = 50

class Figures {
  #sandboxes = new Map()
  #past = { recycles: 0, calls: 0, traps: 0, timeouts: 0 }
  #taken = null
  #takenAt = 0

  constructor () {
    subscribe('emvm:open', this.#onOpen)
    subscribe('emvm:dispose', this.#onDispose)
  }

  stop () {
    unsubscribe('emvm:open', this.#onOpen)
    unsubscribe('emvm:dispose', this.#onDispose)
  }

  #onOpen = ({ name, sandbox }) => this.#sandboxes.set(name, { reference: new WeakRef(sandbox), last: null })

  #onDispose = ({ name, stats }) => {
    this.#leave(name, stats())
    this.#taken = null
  }

  // Counters never go back: what a sandbox has counted outlives it.
  #leave (name, last) {
    this.#sandboxes.delete(name)
    if (last) for (const key of Object.keys(this.#past)) this.#past[key] += last[key]
  }

  // `{ count, sums, recycleSeconds }`. One look at all sandboxes serves all metrics of a scrape.
  get now () {
    const time = performance.now()
    if (this.#taken === null || time - this.#takenAt >= FRESH_MS) {
      this.#taken = this.#look()
      this.#takenAt = time
    }
    return this.#taken
  }

  #look () {
    const all = []
    for (const [name, entry] of this.#sandboxes) {
      const stats = statsOf(entry.reference.deref())
      if (stats) all.push(entry.last = stats)
      else this.#leave(name, entry.last)
    }
    const sums = Object.fromEntries(Object.keys(SANDBOX).map((key) => [key, all.reduce((sum, stats) => sum + stats[key], this.#past[key] ?? 0)]))
    const worst = (key) => Math.max(0, ...all.map(({ recycleMicros }) => recycleMicros[key])) / 1e6
    return { count: all.length, sums, recycleSeconds: [['0.5', worst('p50')], ['0.99', worst('p99')], ['1', worst('max')]] }
  }
}

// Null: it was disposed of, or collected.
function statsOf (sandbox) {
  try {
    return sandbox ? sandbox.stats() : null
  } catch {
    return null
  }
}

function quantilesOf ({ p50, p90, p99, max }, perSecond) {
  return [['0.5', p50], ['0.9', p90], ['0.99', p99], ['1', max]].map(([quantile, value]) => [quantile, value / perSecond])
}

function peer (name, option, adapter) {
  try {
    return require(name)
  } catch (cause) {
    throw new OptionError(`${adapter}() needs ${name}: \`npm install ${name}\`, or give yours as the option \`${option}\`.`, {
      option, value: undefined, accepted: `what ${name} gives`, cause
    })
  }
}

module.exports = { Figures, SANDBOX, POOL, POOL_TIMES, quantilesOf, peer }
