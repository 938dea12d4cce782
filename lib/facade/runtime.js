'use strict'

function makeRuntime (facade) {
  const { heap } = facade
  let embind = null
  return {
    api: {},
    live: heap,
    provide: (name) => name === 'writeAsciiToMemory' ? (str, buffer, dontAddNull) => { for (let i = 0; i < str.length; ++i) heap.HEAP8[buffer++ >> 0] = str.charCodeAt(i); if (!dontAddNull) heap.HEAP8[buffer >> 0] = 0 } : facade.module[name],
    lateExport: (name) => (...args) => facade.module[`_${name}`](...args),
    attachEmbind () {
      embind = require('./embind').attachEmbind(facade.module, facade.sandbox)
    },
    leaks: () => [],
    owns: () => false
  }
}

module.exports = { makeRuntime }
