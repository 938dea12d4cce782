'use strict'

// The glue host: the package's own JavaScript, run anew for each generation, over emvm's `WebAssembly`.

const { clearTimeout, setTimeout } = require('../clock')
const { types } = require('node:util')
const { load } = require('../binding')
const { register, isExported } = require('../webassembly')
const { BufferGrowth } = require('../held')
const { BusyError, DisposedError, NotReadyError, UnsupportedError } = require('../errors')
const { isHandle } = require('../live-values')
const { GlueSource } = require('./source')
const { Generation } = require('./generation')
const { Outside } = require('./outside')

const IDLE_MS = 1
// Programs that went without being disposed of.
const dropped = new FinalizationRegistry((unregister) => unregister())

// What all generations share: the compiled glue and the compiled wasm.
class GlueProgram {
  constructor (source, { imports, shape }, marker, unregister) {
    this.source = source
    // Of the wasm, with their canonical names where these can be told.
    this.imports = imports
    // The file puts a function of its own in the place of Emscripten's factory.
    this.wrapped = Boolean(shape && shape.wrapped)
    // Undefined where the wasm could not be found: the glue unpacks it itself.
    this.marker = marker && new Uint8Array(marker)
    // The file is JavaScript of the package's own around glue, there or elsewhere.
    this.wraps = marker === undefined || this.wrapped || Boolean(shape && shape.api.length > 0)
    this.unregister = unregister
    // Options of ours that the glue aborts at.
    this.unwanted = new Set()
    dropped.register(this, unregister, this)
    // All generations answer to one number.
    this.interruptId = load().newInterruptId()
  }

  // Nobody opens it again through this.
  drop () {
    dropped.unregister(this)
    this.unregister()
  }

  static async of (opened, options) {
    const source = await GlueSource.of(opened, options.packages)
    if (opened.program.hidden) return new GlueProgram(source, opened.facts, undefined, () => {})
    const [module, marker] = load().webassemblyModule(opened.program)
    return new GlueProgram(source, opened.facts, marker, register(new Uint8Array(marker), module))
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
    this.timer = null
    this.disposed = false
    this.recycles = 0
    this.peak = 0
    this.micros = []
    this.since = process.hrtime.bigint()
    this.totals = { calls: 0, traps: 0, timeouts: 0 }
    this.outside = new Outside(program.source)
    // Told of faults; set by the sandbox.
    this.onFault = undefined
    this.growth = new BufferGrowth()
    this.#listen()
    this.#prepareSoon()
  }

  get exports () {
    this.outside.seen()
    return this.current.module
  }

  get busy () { return this.current.busy }
  get interruptId () { return this.program.interruptId }
  get heapBytes () { return this.current.heapBytes }
  // With what its JavaScript keeps beside it.
  get heldBytes () { return this.heapBytes + this.growth.bytes }
  ownsBuffer (buffer) {
    const { module } = this.current
    const view = module?.HEAPU8 ?? module?.HEAP8
    return buffer === (view?.buffer ?? module?.wasmMemory?.buffer ?? module?.memory?.buffer)
  }

  // The next generation, where one stands by; without, there is nothing to give at once.
  recycle () {
    if (!(this.standby instanceof Generation)) {
      throw new NotReadyError('no fresh instance stands by yet: use `await vm.isReady()`, or recycle less often')
    }
    const started = process.hrtime.bigint()
    const module = this.#swap(this.standby)
    this.#timed(started)
    return module
  }

  // The next generation, made now when none stands by.
  async recycleAsync () {
    const started = process.hrtime.bigint()
    if (this.busy) throw busy('recycle')
    this.prepare()
    const next = this.standby instanceof Generation ? this.standby : await this.standby
    if (this.disposed) throw new DisposedError('the sandbox was disposed while the next instance was being made')
    if (next !== this.standby) return this.recycleAsync()
    const module = this.#swap(next)
    this.#timed(started)
    return module
  }

  #listen () {
    this.current.namespace.onFault = (error) => { if (this.onFault) this.onFault(error) }
  }

  #make () {
    return new Generation(this.program, this.options).start()
  }

  #swap (next) {
    if (this.busy) throw busy('recycle')
    const past = this.current
    this.outside.check(past)
    this.peak = Math.max(this.peak, past.heapBytes)
    for (const [key, value] of Object.entries(past.namespace.counters)) this.totals[key] += value
    past.end()
    this.current = next.use()
    this.growth.begin()
    this.#listen()
    this.standby = null
    this.generation++
    this.recycles++
    this.since = process.hrtime.bigint()
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

  #timed (started) {
    const micros = Number(process.hrtime.bigint() - started) / 1e3
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
    next.failures.ofStart.catch(() => {
      if (this.standby === next) this.standby = null
      next.end()
    })
  }

  #prepareSoon () {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.prepare(), IDLE_MS)
    this.timer.unref()
  }

  sinceRecycle () {
    const { calls, traps } = this.current.namespace.counters
    return { ageMs: Number(process.hrtime.bigint() - this.since) / 1e6, calls, traps }
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
      last: this.micros.at(-1) ?? 0,
      p50: at(0.5),
      p99: at(0.99),
      max: sorted.at(-1) ?? 0
    }
  }

  // The glue keeps its own books: emvm cannot see them.
  leaks () { return [] }
  record (capture) { return this.current.namespace.record(capture) }
  recorded () { return this.current.namespace.recorded() }
  interrupt () { this.current?.namespace.interrupt() }

  // Whether a value is dead after the next recycle.
  owns (value) {
    if (value === this.current.module && value !== undefined) return true
    if (typeof value === 'function') return isExported(value)
    if (ArrayBuffer.isView(value)) return this.current.namespace.ownsBuffer(value.buffer)
    return types.isArrayBuffer(value) ? this.current.namespace.ownsBuffer(value) : isHandle(value)
  }

  dispose () {
    if (this.busy) throw busy('dispose of')
    this.disposed = true
    clearTimeout(this.timer)
    const { standby } = this
    this.standby = null
    if (standby instanceof Generation) standby.end()
    this.outside.check(this.current)
    this.current.end()
    this.program.drop()
    this.current = this.program = this.options = this.outside = this.onFault = undefined
  }
}

const busy = (what) => new BusyError(`the module is on the stack: ${what} it after the running call has returned`)

async function startGlue (opened, options) {
  if (options.mounts && Object.keys(options.mounts).length > 0) {
    throw new UnsupportedError('`mounts` need the native host: Emscripten\'s own file system is in memory. ' +
      'Write the files with FS.writeFile, in `warmUp` or for each generation.')
  }
  const { memory, uses } = opened.facts
  if ((uses && uses.pthreads) || (memory && memory.shared)) {
    throw new UnsupportedError('this module uses threads (shared memory), which emvm does not run: use a build without -pthread')
  }
  const program = await GlueProgram.of(opened, options)
  try {
    const first = await new Generation(program, options).start()
    return new GlueHost(program, options, first)
  } catch (error) {
    program.drop()
    throw error
  }
}

// For those who want the glue host alone: an instance with `exports`, `recycle()`, `prepare()` and `dispose()`.
const openGlue = startGlue

module.exports = { startGlue, openGlue, GlueHost }
