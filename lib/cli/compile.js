'use strict'

const { inspect, open } = require('../..')
const { json, lines, milliseconds, progress } = require('./output')

// Opening is what fills the cache. A source that only the glue host runs is compiled by opening too, and disposed of at once.
async function compile (sources, { wasm, cache, json: asJson }) {
  const results = []
  for (const source of sources) {
    const bar = progress(source)
    const started = performance.now()
    try {
      const options = { ...(wasm && { wasm }), ...(cache && { cache }) }
      const vm = await open(source, { ...options, print () {}, printErr () {}, onProgress: bar.update })
      const { fromCache, compileMs } = vm.stats()
      const { key } = await inspect(source, options)
      vm.dispose()
      results.push({ source, key, fromCache, compileMs, totalMs: performance.now() - started })
    } catch (error) {
      results.push({ source, error: { code: error.code, message: error.message } })
    } finally {
      bar.end()
    }
    if (!asJson) report(results.at(-1))
  }
  if (asJson) json({ results })
  return results.some(({ error }) => error) ? 1 : 0
}

/** @param {any} result */
function report ({ source, error, fromCache, compileMs }) {
  if (error) process.stderr.write(`emvm: ${source}: ${error.code ? `${error.code}: ` : ''}${error.message}\n`)
  else lines(fromCache ? `${source}: was in the cache` : `${source}: compiled in ${milliseconds(compileMs)}`)
}

module.exports = { compile }
