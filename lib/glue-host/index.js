'use strict'

// The glue host: the package's own JavaScript, run anew for each generation, over emvm's `WebAssembly`.

const { clearTimeout, nanoseconds, setTimeout } = require('../base/clock')
const { types } = require('node:util')
const { load } = require('../base/binding')
const { register, isExported } = require('../webassembly')
const native = require('../webassembly/native')
const { BufferGrowth } = require('../base/held')
const { BusyError, DisposedError, NotReadyError, UnsupportedError } = require('../base/errors')
const { isHandle } = require('../base/live-values')
const { GlueSource } = require('./source')
const { Generation } = require('./generation')
const { Outside } = require('./outside')
const { SelfTests, VERIFIES } = require('../rewind/self-test')

const IDLE_MS = 1
// Programs that went without being disposed of.
const dropped = new FinalizationRegistry((unregister) => unregister())

// What all generations share: the compiled glue and the compiled wasm.
class GlueProgram {
  constructor (opened, source, marker, unregister) {
    const { imports, shape } = opened.facts
    this.source = source
    // Of the wasm, with their canonical names where these can be told.
    this.imports = imports
    // The file puts a function of its own in the place of Emscripten's factory.
    this.wrapped = Boolean(shape && shape.wrapped)
    this.isThreaded = isThreaded(opened)
    // Undefined where the wasm could not be found: the glue unpacks it itself, and the largest module that it made is taken for it.
    this.marker = marker && new Uint8Array(marker)
    // The file is JavaScript of the package's own around glue, there or elsewhere.
    this.wraps = marker === undefined || this.wrapped || Boolean(shape && shape.api.length > 0)
    // A generation of it has started.
    this.hasStarted = false
    this.largest = { bytes: 0, fromCache: false }
    this.unregister = unregister
    // Options of ours that the glue aborts at.
    this.unwanted = new Set()
    dropped.register(this, unregister, this)
    // All generations answer to one number.
    this.interruptId = load().newInterruptId()
  }

  madeOf (bytes, compiled) {
    if (bytes > this.largest.bytes) this.largest = { bytes, fromCache: native.moduleFromCache(compiled) }
  }

  // Nobody opens it again through this.
  drop () {
    dropped.unregister(this)
    this.unregister()
  }

  // `rewound`: with instrumented files.
  static async of (opened, options, rewound) {
    const source = await GlueSource.of(opened, options, rewound)
    if (opened.program.hidden) return new GlueProgram(opened, source, undefined, () => {})
    const [module, marker] = load().webassemblyModule(opened.program)
    return new GlueProgram(opened, source, marker, register(new Uint8Array(marker), module))
  }

  // From here on generations are evaluated as the files are.
  stopRewinding () {
    for (const source of this.source.files.sources.values()) source.stopRewinding()
  }
}

class GlueHost {
  constructor (program, options, first) {
    this.kind = 'glue'
    this.program = program
    this.options = options
    this.current = first.use()
    this.generation = 1
    this.standby = null
    // The one that is being made.
    this.making = undefined
    this.timer = null
    this.disposed = false
    this.recycles = 0
    this.rewinds = 0
    // How often the package was evaluated; the step of the ladder that stopped rewinding, with its reason.
    this.evaluations = 1
    this.refusal = first.refusal
    this.tests = new SelfTests()
    this.lastWasRewind = false
    // Counters of the present realm at the last recycle.
    this.counted = { calls: 0, traps: 0 }
    this.peak = 0
    this.micros = []
    this.since = nanoseconds()
    this.totals = { calls: 0, traps: 0, timeouts: 0 }
    this.outside = new Outside(program.source)
    // Told of faults; set by the sandbox.
    this.onFault = undefined
    // Only a policy asks for it, and to look takes as long as a rewind.
    this.growth = options.recycle?.heapBytes === undefined ? undefined : new BufferGrowth()
    this.#listen()
    if (first.rewinder) this.#follow(first)
    this.#prepareSoon()
  }

  get exports () {
    this.outside.seen()
    return this.current.module
  }

  // Its JavaScript has views of its memory from the beginning. What asks from within that JavaScript is refused now, not in
  // a later turn, where that would not show.
  get lends () {
    const { rewinder } = this.current
    return rewinder?.image === undefined || !rewinder.onStack
  }

  get busy () { return this.current.busy }
  get interruptId () { return this.program.interruptId }
  get heapBytes () { return this.current.heapBytes }
  // With what its JavaScript keeps beside it.
  get heldBytes () { return this.heapBytes + (this.growth?.bytes ?? 0) }
  ownsBuffer (buffer) {
    const { module } = this.current
    const view = module?.HEAPU8 ?? module?.HEAP8
    return buffer === (view?.buffer ?? module?.wasmMemory?.buffer ?? module?.memory?.buffer)
  }

  // The present generation put back to its image, or the next one, where one stands by; else there is nothing to give at once.
  recycle (point) {
    const started = nanoseconds()
    if (!this.#rewound(point)) {
      if (!(this.standby instanceof Generation)) {
        const why = this.refusal === undefined ? '' : ` (not rewound: ${this.refusal})`
        throw new NotReadyError(`there is no standby instance yet${why}: use \`await vm.isReady()\`, or recycle less often`)
      }
      this.#swap(this.standby)
    }
    this.#timed(started)
    return this.exports
  }

  // The next generation, made now when none stands by.
  async recycleAsync (point) {
    const started = nanoseconds()
    if (this.current.rewinder?.registry.resuming > 0) await this.current.rewinder.settle()
    if (this.#rewound(point)) {
      this.#timed(started)
      return this.exports
    }
    if (this.busy) throw busy('recycle')
    this.prepare()
    const next = this.standby instanceof Generation ? this.standby : await this.standby
    if (this.disposed) throw new DisposedError('the sandbox was disposed while the next instance was being made')
    if (next !== this.standby) return this.recycleAsync()
    const module = this.#swap(next)
    this.#timed(started)
    return module
  }

  // An image of the present generation as it is now.
  checkpoint () {
    const { rewinder } = this.current
    if (rewinder?.image === undefined) {
      const why = this.refusal === undefined ? 'open it with rewind: true' : `${this.refusal}`
      throw new UnsupportedError(`checkpoint(): on the glue host that needs a package that is rewound: ${why}`)
    }
    if (rewinder.onStack) throw busy('take a checkpoint of')
    return rewinder.checkpoint()
  }

  // Whether the present generation was put back to its image, or to a checkpoint.
  #rewound (point) {
    const { current } = this
    const { rewinder } = current
    if (point !== undefined && (rewinder?.image === undefined || point.rewinder !== rewinder)) {
      throw new UnsupportedError('from: the checkpoint is of an instance that was evaluated anew since' + (this.refusal === undefined ? '' : `: ${this.refusal}`))
    }
    if (rewinder === undefined || rewinder.image === undefined) return false
    const heapBytes = current.namespace.leave()
    if (heapBytes === -1 || rewinder.onStack) throw busy('recycle')
    if (heapBytes === -2) throw inFlight()
    this.outside.check(current)
    const refusal = current.refusalOfThreads ?? rewinder.rewind(point?.image) ?? this.tests.run(rewinder)
    if (refusal !== undefined) {
      this.#stopRewinding(refusal)
      if (point !== undefined) throw new UnsupportedError(`from: the checkpoint could not be put back: ${refusal}`)
      return false
    }
    this.peak = Math.max(this.peak, heapBytes)
    this.counted = current.namespace.counters
    this.generation++
    this.recycles++
    this.rewinds++
    this.growth?.begin()
    this.lastWasRewind = true
    this.since = nanoseconds()
    return true
  }

  // The present generation is neither one thing nor the other: it ends here.
  #stopRewinding (refusal) {
    this.refusal = refusal
    this.#retire(this.current)
    if (!refusal.passing) this.program.stopRewinding()
    if (VERIFIES) throw new UnsupportedError(`rewind: ${refusal}`)
    this.#prepareSoon()
  }

  #retire (past) {
    if (past.ended) return
    this.outside.check(past)
    this.peak = Math.max(this.peak, past.heapBytes)
    for (const [key, value] of Object.entries(past.namespace.counters)) this.totals[key] += value
    past.end()
  }

  #listen () {
    this.current.namespace.onFault = (error) => { if (this.onFault) this.onFault(error) }
  }

  async #make () {
    const made = this.making = new Generation(this.program, this.options)
    try {
      return await made.start()
    } finally {
      if (this.making === made) this.making = undefined
    }
  }

  #swap (next) {
    if (this.busy) throw busy('recycle')
    if (!this.current.ended && !this.current.namespace.canLeave) throw inFlight()
    this.#retire(this.current)
    this.current = next.use()
    this.growth?.begin()
    this.#listen()
    this.standby = null
    this.counted = { calls: 0, traps: 0 }
    if (next.rewinder) this.#follow(next)
    this.evaluations++
    this.lastWasRewind = false
    this.generation++
    this.recycles++
    this.since = nanoseconds()
    this.#prepareSoon()
    this.outside.given()
    return next.module
  }

  // The current generation stays although a fresh one was asked for.
  keep () {
    this.outside.check(this.current)
    this.outside.given()
    return this.exports
  }

  // A generation that can be rewound, or cannot any more.
  #follow ({ rewinder, refusal }) {
    rewinder.current = () => this.generation
    this.tests.begin()
    this.refusal = refusal
    if (refusal !== undefined) this.program.stopRewinding()
  }

  #timed (started) {
    const micros = Number(nanoseconds() - started) / 1e3
    this.micros.push(micros)
    if (this.micros.length > 1000) this.micros.shift()
  }

  // A standby is made when the program has nothing better to do; neither it nor its timer keeps the process alive.
  prepare () {
    clearTimeout(this.timer)
    if (this.disposed || this.standby) return
    const made = this.#make().then((next) => {
      if (this.disposed) next.end()
      else this.#standBy(next)
      return next
    }, (error) => {
      // The next recycle tries again, and then shows why.
      this.standby = null
      throw error
    })
    made.catch(() => {})
    this.standby = made
  }

  // One that fails before it is used is not used.
  #standBy (next) {
    this.standby = next
    next.failures.ofStart?.catch(() => {
      if (this.standby === next) this.standby = null
      next.end()
    })
  }

  // What is rewound needs none.
  #prepareSoon () {
    clearTimeout(this.timer)
    if (this.current.rewinder?.image !== undefined) return
    this.timer = setTimeout(() => this.prepare(), IDLE_MS)
    this.timer.unref()
  }

  sinceRecycle () {
    const { calls, traps } = this.current.namespace.counters
    return { ageMs: Number(nanoseconds() - this.since) / 1e6, calls: calls - this.counted.calls, traps: traps - this.counted.traps }
  }

  stats () {
    const now = this.current.namespace.counters
    const sorted = [...this.micros].sort((a, b) => a - b)
    const at = (share) => sorted.length === 0 ? 0 : sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]
    const heapBytes = this.heapBytes
    return {
      generation: this.generation,
      recycles: this.recycles,
      calls: this.totals.calls + now.calls,
      traps: this.totals.traps + now.traps,
      timeouts: this.totals.timeouts + now.timeouts,
      heapBytes,
      heapPeakBytes: Math.max(this.peak, heapBytes),
      ...this.current.namespace.residency,
      ...(this.program.marker === undefined && { fromCache: this.program.largest.fromCache }),
      rewinds: this.rewinds,
      evaluations: this.evaluations,
      rewind: this.rewindState,
      ...(this.refusal !== undefined && { rewindReason: `${this.refusal}` }),
      last: this.micros.at(-1) ?? 0,
      p50: at(0.5),
      p99: at(0.99),
      max: sorted.at(-1) ?? 0
    }
  }

  // For `emvm:recycle`: whether it was a rewind, what it dropped that was under way, and why there will be none.
  lastRecycle () {
    const { rewinder } = this.current
    return { rewound: this.lastWasRewind, dropped: this.lastWasRewind ? rewinder.registry.lastDropped : 0, rewind: this.rewindState, ...(this.refusal !== undefined && { rewindReason: `${this.refusal}` }) }
  }

  get rewindState () { return this.refusal !== undefined ? this.refusal.step : this.current.rewinder === undefined ? 'off' : 'on' }

  // The glue keeps its own books: emvm cannot see them.
  leaks () { return [] }
  record (capture) { return this.current.namespace.record(capture) }
  recorded () { return this.current.namespace.recorded() }
  interrupt () { if (this.current) load().interrupt(this.interruptId) }

  // A thread of it has failed: no call succeeds.
  get failed () { return this.current.fault !== undefined }

  // Whether a value is dead after the next recycle.
  owns (value) {
    if (value === this.current.module && value !== undefined) return true
    if (typeof value === 'function') return isExported(value)
    if (ArrayBuffer.isView(value)) return this.current.namespace.ownsBuffer(value.buffer)
    return types.isAnyArrayBuffer(value) ? this.current.namespace.ownsBuffer(value) : isHandle(value)
  }

  dispose () {
    if (this.busy) throw busy('dispose of')
    this.disposed = true
    clearTimeout(this.timer)
    const { standby } = this
    this.standby = null
    if (standby instanceof Generation) standby.end()
    this.making?.abandon()
    this.outside.check(this.current)
    this.current.end()
    this.program.drop()
    this.current = this.program = this.options = this.outside = this.onFault = undefined
  }
}

const busy = (what) => new BusyError(`the module is on the stack: ${what} it after the running call has returned`)

// As on the native host: `isReady()` waits.
function inFlight () {
  return new BusyError('cannot recycle: requests under way (files, sockets, crypto, zlib) may still hold views of the memory of past generations, ' +
    'and as much of it waits for them as may; use `await vm.isReady()`, which waits, or give requests copies', { inFlight: true })
}

function isThreaded ({ facts: { memory, uses } }) {
  return Boolean((uses && uses.pthreads) || (memory && memory.shared))
}

async function startGlue (opened, options) {
  if (options.mounts && Object.keys(options.mounts).length > 0) {
    throw new UnsupportedError('`mounts` need the native host: Emscripten\'s own file system is in memory. ' +
      'Write the files with FS.writeFile, in `warmUp` or for each generation.')
  }
  if (options.trackLeaks === 'allocations' && isThreaded(opened)) {
    throw new UnsupportedError("allocations cannot be watched in a module built with threads, since only one thread's could be seen: use trackLeaks: true, or a build without -pthread")
  }
  const program = await GlueProgram.of(opened, options, options.rewind !== false && options.realm !== 'context' && !isThreaded(opened))
  try {
    const first = await new Generation(program, options).start()
    const { refusal } = first
    if (refusal !== undefined && options.rewind === true) {
      first.end()
      throw new UnsupportedError(`this package cannot be rewound: ${refusal}. With rewind: 'auto' it is evaluated again for each generation.`)
    }
    return new GlueHost(program, options, first)
  } catch (error) {
    program.drop()
    throw error
  }
}

module.exports = { startGlue }
