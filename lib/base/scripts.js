'use strict'

// Loads emvm's own files. Node looks each of them up, reads it and compiles it in each thread anew, which took half of the time of a
// thread's first `open`. Here the addon gives the text and V8's code for it, which it has from the first thread that has opened
// something, or from an earlier process: see src/binding/scripts.rs. Files keep their names and lines, and are in `require.cache` as
// ever; and where anything else than Node's own loader is at work, it does all.

const Module = require('node:module')
const path = require('node:path')
const { Script } = require('node:vm')
const { find } = require('./binary')

const root = path.join(__dirname, '..', '..')

let native
// Files for which there was no code of V8's.
let made = []
let refused = false
// Keeps the code of files that are loaded after an `open` has kept that of its own.
let keepLater

// What a file of the package exports, or undefined where Node is to load it; `from`: a module of the package.
function loaded (from, file) {
  return isUsual(from) && start() ? run(path.join(root, file)) : undefined
}

// Whether it is Node's loader that runs this, in the context of the thread: bundlers and test frameworks have their own, and tools that
// count what ran (coverage) or that are told of each file (`--watch`) would miss these.
function isUsual (from) {
  const { env, versions } = process
  return from instanceof Module && require.cache[from.filename] === from && versions.bun === undefined && !('Deno' in globalThis) &&
    !env.NODE_V8_COVERAGE && !env.WATCH_REPORT_DEPENDENCIES && new Script('Object').runInThisContext() === Object
}

function start () {
  try {
    native = find()
    return native.openScripts?.(root, process.version) === true
  } catch {
    // Who loads it in the other way says what is wrong.
    return false
  }
}

// By what was asked for.
const ran = new Map()

function run (asked) {
  const known = ran.get(asked)
  if (known !== undefined && require.cache[known.filename] === known) return known.exports
  const script = native.ownScript(asked)
  if (script === null) return require(asked)
  const { file, text, head, code } = script
  const there = require.cache[file]
  if (there !== undefined) {
    ran.set(asked, there)
    return there.exports
  }
  const compiled = new Script(text, { filename: file, columnOffset: -head, cachedData: code })
  if (compiled.cachedDataRejected) refuse()
  if (!code || compiled.cachedDataRejected) {
    made.push({ file, compiled })
    if (made.length === 1) keepLater?.()
  }
  const module = new Module(file)
  module.filename = file
  require.cache[file] = module
  ran.set(asked, module)
  const folder = path.dirname(file)
  try {
    compiled.runInThisContext()(module.exports, requirer(folder), module, file, folder)
  } catch (error) {
    delete require.cache[file]
    throw error
  }
  module.loaded = true
  return module.exports
}

// What Node's `path.join` gives, which in a thread would be much code that runs for the first time.
function within (folder, id) {
  while (id.startsWith('../')) {
    folder = folder.slice(0, folder.lastIndexOf(path.sep))
    id = id.slice(3)
  }
  const rest = id.startsWith('./') ? id.slice(2) : id
  return folder + path.sep + (path.sep === '/' ? rest : rest.replaceAll('/', path.sep))
}

// `require` in a file of this folder.
function requirer (folder) {
  const own = (id) => id[0] === '.' ? run(within(folder, id)) : require(id)
  own.cache = require.cache
  own.main = require.main
  own.resolve = require.resolve
  return own
}

// Other flags or another processor: there may be code for these.
function refuse () {
  if (refused) return
  refused = true
  native.reopenScripts(`${process.version} ${require('node:v8').cachedDataVersionTag()}`)
}

// Gives V8's code to later threads and, with `write`, processes. What has been called until now is in it. `later(work)`: once what runs
// now is over.
function keep (write, later) {
  keepLater = () => later(() => keep(write, later))
  if (made.length === 0) return
  const lacking = made.filter(({ file }) => native.lacksCode(file))
  made = []
  if (lacking.length > 0) native.keepScripts(lacking.map(({ file, compiled }) => ({ file, code: compiled.createCachedData() })), write)
}

module.exports = { loaded, keep }
