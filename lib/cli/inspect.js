'use strict'

const { inspect: look } = require('../..')
const { candidates } = require('./candidates')
const { json, lines, table, fields, bytes } = require('./output')

const PAGE = 65536

function optionsOf ({ wasm, host, cache, rewind }) {
  return { ...(rewind && { rewind }), ...(wasm && { wasm }), ...(host && { host }), ...(cache && { cache }) }
}

const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`

function versionText ({ from, to }) {
  if (from === null && to === null) return 'unknown'
  if (from === to) return from
  return `${from === null ? 'up to' : `${from} to`} ${to ?? 'now'}`
}

function answers (imports) {
  const by = new Map()
  for (const { by: who } of imports) by.set(who, (by.get(who) || 0) + 1)
  return [...by].map(([who, n]) => `${n} by ${who === 'native' ? 'emvm' : who === 'glue' ? "the package's JavaScript" : 'nobody'}`).join(', ')
}

async function inspect (source, options) {
  const found = await look(source, optionsOf(options)).catch((error) => { throw suggesting(error, source) })
  if (options.json) {
    json(found)
    return 0
  }
  const { emscripten, host, reasons, wasm, memory, recycle, imports, exports, glue, extras } = found
  const uses = glue ? Object.entries(glue.uses || {}).filter(([, used]) => used).map(([name]) => name) : []
  lines(
    fields([
      ['source', found.source],
      ['Emscripten', versionText(emscripten)],
      ['host', host === null ? 'none' : host],
      ['why', reasons.length > 0 ? reasons.join('; ') : 'emvm answers every import itself'],
      ['wasm', wasm.origin === 'hidden' ? 'none that can be found: its own JavaScript makes it' : `${bytes(wasm.bytes)}, ${wasmPlace(wasm)}`],
      ['features', (wasm.features || []).join(', ')],
      ['names', wasm.names ? 'the wasm has a name section: stacks show functions by name' : 'no name section: stacks show exported names, else indices'],
      ['memory', memory ? `${bytes(memory.min * PAGE)} to ${bytes(memory.max === undefined || memory.max === null ? undefined : memory.max * PAGE)}${memory.imported ? ', imported' : ''}${memory.shared ? ', shared' : ''}` : 'none'],
      ['recycle', recycle.inPlace ? 'in place' : `by starting anew: ${recycle.reason}`],
      ['rewind', rewindText(found.rewind)],
      ['imports', `${count(imports.length, 'function')}: ${answers(imports)}`],
      ['exports', count(exports.length, 'export')],
      ['glue', glue ? `${[glue.shape?.esm ? 'ES module' : 'CommonJS', glue.shape?.modularize && 'MODULARIZE', glue.minified ? 'names cannot be read back' : 'names can be read'].filter(Boolean).join(', ')}` : 'none: a bare .wasm'],
      ['uses', uses.join(', ')],
      ['extras', extras ? `${bytes(extras.bytes)} of JavaScript the package adds itself` : '']
    ]),
    options.imports ? ['', table(['import', 'name', 'signature', 'answered by'], imports.map(({ module, field, name, signature, by }) => [`${module}.${field}`, name, signature, by]))] : [])
  return host === null ? 1 : 0
}

// With the files that can be opened instead.
function suggesting (error, source) {
  if (error.code !== 'EMVM_ERR_SOURCE') return error
  const { folder, files } = candidates(source)
  if (files.length > 0) error.message += `\nIn ${folder} these may be opened:\n${files.map((file) => `  ${file}`).join('\n')}`
  return error
}

function rewindText (rewind) {
  if (rewind === null) return ''
  return rewind.possible ? rewind.micros === undefined ? 'not needed: the native host recycles in place' : `yes, in ${Math.round(rewind.micros)} us` : `no: ${rewind.reason}`
}

function wasmPlace ({ origin, path }) {
  if (origin === 'embedded') return 'inside the JavaScript'
  if (origin === 'given') return 'as given'
  return origin === 'beside' ? `beside it: ${path}` : 'the source itself'
}

module.exports = { inspect }
