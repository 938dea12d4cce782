'use strict'

// One generation of the glue host: a store of wasm objects, the surroundings, and the module the glue made in them.

const { performance } = require('node:perf_hooks')
const { Buffer } = require('node:buffer')
const path = require('node:path')
const vm = require('node:vm')
const { clearTimeout, now, setTimeout } = require('../base/clock')
const { createNamespace } = require('../webassembly')
const { DisposedError, StartError, UnsupportedError } = require('../base/errors')
const { isForbidden } = require('../base/evaluate')
const { environment } = require('./environment')
const { Failures } = require('../surroundings/failures')
const { Loader } = require('./loader')
const { Surroundings } = require('../surroundings')
const { warmUp } = require('../base/warm-up')
const { Rewinder } = require('../rewind')
const { Refusal } = require('../rewind/steps')
const { instrument } = require('../rewind/instrument')
const { Threads, isFault } = require('../threads')
const { StoreImage } = require('../rewind/store')
const { ReadyHook, hide, immediate, offered, settle, settleBeside } = require('./shape')

const START_LIMIT = 60000
// For threads, which are below this folder.
const TOOLS = path.join(__dirname, 'tools.js')
// At least so long, whatever the limit of calls is: making a pool of workers is the machine's time.
const LEAST = 1000
const LEAST_THREADED = 10_000
const LOOK_MS = 50
// Node's timers can do no more.
const MOST_MS = 2 ** 31 - 1
const UNWANTED = /`Module\.(\w+)` was supplied but/
// What V8 says where a package defines what an earlier generation of it has defined for good.
const REDEFINED = /^Cannot redefine property/
const OWN_OPTIONS = ['onRuntimeInitialized', 'wasmBinary']

const noModule = () => new StartError('the glue has no module: it exports nothing and has no variable `Module`')

class Generation {
  // `program` is what is shared by all generations: see `GlueProgram`.
  constructor (program, options) {
    this.program = program
    this.options = options
    this.failures = new Failures(options.onUncaught)
    this.namespace = createNamespace({
      memoryMax: options.memory.max,
      timeout: options.timeout,
      stack: options.stack,
      // Its memory is given back when the next generation takes its place.
      isReplaced: true,
      cache: options.cache,
      interruptId: program.interruptId,
      imports: options.imports,
      ...(program.marker === undefined && { made: (bytes, compiled) => program.madeOf(bytes, compiled) }),
      // Costs a little for each call, so only where it makes a difference.
      around: options.onUncaught && ((fn) => (...args) => this.failures.adopt(() => fn(...args))),
      wraps: environment(program.imports, options.env || {}, () => this.namespace.memory)
    })
    // What ended a thread, and the generation with it.
    this.fault = undefined
    this.namespace.onInterrupted = () => this.fault ?? this.#failed(this.threads.takeFault())
    this.threads = new Threads(this.namespace, {
      most: options.threads,
      memoryMax: options.memory.max,
      timeout: options.timeout,
      stack: options.stack,
      cache: options.cache,
      tools: TOOLS,
      during: (promise) => this.surroundings.loop.wait(promise),
      call: (work) => this.#hear(work),
      failed: (error) => this.#failed(error)
    })
    // Of a program that is rewound.
    this.rewinder = program.source.rewound ? this.#rewinder() : undefined
    // Why it cannot be, once that is known.
    this.refusal = options.rewind === false ? undefined : refusalOf(program, options)
    this.surroundings = new Surroundings(program.source, { WebAssembly: this.namespace.WebAssembly, args: options.args, failures: () => this.failures, rewinder: this.rewinder, ...this.#outputs() })
    // Where an image is to be taken, they would be in its way; what is rewound has no threads.
    if (this.rewinder === undefined) Object.assign(this.surroundings.overrides, this.threads.globals)
    this.loader = undefined
    this.ended = false
    this.module = undefined
  }

  #rewinder () {
    const { module = {}, imports = {}, print, printErr } = this.options
    const { CompileError, LinkError, RuntimeError } = this.namespace.WebAssembly
    const users = [...Object.values(module), ...Object.values(imports).flatMap(Object.values), print, printErr]
    return new Rewinder({
      instrument: (text, kind) => this.#instrumented(text, kind),
      store: new StoreImage(this.namespace),
      isOurs: () => this.failures.adopting,
      next: (timers) => this.#next(timers),
      given: [...users, this.options.stdin, globalThis, CompileError, LinkError, RuntimeError]
        .filter((value) => value !== null && (typeof value === 'object' || typeof value === 'function'))
    })
  }

  // Runs what listens to a thread. What is thrown there ends the generation where it is emvm's own, as an exit is; else it is the
  // user's or the process's, as under plain Node.
  #hear (work) {
    try {
      this.surroundings.exitsOnce(() => this.failures.adopt(work))
    } catch (error) {
      if (isFault(error)) this.#failed(error)
      if (!this.failures.take(error) && !isFault(error)) this.#uncaught(error)
    }
  }

  // As Node does it: what the glue listens with may take it, as it does with the object that stands for `exit`.
  #uncaught (error) {
    const { events } = this.surroundings
    if (!events.emit('uncaughtException', error, 'uncaughtException')) throw error
  }

  // A thread has failed: nothing of this generation can go on.
  #failed (error) {
    if (error === undefined || this.fault !== undefined || this.ended) return this.fault
    this.fault = error
    this.namespace.fail(error.code === 'EMVM_ERR_TIMEOUT')
    this.namespace.onFault?.(error)
    this.failures.faulted(error)
    return error
  }

  // What the last generation left to the event loop is nobody's.
  #next (timers) {
    const past = this.failures
    this.failures = new Failures(this.options.onUncaught, true)
    this.surroundings.loop.next(timers)
    past.end()
  }

  // Text that is made at run time. What V8 refuses too, it refuses in its own words.
  #instrumented (text, kind) {
    const tell = (what) => this.rewinder.uncovered.push(`${what} of a text that was made at run time`)
    try {
      const made = instrument(text, kind)
      made.uncovered.forEach(tell)
      return made.text
    } catch (error) {
      if (parses(text)) tell(error.message)
      return text
    }
  }

  // Takes the image that recycles put back, and tries it. `evaluation`: what the start took, in milliseconds.
  async #takeImage (kept, evaluation) {
    const { rewinder, surroundings, loader } = this
    for (const { uncovered } of this.program.source.files.sources.values()) rewinder.uncovered.push(...uncovered)
    rewinder.stops.add(surroundings.overrides.globalThis)
    rewinder.stops.add(loader.globals)
    rewinder.globals = { world: surroundings.world, constants: surroundings.world.constants }
    rewinder.stops.add(loader.globalObject)
    const roots = { exports: this.module, kept, globals: surroundings.overrides, events: surroundings.events, ...loader.roots() }
    this.refusal = await rewinder.take(roots, loader, surroundings.loop) ?? rewinder.rehearse(this.options.rewind === 'auto' ? evaluation : Infinity)
    if (this.refusal !== undefined) rewinder.giveUp()
  }

  async start () {
    const started = performance.now()
    try {
      this.module = (await this.#withinLimit((said) => this.failures.adopt(() => this.#run(said))))[0]
      // An exported module must not be a thenable: promises would call it.
      if (this.module !== null && typeof this.module === 'object' && Object.hasOwn(this.module, 'then')) hide(this.module, 'then')
      const kept = this.options.warmUp && await this.#unlessFailed(this.#warmUp())
      if (this.rewinder) await this.#takeImage(kept, performance.now() - started)
      this.program.hasStarted = true
      return this
    } catch (error) {
      this.end()
      if (!this.#refused(error)) throw error
      // Whatever the first attempt left behind ends with it.
      return new Generation(this.program, this.options).start()
    }
  }

  // What it begins is the start's, where an image is to be taken of it.
  #warmUp () {
    const work = () => warmUp(this.options.warmUp, this.module)
    return this.rewinder ? this.failures.adopt(work) : work()
  }

  // Builds that check their options abort at those they were not built for: what is only ours is left out from then on.
  #refused (error) {
    const [, name] = UNWANTED.exec(error && error.message) || []
    const { unwanted } = this.program
    if (!OWN_OPTIONS.includes(name) || unwanted.has(name) || Object.hasOwn(this.options.module || {}, name)) return false
    unwanted.add(name)
    return true
  }

  async #run (said) {
    const hook = new ReadyHook()
    const options = this.#moduleOptions()
    if (!this.program.unwanted.has('onRuntimeInitialized')) hook.install(options)
    if (this.program.unwanted.has('wasmBinary')) delete options.wasmBinary
    const before = Object.keys(options).length
    const untouched = () => Object.keys(options).length === before
    // Boxed: what the glue gives may be a thenable that resolves with itself.
    const { given, offer } = await this.#evaluate(options, said)
    const { factory } = this
    if (offer[0] === undefined || offer[0] === null) throw noModule()
    const { namespace } = this
    const marker = this.options.module && this.options.module.wasmBinary ? undefined : options.wasmBinary
    const watch = { hook, said, factory, untouched, pending: () => namespace.pending + this.surroundings.loading, instances: () => namespace.instances, ended: () => this.failures.ended }
    const settled = await settle(offer, options, watch)
    if (settled[0] === options && untouched() && namespace.instances === 0) throw noModule()
    await settleBeside(given, settled, options, watch)
    // What was rejected on the way is told of when all that is waiting has run.
    await immediate()
    const [module] = settled
    if (module !== null && typeof module === 'object') {
      hook.remove(module)
      if (marker && Object.getOwnPropertyDescriptor(module, 'wasmBinary')?.value === marker) delete module.wasmBinary
    }
    return settled
  }

  // Runs the glue's text.
  async #evaluate (options, said) {
    const { overrides } = this.surroundings
    const context = this.options.realm === 'context' ? makeContext(overrides) : undefined
    this.loader = new Loader(this.program.source.files, { overrides, own: { Module: options }, context, rewinder: this.rewinder, threads: this.threads })
    const given = await this.loader.main(said)
    return { given, offer: [offered(given, this.factory)] }
  }

  // What the glue gets as its `Module`.
  #moduleOptions () {
    const { module = {}, print, printErr, env, args, stdin } = this.options
    const options = { ...module }
    // Emscripten empties the lists it is given.
    for (const [key, value] of Object.entries(options)) if (Array.isArray(value)) options[key] = [...value]
    if (print && !options.print) options.print = print
    if (printErr && !options.printErr) options.printErr = printErr
    if (args && args.length > 0 && !options.arguments) options.arguments = [...args]
    if (stdin !== undefined && !options.stdin) options.stdin = reader(stdin)
    if (env && Object.keys(env).length > 0) {
      const preRun = options.preRun === undefined ? [] : [].concat(options.preRun)
      options.preRun = [(instance) => { if (instance && instance.ENV) Object.assign(instance.ENV, env) }, ...preRun]
    }
    // The glue need not look for a wasm that is compiled already.
    if (this.program.marker && !options.instantiateWasm && (this.options.wasm !== undefined || !options.wasmBinary)) {
      options.wasmBinary = this.program.marker.slice(0)
    }
    return options
  }

  async #withinLimit (work) {
    let waiting = 'the glue'
    let timer
    const limit = this.options.timeout === undefined ? START_LIMIT : Math.max(this.options.timeout, this.program.isThreaded ? LEAST_THREADED : LEAST)
    const late = new Promise((resolve, reject) => {
      const started = now()
      // Compiling is the machine's time and not the module's; it ends by itself.
      const left = () => limit + this.namespace.compileMs - (now() - started)
      const look = () => {
        if (left() > 0) timer = setTimeout(look, Math.min(Math.max(left(), LOOK_MS), MOST_MS))
        else reject(new StartError(`the module was not ready after ${limit} ms: still waiting for ${waiting}`))
      }
      timer = setTimeout(look, Math.min(limit, MOST_MS))
    })
    try {
      return await this.#unlessFailed(Promise.race([work((what) => { waiting = what }), late]))
    } finally {
      clearTimeout(timer)
    }
  }

  async #unlessFailed (work) {
    try {
      return await Promise.race([work, this.failures.ofStart])
    } catch (cause) {
      if (cause instanceof StartError || isFault(cause)) throw cause
      const message = cause && cause.message !== undefined ? cause.message : String(cause)
      if (isForbidden(cause)) {
        throw new UnsupportedError(
          'the package\'s own JavaScript makes functions from text, which this process forbids: ' +
          'start Node.js without --disallow-code-generation-from-strings', { cause })
      }
      const once = this.program.hasStarted && this.options.realm !== 'context' && REDEFINED.test(message)
        ? ". What the package defines on the language's own objects is there from the generation before: use realm: 'context', where each has its own"
        : ''
      throw new StartError(`the module's start-up failed: ${message}${once}`, { cause })
    }
  }

  // Glue that a wrapper starts is given no `Module` of ours.
  #outputs () {
    const { print, printErr } = this.options
    return this.program.wraps ? { print, printErr } : { print: undefined, printErr: undefined }
  }

  // Whether what the file exports is a factory; undefined: to be found out.
  get factory () { return this.options.factory ?? (this.program.wrapped ? 'wrapped' : undefined) }

  // Threads go on while their memory would be put back, and end only with the generation.
  get refusalOfThreads () {
    const what = this.namespace.sharesMemory ? 'its wasm has made a shared memory' : this.threads.hasWorkers ? 'it has started a thread that has not ended' : undefined
    return what && new Refusal('shared-memory', what)
  }

  get heapBytes () { return this.namespace.memoryBytes }
  get busy () { return this.namespace.depth > 0 }

  // From here on it is the user's.
  use () {
    this.failures.started()
    this.threads.use()
    return this
  }

  // It is not wanted any more before it has started: its threads are not waited for.
  abandon () {
    if (!this.program.isThreaded || this.ended) return
    this.failures.faulted(new DisposedError('the sandbox was disposed while the next instance was being made'))
    this.end()
  }

  // Gives everything back now. What JavaScript still holds of it throws EMVM_ERR_STALE.
  end () {
    this.ended = true
    this.failures.end()
    this.threads.end()
    this.surroundings.end()
    this.namespace.release()
    this.module = undefined
  }
}

// What is known not to be rewound before anything of it runs.
function refusalOf (program, { realm }) {
  if (realm === 'context') return new Refusal('realm', 'its intrinsics are not the process\'s')
  return program.isThreaded ? new Refusal('shared-memory', 'its wasm runs on a shared memory') : undefined
}

function parses (text) {
  try {
    return Boolean(new vm.Script(`(function () {${text}\n})`))
  } catch {
    return false
  }
}

function makeContext (overrides) {
  const world = {}
  for (const key of [
    'console', 'Buffer', 'performance', 'TextDecoder', 'TextEncoder', 'URL', 'URLSearchParams', 'crypto', 'atob', 'btoa',
    'structuredClone', 'AbortController', 'AbortSignal', 'Event', 'EventTarget', 'MessageChannel', 'Response', 'Request',
    'Headers', 'Blob', 'SharedArrayBuffer', 'Atomics'
  ]) {
    if (key in globalThis) world[key] = globalThis[key]
  }
  const context = vm.createContext(world)
  for (const key of Object.keys(overrides)) if (key !== 'globalThis' && key !== 'global') world[key] = overrides[key]
  // In a context the global object is the realm's own.
  overrides.globalThis = overrides.global = world.global = vm.runInContext('globalThis', context)
  return context
}

// Emscripten asks for one byte at a time, and takes null for the end.
function reader (stdin) {
  if (typeof stdin === 'function') return stdin
  const bytes = typeof stdin === 'string' ? Buffer.from(stdin) : stdin
  let at = 0
  return () => at < bytes.length ? bytes[at++] : null
}

module.exports = { Generation }
