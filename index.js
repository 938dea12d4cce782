'use strict'

const { load } = require('./lib/binding')
const { fromNative, ...errors } = require('./lib/errors')

const native = load()
if (native.setErrorFactory) native.setErrorFactory(fromNative)

module.exports = {
  ...errors,
  get WebAssembly () {
    return require('./lib/webassembly').WebAssembly
  }
}
