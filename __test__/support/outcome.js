'use strict'

// What a call gave, in terms that hold for Emscripten's own JavaScript and for emvm alike.

function thrown (error) {
  if (typeof error === 'number' || error instanceof WebAssembly.Exception) return 'C++ exception'
  if (error === null || typeof error !== 'object') return `threw ${String(error)}`
  switch (error.code) {
    case 'EMVM_ERR_CPP_EXCEPTION': return 'C++ exception'
    case 'EMVM_ERR_TRAP': return 'trap'
    case 'EMVM_ERR_EXIT': return `exit ${error.status}`
    case 'EMVM_ERR_ABORT': return 'abort'
  }
  if (error.name === 'ExitStatus') return `exit ${error.status}`
  if (error.message === 'FS error') return `errno ${error.errno}`
  if (error instanceof WebAssembly.RuntimeError) return /abort/i.test(error.message) ? 'abort' : 'trap'
  return `${error.name}: ${error.message}`
}

function attempt (run) {
  try {
    const value = run()
    return value === undefined ? 'undefined' : typeof value === 'bigint' ? `${value}n` : value
  } catch (error) {
    return thrown(error)
  }
}

module.exports = { attempt, thrown }
