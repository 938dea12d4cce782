'use strict'

// Files that threads start from: they are beside the one that names them, except in a bundle. A bundler may copy them there and
// not the files that they require: what tells is this file.

const { existsSync } = require('node:fs')
const path = require('node:path')
const { UnsupportedError } = require('./errors')

// Where a program that Bun compiled has its files; their names are those of the machine that it was compiled on.
const INSIDE = /[\\/](\$bunfs|~BUN)[\\/]/

const isWhole = (file) => existsSync(file) && existsSync(path.join(path.dirname(file), '..', 'base', 'thread-file.js'))

// `file`, with what it requires; `what`: who starts the thread.
function threadFile (file, what) {
  if (isWhole(file) && !INSIDE.test(/** @type {any} */ (globalThis).Bun?.main ?? '')) return file
  throw new UnsupportedError(`${what} starts threads from ${file}, which is not there, or not whole: emvm was bundled. Leave it out of the bundle (external: ['emvm']), so that it is loaded from node_modules`)
}

module.exports = { threadFile }
