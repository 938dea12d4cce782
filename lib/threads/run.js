'use strict'

// Runs a worker's file as Node runs it.

const module_ = /** @type {any} */ (require('node:module'))
const path = require('node:path')
const vm = require('node:vm')
const { pathToFileURL } = require('node:url')
const { manifestOf, packageFolder } = require('../base/resolve')

function isModule (file) {
  if (file.endsWith('.mjs')) return true
  if (!file.endsWith('.js')) return false
  const folder = packageFolder(path.dirname(file))
  return folder !== undefined && manifestOf(folder)?.type === 'module'
}

// `text` runs in the global scope, with what a script on the command line has.
function evaluate (text) {
  const name = '[worker eval]'
  const module = new module_.Module(name)
  module.filename = path.join(process.cwd(), name)
  module.paths = module_.Module._nodeModulePaths(process.cwd())
  const own = { module, exports: module.exports, require: module_.createRequire(module.filename), __filename: name, __dirname: '.' }
  for (const [key, value] of Object.entries(own)) Object.defineProperty(globalThis, key, { value, writable: true, configurable: true, enumerable: true })
  vm.runInThisContext(text, { filename: name })
}

// An error that nobody catches is the thread's.
const fail = (error) => process.nextTick(() => { throw error })

function run ({ file, url, text }) {
  if (text !== undefined) return evaluate(text)
  if (url !== undefined) return void import(url).catch(fail)
  process.argv[1] = file
  if (isModule(file)) return void import(pathToFileURL(file).href).catch(fail)
  module_.Module._load(file, null, true)
}

module.exports = { run }
