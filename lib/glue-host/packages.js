'use strict'

// Which packages run in the realm: that of the main file, and of its dependencies those that carry WebAssembly, or that
// the `packages` option names; and those on the way to them, since what Node loads, it loads into V8. Of a package that is
// rewound all dependencies do, since they may keep what it gave them; but for those that it shares with whoever uses it.

const { Buffer } = require('node:buffer')
const fs = require('node:fs')
const path = require('node:path')
const { OptionError } = require('../base/errors')
const { folderOf, manifestOf, packageFolder } = require('../base/resolve')

// What is looked through of one package.
const MAX_FILES = 20000
const MAX_BYTES = 256 * 2 ** 20

class Packages {
  // `names`: of the option; undefined: found out. `rewound`: whether an image of their state is taken.
  constructor (main, names, rewound) {
    this.root = packageFolder(main.folder) ?? main.folder
    this.main = main
    this.names = names
    this.decided = new Map()
    // The folders of dependencies that Node loaded.
    this.outside = new Set()
    this.shared = rewound && names?.length !== 0 ? peersOf(this.root) : undefined
    if (names !== undefined) this.#check()
  }

  // Whether a file is evaluated in the realm.
  has (file) {
    const within = path.relative(this.root, file)
    if (!within.startsWith('..') && !path.isAbsolute(within) && !within.split(path.sep).includes('node_modules')) return true
    const folder = packageFolder(path.dirname(file))
    if (folder === undefined) return false
    if (folder === this.root) return true
    if (!this.decided.has(folder)) this.decided.set(folder, this.#decide(folder))
    const inside = this.decided.get(folder)
    if (!inside) this.outside.add(folder)
    return inside
  }

  outsideWithWasm () { return [...this.outside].filter(carries).map(nameOf) }

  // A package is inside when it, or anything that it depends on, is to be.
  #decide (folder) {
    if (this.shared !== undefined && !this.shared.has(folder)) return true
    return this.#reach(folder, (one) => this.names === undefined ? carries(one) : this.names.includes(nameOf(one)))
  }

  #reach (folder, wanted) {
    const seen = new Set([folder])
    for (const one of seen) {
      if (wanted(one)) return true
      for (const found of dependenciesOf(one)) if (found !== this.root) seen.add(found)
    }
    return false
  }

  // A name that leads nowhere is a mistake.
  #check () {
    const missing = new Set(this.names)
    const known = (folder) => { missing.delete(nameOf(folder)); return missing.size === 0 }
    for (const name of this.names) if (folderOf(name, this.main.file) !== undefined) missing.delete(name)
    if (missing.size === 0 || this.#reach(this.root, known)) return
    const list = [...missing].map((name) => `'${name}'`).join(', ')
    throw new OptionError(`Option 'packages' names ${list}: no such package is installed for ${this.main.file} or its dependencies.`, {
      option: 'packages', value: [...this.names], accepted: 'names of installed packages'
    })
  }
}

// Whether anything that a package depends on carries WebAssembly.
function dependsOnWebAssembly (folder) {
  const seen = new Set([folder])
  for (const one of seen) {
    if (one !== folder && carries(one)) return true
    for (const found of dependenciesOf(one)) seen.add(found)
  }
  return false
}

// As its folder has it: its manifest may lack a name, and an alias of npm has another one.
function nameOf (folder) {
  const [last, above] = [path.basename(folder), path.basename(path.dirname(folder))]
  const named = manifestOf(folder)?.name
  if (!folder.includes(`${path.sep}node_modules${path.sep}`)) return named ?? last
  return above.startsWith('@') ? `${above}/${last}` : last
}

// The folders of what a package wants its user to bring.
function peersOf (folder) {
  const { peerDependencies: peers } = manifestOf(folder) ?? {}
  const at = path.join(folder, 'package.json')
  return new Set(peers !== null && typeof peers === 'object' ? Object.keys(peers).map((name) => folderOf(name, at)) : [])
}

const dependencies = new Map()

// The folders of what a package says that it depends on.
function dependenciesOf (folder) {
  if (!dependencies.has(folder)) {
    const { dependencies: direct, optionalDependencies: optional, peerDependencies: peers } = manifestOf(folder) ?? {}
    const names = [direct, optional, peers].flatMap((list) => list !== null && typeof list === 'object' ? Object.keys(list) : [])
    const at = path.join(folder, 'package.json')
    dependencies.set(folder, [...new Set(names)].map((name) => folderOf(name, at)).filter((found) => found !== undefined))
  }
  return dependencies.get(folder)
}

const carriers = new Map()

// Whether a package has a `.wasm` file, or JavaScript that uses WebAssembly or drives an instance that it is given: what that keeps
// of the instance is to end with it.
function carries (folder) {
  if (!carriers.has(folder)) carriers.set(folder, search(folder))
  return carriers.get(folder)
}

function search (top) {
  const folders = [top]
  const scripts = []
  let files = 0
  for (const folder of folders) {
    let entries
    try {
      entries = fs.readdirSync(folder, { withFileTypes: true })
    } catch {
      continue
    }
    for (const entry of entries) {
      if (++files > MAX_FILES) break
      const file = path.join(folder, entry.name)
      if (entry.isDirectory()) {
        if (entry.name !== 'node_modules') folders.push(file)
      } else if (entry.name.endsWith('.wasm')) {
        return true
      } else if (/\.[cm]?js$/.test(entry.name)) {
        scripts.push(file)
      }
    }
  }
  let left = MAX_BYTES
  return scripts.some((file) => {
    if (left <= 0) return false
    const bytes = bytesOf(file)
    left -= bytes.length
    return (bytes.includes('WebAssembly') || bytes.includes('.exports')) && usesWebAssembly(bytes.toString('latin1'))
  })
}

function bytesOf (file) {
  try {
    return fs.readFileSync(file)
  } catch {
    return Buffer.alloc(0)
  }
}

// The name, as a word that something is taken from or that is handed on, or as a property: not a mere mention in a text or a list.
const USE = /(?:^|[^\w$'"`-])WebAssembly\s*(?:\?\.|[.[,;)}=&|?:]|$)|[\w$)\]?.]\s*\[\s*(['"`])WebAssembly\1\s*\]/m

const DRIVES = /\binstance\.exports\b|\bexports\.memory\b/

function usesWebAssembly (text) {
  return (text.includes('WebAssembly') && USE.test(text)) || (text.includes('.exports') && DRIVES.test(text))
}

module.exports = { Packages, dependsOnWebAssembly, usesWebAssembly }
