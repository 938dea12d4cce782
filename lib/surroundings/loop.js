'use strict'

// What a module's own JavaScript leaves to the event loop and the garbage collector, on either host: timers, microtasks, promises
// it waits for, finalizers, weak references. All of it is its generation's. Once that has ended nothing of it runs, and what fails
// in it is nobody's; before, failures are told to whom the generation's are.

const timers = require('node:timers')
const { promisify, types } = require('node:util')
const { Promise, PromisePrototypeThen, Reflect: { apply }, SafeMap, SafeWeakMap, queueMicrotask } = require('../base/primordials')

class Era {
  isAlive = true
  // By what the module was given for each.
  timers = new SafeMap()
  // Promises that the module's code waits for.
  waits = 0
  // By registration of a FinalizationRegistry, what it holds.
  held = new SafeWeakMap()

  // `enter(work)`: how a callback is run.
  constructor (failures, enter) {
    this.failures = failures
    this.enter = enter
  }

  call (callback, values) {
    if (!this.isAlive) return
    try {
      this.enter(() => this.failures.adopt(() => apply(callback, undefined, values)))
    } catch (error) {
      if (this.isAlive && !this.failures.take(error)) throw error
    }
  }

  end () {
    this.isAlive = false
    for (const { stop } of this.timers.values()) stop()
    this.timers.clear()
    this.held = new SafeWeakMap()
    this.failures.end()
  }
}

const NAMES = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate']
// Test environments that stand for a browser take some of them away.
const present = (name) => globalThis[name] ?? timers[name]

class Loop {
  #makeFailures
  #enter
  // Made when something is left to it.
  #current
  // Timers that start-up set and every generation begins with.
  #image = []
  #isSealed = false

  // `makeFailures()` gives a generation's: see `Failures`; `enter(work)` runs what was left to the event loop.
  constructor (makeFailures, enter) {
    this.#makeFailures = makeFailures
    this.#enter = enter
    const [setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate] = NAMES.map(present)
    this.overrides = {
      setTimeout: this.#guard(setTimeout, clearTimeout, false),
      clearTimeout: this.#unguard(clearTimeout),
      setInterval: this.#guard(setInterval, clearInterval, true),
      clearInterval: this.#unguard(clearInterval),
      setImmediate: this.#guard(setImmediate, clearImmediate, false),
      clearImmediate: this.#unguard(clearImmediate),
      queueMicrotask: (callback) => {
        const era = this.#era
        queueMicrotask(typeof callback === 'function' ? () => era.call(callback, []) : callback)
      },
      FinalizationRegistry: this.#registry(),
      WeakRef: this.#weakRef()
    }
    for (const name of ['setTimeout', 'setImmediate']) {
      Object.defineProperty(this.overrides[name], promisify.custom, { value: (...values) => this.wait(require('node:timers/promises')[name](...values)) })
    }
  }

  get #era () { return (this.#current ??= new Era(this.#makeFailures(), this.#enter)) }

  get failures () { return this.#era.failures }
  // What timers that are set lead to.
  get held () { return [...this.#era.timers].flatMap(([given, { holds }]) => [given, ...holds]) }

  nextTick (callback, ...values) {
    const era = this.#era
    process.nextTick(typeof callback === 'function' ? () => era.call(callback, values) : callback)
  }

  // A function that the module calls: what it begins is not its caller's.
  around (fn) { return (...values) => this.#era.failures.adopt(() => apply(fn, undefined, values)) }

  // What is awaited, unless the generation ends meanwhile: then it never comes.
  wait (value) {
    if (!types.isPromise(value)) return value
    const era = this.#era
    era.waits++
    return new Promise((resolve, reject) => {
      const settled = (settle) => (result) => {
        era.waits--
        if (era.isAlive) settle(result)
      }
      PromisePrototypeThen(value, settled(resolve), settled(reject))
    })
  }

  // Where one loop serves all generations: start-up is over.
  seal () {
    this.#isSealed = true
    this.#image = this.#timers()
  }

  #timers () { return [...this.#era.timers].map(([given, { arm }]) => ({ given, arm, keepsAlive: given.hasRef() })) }

  // The module's code waits for something.
  get isWaiting () { return this.#current !== undefined && this.#current.waits > 0 }

  // Start-up left timers.
  get hasImage () { return this.#image.length > 0 }

  // The timers that are set now, for `next`; `undefined`: none.
  save () {
    const timers = this.#current === undefined ? [] : this.#timers()
    return timers.length > 0 ? timers : undefined
  }

  // `timers`: those that were saved, where the generation does not begin with those of start-up.
  next (timers = this.#image) {
    if (this.#current === undefined && timers.length === 0) return
    this.#current?.end()
    this.#current = undefined
    for (const { given, arm, keepsAlive } of timers) arm(this.#era, given, keepsAlive)
  }

  end () {
    this.#era.end()
    this.#image = []
  }

  #guard (set, clear, again) {
    return (callback, ...rest) => {
      if (typeof callback !== 'function') return apply(set, undefined, withFirst(callback, rest))
      if (!this.#era.isAlive) return undefined
      const arm = (era, known, keepsAlive = true) => {
        const timer = apply(set, undefined, withFirst((...values) => {
          if (!again) era.timers.delete(given)
          era.call((...args) => apply(callback, given, args), values)
        }, rest))
        const given = known ?? timer
        if (!keepsAlive) timer.unref()
        era.timers.set(given, { arm, stop: () => clear(timer), holds: withFirst(callback, rest) })
        return given
      }
      return arm(this.#era)
    }
  }

  #unguard (clear) {
    return (given) => {
      const { timers } = this.#era
      // Node takes numbers of timers as well.
      const key = timers.has(given) ? given : [...timers.keys()].find((known) => typeof given !== 'object' && `${known[Symbol.toPrimitive]?.()}` === `${given}`)
      const known = timers.get(key)
      if (known === undefined) return clear(given)
      timers.delete(key)
      known.stop()
    }
  }

  // A registration has its era. Those of start-up are there in each generation that begins with it: one that takes them back does so for itself.
  #registry () {
    const eraNow = () => this.#era
    const first = this.#era
    // By token, the registrations that have it.
    const tokens = new SafeWeakMap()
    const isHere = (known, era) => !known.done && known.goneIn !== era && (known.era === era || known.era === first)
    return class FinalizationRegistry extends globalThis.FinalizationRegistry {
      constructor (cleanup) {
        const call = (known) => {
          const { era, goneIn } = known
          known.done = true
          if (era.isAlive && (goneIn === undefined || goneIn !== eraNow())) era.call(cleanup, [era.held.get(known)])
        }
        super(typeof cleanup === 'function' ? call : cleanup)
      }

      register (target, held, token) {
        if (held === target) super.register(target, held)
        const era = eraNow()
        const known = { registry: this, era, done: false, goneIn: undefined }
        super.register(target, known, token)
        era.held.set(known, held)
        if (token === undefined) return
        if (tokens.has(token)) tokens.get(token).push(known)
        else tokens.set(token, [known])
      }

      unregister (token) {
        const era = eraNow()
        const known = tokens.get(token)
        // What the language refuses is refused in its own words.
        if (known === undefined) return super.unregister(token)
        const here = known.filter((each) => each.registry === this && isHere(each, era))
        for (const each of here) each.goneIn = era
        if (known.every((each) => each.registry === this && each.era === era)) {
          tokens.delete(token)
          super.unregister(token)
        }
        return here.length > 0
      }
    }
  }

  #weakRef () {
    const eraNow = () => this.#isSealed || !this.#era.isAlive ? this.#era : undefined
    // Start-up's of a loop that serves all generations are there in all of them.
    const eras = new SafeWeakMap()
    const first = this.#era
    const isOver = (ref) => {
      const era = eras.get(ref)
      return !(era ?? first).isAlive && (era !== undefined || !this.#isSealed)
    }
    return class WeakRef extends globalThis.WeakRef {
      constructor (target) {
        super(target)
        const era = eraNow()
        if (era !== undefined) eras.set(this, era)
      }

      deref () { return isOver(this) ? undefined : super.deref() }
    }
  }
}

// Arguments, by no iterator that the package may have changed.
function withFirst (first, rest) {
  const all = [first]
  for (let at = 0; at < rest.length; at++) all[at + 1] = rest[at]
  return all
}

// What `require` gives of Node's timers: `given`, with those that are the generation's.
function ownTimers (id, given, overrides) {
  if (!/^(node:)?timers$/.test(id)) return given
  const names = ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate']
  return { ...given, ...Object.fromEntries(names.map((name) => [name, overrides[name]])) }
}

module.exports = { Loop, ownTimers }
