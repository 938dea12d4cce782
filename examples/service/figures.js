'use strict'

// What the page draws: a sample every quarter of a second, the last two minutes of them.

const EVERY_MS = 250
const KEPT = 480

const median = (values) => values.length === 0 ? null : values.sort((a, b) => a - b)[values.length >> 1]

function watch ({ emvm, plain }) {
  const started = performance.now()
  const requests = { emvm: 0, plain: 0 }
  const failures = { emvm: 0, plain: 0 }
  const recent = { emvm: [], plain: [] }
  const samples = []
  const listeners = new Set()

  function now () {
    const { running, queued, recycleMicros, timeouts } = emvm.pool.stats()
    return {
      seconds: (performance.now() - started) / 1000,
      rss: { emvm: emvm.rss(), plain: plain.rss() },
      milliseconds: { emvm: median(recent.emvm), plain: median(recent.plain) },
      requests: { ...requests },
      failures: { ...failures },
      recycles: recycleMicros.count,
      recycleMicros: { p50: recycleMicros.p50, p99: recycleMicros.p99 },
      running,
      queued,
      timeouts,
      restarts: plain.restarts
    }
  }

  function sample () {
    const taken = now()
    recent.emvm = []
    recent.plain = []
    samples.push(taken)
    if (samples.length > KEPT) samples.shift()
    for (const listener of listeners) listener(taken)
  }

  const timer = setInterval(sample, EVERY_MS)
  sample()
  return {
    samples,
    now,
    note (mode, milliseconds, failed) {
      requests[mode]++
      if (failed) failures[mode]++
      else recent[mode].push(milliseconds)
    },
    listen (listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    stop () { clearInterval(timer) }
  }
}

module.exports = { watch }
