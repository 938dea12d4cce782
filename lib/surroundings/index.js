'use strict'

// What the glue finds around it: a `process`, timers, `fetch`, `require` and a global object that are this
// generation's own and end with it.

const { EventEmitter } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { fileURLToPath, URL } = require('node:url')
const { format } = require('node:util')
const { setTimeout } = require('../base/clock')
const { ExitError } = require('../base/errors')
const { Loop } = require('./loop')
const { World } = require('./world')

const USED_MS = 5

class Surroundings {
  // `rewinder`: where an image is to be taken; it has timers and shadows of its own.
  /**
   * @param {any} source
   * @param {any} surroundings
   */
  constructor (source, { WebAssembly, args, failures, print, printErr, rewinder }) {
    this.rewinder = rewinder
    this.source = source
    this.loop = new Loop(typeof failures === 'function' ? failures : () => failures, (work) => this.exitsOnce(work))
    // Of one that serves all generations: what start-up made of the global object.
    this.image = undefined
    this.isWritten = false
    // How many files the glue is fetching.
    this.loading = 0
    // Where a process exits once: `{ error }` of the first exit.
    this.exiting = undefined
    this.overrides = Object.assign(Object.create(null), {
      WebAssembly,
      Atomics,
      process: this.#process(args),
      ...this.loop.overrides,
      ...(rewinder === undefined ? {} : rewinder.overrides),
      fetch: (input, init) => this.#fetch(input, init),
      ...((print || printErr) && { console: consoleOf(rewinder?.overrides.console ?? console, print, printErr) })
    })
    this.#world()
  }

  #world (constants) {
    this.world = new World(this.overrides, () => { this.isWritten = true }, constants)
    Object.assign(this.overrides, { globalThis: this.world.proxy, global: this.world.proxy })
  }

  // One for all generations, as on the native host: start-up is over.
  seal () {
    this.image = Object.getOwnPropertyDescriptors(this.overrides)
    this.constants = Object.getOwnPropertyDescriptors(this.world.fixed)
    this.isWritten = false
    this.loop.seal()
  }

  // The next generation's: as it was saved, or as start-up left it.
  next (saved) {
    this.loop.next(saved === undefined ? undefined : saved.timers ?? [])
    if (this.isWritten) {
      this.isWritten = false
      this.events.removeAllListeners()
      this.#define(this.image)
      if (this.world.constants > Reflect.ownKeys(this.constants).length) this.#world(this.constants)
    }
    if (saved?.written === undefined) return
    this.isWritten = true
    this.#define(saved.written)
    for (const [name, listeners] of saved.listeners) {
      // What is to be called once is wrapped.
      for (const listener of listeners) listener.listener === undefined ? this.events.on(name, listener) : this.events.once(name, listener.listener)
    }
  }

  #define (image) {
    for (const key of Reflect.ownKeys(this.overrides)) if (!Object.hasOwn(image, key)) delete this.overrides[key]
    Object.defineProperties(this.overrides, image)
  }

  // Why nobody can come back to what runs now.
  get suspended () {
    if (this.loading > 0) return 'the JavaScript of the package reads a file'
    return this.loop.isWaiting ? 'the JavaScript of the package waits for a promise' : undefined
  }

  // What is set now, for `next`; `undefined`: nothing that start-up did not leave.
  save () {
    const timers = this.loop.save()
    const written = this.isWritten ? Object.getOwnPropertyDescriptors(this.overrides) : undefined
    if (timers === undefined && written === undefined) return this.loop.hasImage ? {} : undefined
    return { timers, written, listeners: written && this.events.eventNames().map((name) => [name, this.events.rawListeners(name)]) }
  }

  // What the event loop runs. Glue that is told of an exit that it did not expect exits again: the first is the one that counts.
  exitsOnce (work) {
    const outer = this.exiting
    this.exiting = {}
    try {
      return work()
    } finally {
      this.exiting = outer
    }
  }

  // Nothing of this generation runs any more.
  end () {
    this.loop.end()
    this.events.removeAllListeners()
    this.rewinder?.end()
  }

  // The program's `process`: the real one, except for listeners, arguments, the exit code, the title and `exit`.
  #process (args) {
    const events = this.events = new EventEmitter()
    events.setMaxListeners(0)
    const own = Object.create(process)
    const define = (key, value) => Object.defineProperty(own, key, { value, writable: true, configurable: true, enumerable: true })
    for (const key of ['on', 'once', 'off', 'addListener', 'removeListener', 'prependListener', 'prependOnceListener', 'removeAllListeners']) {
      define(key, (...rest) => { this.isWritten = true; events[key](...rest); return own })
    }
    for (const key of ['emit', 'listeners', 'rawListeners', 'listenerCount', 'eventNames']) {
      define(key, (...rest) => events[key](...rest))
    }
    // With arguments the file is the program that they are for; else it is no program, but a part of the one that runs.
    define('argv', [process.argv[0], ...(args?.length > 0 ? [this.source.file, ...args] : process.argv.slice(1, 2))])
    define('execArgv', [...process.execArgv])
    if (this.rewinder !== undefined) define('env', this.rewinder.env)
    define('exitCode', undefined)
    // These would be set for the whole process.
    for (const key of ['title', 'debugPort']) define(key, process[key])
    const exit = (code) => {
      const status = code ?? own.exitCode ?? 0
      const error = new ExitError(`the module called exit(${status})`, { status: Number(status) })
      if (this.exiting === undefined) throw error
      throw (this.exiting.error ??= error)
    }
    define('exit', exit)
    define('reallyExit', exit)
    define('abort', () => exit(134))
    define('nextTick', (callback, ...rest) => this.loop.nextTick(callback, ...rest))
    return own
  }

  // Glue from before Node 18 takes Node's `fetch` for a browser's and gives it the path of its wasm.
  async #fetch (input, init) {
    const file = this.#fileOf(input)
    if (file === undefined) return this.#unlessEnded(fetch(input, init))
    this.loading++
    // What was read is used within a few turns of the event loop.
    const bytes = await this.#unlessEnded(fs.promises.readFile(file).finally(() => setTimeout(() => { this.loading-- }, USED_MS)))
    const type = file.endsWith('.wasm') ? 'application/wasm' : 'application/octet-stream'
    return new Response(bytes, { headers: { 'content-type': type } })
  }

  // Nothing that was waited for goes on once the generation has ended.
  #unlessEnded (promise) { return this.loop.wait(promise) }

  #fileOf (input) {
    const url = typeof input === 'string' ? input : input instanceof URL ? input.href : input && input.url
    if (typeof url !== 'string') return undefined
    if (url.startsWith('file:')) return fileURLToPath(url)
    if (/^[a-z][a-z0-9+.-]+:/i.test(url)) return undefined
    return path.resolve(this.source.folder, url)
  }
}

// What Emscripten's JavaScript writes to where nobody gives its `Module` a `print`.
// `base`: the program's.
function consoleOf (base, print, printErr) {
  const own = Object.create(base)
  const lines = (told) => (...values) => { for (const line of format(...values).split('\n')) told(line) }
  if (print) own.log = own.info = own.debug = lines(print)
  if (printErr) own.warn = own.error = own.trace = lines(printErr)
  return own
}

module.exports = { Surroundings }
