'use strict'

// The module object of the native host: what the package's own JavaScript would have made. It is made once per sandbox
// and stays the same object over all generations; what changes with them is read through getters. What the module's own JavaScript
// changes of it is undone at each recycle.

const path = require('node:path')

const { keep } = require('./keep')
const { Heap, VIEWS } = require('./heap')
const { makeRuntime } = require('./runtime')
const { attachExports, exportsOf } = require('./exports')
const { defineAllLater, defineLazily, isWorthwhile } = require('../base/lazy')
const { hasWasmFS } = require('./fs/wasmfs')
const { UnsupportedError } = require('../base/errors')
const { evaluate } = require('./fragment')
const { Changes } = require('./changes')
const { bring } = require('./foreign')
const { Generations } = require('./generations')
const { holding } = require('./holding')
const { Failures } = require('../surroundings/failures')
const { Surroundings } = require('../surroundings')

// What a C++ exception is, by the function that OpenCV has for it: its type cannot be read from builds without RTTI.
function explainer (module) {
  let asked = false
  return (ptr) => {
    if (asked || typeof module.exceptionFromPtr !== 'function') return undefined
    asked = true
    try {
      const { msg } = module.exceptionFromPtr(ptr)
      return typeof msg === 'string' ? msg : undefined
    } finally {
      asked = false
    }
  }
}

class Facade {
  // What pre-js added to the module object.
  #ofPre = []
  #replaced
  // What JavaScript was before a warm-up, and what of it that has changed.
  #cold
  #warmed

  // `failures`: those of start-up.
  constructor (sandbox, facts, options, failures) {
    this.failuresOfStart = failures
    this.sandbox = sandbox
    this.facts = facts
    this.options = options
    this.generations = new Generations()
    this.surroundings = new Surroundings({ file: options.sourcePath, folder: options.sourcePath ? path.dirname(options.sourcePath) : process.cwd() }, {
      WebAssembly, args: options.args, failures: () => this.#failures(), print: undefined, printErr: undefined
    })
    // What stands in the place of what is read anew each time.
    this.#replaced = this.generations.perGeneration('replaced views and variables', (image = []) => new Map(image.map(([name, get, now]) => {
      if (now === undefined) delete this.module[name]
      else Object.defineProperty(this.module, name, now)
      return [name, get]
    })), {
      end: (replaced) => { for (const [name, get] of replaced) this.define(name, get) },
      image: (replaced) => [...replaced].map(([name, get]) => [name, get, Object.getOwnPropertyDescriptor(this.module, name)]),
      isEager: true,
      stays: false
    })
    this.changes = new Changes(() => [this.surroundings.overrides.process, ...this.runtime.roots()], () => this.fragment.roots())
    this.heap = new Heap(sandbox)
    // As Emscripten's own module, it starts as what the user gave.
    this.module = Object.assign(Object.create(Object.prototype), options.module)
    // Glue of some years has a promise of its module in `ready`.
    this.ready = new Promise((resolve) => { this.settleReady = resolve })
    for (const value of [sandbox, Object.getPrototypeOf(sandbox), options, facts, ...Object.values(options.module ?? {})]) bring(value)
    this.runtime = makeRuntime(this)
    sandbox.setExplainer(keep(sandbox, explainer(this.module)))
    // Code cut out of the glue may use the file system and the memory as soon as it is evaluated.
    this.runtime.attachFiles()
    this.fragment = evaluate(this)
  }

  // The functions that answer imports, in the order the sandbox numbers them.
  importFunctions () {
    let own = this.facts.jsImports.map((name) => this.fragment.imports[name])
    if (this.looksAtClasses) {
      own = own.map((fn) => typeof fn !== 'function' ? fn : (...args) => {
        this.runtime.attachEmbind()
        return fn(...args)
      })
    }
    if (this.fragment.isLate) own = own.map((fn) => typeof fn === 'function' ? this.surroundings.loop.around(fn) : fn)
    return [...this.options.userImports.map(({ fn }) => fn), ...own]
  }

  // Of a generation. Start-up's go on as the first one's.
  #failures () {
    if (this.failuresOfStart !== undefined) return this.failuresOfStart
    const failures = new Failures(this.options.onUncaught)
    failures.started()
    return failures
  }

  // Start-up is over: what it made is what each generation begins with.
  seal () {
    this.failuresOfStart?.started()
    this.surroundings.seal()
    this.generations.seal()
    this.changes.begin()
  }

  // Another sandbox that starts from where this is warm finds what C++ has, not what JavaScript was given meanwhile.
  beforeWarmUp () {
    this.#cold = { generations: this.generations.mark(), written: this.surroundings.isWritten, timers: this.surroundings.loop.held.length }
    this.surroundings.isWritten = false
    this.changes.begin()
  }

  afterWarmUp () {
    const { generations, written, timers } = this.#cold
    const name = this.generations.changedSince(generations)
    const { isWritten, loop } = this.surroundings
    if (name !== undefined) this.#warmed = `JavaScript keeps something of the warm-up (${name})`
    else if (!this.changes.isEmpty) this.#warmed = 'the JavaScript of the package changed its module object in the warm-up'
    else if (isWritten || loop.held.length !== timers) this.#warmed = 'the JavaScript of the package set timers or globals in the warm-up'
    this.surroundings.isWritten ||= written
    this.#cold = undefined
    this.changes.forget()
  }

  // A generation has ended: all that JavaScript kept of it goes. False: something was frozen, so that the facade has to be made anew.
  leave (point) {
    // First: among what it puts back may be what a state brings back.
    const isWhole = this.changes.undo()
    this.generations.next(point?.generations)
    this.surroundings.next(point?.surroundings)
    if (isWhole) this.changes.goTo(point?.changes)
    this.#endStart()
    return isWhole
  }

  // Why nobody can come back to what JavaScript is now.
  get suspended () {
    return this.generations.suspended ?? this.surroundings.suspended
  }

  // What JavaScript is now, for `leave`.
  save () {
    return { generations: this.generations.save(), changes: this.changes.save(), surroundings: this.surroundings.save() }
  }

  // What of it only this facade has, in words.
  boundBy ({ generations, changes, surroundings }) {
    if (this.#warmed !== undefined) return this.#warmed
    const name = this.generations.changed(generations)
    if (name !== undefined) return `JavaScript keeps something (${name})`
    if (changes !== undefined) return 'the JavaScript of the package changed its module object'
    return surroundings === undefined ? undefined : 'the JavaScript of the package waits for timers, or changed its globals'
  }

  #endStart () {
    if (this.failuresOfStart === undefined) return
    this.failuresOfStart.end()
    this.failuresOfStart = undefined
  }

  // The next one begins.
  enter () {
    if (this.keepsState) this.renew()
    else this.changes.begin()
  }

  // Another one in the place of this: what start-up made of it, made anew.
  again () {
    this.changes.end()
    this.surroundings.end()
    const next = new Facade(this.sandbox, this.facts, this.options)
    next.generations.continue(this.generations)
    next.sandbox.setImports(next.importFunctions())
    next.#attachHeap()
    next.#attachRuntime()
    next.#runPre()
    if (next.fragment.pre) next.runtime.runHooksAgain()
    next.started = true
    next.#attachExports()
    next.runtime.attachEmbind()
    next.#attachFlags()
    if (next.fragment.extras) next.fragment.extras()
    delete next.module.then
    next.settleReady(next.module)
    // What a warm-up or the program itself had put there.
    const stuck = this.changes.stuckTo(this.module)
    for (const key of Reflect.ownKeys(this.module)) {
      if (!stuck.has(key) && !Object.hasOwn(next.module, key)) Object.defineProperty(next.module, key, { ...Object.getOwnPropertyDescriptor(this.module, key), configurable: true })
    }
    next.surroundings.seal()
    next.changes.begin()
    return next
  }

  // All ends.
  end () {
    this.changes.end()
    this.runtime.clearTimers()
    this.surroundings.end()
    this.#endStart()
    this.generations.isOver = true
    this.generations.end()
  }

  // JavaScript that constructors call may find classes in the module that were registered just before.
  get looksAtClasses () {
    const { fragment, uses } = this.facts
    return !this.started && Boolean(fragment && uses && uses.embind && fragment.freeNames.some(({ role }) => role === 'module'))
  }

  // Before constructors run: what they may look for in the module object.
  beforeStart () {
    this.#attachHeap()
    this.#attachRuntime()
    this.#runPre()
    this.runtime.beforeConstructors()
  }

  // After constructors: exports and embind, which `main` may use; what the package adds itself, unless its glue waits for
  // the wasm and so has `main` run before post-js.
  async beforeMain () {
    this.started = true
    this.#attachExports()
    this.runtime.attachEmbind()
    this.#attachFlags()
    if (!this.facts.awaitsWasm) await this.#addOwn()
    this.runtime.beforeMain()
    this.#initialized()
  }

  async afterMain () {
    this.runtime.attachEmbind()
    if (this.facts.awaitsWasm) await this.#addOwn()
    this.runtime.afterMain()
    this.settleReady(this.module)
  }

  async #addOwn () {
    if (this.fragment.extras) await this.fragment.extras()
    // Resolving a promise with a thenable that resolves to itself would never end.
    delete this.module.then
  }

  // JavaScript of the package's own that keeps state belongs to its generation.
  get keepsState () {
    const { fragment } = this.facts
    return Boolean(fragment && fragment.keepsState)
  }

  // Why that JavaScript cannot be made anew for each generation: what it did to the module object stays for ever.
  get staysForEver () {
    const fixed = Object.entries(Object.getOwnPropertyDescriptors(this.module)).filter(([, { configurable }]) => !configurable)
    if (fixed.length > 0) return `properties that cannot be defined again (${fixed.slice(0, 4).map(([key]) => key).join(', ')}${fixed.length > 4 ? ', ...' : ''})`
    return Object.isExtensible(this.module) ? undefined : 'its module object closed to changes'
  }

  // A recycle has replaced the instance: that JavaScript is made anew, its old objects are stale.
  renew () {
    this.changes.pause()
    this.fragment.guard.dead = true
    this.fragment = evaluate(this)
    this.sandbox.setImports(this.importFunctions())
    if (this.fragment.pre) {
      for (const key of this.#ofPre) delete this.module[key]
      this.runtime.resetOptions()
      this.#runPre()
      this.runtime.runHooksAgain()
      if (this.#ofPre.includes('onRuntimeInitialized')) this.#initialized()
    }
    if (this.fragment.extras) this.fragment.extras()
    delete this.module.then
    this.changes.begin()
  }

  #runPre () {
    if (!this.fragment.pre) return
    const before = new Set(Object.keys(this.module))
    this.fragment.pre()
    this.#ofPre = Object.keys(this.module).filter((key) => !before.has(key))
  }

  #initialized () {
    const { onRuntimeInitialized } = this.module
    if (typeof onRuntimeInitialized === 'function') onRuntimeInitialized.call(this.module)
  }

  // Raw functions by canonical name; each holds the sandbox.
  rawFunctions (names) {
    const functions = this.sandbox.functions(names)
    functions.forEach((fn, i) => {
      if (fn === undefined) return
      this.holding(fn)
      this.runtime.remember(fn, names[i])
    })
    return functions
  }

  // A function of native code that the user keeps must keep the sandbox.
  holding (fn) { return typeof fn === 'function' ? holding(fn, this.sandbox) : fn }

  #attachHeap () {
    const { moduleKeys: keys } = exportsOf(this.facts)
    for (const name of Object.keys(VIEWS)) {
      if (this.facts.hasGlue && !keys.has(name)) continue
      this.define(name, () => this.heap.view(name))
    }
  }

  #attachRuntime () {
    const { moduleKeys: keys } = exportsOf(this.facts)
    /** @type {any} */
    const { api } = this.runtime
    const isWanted = (name) => !this.facts.hasGlue || keys.has(name)
    const late = this.runtime.lateNames
    const isLarge = isWorthwhile(this.module, late.length)
    for (const name of Object.keys(api)) {
      if (!isWanted(name)) continue
      if (this.runtime.laterNames.has(name)) {
        if (isLarge && !(name in this.module)) defineAllLater(this.module, [name], () => api[name])
        else this.module[name] = api[name]
        continue
      }
      const { get, value } = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(api, name))
      if (get) this.define(name, get)
      else this.module[name] = value
    }
    defineLazily(this.module, late, this.runtime.lateExport)
    // Any method of `FS` can be exported.
    for (const key of keys) {
      const method = key.startsWith('FS_') && !(key in api) ? api.FS[key.slice(3)] : undefined
      if (typeof method === 'function') this.module[key] = method.bind(api.FS)
    }
    if (hasWasmFS(this.facts)) this.#refuseFiles(keys)
  }

  // Ours would be other files than those the wasm has.
  #refuseFiles (keys) {
    const refuse = () => {
      throw new UnsupportedError('FS: the files of this module are in its own wasm (WasmFS), which only its own JavaScript reaches: use host: \'glue\'')
    }
    for (const key of keys) if (key.startsWith('FS_')) this.module[key] = refuse
    if (keys.has('FS')) this.module.FS = new Proxy({}, { get: (target, key) => typeof key === 'string' ? refuse : undefined })
  }

  // What the glue's own start-up sets to true or false, where nothing of ours stands for it.
  #attachFlags () {
    for (const [name, value] of Object.entries(this.facts.moduleFlags)) {
      if (!(name in this.module)) this.module[name] = value
    }
  }

  #attachExports () {
    attachExports(this)
    this.#attachData()
  }

  // Exported data is the number of its address.
  #attachData () {
    const { numbers } = exportsOf(this.facts)
    const addresses = { ...this.facts.moduleAddresses }
    for (let i = 0; i < numbers.length; i += 2) addresses[numbers[i]] = numbers[i + 1]
    for (const [key, address] of Object.entries(addresses)) if (!(key in this.module)) this.module[key] = address
  }

  // A property that is read anew each time, and that users may still overwrite as on a plain object.
  define (name, get) {
    Object.defineProperty(this.module, name, {
      configurable: true,
      enumerable: true,
      get,
      set: (value) => {
        if (this.generations.isSealed) this.#replaced.value.set(name, get)
        Object.defineProperty(this.module, name, { configurable: true, enumerable: true, writable: true, value })
      }
    })
  }
}

module.exports = { Facade }
