'use strict'

// A program on the native host: Emscripten's runtime in Rust, and a module object made once.

const { load } = require('./binding')
const { Facade } = require('./facade')
const { keep, forget } = require('./facade/keep')
const { warmUp } = require('./warm-up')
const { notNative, userImports } = require('./choose')

class NativeHost {
  constructor (sandbox, facade) {
    this.kind = 'native'
    this.sandbox = sandbox
    this.facade = facade
    this.exports = facade.module
    // Told of traps, aborts and time-outs.
    this.onFault = undefined
    sandbox.setFaultHook(keep(sandbox, (error) => { if (this.onFault) this.onFault(error) }))
  }

  get generation () { return this.sandbox.generation }
  get busy () { return this.sandbox.busyNow }
  get heapBytes () { return this.sandbox.heapBytes }
  // With the files and strings that the addon keeps for it.
  get heldBytes () { return this.sandbox.heldBytes }
  get interruptId () { return this.sandbox.interruptId }

  // Whether a buffer is of the module's memory.
  ownsBuffer (buffer) { return this.sandbox.ownsBuffer(buffer) }

  // The standby is always there: a recycle is synchronous.
  recycle () {
    this.sandbox.recycle()
    if (this.facade.keepsState) this.facade.renew()
    return this.exports
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

  // For tests: what a recycle would have left behind.
  compareWithImage () { return this.sandbox.compareWithImage() }

  // A value that would be dead after the next recycle.
  owns (value) { return this.facade.runtime.owns(value) }

  dispose () {
    const { sandbox, facade } = this
    sandbox.dispose()
    facade.runtime.clearTimers()
    forget(sandbox)
    this.sandbox = this.facade = this.exports = this.onFault = undefined
  }
}

async function startNative ({ program, facts, path }, options) {
  const native = load()
  const users = [...userImports(options).values()]
  const settings = {
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
  const sandbox = new native.Sandbox(program, settings)
  let facade
  try {
    sandbox.instantiate()
    facade = new Facade(sandbox, facts, { ...options, userImports: users, sourcePath: path, program })
    const { looksAtClasses } = facade
    sandbox.setImports(facade.importFunctions())
    facade.beforeStart()
    sandbox.start(Boolean(facts.noInitialRun || facade.module.noInitialRun), argumentsOf(facade.module, options))
    await facade.beforeMain()
    if (looksAtClasses) sandbox.setImports(facade.importFunctions())
    sandbox.runMain()
    await facade.afterMain()
    if (facade.keepsState && facade.staysForEver) {
      throw notNative([`the JavaScript it adds to its module keeps state and leaves ${facade.staysForEver}`], facts)
    }
    const host = new NativeHost(sandbox, facade)
    if (options.warmUp) await warmUp(options.warmUp, host.exports)
    sandbox.takeImage(Boolean(options.warmUp))
    return host
  } catch (error) {
    sandbox.dispose()
    if (facade) facade.runtime.clearTimers()
    forget(sandbox)
    throw error
  }
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
