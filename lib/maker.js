'use strict'

// What makes the WebAssembly of a source in which none can be found: its text tells, or other files of its package that it leads to.

const fs = require('node:fs')
const path = require('node:path')
const { createRequire } = require('node:module')
const { pathToFileURL } = require('node:url')
const { importedFile, isRelative, manifestOf, packageFolder } = require('./base/resolve')
const { isBindgen } = require('./bindgen')
const { dependsOnWebAssembly, usesWebAssembly } = require('./glue-host/packages')

// What Emscripten makes without WebAssembly: its older form; its newer one, by the function that is compiled to, by the views that
// Binaryen's JavaScript has for its conversions, by how its memory grows, or by what stands for the engine's namespace.
const ASM = new RegExp([
  /(["'])(use|almost) asm\1/,
  /\bfunction asmFunc\s*\(/,
  /\bnew ArrayBuffer\(16\)[;,]\s*(?:var\s+)?[\w$]+\s*=\s*new Int32Array\([\w$]+\)[;,]\s*(?:var\s+)?[\w$]+\s*=\s*new Float32Array\b/,
  /\bnew ArrayBuffer\((?:Math\.imul|[\w$]+)\([\w$]+\s*,\s*65536\)\)/,
  /\bnew function\s*\(\s*\)\s*\{\s*this\.buffer\s*=\s*new ArrayBuffer\(/,
  /\bMemory["']?\s*:\s*function\b[^}]*\bnew (?:Shared)?ArrayBuffer\b[^}]*\}\s*,\s*["']?(?:grow|Module|Table)\b/
].map(({ source }) => source).join('|'))

// JavaScript that makes modules or instances itself.
const MAKES = /\bWebAssembly\s*\.\s*(?:Module|Instance|instantiate|instantiateStreaming|compile|compileStreaming)\b/

const ASKS_FOR = /(?:\brequire\s*\(|\bimport\s*\(|\bfrom|\bimport)\s*(['"])([^'"\n]{1,200})\1/g
// The name of a file, which something else may read for it.
const NAMES_WASM = /[\w-]\.wasm['"`]/
// That, or a module as base64.
const HAS_WASM = /[\w-]\.wasm['"`]|AGFzbQ/
const MOST_FILES = 200

// 'asm.js': nothing of it is WebAssembly; 'own': its own JavaScript makes it; 'wasm-bindgen'; 'files': other files of its package do.
// Undefined where it cannot be told. `follows`: whether other files count.
/**
 * @param {string} text
 * @param {string | undefined} file
 * @param {boolean} follows
 */
function makerOf (text, file, follows) {
  if (ASM.test(text)) return 'asm.js'
  if (!follows || file === undefined) return undefined
  const main = path.resolve(file)
  const root = packageFolder(path.dirname(main)) ?? path.dirname(main)
  const { bindgen, uses, asm } = led(main, root, text)
  if (bindgen) return 'wasm-bindgen'
  if (MAKES.test(text)) return 'own'
  if (uses) return 'files'
  return asm && !dependsOnWebAssembly(root) ? 'asm.js' : undefined
}

function led (main, root, text) {
  const files = new Set([main])
  const name = manifestOf(root)?.name
  const found = { bindgen: false, uses: false, asm: false }
  for (const one of files) {
    const read = one === main ? text : textOf(one)
    if (read === undefined) continue
    if (isBindgen(read)) return { ...found, bindgen: true }
    if (one !== main) {
      // Emscripten's asm.js has a `WebAssembly` of its own making.
      const isAsm = ASM.test(read) && !HAS_WASM.test(read)
      found.asm ||= isAsm
      found.uses ||= !isAsm && (usesWebAssembly(read) || NAMES_WASM.test(read))
    }
    for (const [, , specifier] of read.matchAll(ASKS_FOR)) {
      const isOwn = isRelative(specifier) || specifier.startsWith('#') || (name !== undefined && (specifier === name || specifier.startsWith(`${name}/`)))
      const next = isOwn && files.size < MOST_FILES ? resolved(one, specifier, root) : undefined
      if (next !== undefined) files.add(next)
    }
  }
  return found
}

// A file of the package that another one asks for.
function resolved (file, specifier, root) {
  const require = createRequire(file)
  for (const find of [() => require.resolve(specifier), () => importedFile({ file, url: pathToFileURL(file).href, require }, specifier)]) {
    try {
      const found = find()
      if (found !== undefined && /\.[cm]?js$/.test(found) && isWithin(root, found)) return found
    } catch { /* the other way, or none */ }
  }
  return undefined
}

function isWithin (root, file) {
  const within = path.relative(root, file)
  return !within.startsWith('..') && !path.isAbsolute(within) && !within.split(path.sep).includes('node_modules')
}

function textOf (file) {
  try {
    return fs.readFileSync(file, 'latin1')
  } catch {
    return undefined
  }
}

module.exports = { makerOf }
