'use strict'

// `Atomics` as a thread's JavaScript finds it: what stops a call ends the waits in it, and what waits for a promise ends with
// the generation.

const { apply } = Reflect
const { wait, waitAsync, notify } = Atomics

const method = (target, name, value) => {
  Object.defineProperty(value, 'name', { value: name, configurable: true })
  Object.defineProperty(value, 'length', { value: Atomics[name].length, configurable: true })
  Object.defineProperty(target, name, { value, writable: true, enumerable: false, configurable: true })
}

// `target`: what is to have them. Calls of `namespace` that are stopped end a wait that they are in.
function stoppable (target, namespace) {
  method(target, 'wait', (...args) => namespace.wait(() => apply(wait, Atomics, args)))
}

// The `Atomics` of the thread that opens a generation. `during(promise)`: the same while the generation lives.
class OwnAtomics {
  #pending = new Set()

  constructor (namespace, during) {
    this.object = Object.defineProperties({}, Object.getOwnPropertyDescriptors(Atomics))
    stoppable(this.object, namespace)
    if (waitAsync === undefined) return
    method(this.object, 'waitAsync', (...args) => {
      const given = apply(waitAsync, Atomics, args)
      if (!given.async) return given
      const place = { view: args[0], index: args[1] }
      this.#pending.add(place)
      const { value } = given
      const done = () => this.#pending.delete(place)
      value.then(done, done)
      return { async: true, value: during(value) }
    })
  }

  // A promise that never settles would keep the memory, and all that waits for it, for as long as the process lives.
  end () {
    for (const { view, index } of this.#pending) apply(notify, Atomics, [view, index])
    this.#pending.clear()
  }
}

module.exports = { OwnAtomics, stoppable }
