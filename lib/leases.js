'use strict'

const { AsyncResource } = require('node:async_hooks')

// Leases of one sandbox: one after the other.

class Leases {
  #waiting = []
  #isRunning = false
  #idle = []

  // What `work` gives, run when all that came before have ended. One that waits is given up when its signal fires.
  add (work, signal) {
    return new Promise((resolve, reject) => {
      // In its own caller's asynchronous context, whoever's lease it follows.
      const lease = { work: AsyncResource.bind(work), resolve, reject, forget: () => {} }
      if (signal !== undefined) {
        const abort = () => {
          const at = this.#waiting.indexOf(lease)
          if (at === -1) return
          this.#waiting.splice(at, 1)
          lease.forget()
          reject(signal.reason)
        }
        lease.forget = () => signal.removeEventListener('abort', abort)
        signal.addEventListener('abort', abort, { once: true })
      }
      this.#waiting.push(lease)
      if (signal?.aborted) {
        this.#waiting.pop()
        lease.forget()
        reject(signal.reason)
        return
      }
      if (!this.#isRunning) this.#run()
    })
  }

  async #run () {
    this.#isRunning = true
    // Whoever asks for a lease has it begin after his own turn.
    await undefined
    while (this.#waiting.length > 0) {
      const { work, resolve, reject, forget } = this.#waiting.shift()
      forget()
      try {
        resolve(await work())
      } catch (error) {
        reject(error)
      }
    }
    this.#isRunning = false
    for (const resolve of this.#idle.splice(0)) resolve()
  }

  // Resolves when none runs or waits.
  async idle () {
    if (this.#isRunning) await new Promise((resolve) => { this.#idle.push(resolve) })
  }

  // Those that wait never begin.
  refuse (makeError) {
    for (const { reject, forget } of this.#waiting.splice(0)) {
      forget()
      reject(makeError())
    }
  }
}

module.exports = { Leases }
