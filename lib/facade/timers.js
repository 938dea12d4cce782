'use strict'

// Timers of the event loop for what the module waits for. Which there are, and what they call, is the sandbox's state
// (src/emscripten/timers.rs): here is only what fires them. They keep the process alive, as Emscripten's own do.

const [TIMEOUT, INTERVAL, IMMEDIATE, MICROTASK, CLEAR, CLEAR_ALL] = [0, 1, 2, 3, -1, -2]

function makeTimers ({ sandbox, module, options: { onUncaught } }) {
  // What clears each, by its number.
  const pending = new Map()

  function fire (id, isTurn) {
    if (!isTurn) return sandbox.fireTimer(id, false)
    const skip = typeof module.preMainLoop === 'function' && module.preMainLoop() === false
    sandbox.fireTimer(id, skip)
    if (!skip && typeof module.postMainLoop === 'function') module.postMainLoop()
  }

  function set (kind, id, ms, isTurn) {
    // A number that is set anew is another timer.
    const clear = make(kind, id, Math.max(0, ms) || 0, () => {
      if (kind !== INTERVAL) {
        if (pending.get(id) !== clear) return
        pending.delete(id)
      }
      try {
        fire(id, isTurn)
      } catch (error) {
        if (onUncaught === undefined) throw error
        onUncaught(error)
      }
    })
    pending.set(id, clear)
  }

  function make (kind, id, ms, run) {
    if (kind === TIMEOUT) {
      const timer = setTimeout(run, ms)
      return () => clearTimeout(timer)
    }
    if (kind === INTERVAL) {
      const timer = setInterval(run, ms)
      return () => clearInterval(timer)
    }
    if (kind === IMMEDIATE) {
      const immediate = setImmediate(run)
      return () => clearImmediate(immediate)
    }
    if (kind === MICROTASK) queueMicrotask(run)
    return () => {}
  }

  function clear (id) {
    const clearIt = pending.get(id)
    pending.delete(id)
    if (clearIt) clearIt()
  }

  function clearAll () {
    for (const clearIt of pending.values()) clearIt()
    pending.clear()
  }

  sandbox.setTimers((kind, id, ms, isTurn) => {
    if (kind === CLEAR) clear(id)
    else if (kind === CLEAR_ALL) clearAll()
    else set(kind, id, ms, isTurn === 1)
  })

  return {
    api: {
      pauseMainLoop: () => sandbox.mainLoop(false),
      resumeMainLoop: () => sandbox.mainLoop(true)
    },
    clearAll
  }
}

module.exports = { makeTimers }
