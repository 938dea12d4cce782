'use strict'

// The environment variables that emvm reads. One that is misspelt or has a value that means nothing would be a setting that is
// silently not there.

const { inspect } = require('node:util')
const { OptionError } = require('./base/errors')

/** @type {[(value: string) => boolean, string]} */
const FOLDER = [(value) => !value.includes('\0'), 'the path of a folder']
/** @type {[(value: string) => boolean, string]} */
const SWITCH = [(value) => value === '0' || value === '1', '0 or 1']

/** By name: whether a value is good, and what is. @type {Record<string, [(value: string) => boolean, string]>} */
const VARIABLES = {
  EMVM_BINDING: [() => true, 'the path of the binary'],
  EMVM_CACHE_DIR: FOLDER,
  EMVM_CACHE_MAX_MB: [(value) => /^\s*\d+\s*$/.test(value), 'a whole number of megabytes'],
  EMVM_DEBUG: SWITCH,
  EMVM_INTERRUPTION_POINTS: [(value) => value === 'on' || value === 'off', "'on' or 'off'"],
  EMVM_LARGE_PAGES: SWITCH,
  EMVM_MEMORY_BACKEND: [(value) => value === 'portable' || value === 'copy-on-write', "'copy-on-write' or 'portable'"],
  EMVM_SKIP_BUILD: SWITCH,
  EMVM_TIER: [(value) => ['auto', 'baseline', 'optimised'].includes(value), "'auto', 'baseline' or 'optimised'"]
}

// An empty one is one that is not set.
function checkVariables (env = process.env) {
  for (const [name, [isGood, accepted]] of Object.entries(VARIABLES)) {
    const value = env[name]
    if (value === undefined || value === '' || isGood(value)) continue
    throw new OptionError(`The environment variable ${name} is ${inspect(value)}: expected ${accepted}.`, { option: name, value, accepted })
  }
}

// Who asks for memory files by name does not get the other backend in their place.
function checkBackend (capabilities, env = process.env) {
  if (env.EMVM_MEMORY_BACKEND !== 'copy-on-write') return
  const { backendReason } = capabilities()
  if (backendReason === null) return
  throw new OptionError(`The environment variable EMVM_MEMORY_BACKEND is 'copy-on-write', which is not possible here: ${backendReason}. Unset it to copy memory instead.`, {
    option: 'EMVM_MEMORY_BACKEND', value: 'copy-on-write', accepted: "'portable'"
  })
}

module.exports = { VARIABLES, checkVariables, checkBackend }
