'use strict'

const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { inspect, open } = require('../..')
const { json, lines, milliseconds, progress } = require('./output')

// Opening is what fills the cache. A source that only the glue host runs is compiled by opening too, and disposed of at once.
async function compile (sources, { wasm, cache, image, options: file, json: asJson }) {
  if ((image !== undefined && sources.length !== 1) || (image === undefined && file !== undefined)) {
    process.stderr.write(image === undefined ? 'emvm: --options needs --image\n' : 'emvm: --image takes one source\n')
    return 2
  }
  const results = []
  for (const source of sources) {
    const bar = progress(source)
    const started = performance.now()
    try {
      // For an instance that stays, `open` waits for the code that the cache keeps.
      const options = { ...(wasm && { wasm }), ...(cache && { cache }) }
      const own = file === undefined ? {} : await optionsOf(file)
      const vm = await open(source, { print () {}, printErr () {}, ...own, ...options, recycle: 'never', onProgress: bar.update })
      const { fromCache, compileMs } = vm.stats()
      if (image !== undefined) await vm.checkpoint().save(image)
      const { key } = await inspect(source, options)
      vm.dispose()
      // Whether the next process need not compile it again is what the command is for.
      if (!fromCache && !await isKept(source, options)) {
        throw Object.assign(new Error('it was compiled, but the code could not be kept: the cache folder must belong to this user, must not be writable by others, and must have room (--cache or EMVM_CACHE_DIR name another folder)'), { code: 'EMVM_ERR_CACHE' })
      }
      results.push({ source, key, fromCache, compileMs, totalMs: performance.now() - started, ...(image !== undefined && { image, imageBytes: fs.statSync(image).size }) })
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

// What the file exports, or what the function gives that it exports.
async function optionsOf (file) {
  const { default: found } = await import(pathToFileURL(path.resolve(file)).href)
  return typeof found === 'function' ? found() : found
}

// Asked of another process: this one has the program already.
async function isKept (source, options) {
  const script = `require(${JSON.stringify(path.join(__dirname, '..', '..'))}).inspect(${JSON.stringify(source)}, ${JSON.stringify(options)}).then(({ fromCache, wasm }) => { process.exitCode = fromCache || wasm.origin === 'hidden' ? 0 : 1 }, () => { process.exitCode = 1 })`
  const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' })
  const [code] = await once(child, 'close')
  return code === 0
}

/** @param {any} result */
function report ({ source, error, fromCache, compileMs, image, imageBytes }) {
  if (error) process.stderr.write(`emvm: ${source}: ${error.code ? `${error.code}: ` : ''}${error.message}\n`)
  else lines(`${source}: ${fromCache ? 'was in the cache' : `compiled in ${milliseconds(compileMs)}`}${image === undefined ? '' : `; image of ${imageBytes} bytes in ${image}`}`)
}

module.exports = { compile }
