'use strict'

// Functions from text. A process may forbid that (`--disallow-code-generation-from-strings`); scripts of `vm` are allowed then.

const vm = require('node:vm')

// As `new Function(...parameters, body)`.
function functionOf (parameters, body) {
  try {
    return new Function(...parameters, body)
  } catch (error) {
    if (!isForbidden(error)) throw error
    return vm.compileFunction(body, parameters)
  }
}

// V8's words for `eval` and `new Function` in such a process.
const isForbidden = (error) => error instanceof EvalError && /^Code generation from strings disallowed/.test(error.message)

// The global object of code that is made here, whatever the name means.
const globalObject = functionOf([], 'return this')()

module.exports = { functionOf, globalObject, isForbidden }
