'use strict'

const errors = require('./errors')

// Makes an error of another class one of emvm's as well: it has the code, and `instanceof` says so.
function also (error, code) {
  const Class = Object.values(errors).find((one) => one.code === code)
  for (const { prototype } of [errors.EmvmError, Class]) {
    Object.defineProperty(error, Symbol.for(`emvm.error.${prototype.name}`), { value: true })
  }
  Object.defineProperty(error, 'code', { value: code, configurable: true, writable: true })
  return error
}

module.exports = { also }
