'use strict'

function makeRuntime (facade) {
  const { heap } = facade
  let embind = null
  return {
    api: {},
    live: heap,
    provide: (name) => facade.module[name],
    lateExport: (name) => (...args) => facade.module[`_${name}`](...args),
    attachEmbind () {
      embind = require('./embind').attachEmbind(facade.module, facade.sandbox)
    },
    leaks: () => [],
    owns: () => false
  }
}

module.exports = { makeRuntime }
