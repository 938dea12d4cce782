'use strict'

// Whether a function of some file is running.

function isOnStack (isOurs) {
  const { prepareStackTrace, stackTraceLimit } = Error
  try {
    Error.stackTraceLimit = Infinity
    Error.prepareStackTrace = (error, sites) => sites.some((site) => isOurs(site.getFileName()))
    const holder = {}
    Error.captureStackTrace(holder, isOnStack)
    return holder.stack
  } finally {
    Error.stackTraceLimit = stackTraceLimit
    Error.prepareStackTrace = prepareStackTrace
  }
}

module.exports = { isOnStack }
