'use strict'

// Promises between JavaScript and the coroutines of C++.

const { StaleHandleError } = require('../../base/errors')

// After these nothing of the instance can be relied on.
const FAULTS = new Set(['EMVM_ERR_TRAP', 'EMVM_ERR_ABORT', 'EMVM_ERR_EXIT', 'EMVM_ERR_MEMORY', 'EMVM_ERR_TIMEOUT'])

// `makesErrorValues`: C++ turns its exceptions into values before it rejects with them (from 4.0.10); before that the
// host takes the exception being handled.
function makeCoroutines ({ generations, operations, makesErrorValues, onUncaught }) {
  // Promises of C++ that are open. What is not settled when its generation ends never will be by C++.
  const eras = generations.perGeneration('promises of coroutines', () => ({ generation: generations.number, open: new Map(), waiting: 0 }), {
    isShared: true,
    suspended: ({ open, waiting }) => open.size > 0 || waiting > 0 ? 'a coroutine of C++ is suspended: wait for its promise' : undefined
  })

  function suspend (promise, awaiter) {
    const began = eras.value
    began.waiting++
    const settled = (rejected) => (value) => {
      began.waiting--
      if (!generations.isOver && began !== eras.value) return giveUp(began, stale(began.generation, generations.number))
      try {
        operations.resumeCoroutine(awaiter, value, rejected)
      } catch (error) {
        if (error && error.code === 'EMVM_ERR_DISPOSED') return giveUp(began, error)
        if (began.open.size > 0 && error && FAULTS.has(error.code)) return fail(began, error)
        if (onUncaught === undefined) throw error
        onUncaught(error)
      }
    }
    Promise.resolve(promise).then(settled(false), settled(true))
  }

  function makePromise () {
    const { open } = eras.value
    let functions = []
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
      open.set(reject, undefined)
      functions = [closing(resolve), makesErrorValues ? closing(reject) : rejectWithCurrent]
    })
    for (const [reject, known] of open) if (known === undefined) open.set(reject, promise)
    return [promise, ...functions]
  }

  return { suspend, makePromise }
}

function fail ({ open }, error) {
  for (const reject of open.keys()) reject(error)
  open.clear()
}

// That an instance has gone is no news to whoever does not wait for it.
function giveUp (era, error) {
  for (const promise of era.open.values()) promise.catch(() => {})
  fail(era, error)
}

function stale (generation, current) {
  return new StaleHandleError(
    `this coroutine belongs to generation ${generation}, the sandbox is at ${current}: start it anew after isReady()`,
    { generation, current })
}

module.exports = { makeCoroutines }
