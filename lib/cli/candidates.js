'use strict'

// Files of a folder or a package that may be opened: bare WebAssembly, and JavaScript that instantiates some.

const fs = require('node:fs')
const path = require('node:path')

const MOST_FILES = 5000
const MOST_BYTES = 64 * 2 ** 20
const DEPTH = 6
const SHOWN = 12
// Emscripten's names, and those of wasm-bindgen.
const GLUE = /wasmBinaryFile|wasmBinary\b|asmLibraryArg|__wbindgen|__wbg_/

// Relative to the folder; none where the source is not there.
function candidates (source) {
  const folder = folderOf(source)
  if (folder === undefined) return { folder, files: [] }
  const found = []
  let left = MOST_FILES
  const walk = (inner, depth) => {
    for (const entry of entriesOf(inner)) {
      if (left-- <= 0 || found.length >= SHOWN) return
      const file = path.join(inner, entry.name)
      if (entry.isDirectory()) {
        if (depth < DEPTH && entry.name !== 'node_modules' && !entry.name.startsWith('.')) walk(file, depth + 1)
      } else if (isGlue(file)) {
        found.push(path.relative(folder, file))
      }
    }
  }
  walk(folder, 0)
  return { folder, files: found }
}

// The folder itself, or that of the package which the file or name belongs to.
function folderOf (source) {
  let at = path.resolve(source)
  if (!fs.existsSync(at)) {
    const searched = require.resolve.paths(source) ?? []
    const installed = [path.join(process.cwd(), 'node_modules'), ...searched].map((one) => path.join(one, source))
    at = installed.find((one) => fs.existsSync(one))
  }
  if (at === undefined) return undefined
  if (fs.statSync(at).isDirectory()) return at
  for (let above = path.dirname(at); above !== path.dirname(above); above = path.dirname(above)) {
    if (fs.existsSync(path.join(above, 'package.json'))) return above
  }
  return path.dirname(at)
}

function entriesOf (folder) {
  try {
    return fs.readdirSync(folder, { withFileTypes: true }).sort((a, b) => Number(a.isDirectory()) - Number(b.isDirectory()) || (a.name < b.name ? -1 : 1))
  } catch {
    return []
  }
}

function isGlue (file) {
  if (!/\.([cm]?js|wasm)$/.test(file)) return false
  try {
    if (file.endsWith('.wasm')) return !besideGlue(file)
    if (fs.statSync(file).size > MOST_BYTES) return false
    const text = fs.readFileSync(file, 'latin1')
    return text.includes('WebAssembly') && GLUE.test(text)
  } catch {
    return false
  }
}

// It is opened by its JavaScript.
const besideGlue = (file) => ['.js', '.mjs', '.cjs'].some((ending) => fs.existsSync(file.replace(/\.wasm$/, ending)) || fs.existsSync(file.replace(/_bg\.wasm$/, ending)))

module.exports = { candidates }
