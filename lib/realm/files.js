'use strict'

// The files of a package that a glue file may ask for: read and compiled once, evaluated in each generation.

const fs = require('node:fs')
const path = require('node:path')
const { isBuiltin } = require('node:module')
const { fileURLToPath, pathToFileURL } = require('node:url')
const { load } = require('../binding')
const { PROCESS } = require('./loader')

class PackageFiles {
  constructor (main, makeSource) {
    this.main = main
    this.makeSource = makeSource
    this.root = packageOf(main.folder)
    this.sources = new Map([[main.file, main]])
  }

  // A file is the package's own when it lies in the package, and not in a dependency's folder.
  #source (file) {
    const within = path.relative(this.root, file)
    if (within.startsWith('..') || path.isAbsolute(within) || !/\.[cm]?js$/.test(within)) return undefined
    if (within.split(path.sep).includes('node_modules')) return undefined
    let source = this.sources.get(file)
    if (source === undefined) {
      source = this.makeSource(file, load().scriptBody(fs.readFileSync(file)))
      this.sources.set(file, source)
    }
    return source
  }

  // What `require(id)` means, where that is a file of the package's own.
  required (from, id) {
    if (typeof id !== 'string' || !(isRelative(id) || path.isAbsolute(id))) return undefined
    let file
    try {
      file = from.require.resolve(id)
    } catch {
      // The real `require` says what is wrong.
      return undefined
    }
    return this.#source(file)
  }

  // Static imports, resolved and loaded: those of the package's own as `{ source }`, others as `{ namespace }`.
  async link (source) {
    if (source.links) return
    source.links = []
    const links = []
    for (const specifier of source.body.imports) links.push(await this.resolveImport(source, specifier))
    source.links = links
  }

  async resolveImport (from, specifier) {
    const file = importedFile(from, specifier)
    const own = file === undefined ? undefined : this.#source(file)
    if (own !== undefined) {
      await this.link(own)
      return { source: own }
    }
    return { namespace: await import(file === undefined ? specifierOf(from, specifier) : pathToFileURL(file).href), process: PROCESS.test(specifier) }
  }

  // The same for a file that is required.
  linkNow (source) {
    if (source.links) return
    source.links = []
    source.links = source.body.imports.map((specifier) => {
      const file = importedFile(source, specifier)
      const own = file === undefined ? undefined : this.#source(file)
      if (own !== undefined) {
        this.linkNow(own)
        return { source: own }
      }
      const exports = source.require(specifier)
      return { namespace: { ...exports, default: exports }, process: PROCESS.test(specifier) }
    })
  }
}

const isRelative = (specifier) => /^\.\.?(\/|$)/.test(specifier)

// The file that an `import` names by its place.
function importedFile (from, specifier) {
  if (specifier.startsWith('file:')) return fileURLToPath(specifier)
  if (isRelative(specifier)) return fileURLToPath(new URL(specifier, from.url))
  return path.isAbsolute(specifier) ? specifier : undefined
}

function specifierOf (from, specifier) {
  if (/^[a-z][a-z0-9+.-]*:/i.test(specifier) || isBuiltin(specifier)) return specifier
  return pathToFileURL(from.require.resolve(specifier)).href
}

// The folder of the nearest package.json that names a package.
function packageOf (folder) {
  for (let at = folder; ; at = path.dirname(at)) {
    try {
      if (JSON.parse(fs.readFileSync(path.join(at, 'package.json'), 'utf8')).name) return at
    } catch { /* none here, or none that can be read */ }
    if (at === path.dirname(at)) return folder
  }
}

module.exports = { PackageFiles }
