'use strict'

const { setTimeout: sleep } = require('node:timers/promises')

// Waits for what comes about by itself, in another thread perhaps.
async function until (done, ms = 20_000) {
  const end = performance.now() + ms
  while (!done()) {
    if (performance.now() > end) throw new Error('it did not come to that')
    await sleep(1)
  }
}

module.exports = { until }
