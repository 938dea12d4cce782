'use strict'

const { load } = require('./lib/binding')
const { fromNative, ...errors } = require('./lib/errors')

const native = load()
native.setErrorFactory(fromNative)

module.exports = { ...errors }
