'use strict'

// Whether a function of some file is running.

const { Error, ErrorCaptureStackTrace } = require('../base/primordials')

let isOurs

function prepare (error, sites) {
  for (let at = 0; at < sites.length; at++) if (isOurs(sites[at].getFileName())) return true
  return false
}

// `of(file)`: whether it is such a file.
function isOnStack (of) {
  const { prepareStackTrace, stackTraceLimit } = Error
  try {
    isOurs = of
    Error.stackTraceLimit = Infinity
    Error.prepareStackTrace = prepare
    const holder = {}
    ErrorCaptureStackTrace(holder, isOnStack)
    return holder.stack
  } finally {
    isOurs = undefined
    Error.stackTraceLimit = stackTraceLimit
    Error.prepareStackTrace = prepareStackTrace
  }
}

module.exports = { isOnStack }
