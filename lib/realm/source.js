'use strict'

// A file of a program's glue, compiled once: a function whose parameters shadow what the glue may see.

const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')
const { createRequire } = require('node:module')
const { pathToFileURL } = require('node:url')
const { load } = require('../binding')
const { StartError } = require('../errors')
const { PackageFiles } = require('./files')

// Names that mean something of the realm's own to the glue. Nothing else of the caller's is shadowed.
const SHADOWED = [
  'WebAssembly', 'process', 'require', 'module', 'exports', '__dirname', '__filename', 'Module', 'globalThis', 'global',
  'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate', 'queueMicrotask', 'fetch',
  'FinalizationRegistry', 'WeakRef'
]
// Read at the end of a script that makes a variable of its own.
const RESULT = '\n;return { Module: typeof Module === "undefined" ? undefined : Module };'

class GlueSource {
  /** Of the main file alone. @type {PackageFiles | undefined} */
  files

  constructor (file, body) {
    this.file = file
    this.body = body
    // What it imports statically: see `PackageFiles.link`.
    this.links = body.imports.length === 0 ? [] : undefined
    this.require = createRequire(file)
    this.url = pathToFileURL(file).href
    this.folder = path.dirname(file)
    this.names = [...new Set(SHADOWED)].filter((name) => body.module || !body.declares.includes(name))
    this.compiled = null
  }

  // The function, and the names of its parameters. A context has a function of its own.
  compile (context) {
    if (!context && this.compiled) return this.compiled
    const parameters = ['__emvm', '__emvm_global', ...this.names]
    const source = this.#wrap()
    const options = {
      filename: this.file,
      lineOffset: -1,
      ...(context && { parsingContext: context })
    }
    const compiled = vm.compileFunction(source, parameters, options)
    if (!context) this.compiled = compiled
    return compiled
  }

  #wrap () {
    const { source, module, awaits } = this.body
    // A module's declarations may have the names of parameters: they need a scope of their own.
    if (module) return `"use strict"; return (${awaits ? 'async ' : ''}function () {\n${source}\n}).call(undefined);`
    if (awaits) return `return (async function () {\n${source}${RESULT}\n}).call(this);`
    return `\n${source}${RESULT}`
  }

  // The main file and those it imports statically.
  static async of ({ program, path: given, bytes }, packages) {
    const file = path.resolve(given ?? 'glue.js')
    const text = bytes ?? await fs.promises.readFile(file)
    const main = new GlueSource(file, await load().glueBody(program.hidden ? undefined : program, text))
    main.files = new PackageFiles(main, (file, body) => new GlueSource(file, body), packages)
    try {
      await main.files.link(main)
    } catch (cause) {
      throw new StartError(`the glue's imports cannot be loaded: ${cause.message}`, { cause })
    }
    return main
  }
}

module.exports = { GlueSource }
