'use strict'

// JavaScript Promise Integration: `WebAssembly.Suspending` and `WebAssembly.promising`.

const native = require('./native')
const { SuspendError, stale } = require('./errors')
const { finish } = require('./convert')
const { SafeMap } = require('../base/primordials')

const { apply } = Reflect
const { then } = Promise.prototype

// As `await` does it.
function promiseOf (value) {
  try {
    return Promise.resolve(value)
  } catch (error) {
    return Promise.reject(error)
  }
}

// A package that asks whether there is JSPI has another way. Where there is, it may take for granted what came to V8 before it:
// Pyodide tells functions apart by their types (`ref.test`, which the engine lacks), and else calls them from JavaScript, whose
// frames cannot be suspended. So the answer is no. What refuses to run without is no question.
const ASKS = /(?<!assert\(\s*|!\s*\(\s*)((["'`])(Suspending|promising)\2\s*in\s+(\w+\.)*WebAssembly|typeof\s+(\w+\.)*WebAssembly\.(Suspending|promising))/

const asksFor = (text) => ASKS.test(text)

// What it is told then.
function hide (WebAssembly) {
  for (const name of ['Suspending', 'promising', 'SuspendError']) delete WebAssembly[name]
}

function definePromising (realm) {
  let functionOf
  // Promises of calls that are suspended: how to reject each.
  const open = new SafeMap()

  class Suspending {
    #function

    constructor (fn) {
      if (typeof fn !== 'function') throw new TypeError('WebAssembly.Suspending(): Argument 0 must be a function')
      this.#function = fn
    }

    static {
      functionOf = (value) => typeof value === 'object' && value !== null && #function in value ? value.#function : undefined
    }
  }

  finish(Suspending, 'Suspending', 1)

  // A concise method: it is no constructor, as in V8.
  const { promising } = {
    promising (fn) {
      const where = 'WebAssembly.promising()'
      if (typeof fn !== 'function') throw new TypeError(`${where}: Argument 0 must be a function`)
      if (realm.addressOf(fn) === undefined) throw new TypeError(`${where}: Argument 0 must be a WebAssembly exported function`)
      const wrapper = (...args) => call(fn, args)
      for (const key of ['name', 'length']) Object.defineProperty(wrapper, key, { value: fn[key], configurable: true })
      return wrapper
    }
  }

  function call (fn, args) {
    const address = realm.addressOf(fn)
    if (address === undefined) throw stale('this function belongs to a generation that has ended; take it anew from the current module')
    const told = native.promisingCall(realm.handle, address, args)
    const waiting = { promise: undefined, resolve: undefined, reject: undefined }
    waiting.promise = new Promise((resolve, reject) => Object.assign(waiting, { resolve, reject }))
    if (told.length === 3) waiting.reject(told[2])
    else went(waiting, told)
    return waiting.promise
  }

  // A call has returned, or waits for a promise.
  function went (waiting, told) {
    if (told.length === 1) return waiting.resolve(told[0])
    const [given, number] = told
    open.set(number, waiting)
    const goOn = (fulfilled) => (value) => {
      // A call that was ended has no number any more.
      if (open.get(number) !== waiting) return
      open.delete(number)
      try {
        went(waiting, native.promisingResume(realm.handle, number, fulfilled, value))
      } catch (error) {
        waiting.reject(error)
      }
    }
    apply(then, promiseOf(given), [goOn(true), goOn(false)])
  }

  const ended = () => stale('this call waited for a promise when its generation ended, and does not go on: await it before the recycle')

  // Their stacks are gone.
  realm.onEnd = () => {
    if (open.size === 0) return
    const error = ended()
    const calls = [...open.values()]
    open.clear()
    for (const { promise, reject } of calls) {
      // That an instance has gone is no news to whoever does not wait for it.
      apply(then, promise, [undefined, () => {}])
      reject(error)
    }
  }

  return {
    Suspending,
    SuspendError,
    promising,
    // What a `Suspending` was made of; undefined for other values.
    functionOf,
    // Calls that wait for a promise.
    get count () { return open.size }
  }
}

module.exports = { definePromising, asksFor, hide }
