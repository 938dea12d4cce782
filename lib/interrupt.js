'use strict'

const { load } = require('./base/binding')
const { OptionError } = require('./base/errors')
const { show } = require('./base/given')

// Stops the running call of a sandbox of any thread of the process; false when there is no such sandbox.
function interrupt (handle) {
  if (!Number.isSafeInteger(handle) || handle < 0) {
    throw new OptionError(`handle: got ${show(handle)}, expected the interruptHandle of a sandbox`, { option: 'handle', value: handle })
  }
  return load().interrupt(handle)
}

module.exports = { interrupt }
