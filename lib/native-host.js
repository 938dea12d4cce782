'use strict'

// A program on the native host: Emscripten's runtime in Rust, and a module object made once.

const { load } = require('./base/binding')
const { Facade } = require('./facade')
const { isLate } = require('./facade/fragment')
const { drop, keep, forget } = require('./facade/keep')
const { BusyError, OptionError, StartError, UnsupportedError } = require('./base/errors')
const { Failures } = require('./surroundings/failures')
const { warmUp } = require('./base/warm-up')
const { isCheckpoint, pointOf } = require('./base/checkpoint')
const { notNative, userImports } = require('./choose')

class NativeHost {
  // Its wasm changes what is out of reach: a recycle starts it anew.
  #restarts

  constructor (sandbox, facade) {
    this.kind = 'native'
    this.sandbox = sandbox
    this.facade = facade
    this.exports = facade.module
    // Told of traps, aborts and time-outs.
    this.onFault = undefined
    this.#restarts = Boolean(facade.facts.restorable)
    this.#watchFaults()
  }

  get generation () { return this.sandbox.generation }
  // Whether JavaScript was given views of the instance's memory.
  get lends () { return this.sandbox.lends }
  get busy () { return this.sandbox.busyNow }
  get heapBytes () { return this.sandbox.heapBytes }
  // With the files and strings that the addon keeps for it.
  get heldBytes () { return this.sandbox.heldBytes }
  get interruptId () { return this.sandbox.interruptId }

  // Whether a buffer is of the module's memory.
  ownsBuffer (buffer) { return this.sandbox.ownsBuffer(buffer) }

  // The standby is always there: a recycle is synchronous.
  recycle (point) {
    const { sandbox } = this
    if (this.#restarts) return this.#restart()
    if (point !== undefined) point.check(this.facade)
    sandbox.recycle(point?.native)
    this.facade.heap.forget()
    if (this.facade.leave(point?.javascript)) this.facade.enter()
    else this.#makeAnew(point)
    return this.exports
  }

  checkpoint () {
    const { sandbox, facade } = this
    const { restorable } = facade.facts
    if (this.#restarts) throw new UnsupportedError(`checkpoint(): nobody can come back to a moment of this program: ${restorable}`)
    if (facade.keepsState) {
      throw new UnsupportedError("checkpoint(): the JavaScript that the package adds to its module keeps state in variables, which cannot be read: open it with host: 'glue' and rewind: true")
    }
    const { suspended } = facade
    if (suspended !== undefined) throw new BusyError(`checkpoint() while ${suspended}`)
    const native = sandbox.checkpoint()
    return new NativePoint(sandbox, facade, native)
  }

  // Start-up runs again, and with it JavaScript, which must find nothing of the last generation.
  #restart () {
    const { sandbox } = this
    if (!sandbox.busyNow && !this.facade.leave()) this.#makeAnew()
    this.facade.heap.forget()
    sandbox.recycle()
    this.facade.enter()
    return this.exports
  }

  // Something of the module object was frozen, so that it cannot be put back in place.
  #makeAnew (point) {
    const { sandbox } = this
    // What was saved is of the object that could not be put back.
    if (point !== undefined) sandbox.recycle()
    drop(sandbox)
    this.facade = this.facade.again()
    this.exports = this.facade.module
    this.#watchFaults()
  }

  #watchFaults () {
    this.sandbox.setFaultHook(keep(this.sandbox, (error) => { if (this.onFault) this.onFault(error) }))
  }

  keep () { return this.exports }
  prepare () {}

  sinceRecycle () {
    const [ageMs, calls, traps] = this.sandbox.sinceRecycle()
    return { ageMs, calls, traps }
  }

  stats () { return this.sandbox.stats() }
  leaks () { return this.facade.runtime.leaks() }
  record (capture) { return this.sandbox.record(capture) }
  recorded () { return this.sandbox.recorded() }
  interrupt () { this.sandbox?.interrupt() }

  // For tests: what JavaScript keeps for a generation.
  get states () { return this.facade.generations.names }

  // For tests: what a recycle would have left behind.
  compareWithImage (point) { return this.sandbox.compareWithImage(point?.native) }

  // A value that would be dead after the next recycle.
  owns (value) { return this.facade.runtime.owns(value) }

  dispose () {
    const { sandbox, facade } = this
    sandbox.dispose()
    facade.end()
    forget(sandbox)
    this.sandbox = this.facade = this.exports = this.onFault = undefined
  }
}

// An image of a native instance, with what JavaScript kept beside it.
class NativePoint {
  #sandbox
  #facade

  constructor (sandbox, facade, native) {
    this.#sandbox = sandbox
    this.#facade = facade
    this.native = native
    this.javascript = facade.save()
    this.bytes = native.bytes
  }

  // Why nobody else can start from it.
  #boundBy () {
    const ran = this.native.ranJavascript() ? 'JavaScript of the package ran during start-up, and may have kept something' : undefined
    return this.native.boundBy() ?? ran ?? this.#facade.boundBy(this.javascript) ?? undefined
  }

  #checkFree (what) {
    const reason = this.#boundBy()
    if (reason !== undefined) throw new UnsupportedError(`${what}: the checkpoint cannot leave its sandbox: ${reason}`)
  }

  // For `open(source, { from })`.
  get free () {
    this.#checkFree('from')
    return this.native
  }

  get handle () {
    this.#checkFree('handle')
    return this.native.handle()
  }

  async save (file) {
    this.#checkFree('save()')
    const failure = await this.native.save(file)
    if (failure !== null) throw new OptionError(`save(file): '${file}' cannot be written: ${failure}`, { option: 'file', value: file, accepted: 'the path of a file that can be written' })
  }

  check (facade) {
    if (facade === this.#facade) return
    throw new UnsupportedError('from: the checkpoint is of a module object that was made anew since, because something of it was frozen')
  }

  dispose () {
    this.#sandbox.dropPoint(this.native)
    this.#sandbox = this.#facade = this.native = this.javascript = undefined
  }
}

async function startNative ({ program, facts, path }, options) {
  const native = load()
  const users = [...userImports(options).values()]
  const settings = {
    __proto__: null,
    ...(options.memory.max !== undefined && { memoryMax: options.memory.max }),
    ...(options.timeout !== undefined && { timeout: options.timeout }),
    stack: options.stack,
    env: options.env,
    args: options.args,
    mounts: options.mounts,
    ...(options.stdin !== undefined && { stdin: options.stdin }),
    ...(language() && { language: language() }),
    lenient: options.host === 'native',
    userImports: users.map(({ name }) => name)
  }
  const origin = options.opensImage !== undefined ? await options.opensImage : originOf(options.from)
  const sandbox = new native.Sandbox(program, settings)
  /** @type {any} */
  let facade
  const begin = async () => {
    facade = new Facade(sandbox, facts, { ...options, userImports: users, sourcePath: path }, failures)
    const { looksAtClasses } = facade
    sandbox.setImports(facade.importFunctions())
    facade.beforeStart()
    sandbox.start(Boolean(facts.noInitialRun || facade.module.noInitialRun), argumentsOf(facade.module, options), origin)
    facade.heap.forget()
    await facade.beforeMain()
    if (looksAtClasses) sandbox.setImports(facade.importFunctions())
    sandbox.runMain()
    await facade.afterMain()
    if (facade.keepsState && facade.staysForEver) {
      throw notNative([`the JavaScript it adds to its module keeps state and leaves ${facade.staysForEver}`], facts)
    }
  }
  const failures = new Failures(options.onUncaught)
  try {
    sandbox.instantiate()
    await unlessFailed(failures, isLate(facts) ? failures.adopt(begin) : begin())
    const host = new NativeHost(sandbox, facade)
    // What it starts from is warm.
    const isWarm = Boolean(options.warmUp) && origin === undefined
    if (isWarm) {
      facade.beforeWarmUp()
      await unlessFailed(failures, warmUp(options.warmUp, host.exports))
      facade.afterWarmUp()
    }
    sandbox.takeImage(isWarm)
    facade.heap.forget()
    facade.seal()
    return host
  } catch (error) {
    if (options.image !== undefined && error !== null && typeof error === 'object' && error.option === 'from') Object.assign(error, { option: 'image', value: options.image })
    sandbox.dispose()
    if (facade) facade.end()
    forget(sandbox)
    throw error
  }
}

// What a sandbox starts from.
function originOf (from) {
  if (from === undefined) return undefined
  if (isCheckpoint(from)) {
    const point = pointOf(from)
    if (point.native === undefined) throw new UnsupportedError('from: the checkpoint is of the glue host, where it cannot leave its sandbox')
    return point.free
  }
  const accepted = 'a Checkpoint, or the handle of one that is neither disposed nor collected, in whatever thread'
  const point = load().pointOf(from)
  if (point === null) throw new OptionError(`Option 'from' is ${from}: expected ${accepted}.`, { option: 'from', value: from, accepted })
  return point
}

// What the package's own JavaScript began and nobody waits for may fail as well.
async function unlessFailed (failures, work) {
  const failed = failures.ofStart.catch((cause) => {
    throw new StartError(`the module's start-up failed: ${cause && cause.message !== undefined ? cause.message : cause}`, { cause })
  })
  failed.catch(() => {})
  await Promise.race([work, failed])
}

// What `main` gets at start: the user's, or what the package's own JavaScript put into its module.
function argumentsOf (module, options) {
  if (options.args.length > 0) return undefined
  const given = (options.module && options.module.arguments) || module.arguments
  return Array.isArray(given) ? given.map(String) : undefined
}

// From it Emscripten makes LANG; Node has it from 21 on.
function language () {
  const { navigator } = /** @type {any} */ (globalThis)
  return navigator && navigator.languages && navigator.languages[0]
}

module.exports = { startNative }
