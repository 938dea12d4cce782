'use strict'

// What EM_ASM, EM_JS and library functions find of emval: JavaScript values by the handles that C++ holds them by.

function makeEmval (sandbox) {
  let found = null
  // Code that was cut out of the glue is evaluated before the module has started.
  const operations = () => {
    found = found || (sandbox.embind(false) || {}).operations
    if (!found) throw new TypeError('the module has no embind, or it has not started yet')
    return found
  }
  const toValue = (handle) => operations().emvalToValue(handle)
  const toHandle = (value) => operations().emvalToHandle(value)
  return {
    Emval: { toValue, toHandle },
    // Their names up to 3.0.
    requireHandle: toValue,
    __emval_register: toHandle,
    __emval_incref: (handle) => { operations().emvalKeep(handle) },
    __emval_decref: (handle) => { operations().emvalDrop(handle) }
  }
}

module.exports = { makeEmval }
