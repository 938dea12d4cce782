'use strict'

// The addon, ready for this thread.

const { failure, find } = require('./binary')
const { install } = require('./in-flight')

let loaded

function load () {
  loaded ??= start(find())
  return loaded
}

function start (native) {
  install(native)
  try {
    native.watchThread()
  } catch (cause) {
    throw failure(`${noThread(cause.message)}.`, cause)
  }
  return native
}

// As `src/engine/workers.rs` says it.
const noThread = (cause) => `the system refuses emvm a thread (${cause}): raise the limit of threads and processes (\`ulimit -u\`, in containers \`pids.max\`)`

module.exports = { noThread, load }
