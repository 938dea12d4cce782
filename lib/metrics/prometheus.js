'use strict'

const { Figures, SANDBOX, POOL, POOL_TIMES, quantilesOf, peer } = require('./figures')

// heapBytes -> heap_bytes, recycles -> recycles_total, waitMs -> wait_seconds
const snake = (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const nameOf = (key, kind) => kind === 'counter' ? `${snake(key)}_total` : snake(key)
const secondsOf = (key) => `${key.replace(/Ms$|Micros$/, '')}_seconds`

function metrics ({ client = peer('prom-client', 'client', 'metrics'), register = client.register, pools = {}, prefix = 'emvm_' } = {}) {
  const figures = new Figures()
  const names = []

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

  define('gauge', 'sandboxes', 'Open sandboxes of this thread', [], (give) => give(figures.now.count))
  for (const [key, [kind, , help]] of Object.entries(SANDBOX)) define(kind, nameOf(key, kind), help, [], (give) => give(figures.now.sums[key]))
  define('gauge', 'recycle_seconds', 'What recycles cost, the worst of all sandboxes', ['quantile'], (give) => {
    for (const [quantile, seconds] of figures.now.recycleSeconds) give(seconds, { quantile })
  })

  const entries = Object.entries(pools)
  if (entries.length > 0) {
    for (const [key, [kind, , help]] of Object.entries(POOL)) {
      define(kind, `pool_${nameOf(key, kind)}`, help, ['pool'], (give) => entries.forEach(([pool, it]) => give(it.stats()[key], { pool })))
    }
    for (const [key, [perSecond, help]] of Object.entries(POOL_TIMES)) {
      define('gauge', `pool_${secondsOf(key)}`, help, ['pool', 'quantile'], (give) => entries.forEach(([pool, it]) => {
        for (const [quantile, seconds] of quantilesOf(it.stats()[key], perSecond)) give(seconds, { pool, quantile })
      }))
    }
  }

  return {
    stop () {
      figures.stop()
      for (const name of names) register.removeSingleMetric(name)
    }
  }
}

module.exports = { metrics }
