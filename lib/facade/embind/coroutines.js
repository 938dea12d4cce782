'use strict'

// Promises between JavaScript and the coroutines of C++.

const { StaleHandleError } = require('../../errors')

// `makesErrorValues`: C++ turns its exceptions into values before it rejects with them (from 4.0.10); before that the
// host takes the exception being handled.
function makeCoroutines ({ sandbox, operations, makesErrorValues }) {
  // The image's generation is the first one's.
  const now = () => Math.max(1, sandbox.generation)
  // What is not settled when its generation ends never will be by C++.
  let era = { generation: now(), open: new Set() }

  function current () {
    if (era.generation !== now()) era = { generation: now(), open: new Set() }
    return era
  }

  function suspend (promise, awaiter) {
    const began = current()
    const settled = (rejected) => (value) => {
      if (began.generation !== now()) return giveUp(began, stale(began.generation, sandbox.generation))
      try {
        operations.resumeCoroutine(awaiter, value, rejected)
      } catch (error) {
        if (!error || error.code !== 'EMVM_ERR_DISPOSED') throw error
        giveUp(began, error)
      }
    }
    Promise.resolve(promise).then(settled(false), settled(true))
  }

  function makePromise () {
    const { open } = current()
    let functions
    const promise = new Promise((resolve, reject) => {
      const closing = (settle) => (value) => {
        open.delete(reject)
        settle(value)
      }
      const rejectWithCurrent = () => {
        open.delete(reject)
        try {
          operations.throwCurrent()
        } catch (error) {
          reject(error)
        }
      }
      open.add(reject)
      functions = [closing(resolve), makesErrorValues ? closing(reject) : rejectWithCurrent]
    })
    return [promise, ...functions]
  }

  return { suspend, makePromise }
}

function giveUp ({ open }, error) {
  for (const reject of open) reject(error)
  open.clear()
}

function stale (generation, current) {
  return new StaleHandleError(
    `this coroutine belongs to generation ${generation}, the sandbox is at ${current}: start it anew after isReady()`,
    { generation, current })
}

module.exports = { makeCoroutines }
