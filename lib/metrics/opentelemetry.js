'use strict'

const { Figures, SANDBOX, POOL, POOL_TIMES, quantilesOf, peer } = require('./figures')

// heapBytes -> heap (its unit says bytes), workersLost -> workers_lost, waitMs -> wait.duration
const nameOf = (key) => key.replace(/Bytes$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const durationOf = (key) => `${key.replace(/Ms$|Micros$/, '')}.duration`

function openTelemetry ({ meter = defaultMeter(), pools = {}, prefix = 'emvm.' } = {}) {
  const figures = new Figures()

  const define = (kind, name, unit, description) => {
    const make = { counter: 'createObservableCounter', gauge: 'createObservableUpDownCounter', quantiles: 'createObservableGauge' }[kind]
    return meter[make](prefix + name, { unit, description })
  }
  const defineAll = (folder, described) => Object.entries(described).map(([key, [kind, unit, description]]) => [key, define(kind, folder + nameOf(key), unit, description)])

  const sandboxes = define('gauge', 'sandboxes', '{sandbox}', 'Open sandboxes of this thread')
  const recycle = define('quantiles', 'recycle.duration', 's', 'What recycles cost, the worst of all sandboxes')
  const sums = defineAll('', SANDBOX)
  const entries = Object.entries(pools)
  const poolSums = entries.length > 0 ? defineAll('pool.', POOL) : []
  const poolTimes = entries.length > 0
    ? Object.entries(POOL_TIMES).map(([key, [perSecond, description]]) => [key, perSecond, define('quantiles', `pool.${durationOf(key)}`, 's', description)])
    : []

  function observe (result) {
    const now = figures.now
    result.observe(sandboxes, now.count)
    for (const [key, instrument] of sums) result.observe(instrument, now.sums[key])
    for (const [quantile, seconds] of now.recycleSeconds) result.observe(recycle, seconds, { quantile })
    for (const [pool, it] of entries) {
      const stats = it.stats()
      for (const [key, instrument] of poolSums) result.observe(instrument, stats[key], { pool })
      for (const [key, perSecond, instrument] of poolTimes) {
        for (const [quantile, seconds] of quantilesOf(stats[key], perSecond)) result.observe(instrument, seconds, { pool, quantile })
      }
    }
  }

  const instruments = [sandboxes, recycle, ...sums.map(([, it]) => it), ...poolSums.map(([, it]) => it), ...poolTimes.map(([, , it]) => it)]
  meter.addBatchObservableCallback(observe, instruments)
  return {
    stop () {
      figures.stop()
      meter.removeBatchObservableCallback(observe, instruments)
    }
  }
}

const defaultMeter = () => peer('@opentelemetry/api', 'meter', 'openTelemetry').metrics.getMeter('emvm', require('../../package.json').version)

module.exports = { openTelemetry }
