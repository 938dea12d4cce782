'use strict'

const { load } = require('./binding')
const errors = require('./errors')
const { openOptions, sourceOf } = require('./options')
const { chooseHost } = require('./choose')
const { startNative } = require('./native-host')
const { Sandbox } = require('./sandbox')

// Reads and compiles a source; the work happens off the main thread.
async function openProgram (source, options) {
  const { path, bytes } = sourceOf(source)
  const wasm = options.wasm
  const spec = {
    ...(path !== undefined && { path }),
    ...(bytes !== undefined && { bytes }),
    ...(typeof wasm === 'string' && { wasmPath: wasm }),
    ...(wasm !== undefined && typeof wasm !== 'string' && { wasmBytes: wasm }),
    ...(options.cache !== undefined && { cache: options.cache === false ? '' : options.cache })
  }
  const report = options.onProgress && ((error, progress) => {
    if (error) return
    const [phase, done, total] = progress
    options.onProgress({ phase, done, total })
  })
  const program = await load().openProgram(spec, report)
  if (program.code !== undefined) throw errors.fromNative(program)
  return { program, facts: JSON.parse(program.facts()), path, bytes }
}

// A program that this process has compiled already, for another thread: nothing is read again. Null: nobody holds it any more.
function knownProgram (key, source) {
  const program = load().knownProgram(key)
  return program === null || program === undefined
    ? null
    : { program, facts: JSON.parse(program.facts()), ...sourceOf(source) }
}

async function open (source, given) {
  const options = openOptions(given)
  return start(await openProgram(source, options), options)
}

async function start (opened, options) {
  const choice = chooseHost(opened.facts, options)
  if (choice.error) throw choice.error
  const startHost = choice.host === 'native' ? startNative : require('./realm').startGlue
  const host = await startHost(opened, options)
  return new Sandbox(host, options, opened)
}

module.exports = { open, openProgram, knownProgram, start }
