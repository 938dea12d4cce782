'use strict'

// Packages made by wasm-bindgen: their JavaScript is told by the names that it has for the engine.

const fs = require('node:fs')
const path = require('node:path')

const NAMES = /\b__wbindgen_|\b__wbg_/
const ASKS_FOR = /(?:\brequire\s*\(|\bimport\s*\(|\bfrom|\bimport)\s*['"](\.[^'"\n]+)['"]/g
const MOST_FILES = 50

// Whether a file is such JavaScript, or leads to it through other files of its package.
function isBindgen (file) {
  const files = new Set([path.resolve(file)])
  for (const one of files) {
    const text = textOf(one)
    if (text === undefined) continue
    if (NAMES.test(text)) return true
    for (const [, specifier] of text.matchAll(ASKS_FOR)) {
      if (files.size < MOST_FILES) files.add(path.resolve(path.dirname(one), specifier))
    }
  }
  return false
}

function textOf (file) {
  for (const ending of ['', '.js', '.cjs', '.mjs', '/index.js']) {
    if (!/\.[cm]?js$/.test(file + ending)) continue
    try {
      return fs.readFileSync(file + ending, 'utf8')
    } catch { /* another ending */ }
  }
  return undefined
}

const ofBindgen = ({ module, field }) => NAMES.test(field) || module === 'wbg' || /_bg\.js$/.test(module) || /^__wbindgen/.test(module)

module.exports = { isBindgen, ofBindgen }
