'use strict'

const { StartError } = require('./errors')

// The user's own part of a start, on either host; gives what it gave.
async function warmUp (fn, module) {
  try {
    return await fn(module)
  } catch (cause) {
    throw new StartError(`the warmUp function failed: ${cause && cause.message !== undefined ? cause.message : cause}`, { cause })
  }
}

module.exports = { warmUp }
