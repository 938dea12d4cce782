'use strict'

// What the package exports.

const { load } = require('../base/binding')
const errors = require('../base/errors')
const { nodeTooOld } = require('../base/platform')

const { fromNative, ...classes } = errors

if (nodeTooOld()) throw new errors.UnsupportedError(nodeTooOld())

const { checkVariables, checkBackend } = require('../variables')
checkVariables()

load().setErrorFactory(fromNative)

const { open } = require('../open')
const { inspect, capabilities } = require('../inspect')
checkBackend(capabilities)
const { Sandbox } = require('../sandbox')
const { Checkpoint } = require('../base/checkpoint')
const { interrupt } = require('../interrupt')

module.exports = {
  open,
  inspect,
  capabilities,
  Sandbox,
  Checkpoint,
  interrupt,
  ...classes
}

// Loaded when first asked for.
Object.defineProperties(module.exports, {
  Pool: { enumerable: true, get: () => require('../pool').Pool },
  WebAssembly: { enumerable: true, get: () => require('../webassembly').WebAssembly }
})
