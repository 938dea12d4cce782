'use strict'

// Evaluates the package's own files, for one generation. Each file runs once, as in Node; what is not the package's own
// (built-in modules, its dependencies) is the caller's and shared.

const PROCESS = /^(node:)?process$/

class Loader {
  // `overrides`: what the files see in place of the caller's globals; `own`: the same for the main file alone.
  constructor (files, { overrides, own, context }) {
    this.files = files
    this.overrides = overrides
    this.own = own
    this.context = context
    this.records = new Map()
  }

  // Runs the main file; `said` is told what is waited for.
  async main (said) {
    const { main } = this.files
    if (main.body.awaits) said('the glue\'s top-level await')
    const { module, initial, namespace, exports, result } = await this.#import(main)
    return { module, initial, exported: exports ? namespace : undefined, result }
  }

  // Static imports come first; one that is under way already is part of a cycle.
  async #import (source) {
    const record = this.#record(source)
    record.done = (async () => {
      for (const { source: imported } of source.links) {
        if (imported && !this.records.has(imported.file)) await this.#import(imported)
      }
      const given = this.#run(record)
      record.result = source.body.awaits ? await given : given
      return record
    })()
    return record.done
  }

  #importSync (source) {
    if (source.body.awaits) throw new Error(`${source.file} awaits at its top level: it can only be imported`)
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
      result: undefined
    }
    this.records.set(source.file, record)
    return record
  }

  #run (record) {
    const { source, module, initial, namespace } = record
    const require = this.#require(source)
    module.require = require
    const own = {
      ...this.overrides,
      ...(source === this.files.main && this.own),
      require,
      module,
      exports: initial,
      __dirname: source.folder,
      __filename: source.file
    }
    const emvm = {
      modules: source.links.map((link) => this.#linked(link)),
      meta: { url: source.url, filename: source.file, dirname: source.folder, resolve: (id) => new URL(id, source.url).href },
      import: (specifier) => this.#dynamic(source, `${specifier}`),
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
    const given = source.compile(this.context).call(source.body.module ? undefined : initial, emvm, ...source.names.map((name) => own[name]))
    if (!source.body.awaits) module.loaded = true
    return given
  }

  #linked ({ source, namespace, process }) {
    if (process) return { ...namespace, default: this.overrides.process }
    return source ? this.#namespaceOf(this.records.get(source.file)) : namespace
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
    if (link.source) await (this.records.get(link.source.file)?.done ?? this.#import(link.source))
    return this.#linked(link)
  }

  #require (from) {
    const theirs = from.require
    const require = (id) => {
      if (PROCESS.test(id)) return this.overrides.process
      const source = this.files.required(from, id)
      if (source === undefined) return theirs(id)
      const { module, namespace } = this.records.get(source.file) ?? this.#importSync(source)
      return source.body.module ? namespace : module.exports
    }
    return Object.assign(require, { resolve: theirs.resolve, main: theirs.main, cache: theirs.cache, extensions: theirs.extensions })
  }
}

module.exports = { Loader, PROCESS }
