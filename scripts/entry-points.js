'use strict'

// Every native function that JavaScript or wasm can call, and all state that belongs to a generation, read from the sources:
// `node scripts/entry-points.js` prints the list as JSON. Tests compare it with the addon and ask of each entry how it gets
// at the state of a sandbox.

const fs = require('node:fs')
const path = require('node:path')

const root = path.join(__dirname, '..')
const binding = path.join(root, 'src', 'binding')

function * rustFiles (folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) yield * rustFiles(file)
    else if (file.endsWith('.rs')) yield file
  }
}

const relative = (file) => path.relative(root, file).split(path.sep).join('/')
const lineAt = (text, at) => text.slice(0, at).split('\n').length
const camel = (name) => name.replace(/_([a-z0-9])/g, (_, letter) => letter.toUpperCase())

// Comments and texts blanked out, so that braces and names in them count for nothing; every place stays where it is.
function blank (text) {
  const spaces = (found) => found.replace(/[^\n]/g, ' ')
  return text.replace(/\/\/[^\n]*|"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\\n]|\\[^\n])'/g, (found) =>
    found.startsWith('"') ? `"${spaces(found.slice(1, -1))}"` : spaces(found))
}

// From an opening bracket to behind the one that closes it.
function closing (code, from) {
  const pairs = { '{': '}', '(': ')', '[': ']' }
  const open = code[from]
  let depth = 0
  for (let i = from; i < code.length; i++) {
    if (code[i] === open) depth++
    else if (code[i] === pairs[open] && --depth === 0) return i + 1
  }
  throw new Error(`no end of ${code.slice(from, from + 40)}`)
}

function bodyAfter (code, at) {
  const from = code.indexOf('{', closing(code, code.indexOf('(', at)))
  return code.slice(from, closing(code, from))
}

// How a function gets at the state behind a sandbox or a realm. The order matters: who runs something holds the gate.
const GATES = [
  // Runs wasm or JavaScript while the gate is held.
  ['enter', /\benter\(|\bself\.(enter|fs|run)\(|\brealm\.enter\(|\.describe_exception\(/],
  // Works on the whole instance while nobody else does.
  ['alone', /\.alone\(|\.(replace|change|keep)_memory\(|\bself\.start_part\(|\.release\(|\.put\(/],
  // Reads or sets what is there; neither wasm nor JavaScript runs meanwhile.
  ['look', /\.look(_live)?\(|\bself\.look\(|\brealm\b.*\.with\(|\.with\(|\bcell\.array_buffer|\brealm\.(buffer|drop_buffer|dispose_memory|can_leave|depth|is_live|report)\(|\.can_leave\(\)|\.depth\(\)|\.is_live\(\)|\.is_busy\(\)/],
  // The flag that stops calls, and counts: made for other threads, or plain numbers.
  ['figures', /\.interrupter\b|\bcounters\b|last_refusal/]
]

function gateOf (body) {
  const found = GATES.find(([, pattern]) => pattern.test(body.replace(/\s+/g, ' ').replace(/ \./g, '.')))
  return found === undefined ? 'none' : found[0]
}

// `#[napi]` functions, with the class that they are of.
function napiEntries () {
  const entries = []
  for (const file of rustFiles(binding)) {
    const text = fs.readFileSync(file, 'utf8')
    const code = blank(text)
    const impls = [...code.matchAll(/#\[napi[^\]]*\]\s*impl (\w+) \{/g)].map((found) => {
      const from = found.index + found[0].length - 1
      return { of: found[1], from, to: closing(code, from) }
    })
    for (const found of text.matchAll(/#\[napi(?:\(([^\]]*)\))?\]\s*(?:#\[[^\]]*\]\s*)*pub (?:async )?fn (\w+)/g)) {
      const [, options = '', name] = found
      const owner = impls.find(({ from, to }) => found.index > from && found.index < to)
      const kind = /\bconstructor\b/.test(options) ? 'constructor' : /\bgetter\b/.test(options) ? 'getter' : 'function'
      entries.push({
        name: camel(name),
        of: owner === undefined ? 'binding' : owner.of.replace(/Object$|Handle$/, ''),
        kind,
        from: 'JavaScript',
        gate: gateOf(bodyAfter(code, found.index + found[0].length)),
        panics: /\bcatch_unwind\b/.test(options) ? 'caught' : 'napi-rs',
        at: `${relative(file)}:${lineAt(text, found.index)}`
      })
    }
  }
  return entries
}

// The lists of functions behind one callback: `Entry`s of the WebAssembly namespace, and embind's operations.
function listedEntries () {
  const entries = []
  const sources = [...rustFiles(binding)].map((file) => ({ file, text: fs.readFileSync(file, 'utf8') }))
  const functionNamed = (name) => {
    for (const { file, text } of sources) {
      const at = text.search(new RegExp(`fn ${name}\\(env: Env`))
      if (at >= 0) return { file, text, at }
    }
    throw new Error(`no function ${name}`)
  }
  for (const { text } of sources) {
    for (const [, name, run] of text.matchAll(/Entry::new\(\s*"(\w+)",\s*([\w:]+),?\s*\)/g)) {
      const { file, text, at } = functionNamed(run.split('::').pop())
      const code = blank(text)
      entries.push({ name, of: 'webassembly', kind: 'function', from: 'JavaScript', gate: gateOf(bodyAfter(code, at)), panics: 'caught', at: `${relative(file)}:${lineAt(text, at)}` })
    }
  }
  const embind = sources.find(({ file }) => relative(file) === 'src/binding/embind/operations.rs')
  const start = embind.text.indexOf('const OPERATIONS')
  const list = embind.text.slice(start, closing(blank(embind.text), embind.text.indexOf('= [', start) + 2))
  for (const found of list.matchAll(/^ {4}\(\s*"(\w+)",/gm)) {
    entries.push({ name: found[1], of: 'embind.operations', kind: 'function', from: 'JavaScript', gate: 'enter', panics: 'caught', at: `src/binding/embind/operations.rs:${lineAt(embind.text, start + found.index)}` })
  }
  return entries
}

// Functions with C's calling convention: what V8, Node and libuv call.
function rawEntries () {
  const entries = []
  for (const file of rustFiles(binding)) {
    const text = fs.readFileSync(file, 'utf8')
    for (const found of text.matchAll(/unsafe extern "C" fn (\w+)/g)) {
      const code = blank(text)
      const body = bodyAfter(code, found.index)
      const takesInfo = /napi_callback_info/.test(text.slice(found.index, found.index + 200))
      entries.push({
        name: found[1],
        of: 'callback',
        kind: takesInfo ? 'callback' : 'finalizer or work',
        from: takesInfo ? 'JavaScript' : 'Node',
        // `asked` reads embind's registry, which never changes and is no sandbox's: see src/binding/embind/description.rs.
        gate: /\binvoke\(|entry\.run/.test(body) ? 'entry' : /\basked\(/.test(body) ? 'constant' : gateOf(body),
        panics: /\bguard\(|\basked\(|with_arguments\(|with_data\(|with_padded\(|catch_unwind/.test(body) ? 'caught' : 'none',
        at: `${relative(file)}:${lineAt(text, found.index)}`
      })
    }
  }
  return entries
}

// What a generation of the native host can change: the fields of its runtime, and where `state.rs` or the image takes care
// of each.
function nativeState () {
  const file = path.join(root, 'src', 'emscripten', 'mod.rs')
  const text = fs.readFileSync(file, 'utf8')
  const start = text.indexOf('pub struct Runtime {')
  const fields = text.slice(start, closing(blank(text), text.indexOf('{', start)))
  const restoring = ['src/emscripten/state.rs', 'src/instance/image.rs', 'src/instance/mod.rs', 'src/emscripten/process.rs']
    .map((name) => [name, fs.readFileSync(path.join(root, name), 'utf8')])
  return [...fields.matchAll(/^ {4}(?:pub )?(\w+):/gm)].map(([, field]) => ({
    field,
    of: 'Runtime',
    owners: restoring.filter(([, source]) => new RegExp(`\\b(self|rt|runtime|it)\\.(runtime\\.)?${field}\\b`).test(source)).map(([name]) => name)
  }))
}

function entryPoints () {
  return [...napiEntries(), ...listedEntries(), ...rawEntries()]
}

// Functions of Node-API that are called by name, and where.
function nodeApiCalls () {
  const calls = []
  for (const file of rustFiles(path.join(root, 'src'))) {
    const text = blank(fs.readFileSync(file, 'utf8'))
    for (const found of text.matchAll(/\bsys::(napi_[a-z0-9_]+)\(/g)) calls.push({ name: found[1], at: `${relative(file)}:${lineAt(text, found.index)}` })
  }
  return calls
}

module.exports = { entryPoints, nativeState, nodeApiCalls, rustFiles, blank }

if (require.main === module) process.stdout.write(`${JSON.stringify({ entries: entryPoints(), state: nativeState() }, null, 2)}\n`)
