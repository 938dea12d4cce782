'use strict'

const { URL } = require('node:url')
const os = require('node:os')
const { isCheckpoint } = require('../base/checkpoint')
const { OptionError } = require('../base/errors')
const { isSignal, itemsOf, ruled, taken } = require('../base/given')
const { checkKeys, isUrl, openOptions, refuse, sourceOf, OPEN_OPTIONS } = require('../options')
const { describe } = require('./work')

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
  setup: (value, name) => typeof value === 'string' || isUrl(value) ? value : refuse(name, value, 'the path or file: URL of a module')
}

const THREADLESS = ['print', 'printErr', 'warmUp', 'imports', 'onProgress', 'onUncaught', 'module']

function checkNames (given, rules, what, more = '') {
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(rules, name)) continue
    const accepted = Object.keys(rules).join(', ')
    throw new OptionError(`Unknown option '${name}' of ${what}. Accepted: ${accepted}.${more}`, { option: name, value: given[name], accepted })
  }
}

const TASK = {
  signal: (value, name) => isSignal(value) ? value : refuse(name, value, 'an AbortSignal'),
  transferList: (value, name) => itemsOf(value) ?? refuse(name, value, 'an array of what is to be transferred'),
  timeout: milliseconds,
  name: (value, name) => typeof value === 'string' ? value : refuse(name, value, 'the name of an export')
}

// Of one call of `run`.
function taskOptions (given = {}, defaults = {}) {
  checkNames(object(given, 'options'), TASK, 'run()')
  return ruled(given, TASK, '', { transferList: [], ...defaults })
}

function poolOptions (given = {}) {
  checkNames(object(given, 'options'), RULES, 'Pool', ' Options of open() go into `open`.')
  const options = ruled(given, RULES, '', { idleTimeout: 60_000, maxQueue: Infinity, grace: 1000 })
  const all = options.threads ?? options.maxThreads ?? Math.max(options.minThreads ?? 1, os.availableParallelism())
  options.maxThreads = all
  options.minThreads = Math.min(options.threads ?? options.minThreads ?? 1, all)
  options.open = sandboxOptions(options.open)
  if (options.setup !== undefined) options.setup = describe(options.setup)
  return options
}

// Options of `open` as they are sent to the workers.
function sandboxOptions (all = {}) {
  checkKeys(all, OPEN_OPTIONS)
  const given = taken(all, OPEN_OPTIONS)
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

module.exports = { poolOptions, sourceFor, taskOptions }
