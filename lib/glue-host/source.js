'use strict'

// A file of a program's glue, compiled once: a function whose parameters shadow what the glue may see.

const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')
const { createRequire } = require('node:module')
const { pathToFileURL } = require('node:url')
const { load } = require('../base/binding')
const { StartError } = require('../base/errors')
const { PackageFiles } = require('./files')
const { asksFor } = require('../webassembly/promising')
const rewind = require('../rewind')
const { instrument } = require('../rewind/instrument')
const { keepColumns } = require('../rewind/columns')

// Names that mean something of the realm's own to the glue. Nothing else of the caller's is shadowed.
const SHADOWED = [
  'WebAssembly', 'process', 'require', 'module', 'exports', '__dirname', '__filename', 'Module', 'globalThis', 'global',
  'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate', 'queueMicrotask', 'fetch',
  'FinalizationRegistry', 'WeakRef', 'Atomics'
]
// The parameters of the function that Node makes of a CommonJS file.
const GIVEN = ['exports', 'require', 'module', '__filename', '__dirname']
// Read at the end of a script that makes a variable of its own.
const RESULT = '\n;return { Module: typeof Module === "undefined" ? undefined : Module };'

// Of what is compiled: see `#wrap`.
const LINES_BEFORE = 1

class GlueSource {
  /** Of the main file alone. @type {PackageFiles | undefined} */
  files

  // `rewound`: with what an image of its state needs.
  constructor (file, body, rewound = false) {
    this.file = file
    this.body = body
    this.rewound = rewound
    // What of it an image cannot know.
    this.uncovered = []
    // What it imports statically: see `PackageFiles.link`.
    this.links = body.imports.length === 0 ? [] : undefined
    this.require = createRequire(file)
    this.url = pathToFileURL(file).href
    // It has another way where there is no JSPI.
    this.asksForPromises = asksFor(body.source)
    this.folder = path.dirname(file)
    this.#shadow()
  }

  #shadow () {
    const { body, rewound } = this
    const shadowed = rewound ? [...SHADOWED, ...rewind.SHADOWED] : SHADOWED
    // What a scope of its own declares may have the name of a parameter.
    const inner = body.module || (body.arguments && !body.awaits)
    this.names = [...new Set(shadowed)].filter((name) => inner || !body.declares.includes(name))
    this.compiled = null
  }

  // From here on it is evaluated as it is.
  stopRewinding () {
    this.rewound = false
    this.#shadow()
  }

  // The function, and the names of its parameters. A context has a function of its own.
  compile (context) {
    if (!context && this.compiled) return this.compiled
    const parameters = ['__emvm', '__emvm_global', '__emvm_this', ...this.names]
    const { text, codeOf, keep } = this.#instrumented(this.#wrap())
    const code = codeOf?.(this.file)
    const options = {
      filename: this.file,
      lineOffset: -LINES_BEFORE,
      cachedData: code,
      produceCachedData: keep !== undefined && code === undefined,
      ...(context && { parsingContext: context })
    }
    /** @type {any} */
    const compiled = vm.compileFunction(text, parameters, options)
    if (compiled.cachedData) keep(this.file, compiled.cachedData)
    if (!context) this.compiled = compiled
    return compiled
  }

  #instrumented (text) {
    if (!this.rewound) return { text }
    try {
      const made = instrument(text, 'function', ['__emvm', ...this.names], 1 - LINES_BEFORE)
      this.uncovered = made.uncovered.map((what) => `${what} of ${this.file}`)
      keepColumns(this.file, made, this.body.columns, LINES_BEFORE)
      return made
    } catch (error) {
      this.uncovered = [`${this.file}: ${error.message}`]
      return { text }
    }
  }

  #wrap () {
    const { source, module, awaits, arguments: asked, declares } = this.body
    // A module's declarations may have the names of parameters: they need a scope of their own.
    if (module) return `"use strict"; return (${awaits ? 'async ' : ''}function () {\n${source}\n}).call(undefined);`
    if (awaits) return `return (async function () {\n${source}${RESULT}\n}).call(this);`
    if (!asked) return `\n${source}${RESULT}`
    // Its `arguments` are what Node gives. A name that it declares is none of the parameters.
    const parameters = GIVEN.map((name, at) => declares.includes(name) ? `__emvm_${at}` : name)
    return `return (function (${parameters.join(', ')}) {\n${source}${RESULT}\n}).call(this, ${GIVEN.join(', ')});`
  }

  // The main file and those it imports statically.
  static async of ({ program, path: given, bytes }, { packages, cache }, rewound = false) {
    const file = path.resolve(given ?? 'glue.js')
    const text = bytes ?? await fs.promises.readFile(file)
    const main = new GlueSource(file, await load().glueBody(program.hidden ? undefined : program, text), rewound)
    main.files = new PackageFiles(main, (file, body) => new GlueSource(file, body, main.rewound), packages, cache)
    try {
      await main.files.link(main)
    } catch (cause) {
      throw new StartError(`the glue's imports cannot be loaded: ${cause.message}`, { cause })
    }
    return main
  }
}

module.exports = { GlueSource }
