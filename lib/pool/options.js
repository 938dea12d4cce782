'use strict'

const os = require('node:os')
const { isCheckpoint } = require('../base/checkpoint')
const { OptionError } = require('../base/errors')
const { openOptions, sourceOf } = require('../options')
const { describe } = require('./work')

const refuse = (option, value, accepted) => {
  throw new OptionError(`Option '${option}' is ${typeof value === 'object' ? JSON.stringify(value) : String(value)}: expected ${accepted}.`, { option, value, accepted })
}

const count = (least) => (value, name) => Number.isSafeInteger(value) && value >= least ? value : refuse(name, value, `a whole number from ${least} on`)
const milliseconds = (value, name) => typeof value === 'number' && value > 0 ? value : refuse(name, value, 'a number of milliseconds above 0')
const object = (value, name) => value !== null && typeof value === 'object' ? value : refuse(name, value, 'an object')

const RULES = {
  threads: count(1),
  minThreads: count(0),
  maxThreads: count(1),
  idleTimeout: milliseconds,
  maxQueue: (value, name) => value === Infinity ? value : count(0)(value, name),
  timeout: milliseconds,
  grace: milliseconds,
  resourceLimits: object,
  open: object,
  setup: (value, name) => typeof value === 'string' || value instanceof URL ? value : refuse(name, value, 'the path or file: URL of a module')
}

const THREADLESS = ['print', 'printErr', 'warmUp', 'imports', 'onProgress', 'onUncaught', 'module']

function poolOptions (given = {}) {
  object(given, 'options')
  for (const name of Object.keys(given)) {
    if (!(name in RULES)) {
      throw new OptionError(`Unknown option '${name}' of Pool. Accepted: ${Object.keys(RULES).join(', ')}. Options of open() go into \`open\`.`, {
        option: name, value: given[name], accepted: Object.keys(RULES).join(', ')
      })
    }
  }
  const options = { idleTimeout: 60_000, maxQueue: Infinity, grace: 1000 }
  for (const [name, rule] of Object.entries(RULES)) if (given[name] !== undefined) options[name] = rule(given[name], name)
  const all = options.threads ?? options.maxThreads ?? Math.max(options.minThreads ?? 1, os.availableParallelism())
  options.maxThreads = all
  options.minThreads = Math.min(options.threads ?? options.minThreads ?? 1, all)
  options.open = sandboxOptions(given.open)
  if (given.setup !== undefined) options.setup = describe(given.setup)
  return options
}

// Options of `open` as they are sent to the workers.
function sandboxOptions (given = {}) {
  for (const name of THREADLESS) {
    if (given[name] !== undefined) {
      refuse(`open.${name}`, given[name],
        'nothing here, since functions cannot be sent to another thread: name a module in `setup` whose default export gives these options there')
    }
  }
  const { from } = openOptions(given)
  const { wasm, image, ...rest } = /** @type {any} */ (given)
  if (isCheckpoint(from)) rest.from = from.handle
  return { ...rest, ...(image !== undefined && { image: image instanceof URL ? image.href : image }), ...(wasm !== undefined && { wasm: wasm instanceof URL ? wasm.href : wasm }) }
}

function sourceFor (source) {
  const { path, bytes } = sourceOf(source)
  return path ?? bytes
}

module.exports = { poolOptions, sourceFor }
