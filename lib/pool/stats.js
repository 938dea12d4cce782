'use strict'

const { createHistogram } = require('node:perf_hooks')

// A histogram in whole microseconds, shown in milliseconds or microseconds.
class Timings {
  #histogram = createHistogram()
  #unit

  constructor (unit) {
    this.#unit = unit
  }

  add (micros) {
    this.#histogram.record(Math.max(1, Math.round(micros)))
  }

  get summary () {
    const histogram = this.#histogram
    const shown = (micros) => histogram.count === 0 ? 0 : micros / this.#unit
    return {
      count: histogram.count,
      mean: shown(histogram.mean),
      p50: shown(histogram.percentile(50)),
      p90: shown(histogram.percentile(90)),
      p99: shown(histogram.percentile(99)),
      max: shown(histogram.max)
    }
  }
}

class PoolStats {
  counts = { completed: 0, failed: 0, timeouts: 0, aborted: 0, workersLost: 0 }
  wait = new Timings(1e3)
  run = new Timings(1e3)
  recycle = new Timings(1)
  open = new Timings(1e3)

  // What a worker tells with each answer.
  note ({ began, runMs, recycleMicros, openMs }, queuedAt) {
    if (began > 0) this.wait.add((began - queuedAt) * 1e3)
    if (runMs !== undefined) this.run.add(runMs * 1e3)
    if (recycleMicros !== undefined) this.recycle.add(recycleMicros)
    if (openMs > 0) this.open.add(openMs * 1e3)
  }

  get summary () {
    return {
      ...this.counts,
      waitMs: this.wait.summary,
      runMs: this.run.summary,
      recycleMicros: this.recycle.summary,
      openMs: this.open.summary
    }
  }
}

module.exports = { PoolStats }
