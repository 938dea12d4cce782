'use strict'

// What instrumented files tell of themselves, through the object that they know as `$rw`. While `$rw.on`, that is until the
// image is taken, scopes register: how their variables are read and set again. What starts later belongs to a generation:
// its continuations end with it, and the objects that it makes are known, so that they can be made stale.

const { ArrayPrototypePush, Promise, PromisePrototypeThen, PromiseResolve, Reflect: { apply }, SafeMap, SafeSet, SafeWeakMap, SafeWeakRef, Symbol, queueMicrotask } = require('../base/primordials')
const { Made } = require('./made')
const { promiseValue } = require('./promises')

const MOST_LITERALS = 1 << 16
const MOST_PROMISES = 1 << 16

class Registry {
  // `instrument(text, what)`: text that is made at run time, instrumented; `uncovered`: told of what the image cannot know;
  // `refuse(what, generation)` throws: something of a past generation was used; `over()`: the error of what was under way.
  // `world`: of what is not the package's own; `isOld(object)`: whether an object was there before the generation.
  constructor ({ instrument, uncovered, refuse, over, world, isOld }) {
    this.instrument = instrument
    this.uncovered = uncovered
    this.refuse = refuse
    this.over = over
    this.world = world
    this.isOld = isOld
    // Gives what a function of text is that hides nothing: its names are those of the files.
    this.plain = (made) => made
    // By the language's own: what makes functions from text for files.
    this.makers = new SafeMap()
    // What this generation did that cannot be undone.
    this.undone = undefined
    // Registrations of scopes, as long as the scope lives; those that nothing of the scope's own holds; objects that
    // closures know as `this`, and those that constructors made; accessors of private fields.
    this.sites = []
    this.strong = []
    this.roots = []
    this.privates = []
    // Bound functions: what they are bound to.
    this.bound = new SafeWeakMap()
    // Awaits and thens that were begun and have not gone on.
    this.waiting = new SafeSet()
    this.made = new Made()
    // Object literals with functions, as many as can be found again.
    this.literals = new Made(MOST_LITERALS)
    // 0 until the image is taken; then the number of the generation.
    this.generation = 0
    // Awaits and promises of this generation that are not settled: how to reject them; how many awaits the last rewind dropped.
    this.awaits = new SafeSet()
    this.promises = new SafeSet()
    // Iterators of Node's that loops of this generation are within.
    this.iterating = new SafeSet()
    this.lastDropped = 0
    // Awaits that are settled and go on next.
    this.resuming = 0
    this.$rw = this.#contract()
  }

  // Scopes that are alive, and objects that constructors made.
  liveSites () { return [...this.sites.map((ref) => ref.deref()).filter((site) => site !== undefined), ...this.strong] }
  liveObjects () { return this.roots.map((ref) => ref.deref()).filter((object) => object !== undefined) }

  // Awaits and thens that have not gone on, of promises that somebody still has.
  get stillWaiting () {
    let count = 0
    for (const { promise } of this.waiting) if (promise.deref() !== undefined) count++
    return count
  }

  // From here on there is an image: nothing is registered any more.
  seal () {
    this.$rw.on = false
    this.generation = 1
    this.sites = this.strong = this.roots = []
    this.waiting.clear()
  }

  // Nothing goes on any more.
  end () {
    this.$rw.on = false
    this.generation = -1
    this.sites = this.strong = this.roots = this.privates = []
    this.made.end()
    this.literals.end()
  }

  // Who waits for something of the past generation is told; nothing of the package's goes on.
  rewind () {
    const { awaits, promises, iterating } = this
    this.generation++
    if (iterating.size > 0) {
      this.iterating = new SafeSet()
      for (const iterator of iterating) endIterator(iterator)
    }
    this.lastDropped = awaits.size
    if (awaits.size + promises.size === 0) return
    this.error = this.over()
    for (const reject of awaits) reject(this.error)
    for (const reject of promises) reject(this.error)
    awaits.clear()
    promises.clear()
  }

  // Of what is settled after its generation.
  #late () { return (this.error ??= this.over()) }

  #resumed = () => { this.resuming-- }

  // A function that goes on in its own generation only.
  guarded (fn) {
    if (typeof fn !== 'function' || this.$rw.on) return fn
    const registry = this
    const { generation } = this
    return function (...args) {
      if (generation === registry.generation) return apply(fn, this, args)
      throw registry.#late()
    }
  }

  // The same for what Node calls, to which a failure would be the process's.
  quiet (fn) {
    if (this.$rw.on) return fn
    const registry = this
    const { generation } = this
    return function (...args) { return generation === registry.generation ? apply(fn, this, args) : undefined }
  }

  // Arguments for a function of Node's that calls back its last one.
  quietLast (args) {
    const last = args.length - 1
    if (typeof args[last] === 'function') args[last] = this.quiet(args[last])
    return args
  }

  // Tells when what waits for a promise has gone on.
  #watched (promise) {
    const token = { promise: new SafeWeakRef(promise) }
    this.waiting.add(token)
    const done = () => { this.waiting.delete(token) }
    PromisePrototypeThen(promise, done, done)
    return promise
  }

  // What to await in place of `value`. `isChecked`: who goes on with it looks at the generation first.
  #wait (value, isChecked) {
    if (this.$rw.on) {
      if (!isThenable(value)) return value
      return this.#watched(PromiseResolve(value))
    }
    if (isChecked) {
      if (!isObject(value)) return value
      value = PromiseResolve(value)
      // It goes on in the next microtask, as anywhere.
      if (promiseValue(value) !== undefined) return value
    }
    const { generation } = this
    return new Promise((resolve, reject) => {
      this.awaits.add(reject)
      const settle = (how) => (given) => {
        // A rewind has rejected it.
        if (generation !== this.generation) return
        this.awaits.delete(reject)
        // What waits goes on in the next microtask: until then no other generation may begin.
        this.resuming++
        how(given)
        queueMicrotask(this.#resumed)
      }
      PromisePrototypeThen(PromiseResolve(value), settle(resolve), settle(reject))
    })
  }

  // What goes on with `value` is of this generation.
  #awaited (generation, value) {
    if (generation !== this.generation && generation !== 0) throw this.#late()
    return value
  }

  // `new Promise(executor)`.
  #promise (executor) {
    if (this.$rw.on || typeof executor !== 'function') return new Promise(executor)
    return new Promise((resolve, reject) => {
      const { promises } = this
      if (promises.size < MOST_PROMISES) promises.add(reject)
      const settles = (how) => (value) => {
        promises.delete(reject)
        how(value)
      }
      executor(settles(resolve), settles(reject))
    })
  }

  #chain (method, promise, fns) {
    if (promise instanceof Promise) {
      const isStart = this.$rw.on
      let isWatched = false
      for (let at = 0; at < fns.length; at++) {
        if (isStart) isWatched ||= typeof fns[at] === 'function'
        else fns[at] = this.guarded(fns[at])
      }
      if (isWatched) this.#watched(promise)
    }
    return apply(promise[method], promise, fns)
  }

  // `for await`: the values of a past generation do not come any more.
  #each (iterable) {
    const asynchronous = iterable[Symbol.asyncIterator]
    const iterator = apply(asynchronous ?? iterable[Symbol.iterator], iterable, [])
    const { generation } = this
    // Node's own end with the generation; the package's are left as they are.
    const isNodes = !this.$rw.on && this.world.isNodes(iterator) && typeof iterator.return === 'function'
    if (isNodes) this.iterating.add(iterator)
    const step = (name) => (value) => this.#wait(iterator[name](value))
    // What gives no promise gives values, some of which may be promises.
    const sync = (name) => (value) => {
      const { done, value: given } = iterator[name](value)
      return PromisePrototypeThen(PromiseResolve(this.#wait(given, true)), (value) => ({ done, value: this.#awaited(generation, value) }))
    }
    const make = asynchronous === undefined || asynchronous === null ? sync : step
    // What ends a loop of a past generation must not call the iterator.
    const leave = (value) => {
      this.iterating.delete(iterator)
      return generation === this.generation || generation === 0 ? make('return')(value) : PromiseResolve({ done: true, value })
    }
    return {
      [Symbol.asyncIterator]: () => ({ next: make('next'), ...(typeof iterator.return === 'function' && { return: leave }) })
    }
  }

  // Code of the global scope, which knows no registry.
  #eval (text) {
    if (typeof text !== 'string') return text
    if (!THIS.test(text)) this.ran('an indirect eval')
    return indirect(text)
  }

  // Text that knows no registry.
  ran (what) {
    if (this.$rw.on) this.uncovered.push(what)
    else this.undone ??= `${what} ran`
  }

  // Private names cannot be taken off again.
  stamped (object) {
    if (this.isOld(object)) this.undone ??= 'a class put private names on an object that it had not made'
  }

  #contract () {
    const registry = this
    // From `some` to the `take` that follows at once.
    let taken
    return {
      on: true,
      add (id, count, get, set, one, setOne, settable = count) {
        const site = { id, count, get, set, one, setOne, settable }
        ArrayPrototypePush(registry.sites, new SafeWeakRef(site))
        return site
      },
      hold (id, count, get, set, one, setOne, settable = count) { ArrayPrototypePush(registry.strong, { id, count, get, set, one, setOne, settable }) },
      root (object) { ArrayPrototypePush(registry.roots, new SafeWeakRef(object)) },
      keep (value) {
        if (this.on && isObject(value)) ArrayPrototypePush(registry.roots, new SafeWeakRef(value))
        return value
      },
      privates (list, Class) {
        // A class that is made later has no objects in the image.
        if (!this.on) return
        registry.privates.push(...list)
        ArrayPrototypePush(registry.roots, new SafeWeakRef(Class))
      },
      made (object) {
        if (this.on) ArrayPrototypePush(registry.roots, new SafeWeakRef(object))
        else registry.made.add(object)
        return object
      },
      get generation () { return registry.generation },
      resumed (generation, value) {
        if (generation !== registry.generation && generation !== 0) registry.refuse('generator', generation)
        return value
      },
      over: (generation) => { registry.#awaited(generation) },
      promise: (executor) => registry.#promise(executor),
      literal (object) {
        if (!this.on) registry.literals.add(object)
        return object
      },
      create (proto, ...rest) {
        const object = apply(Object.create, Object, [proto, ...rest])
        return proto === null ? object : this.made(object)
      },
      patch (object, key) {
        if (!this.on) registry.world.changes(object, arguments.length > 1 ? key : undefined)
        return object
      },
      handler (object, key) {
        if (!this.on) registry.world.handles(object, key)
        return object
      },
      hear: registry.world.listening(() => this.$rw.on),
      maker: (value) => registry.makers.get(value) ?? value,
      construct: (object, ...args) => {
        const own = registry.makers.get(object.constructor)
        return own === undefined ? object.constructor(...args) : own(...args)
      },
      stamp (object) {
        if (!this.on) registry.stamped(object)
      },
      text: (text) => typeof text === 'string' ? registry.instrument(text, 'eval') : text,
      wait: (value, isChecked) => registry.#wait(value, isChecked),
      awaited: (generation, value) => registry.#awaited(generation, value),
      each: (iterable) => registry.#each(iterable),
      eval: (text) => registry.#eval(text),
      guarded: (fn) => registry.guarded(fn),
      then: (promise, ...fns) => registry.#chain('then', promise, fns),
      catch: (promise, ...fns) => registry.#chain('catch', promise, fns),
      finally: (promise, ...fns) => registry.#chain('finally', promise, fns),
      bind (fn, ...args) {
        const bound = fn.bind(...args)
        if (this.on && typeof fn === 'function' && typeof bound === 'function') registry.bound.set(bound, [fn, ...args])
        return bound
      },
      some (object) {
        if (object === undefined || object === null) return false
        taken = object
        return true
      },
      take () {
        const object = taken
        taken = undefined
        return object
      },
      bindIf (fn, ...args) { return fn === undefined || fn === null ? undefined : this.bind(fn, ...args) }
    }
  }
}

const indirect = eval
// Tells the global object, and nothing else.
const THIS = /^\s*(this|globalThis)\s*;?\s*$/
const isObject = (value) => value !== null && (typeof value === 'object' || typeof value === 'function')

// What it gives and how it fails is nobody's.
async function endIterator (iterator) {
  try {
    await iterator.return()
  } catch { /* it has ended */ }
}

function isThenable (value) {
  return isObject(value) && (value instanceof Promise || typeof value.then === 'function')
}

module.exports = { Registry }
