'use strict'

// Sources that only Node.js can read: Yarn Plug'n'Play keeps packages in zip files, and single-file programs carry theirs inside.
// What the addon would read from the disk is read here in its place.

const { Buffer } = require('node:buffer')
const fs = require('node:fs')
const path = require('node:path')

const MAX_BYTES = 512 * 2 ** 20
const MAGIC = Buffer.from('\0asm')

// Devices have no end, and a pipe may be waited for for ever.
function readFile (file) {
  if (!fs.statSync(file).isFile()) throw new Error('it is not a file')
  return fs.readFileSync(file)
}

// `spec` with the bytes of its files; undefined where Node.js cannot read them either.
function readThroughNode (spec) {
  try {
    const bytes = spec.path === undefined ? undefined : readFile(spec.path)
    return {
      ...spec,
      ...(bytes !== undefined && { bytes, beside: around(spec.path, bytes) }),
      ...(spec.wasmPath !== undefined && { wasmBytes: readFile(spec.wasmPath) })
    }
  } catch {
    return undefined
  }
}

// The files that a source may mean: WebAssembly in its folder, in the folders in that, and where its text says; and JavaScript
// beside it that its text names.
function around (source, bytes) {
  const folder = path.dirname(source)
  const text = bytes.toString('latin1')
  const entries = entriesOf(folder)
  const inner = entries.filter((entry) => entry.isDirectory() && entry.name !== 'node_modules').map(({ name }) => path.join(folder, name))
  const wasm = [
    ...[folder, ...inner].flatMap((one) => entriesOf(one).filter((entry) => entry.isFile()).map(({ name }) => path.join(one, name))),
    ...Array.from(text.matchAll(/(["'`])([^"'`\n]{1,200}\.wasm)\1/g), ([, , name]) => path.join(folder, name))
  ].filter(beginsLikeWasm)
  const scripts = entries.filter(({ name }) => /\.([cm]?js|json)$/.test(name) && text.includes(path.parse(name).name)).map(({ name }) => path.join(folder, name))
  let left = MAX_BYTES
  return [...new Set([...wasm, ...scripts])].filter((file) => file !== source && (left -= fs.statSync(file).size) >= 0)
    .map((file) => ({ path: file, bytes: fs.readFileSync(file) }))
}

function entriesOf (folder) {
  try {
    return fs.readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}

function beginsLikeWasm (file) {
  let opened
  try {
    if (!fs.statSync(file).isFile()) return false
    opened = fs.openSync(file, 'r')
    const start = Buffer.alloc(MAGIC.length)
    return fs.readSync(opened, start, 0, start.length, null) === MAGIC.length && start.equals(MAGIC)
  } catch {
    return false
  } finally {
    if (opened !== undefined) fs.closeSync(opened)
  }
}

module.exports = { readThroughNode }
