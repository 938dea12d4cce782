'use strict'

// What the pool's thread and a worker share about one task: one small SharedArrayBuffer. The worker writes where the task can be
// interrupted and since when it runs; the pool writes that it should stop.

const WAITING = 0
const RUNNING = 1
const STOPPING = 2
const STOPPED = 3
const DONE = 4

const STATE = 0
const KEY = 1
const BYTES = 16

class Control {
  constructor (buffer = new SharedArrayBuffer(BYTES)) {
    this.buffer = buffer
    this.words = new Int32Array(buffer, 0, 2)
    this.times = new Float64Array(buffer, 8, 1)
  }

  // Milliseconds since 1970 at which the task began to run, or 0.
  get startedAt () { return Atomics.load(this.words, STATE) === WAITING ? 0 : this.times[0] }

  // In the worker: the task begins. `key` names what interrupts its wasm. False: it was stopped before it began.
  begin (key, now) {
    this.times[0] = now
    if (Atomics.load(this.words, STATE) === WAITING) Atomics.store(this.words, KEY, key)
    return Atomics.compareExchange(this.words, STATE, WAITING, RUNNING) === WAITING
  }

  // In the worker: the task has ended. From here on it cannot be interrupted. True: somebody stopped it.
  end () {
    for (;;) {
      const state = Atomics.load(this.words, STATE)
      // The other thread is between its two steps, which takes microseconds.
      if (state === STOPPING) Atomics.wait(this.words, STATE, STOPPING, 50)
      else if (Atomics.compareExchange(this.words, STATE, state, DONE) === state) {
        Atomics.notify(this.words, STATE)
        return state === STOPPED
      }
    }
  }

  // In the worker: calls back when the task is stopped.
  onStop (fn) {
    const { value } = Atomics.waitAsync(this.words, STATE, RUNNING)
    Promise.resolve(value).then(() => { if (this.isStopped) fn() })
  }

  get isStopped () {
    const state = Atomics.load(this.words, STATE)
    return state === STOPPING || state === STOPPED
  }

  // In the pool: stops the task by `interrupt(key)`, during which the worker cannot leave the task. False: it does not run (any more).
  stop (interrupt) {
    const state = Atomics.load(this.words, STATE)
    if (state === WAITING && Atomics.compareExchange(this.words, STATE, WAITING, STOPPED) === WAITING) return false
    if (Atomics.load(this.words, KEY) === 0) return false
    const from = state === STOPPED ? STOPPED : RUNNING
    if (Atomics.compareExchange(this.words, STATE, from, STOPPING) !== from) return false
    try {
      interrupt(Atomics.load(this.words, KEY))
    } finally {
      Atomics.store(this.words, STATE, STOPPED)
      Atomics.notify(this.words, STATE)
    }
    return true
  }
}

module.exports = { Control }
