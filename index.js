'use strict'

const { load } = require('./lib/binding')
const { fromNative, ...errors } = require('./lib/errors')

load().setErrorFactory(fromNative)

const { open } = require('./lib/open')
const { inspect, capabilities } = require('./lib/inspect')
const { Sandbox } = require('./lib/sandbox')
const { interrupt } = require('./lib/interrupt')

module.exports = {
  open,
  inspect,
  capabilities,
  Sandbox,
  interrupt,
  ...errors,
  get Pool () {
    return require('./lib/pool').Pool
  },
  get WebAssembly () {
    return require('./lib/webassembly').WebAssembly
  }
}
