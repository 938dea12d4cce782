'use strict'

// What a start asked of Node and Node has not answered: open handles and requests under way. Their callbacks would come in
// some later generation.

const { setImmediate } = require('../base/clock')
const { createHook } = require('node:async_hooks')

// Timers and promises are known by other means; the rest of these end by themselves within a turn.
// What emvm compiles is counted elsewhere.
const OTHERS = /^(emvm:.*|PROMISE|Timeout|Immediate|TickObject|Microtask|RANDOMBYTESREQUEST|AsyncLocalStorage|bound-anonymous-fn)$/

class Requests {
  // `isOurs()`: whether what begins now is the start's.
  constructor (isOurs) {
    this.pending = new Map()
    this.hook = createHook({
      init: (id, type, trigger, /** @type {any} */ resource) => {
        if (OTHERS.test(type) || !isOurs()) return
        this.pending.set(id, type)
        // The streams of the process, which are made at their first use.
        setImmediate(() => { if (resource.fd >= 0 && resource.fd <= 2) this.pending.delete(id) })
      },
      // A request has one answer; a handle lives until it is destroyed.
      after: (id) => { if (/REQ/.test(this.pending.get(id))) this.pending.delete(id) },
      destroy: (id) => { this.pending.delete(id) },
      promiseResolve: undefined
    })
    this.hook.enable()
  }

  end () {
    this.hook.disable()
    return [...this.pending.values()]
  }
}

module.exports = { Requests }
