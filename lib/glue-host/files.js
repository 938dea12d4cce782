'use strict'

// The files that a glue file may ask for and that run inside with it: read and compiled once, evaluated in each
// generation.

const fs = require('node:fs')
const { isBuiltin } = require('node:module')
const { load } = require('../base/binding')
const { globalsClass } = require('./globals')
const { Packages } = require('./packages')
const { wasmBody } = require('./wasm-file')
const { importedFile, urlOf } = require('../base/resolve')

class PackageFiles {
  // `names`: dependencies that run inside; undefined: found out. `cache`: of compiled code.
  constructor (main, makeSource, names, cache) {
    this.main = main
    this.makeSource = makeSource
    this.cache = cache
    this.packages = new Packages(main, names, main.rewound)
    this.sources = new Map()
    this.Globals = globalsClass()
    this.#add(main)
  }

  // Names of dependencies that Node loaded although they carry WebAssembly.
  get outsideWithWasm () { return this.packages.outsideWithWasm() }

  // `isImported`: by `import`, which takes WebAssembly, too.
  #source (file, isImported = false) {
    const isWasm = isImported && file.endsWith('.wasm')
    if ((!isWasm && !/\.[cm]?js$/.test(file)) || !this.packages.has(file)) return undefined
    let source = this.sources.get(file)
    if (source === undefined) {
      source = this.makeSource(file, isWasm ? wasmBody(file, this.cache) : load().scriptBody(fs.readFileSync(file)))
      this.#add(source)
    }
    return source
  }

  #add (source) {
    this.sources.set(source.file, source)
    this.Globals.add(source.body.globals)
  }

  // What `require(id)` means, where that is a file that runs inside.
  required (from, id) {
    if (typeof id !== 'string' || isBuiltin(id)) return undefined
    const file = resolvedFrom(from, id)
    return file === undefined ? undefined : this.#source(file)
  }

  // A file of data of a package that runs inside, which each generation has for itself.
  requiredData (from, id) {
    if (typeof id !== 'string' || isBuiltin(id)) return undefined
    const file = resolvedFrom(from, id)
    return file !== undefined && this.#isData(file) ? file : undefined
  }

  #isData (file) { return file.endsWith('.json') && this.packages.has(file) }

  // Static imports, resolved and loaded: those that run inside as `{ source }`, others as `{ namespace }`.
  async link (source) {
    if (source.links) return
    source.links = []
    const links = []
    for (const specifier of source.body.imports) links.push(await this.resolveImport(source, specifier))
    source.links = links
  }

  async resolveImport (from, specifier) {
    const file = importedFile(from, specifier)
    const own = file === undefined ? undefined : this.#source(file, true)
    if (own !== undefined) {
      await this.link(own)
      return { source: own }
    }
    if (file?.endsWith('.json')) return this.#isData(file) ? { data: file } : { specifier, namespace: { default: dataOf(file) } }
    return { specifier, namespace: await import(urlOf(specifier, file)) }
  }

  // The same for a file that is required.
  linkNow (source) {
    if (source.links) return
    source.links = []
    source.links = source.body.imports.map((specifier) => {
      const file = importedFile(source, specifier)
      const own = file === undefined ? undefined : this.#source(file, true)
      if (own !== undefined) {
        this.linkNow(own)
        return { source: own }
      }
      if (file !== undefined && this.#isData(file)) return { data: file }
      const exports = source.require(file ?? specifier)
      return { specifier, namespace: { ...exports, default: exports } }
    })
  }
}

// The real `require` says what is wrong with it.
function resolvedFrom (from, id) {
  try {
    return from.require.resolve(id)
  } catch {
    return undefined
  }
}

const dataOf = (file) => JSON.parse(fs.readFileSync(file, 'utf8').replace(/^\uFEFF/, ''))

module.exports = { PackageFiles, dataOf }
