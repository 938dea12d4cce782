'use strict'

// Threads of a pool whose `setup` gives a `warmUp`: one of them warms up, and the others start from where it was then. Only where
// that is seen to be the same: the function keeps nothing outside of the module, and the module holds no JavaScript value.

const { performance } = require('node:perf_hooks')
const { load } = require('../base/binding')
const { open } = require('../open')

// Nobody has begun; one is at it; there is a handle; each thread warms up by itself.
const [NONE, MAKING, MADE, OWN] = [0, 1, 2, 3]
// Between two looks, and for how long, at whether another thread is done.
const [LOOK_MS, PATIENCE_MS] = [5, 30_000]

// What the threads share: a state and the handle of a checkpoint.
class Warm {
  #state
  #handle

  constructor (buffer = new SharedArrayBuffer(16)) {
    this.buffer = buffer
    this.#state = new Int32Array(buffer, 0, 1)
    this.#handle = new Float64Array(buffer, 8, 1)
  }

  // The state that was there; NONE: it is the caller's turn.
  begin () { return Atomics.compareExchange(this.#state, 0, NONE, MAKING) }

  get handle () { return this.#handle[0] }

  made (handle) {
    this.#handle[0] = handle
    Atomics.store(this.#state, 0, MADE)
  }

  set (state) { Atomics.store(this.#state, 0, state) }

  // What its thread had made is gone with it.
  gone () { Atomics.compareExchange(this.#state, 0, MADE, NONE) }

  // It may be the one that was at it: another one begins.
  threadGone () { Atomics.compareExchange(this.#state, 0, MAKING, NONE) }
}

// Kept as long as the thread runs.
let point

async function openWarm (source, options, buffer) {
  const { warmUp, from, image } = options
  if (typeof warmUp !== 'function' || from !== undefined || image !== undefined) return open(source, options)
  if (!load().keepsNothingOutside(Function.prototype.toString.call(warmUp))) return open(source, options)
  const warm = new Warm(buffer)
  const began = performance.now()
  while (performance.now() - began < PATIENCE_MS) {
    const state = warm.begin()
    if (state === NONE) return make(source, options, warm)
    if (state === OWN) break
    if (state === MADE) {
      try {
        return await open(source, { ...options, from: warm.handle })
      } catch (error) {
        // Its thread has ended, or was given other options.
        if (error.option !== 'from') throw error
        warm.gone()
      }
    } else {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
  }
  return open(source, options)
}

async function make (source, options, warm) {
  let vm
  try {
    vm = await open(source, options)
  } catch (error) {
    warm.set(NONE)
    throw error
  }
  try {
    point = vm.checkpoint()
    warm.made(point.handle)
  } catch {
    point?.dispose()
    point = undefined
    warm.set(OWN)
  }
  return vm
}

module.exports = { Warm, openWarm }
