'use strict'

const { channel } = require('node:diagnostics_channel')
const { AsyncLocalStorage } = require('node:async_hooks')
const { inspect } = require('node:util')
const { callOptions } = require('./options')
const { BusyError, DisposedError, OptionError, StaleHandleError, UnsupportedError } = require('./base/errors')
const { nextTick, now } = require('./base/clock')
const { Promise, PromisePrototypeThen, PromiseReject, PromiseResolve } = require('./base/primordials')
const { isSignal } = require('./base/given')
const { makeCheckpoint, pointOf } = require('./base/checkpoint')
const { regionsInFlight, withRoom } = require('./base/in-flight')
const { Leases } = require('./leases')

const channels = {
  open: channel('emvm:open'),
  recycle: channel('emvm:recycle'),
  trap: channel('emvm:trap'),
  timeout: channel('emvm:timeout'),
  dispose: channel('emvm:dispose')
}

// Set by `emvm leaks`, in each copy of emvm that the process loads: told of a sandbox before its instance goes.
const LEAKS = Symbol.for('emvm.leaks')
const watch = () => globalThis[LEAKS]

const NOTHING = /(?:)/
// What was matched last, which the language keeps in `RegExp.$1` and its kin, is of a past generation or of emvm's own.
const forgetMatch = () => { NOTHING.test('') }

// The leases that one is inside of: `{ lease, outer }`.
const holder = new AsyncLocalStorage()
let count = 0

// What looks for them in results, loaded with the first.
let liveValues

class Sandbox {
  #host
  #options
  #opened
  #name
  #leases = new Leases()
  // What `fn` of a run() is running, from its fresh instance to the next one.
  #lease = null
  #trapsSeen = 0
  #disposed = false
  // How many checkpoints of it there are.
  #points = { count: 0 }
  #allocations
  #openTwin
  #twin

  // `allocations`: the allocation tracker, where the code was compiled to tell of allocations; `twin()` opens the same with such code;
  // `unwatched`: why it is not, where it was to be.
  /**
   * @param {any} host
   * @param {any} options
   * @param {any} opened
   * @param {any} [tracking]
   */
  constructor (host, options, opened, { allocations, twin, unwatched } = {}) {
    this.#allocations = allocations
    this.#openTwin = twin
    this.#host = host
    this.#options = options
    this.#opened = opened
    this.#name = `${opened.path || 'wasm'}#${++count}`
    this.isReady = this.isReady.bind(this)
    Object.defineProperty(this, 'isReady', { enumerable: false })
    host.onFault = ({ code, message }) => this.#publish(code === 'EMVM_ERR_TIMEOUT' ? 'timeout' : 'trap', { code, message })
    this.#publish('open')
    watch()?.opened(this, unwatched)
    forgetMatch()
  }

  get exports () {
    this.#check()
    return this.#host.exports
  }

  get generation () { return this.#host.generation }
  get host () { return this.#host.kind }
  get name () { return this.#name }

  // What `interrupt()` takes in any thread of the process.
  get interruptHandle () {
    this.#check()
    return this.#host.interruptId
  }

  // Replaces the current instance by a fresh one, as the `recycle` option says, and gives its module.
  isReady (options) {
    try {
      this.#check()
      const { signal, from } = optionsOf(options)
      this.#point(from)
      if (signal !== undefined) signal.throwIfAborted()
      if (this.#lease !== null) throw new BusyError('isReady() while a run() holds the sandbox: use the module that the run was given, which is a fresh instance')
      if (from === undefined && !this.#isDue()) return PromiseResolve(this.#host.keep())
      watch()?.ends(this)
      const made = this.#next(from)
      if (made instanceof Promise) return PromisePrototypeThen(made, (module) => { this.#recycled(); return module })
      this.#recycled()
      return PromiseResolve(made)
    } catch (error) {
      return PromiseReject(error)
    }
  }

  // The same, now.
  recycle (options) {
    this.#check()
    const point = this.#point(callOptions(options, ['from']).from)
    if (this.#lease !== null) throw new BusyError('recycle() while a run() holds the sandbox: the instance is replaced when the run ends')
    watch()?.ends(this)
    const module = this.#host.recycle(point)
    this.#recycled()
    return module
  }

  // An image of the instance as it is now, for generations to begin with.
  checkpoint () {
    this.#check()
    if (this.#host.checkpoint === undefined) {
      throw new UnsupportedError("checkpoint(): the glue host cannot take one of what this package's JavaScript is now")
    }
    if (this.#host.busy) throw new BusyError('checkpoint() while the module is on the stack: call it after the running call has returned')
    return makeCheckpoint(this, this.#host.checkpoint(), this.#points)
  }

  #point (from) { return from === undefined ? undefined : pointOf(from, this) }

  // A lease: a fresh instance for `fn` alone, replaced when `fn` is done, however it ends. Leases queue up.
  // `signal`: a lease that waits is given up at once; one whose `fn` has begun ends when `fn` does, since nothing else may
  // have the instance before. A call that the module makes into JavaScript may abort: the module is stopped on return.
  run (fn, options) {
    if (typeof fn !== 'function') return Promise.reject(new TypeError('run(fn): fn must be a function that takes the module'))
    let signal, from
    try {
      ({ signal, from } = optionsOf(options))
      this.#point(from)
    } catch (error) {
      return Promise.reject(error)
    }
    if (this.#isInside()) {
      return Promise.reject(new BusyError('run() inside run() of the same sandbox would wait for itself: use the module you were given, or another sandbox'))
    }
    return this.#leases.add(() => this.#hold(fn, signal, from), signal)
  }

  // The caller is part of what a lease runs.
  #isInside () {
    if (this.#lease === null) return false
    for (let at = holder.getStore(); at !== undefined; at = at.outer) if (at.lease === this.#lease) return true
    return false
  }

  async #hold (fn, signal, from) {
    if (signal !== undefined) signal.throwIfAborted()
    this.#check()
    const lease = this.#lease = {}
    const host = this.#host
    let given
    try {
      const module = await this.#fresh(from)
      const stop = signal === undefined ? nothing : abortable(signal, host)
      try {
        given = await holder.run({ lease, outer: holder.getStore() }, () => fn(module))
      } catch (error) {
        // What was interrupted says so; whoever aborted wants to see his reason.
        throw signal !== undefined && signal.aborted ? signal.reason : error
      } finally {
        stop()
      }
      if (signal !== undefined) signal.throwIfAborted()
      liveValues ??= require('./base/live-values')
      const { findLive, nameOf } = liveValues
      const live = findLive(given, (value) => host.owns(value))
      if (live !== undefined) {
        const where = live.path === '' ? '' : ` (at result${live.path})`
        throw new StaleHandleError(
          `run() was given back a ${nameOf(live.value)}${where} of the instance that is being replaced: return plain data (copy views with .slice())`,
          { generation: this.generation })
      }
      return given
    } finally {
      this.#lease = null
      if (!this.#disposed) await this.#fresh()
    }
  }

  async #fresh (from) {
    watch()?.ends(this)
    const module = await this.#next(from)
    this.#recycled()
    return module
  }

  // What a stream of Node's was given in this turn it gives to the system at the end of it: from then on it is a request
  // under way, whose memory is left to it. Only where JavaScript has views of the memory, and nothing is to be refused now.
  #next (from) {
    return this.#host.lends && !this.#host.busy ? this.#nextTurn(from) : this.#replace(from)
  }

  async #nextTurn (from) {
    const stillWanted = this.#wanted()
    await new Promise((resolve) => nextTick(resolve))
    stillWanted()
    return this.#replace(from)
  }

  #replace (from) {
    try {
      const made = this.#recycleNow(from)
      return made instanceof Promise ? PromisePrototypeThen(made, undefined, (error) => this.#later(error, from)) : made
    } catch (error) {
      return this.#later(error, from)
    }
  }

  #recycleNow (from) {
    const point = this.#point(from)
    return this.#host.recycleAsync ? this.#host.recycleAsync(point) : this.#host.recycle(point)
  }

  // Requests under way may have the memory of past generations, and as much of it waits for them as may.
  #later (error, from) {
    if (error.inFlight !== true) throw error
    return withRoom(() => this.#recycleNow(from), this.#wanted())
  }

  // Throws where what was asked for now must not happen any more.
  #wanted () {
    const lease = this.#lease
    return () => {
      this.#check()
      if (this.#lease !== lease) throw new BusyError('isReady() while a run() holds the sandbox: use the module that the run was given, which is a fresh instance')
    }
  }

  #isDue () {
    const { mode, calls, heapBytes, ageMs, onTrap } = this.#options.recycle
    if (mode === 'always') return true
    if (mode === 'never') return false
    if (this.#host.failed) return true
    const since = this.#host.sinceRecycle()
    return (onTrap && since.traps > this.#trapsSeen) ||
      (calls !== undefined && since.calls >= calls) ||
      (ageMs !== undefined && since.ageMs >= ageMs) ||
      (heapBytes !== undefined && this.#host.heldBytes >= heapBytes)
  }

  #recycled () {
    forgetMatch()
    this.#allocations?.start()
    if (this.#options.recycle.mode === 'policy') this.#trapsSeen = this.#host.sinceRecycle().traps
    if (channels.recycle.hasSubscribers) this.#publish('recycle', this.#host.lastRecycle?.())
  }

  stats () {
    this.#check()
    const { last, p50, p99, max, fromCache = this.#opened.program.fromCache, ...rest } = this.#host.stats()
    if (this.#host.kind === 'native') Object.assign(rest, { rewinds: rest.recycles, evaluations: 0, rewind: 'native' })
    else rest.tier = 'optimised'
    const { program } = this.#opened
    return {
      ...rest,
      liveHandles: this.#host.leaks().reduce((sum, { count }) => sum + count, 0),
      checkpoints: this.#points.count,
      regionsInFlight: regionsInFlight(),
      recycleMicros: { last, p50, p99, max },
      compileMs: program.compileMs,
      fromCache
    }
  }

  // Live C++ objects that nobody deleted, by class.
  leaks () {
    this.#check()
    return this.#host.leaks()
  }

  // Blocks that this generation allocated and did not free.
  allocations () {
    this.#check()
    if (this.#allocations === undefined) {
      throw new UnsupportedError("allocations() needs code that tells of them: open with trackLeaks: 'allocations', or use profile()")
    }
    return this.#allocations.left()
  }

  // What `fn` leaves behind on a fresh instance of code that tells of allocations: this sandbox's own, or a twin's.
  async profile (fn) {
    this.#check()
    if (typeof fn !== 'function') throw new TypeError('profile(fn): fn must be a function that takes the module')
    if (this.#allocations !== undefined) return this.run((module) => this.#profile(fn, module))
    this.#twin ??= this.#openTwin()
    const twin = await this.#twin.catch((error) => {
      this.#twin = undefined
      if (error.code === 'EMVM_ERR_UNSUPPORTED') return error
      throw error
    })
    if (twin instanceof Sandbox) return twin.profile(fn)
    return this.run((module) => this.#profile(fn, module, twin.message))
  }

  async #profile (fn, module, unwatched) {
    const allocations = this.#allocations
    const before = this.#host.stats()
    const started = now()
    const value = await fn(module)
    const ms = now() - started
    const after = this.#host.stats()
    return {
      value,
      ms,
      leaks: this.leaks(),
      blocks: allocations ? allocations.left() : [],
      watched: allocations ? allocations.watched : { functions: [], unseen: [], reason: unwatched },
      grownBytes: after.heapBytes - before.heapBytes,
      dirtyBytes: after.dirtyBytes
    }
  }

  // Whether a buffer is of the module's memory. For the pool.
  [Symbol.for('emvm.ownsBuffer')] (buffer) { return !this.#disposed && this.#host.ownsBuffer(buffer) }

  // Whether a value ends with the instance. For the pool.
  [Symbol.for('emvm.owns')] (value) { return !this.#disposed && this.#host.owns(value) }

  // Names of what JavaScript keeps for a generation; empty on the glue host, where all of it is made anew. For tests.
  get [Symbol.for('emvm.states')] () { return this.#host.states ?? [] }

  // What differs from the state right after start-up, or from a checkpoint; null where nothing can be compared. Slow, for tests.
  [Symbol.for('emvm.compareWithImage')] (from) {
    this.#check()
    return this.#host.compareWithImage ? this.#host.compareWithImage(this.#point(from)) : null
  }

  dispose () {
    if (this.#disposed) return
    if (this.#host.busy) throw new BusyError('dispose() while the module is on the stack: call it after the running call has returned')
    if (this.#isInside()) throw new BusyError('dispose() inside run(): call it after the run has ended')
    watch()?.ends(this)
    this.#publish('dispose')
    this.#allocations?.stop()
    this.#twin?.then((twin) => twin.dispose(), () => {})
    const { kind, generation } = this.#host
    this.#host.dispose()
    this.#disposed = true
    // Nothing of the package stays in reach of a sandbox that somebody keeps.
    this.#host = Object.freeze({ kind, generation, heapBytes: 0 })
    this.#options = this.#opened = this.#allocations = this.#twin = this.#openTwin = undefined
    this.#leases.refuse(() => new DisposedError('the sandbox was disposed while the run waited for its turn'))
  }

  // What `console.log(vm)` shows.
  [inspect.custom] (depth, options) {
    const shown = { name: this.#name, host: this.host, generation: this.generation, disposed: this.#disposed }
    if (!this.#disposed) shown.heapBytes = this.#host.heapBytes
    return `Sandbox ${inspect(shown, { ...options, depth })}`
  }

  [Symbol.dispose] () { this.dispose() }
  async [Symbol.asyncDispose] () {
    if (this.#isInside()) throw new BusyError('the end of `await using` inside run() would wait for itself: do it after the run has ended')
    await this.#leases.idle()
    this.dispose()
  }

  #check () {
    if (this.#disposed) throw new DisposedError('the sandbox was disposed: open another one')
  }

  #publish (event, more) {
    const target = channels[event]
    if (!target.hasSubscribers) return
    target.publish({ sandbox: this, name: this.#name, host: this.host, generation: this.generation, heapBytes: this.#host.heapBytes, stats: () => this.stats(), ...more })
  }
}

function optionsOf (given) {
  const options = callOptions(given)
  const { signal } = options
  if (signal === undefined || isSignal(signal)) return options
  throw new OptionError('signal: expected an AbortSignal', { option: 'signal', value: signal, accepted: 'an AbortSignal' })
}

function abortable (signal, host) {
  const stop = () => host.interrupt()
  signal.addEventListener('abort', stop, { once: true })
  return () => signal.removeEventListener('abort', stop)
}

function nothing () {}

module.exports = { Sandbox }
