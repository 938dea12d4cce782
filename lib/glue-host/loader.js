'use strict'

// Evaluates the files that run inside, for one generation. Each file runs once, as in Node; what else they load
// (built-in modules, other dependencies) is the caller's and shared.

const { isBuiltin } = require('node:module')
const { importedFile, isRelative, urlOf } = require('../base/resolve')
const { SafeMap } = require('../base/primordials')
const { URL } = require('node:url')
const { Builtins } = require('./builtins')
const { dataOf } = require('./files')
const { Globals } = require('./globals')
const { functionOf } = require('../base/evaluate')
const { GlobalObject } = require('../surroundings/global-object')
const { hide } = require('../webassembly/promising')

class Loader {
  // `overrides`: what the files see in place of the caller's globals; `own`: the same for the main file alone;
  // `rewinder`: where an image of them is to be taken; `threads`: of the generation.
  constructor (files, { overrides, own, context, rewinder = undefined, threads = undefined }) {
    this.rewinder = rewinder
    this.files = files
    this.overrides = overrides
    this.own = own
    this.context = context
    // In a context, the global object is the realm's own.
    this.globals = context ? new files.Globals(overrides.globalThis, overrides.globalThis) : new files.Globals(overrides, globalThis)
    this.globalObject = new GlobalObject(overrides, overrides.globalThis, context, (body) => this.#text(body))
    this.reach = this.#reach()
    if (rewinder !== undefined) rewinder.registry.plain = (made, args) => this.globalObject.plain(made, args)
    this.records = new SafeMap()
    // What stands for the program's module.
    this.programs = undefined
    this.builtins = new Builtins({ overrides, globalObject: this.globalObject, rewinder, threads, requireFrom: (from) => this.#require(from) })
  }

  // Runs the main file; `said` is told what is waited for.
  async main (said) {
    const { main } = this.files
    if (main.body.awaits) said('the glue\'s top-level await')
    const { module, initial, namespace, exports, result } = await this.#import(main)
    return { module, initial, exported: exports ? namespace : undefined, result }
  }

  // Static imports come first, but for those that wait for this very file: a cycle. `by`: the record that asks.
  async #import (source, by) {
    const known = this.records.get(source.file)
    if (known !== undefined && waitsFor(known, by)) return known
    const record = known ?? this.#record(source)
    if (by !== undefined) by.waiting = record
    if (known === undefined) record.done = this.#evaluate(record)
    await record.done
    if (by !== undefined) by.waiting = undefined
    return record
  }

  async #evaluate (record) {
    const { source } = record
    for (const { source: imported } of source.links) if (imported !== undefined) await this.#import(imported, record)
    const given = this.#run(record)
    record.result = source.body.awaits ? await given : given
  }

  #importSync (source) {
    if (source.body.awaits) throw new Error(`${source.file} has a top-level await: it can be imported, but not required`)
    this.files.linkNow(source)
    const record = this.#record(source)
    for (const { source: imported } of source.links) {
      if (imported && !this.records.has(imported.file)) this.#importSync(imported)
    }
    try {
      record.result = this.#run(record)
    } catch (error) {
      this.records.delete(source.file)
      throw error
    }
    return record
  }

  #record (source) {
    const initial = {}
    const record = {
      source,
      initial,
      module: { exports: initial, filename: source.file, id: source.file, loaded: false, children: [], paths: [] },
      namespace: {},
      // Whether it is a module that exports something.
      exports: false,
      done: undefined,
      // The record that it waits for.
      waiting: undefined,
      result: undefined,
      // `import.meta`.
      meta: undefined,
      // What `require` gives of it: see `requiredOf`.
      required: undefined
    }
    this.records.set(source.file, record)
    return record
  }

  // A file of data, read anew by each generation.
  #data (file) {
    let record = this.records.get(file)
    if (record === undefined) {
      const exports = dataOf(file)
      record = { module: { exports, filename: file, id: file, loaded: true }, namespace: { default: exports } }
      this.records.set(file, record)
    }
    return record
  }

  #run (record) {
    const { source, module, initial, namespace } = record
    const require = this.#require(source)
    module.require = require
    const own = {
      ...this.overrides,
      ...(source === this.files.main && this.own),
      ...(this.rewinder && { $rwImport: (specifier) => this.#dynamic(source, `${specifier}`) }),
      require,
      module,
      exports: initial,
      __dirname: source.folder,
      __filename: source.file
    }
    const emvm = {
      modules: source.links.map((link) => this.#linked(link)),
      meta: { url: source.url, filename: source.file, dirname: source.folder, resolve: (id) => resolved(source, `${id}`) },
      import: (specifier) => this.#dynamic(source, `${specifier}`),
      ...this.reach,
      exports: (getters) => {
        record.exports = true
        Object.defineProperties(namespace, Object.getOwnPropertyDescriptors(getters))
      },
      exportAll: (from) => {
        record.exports = true
        for (const key of Object.keys(from)) {
          if (key === 'default' || Object.hasOwn(namespace, key)) continue
          Object.defineProperty(namespace, key, { get: () => from[key], enumerable: true, configurable: true })
        }
      }
    }
    record.meta = emvm.meta
    if (source.asksForPromises) hide(this.overrides.WebAssembly)
    const given = source.compile(this.context).call(source.body.module ? undefined : initial, emvm, this.globals, this.globalObject.receiver, ...source.names.map((name) => own[name]))
    if (!source.body.awaits) module.loaded = true
    return given
  }

  // How files reach the global object where its properties are not enough.
  #reach () {
    const { globals, globalObject, overrides } = this
    const own = this.rewinder === undefined ? undefined : overrides.Function
    return {
      forget: (name) => Globals.forget(globals, name),
      text: (...args) => globalObject.text(...args),
      ran: (value) => globalObject.ran(value),
      declared: (name, read, isAsked) => Globals.declared(globals, name, read, isAsked),
      variable: (name, read, write, key) => Globals.variable(globals, name, read, write, key),
      undeclare: (name, read, remove) => Globals.isDeclared(globals, name, read) ? remove() : Globals.forget(globals, name),
      eval: (text) => globalObject.eval(text, this.rewinder?.registry.$rw.eval),
      // Also called by `new`.
      Function: function (...args) { return globalObject.functionOf(args, own) }
    }
  }

  // A function of text, whose names mean what they mean in the files.
  #text ({ source, globals }) {
    this.files.Globals.add(globals)
    const { names, receiver } = this.globalObject
    const make = functionOf(['__emvm', '__emvm_global', '__emvm_this', ...names], `return ${source}`)
    const reach = { ...this.reach, import: (specifier) => this.#dynamic(this.files.main, `${specifier}`) }
    return make(reach, this.globals, receiver, ...names.map((name) => this.overrides[name]))
  }

  // What of the files an image leads to, by name; which files there are.
  roots () {
    const roots = { builtins: this.builtins.roots, main: [this.programs?.paths, this.programs?.children] }
    for (const [file, { module, namespace, initial, result, meta, required }] of this.records) roots[file] = { module, namespace, initial, result, meta, required }
    return roots
  }

  image () { return { records: new SafeMap(this.records), builtins: this.builtins.image() } }

  has (file) { return this.records.has(file) }

  // Files of the system that are open.
  get open () { return this.builtins.open }

  // A file that a later generation asked for is evaluated anew in the next.
  restore ({ records, builtins }) {
    if (this.records.size !== records.size) this.records = new SafeMap(records)
    this.builtins.restore(builtins)
  }

  #linked ({ source, data, specifier, namespace }) {
    if (source) return this.#namespaceOf(this.records.get(source.file))
    if (data !== undefined) return this.#data(data).namespace
    const builtin = this.builtins.namespaceOf(specifier, namespace)
    if (builtin === undefined) this.rewinder?.meets(specifier, namespace)
    return builtin ?? namespace
  }

  // What `import` sees of a file.
  #namespaceOf ({ source, module, namespace }) {
    if (source.body.module) return namespace
    const { exports } = module
    const named = exports !== null && (typeof exports === 'object' || typeof exports === 'function') ? exports : {}
    return { ...named, default: exports }
  }

  // `import(specifier)` in a file.
  async #dynamic (from, specifier) {
    const link = await this.files.resolveImport(from, specifier)
    if (link.source) await this.#import(link.source)
    return this.#linked(link)
  }

  #require (from) {
    const theirs = from.require
    const require = (id) => {
      const builtin = this.builtins.of(id)
      if (builtin !== undefined) return builtin
      const source = this.files.required(from, id)
      if (source === undefined) {
        const data = this.files.requiredData(from, id)
        if (data !== undefined) return this.#data(data).module.exports
        const given = theirs(id)
        this.rewinder?.meets(id, given)
        return given
      }
      const record = this.records.get(source.file) ?? this.#importSync(source)
      return source.body.module ? requiredOf(record) : record.module.exports
    }
    const resolve = (request, options) => theirs.resolve(request, options)
    if (theirs.resolve.paths !== undefined) resolve.paths = (request) => theirs.resolve.paths(request)
    const { cache, extensions } = theirs
    return Object.assign(require, { resolve, main: this.#mainOf(theirs.main), cache: this.builtins.noted(cache), extensions: this.builtins.noted(extensions) })
  }

  // `require.main`: the program's module, but for what is written to it.
  #mainOf (theirs) {
    if (theirs === undefined || this.programs !== undefined) return this.programs
    const copy = Object.create(Object.getPrototypeOf(theirs), Object.getOwnPropertyDescriptors(theirs))
    for (const key of ['children', 'paths']) if (Array.isArray(theirs[key])) copy[key] = [...theirs[key]]
    const require = (id) => this.builtins.of(id) ?? theirs.require(id)
    Object.defineProperty(copy, 'require', { value: require, writable: true, configurable: true })
    const own = this.programs = this.builtins.noted(copy)
    for (const child of copy.children ?? []) this.rewinder?.stops.add(child)
    const { process } = this.overrides
    if (process.mainModule === theirs) process.mainModule = own
    return own
  }
}

// What `require` sees of an ES module: as transpilers mark their own where it has a default export, or what it names 'module.exports'.
function requiredOf (record) {
  const { namespace } = record
  if ('module.exports' in namespace) return namespace['module.exports']
  if (!('default' in namespace) || '__esModule' in namespace) return namespace
  record.required ??= Object.defineProperties(Object.create(null, { __esModule: { value: true, enumerable: true } }), Object.getOwnPropertyDescriptors(namespace))
  return record.required
}

// `import.meta.resolve`: it need not lead to a file that is there.
function resolved (source, id) {
  if (isRelative(id) || id.startsWith('/')) return new URL(id, source.url).href
  return urlOf(isBuiltin(id) && !id.startsWith('node:') ? `node:${id}` : id, importedFile(source, id))
}

function waitsFor (record, other) {
  if (other === undefined) return false
  for (let at = record; at !== undefined; at = at.waiting) if (at === other) return true
  return false
}

module.exports = { Loader }
