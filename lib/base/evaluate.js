'use strict'

// Functions from text. A process may forbid that (`--disallow-code-generation-from-strings`); scripts of `vm` are allowed then.

const vm = require('node:vm')

/** @type {boolean | undefined} */
let allowed

function isAllowed () {
  if (allowed === undefined) {
    try {
      allowed = Boolean(new Function(''))
    } catch {
      allowed = false
    }
  }
  return allowed
}

// As `new Function(...parameters, body)`.
function functionOf (parameters, body) {
  return isAllowed() ? new Function(...parameters, body) : vm.compileFunction(body, parameters)
}

// The global object of code that is made here, whatever the name means.
const globalObject = functionOf([], 'return this')()

// V8's words for `eval` and `new Function` in such a process.
const isForbidden = (error) => error instanceof EvalError && /^Code generation from strings disallowed/.test(error.message)

module.exports = { functionOf, globalObject, isForbidden }
