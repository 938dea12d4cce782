'use strict'

const { load } = require('./lib/binding')
const { fromNative, ...errors } = require('./lib/errors')

const native = load()
native.setErrorFactory(fromNative)

const { open } = require('./lib/open')
const { inspect, capabilities } = require('./lib/inspect')
const { Sandbox } = require('./lib/sandbox')

module.exports = { open, inspect, capabilities, Sandbox, ...errors }
