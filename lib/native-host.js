'use strict'

// A program on the native host: Emscripten's runtime in Rust, and a module object made once.

const { load } = require('./binding')
const { Facade } = require('./facade')
const { userImports } = require('./choose')

class NativeHost {
  constructor (sandbox, facade) {
    this.kind = 'native'
    this.sandbox = sandbox
    this.facade = facade
    this.exports = facade.module
  }

  get generation () { return this.sandbox.generation }
  get busy () { return this.sandbox.busyNow }
  get heapBytes () { return this.sandbox.heapBytes }
  get interruptId () { return this.sandbox.interruptId }

  // The standby is always there: a recycle is synchronous.
  recycle () {
    this.sandbox.recycle()
    return this.exports
  }

  prepare () {}

  sinceRecycle () {
    const [ageMs, calls, traps] = this.sandbox.sinceRecycle()
    return { ageMs, calls, traps }
  }

  stats () { return this.sandbox.stats() }
  leaks () { return this.facade.runtime.leaks() }
  interrupt () { this.sandbox.interrupt() }

  // For tests: what a recycle would have left behind.
  compareWithImage () { return this.sandbox.compareWithImage() }

  // A value that would be dead after the next recycle.
  owns (value) { return this.facade.runtime.owns(value) }

  dispose () { this.sandbox.dispose() }
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
    lenient: options.host === 'native',
    userImports: users.map(({ name }) => name)
  }
  const sandbox = new native.Sandbox(program, settings)
  try {
    const facade = new Facade(sandbox, facts, { ...options, userImports: users, sourcePath: path })
    sandbox.instantiate(facade.importFunctions())
    facade.beforeStart()
    sandbox.start(Boolean(facts.noInitialRun || facade.module.noInitialRun))
    await facade.afterStart()
    const host = new NativeHost(sandbox, facade)
    if (options.warmUp) await options.warmUp(host.exports)
    sandbox.takeImage(Boolean(options.warmUp))
    return host
  } catch (error) {
    sandbox.dispose()
    throw error
  }
}

module.exports = { startNative }
