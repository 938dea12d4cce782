'use strict'

// TypeScript declarations of a module: embind's part from what was registered, C exports from their wasm signatures, the rest from
// what is on the module object.

const { openOptions } = require('../options')
const { openProgram } = require('../open')
const { chooseHost } = require('../choose')
const { startNative } = require('../native-host')
const { Description } = require('../facade/embind/description')
const { embindDeclarations } = require('./embind')
const { identifier, key, isExportable } = require('./names')

const VALTYPES = { i: 'number', f: 'number', d: 'number', j: 'bigint', l: 'bigint' }
const VIEWS = {
  HEAP8: 'Int8Array', HEAPU8: 'Uint8Array', HEAP16: 'Int16Array', HEAPU16: 'Uint16Array', HEAP32: 'Int32Array', HEAPU32: 'Uint32Array',
  HEAPF32: 'Float32Array', HEAPF64: 'Float64Array', HEAP64: 'BigInt64Array', HEAPU64: 'BigUint64Array'
}
const KNOWN = {
  ccall: '(name: string, returnType: string | null, argTypes?: string[], args?: any[], options?: { async?: boolean }) => any',
  cwrap: '(name: string, returnType: string | null, argTypes?: string[], options?: { async?: boolean }) => (...args: any[]) => any',
  UTF8ToString: '(ptr: number, maxBytesToRead?: number) => string',
  stringToUTF8: '(text: string, ptr: number, maxBytesToWrite: number) => number',
  lengthBytesUTF8: '(text: string) => number',
  getValue: '(ptr: number, type?: string) => number',
  setValue: '(ptr: number, value: number | bigint, type?: string) => void',
  stackSave: '() => number',
  stackAlloc: '(bytes: number) => number',
  stackRestore: '(ptr: number) => void',
  addFunction: '(fn: (...args: any[]) => any, signature?: string) => number',
  removeFunction: '(index: number) => void'
}

// Opens the source, reads what it registered, and closes it. Gives `{ text, classes, functions, ... }`.
/**
 * @param {any} source
 * @param {{ name?: string, wasm?: any }} [options]
 */
async function typesOf (source, { name = 'Module', wasm } = {}) {
  const options = openOptions({ ...(wasm && { wasm }), print () {}, printErr () {} })
  const opened = await openProgram(source, options)
  const choice = chooseHost(opened.facts, options)
  if (choice.error) throw choice.error
  const start = choice.host === 'native' ? startNative : require('../glue-host').startGlue
  const host = await start(opened, options)
  try {
    return declarations({ host, facts: opened.facts, source: opened.path, name: identifier(name) })
  } finally {
    host.dispose()
  }
}

function declarations ({ host, facts, source, name }) {
  const module = host.exports
  const native = host.kind === 'native' ? host.sandbox : null
  const embind = native && native.embind(true)
  const made = embind
    ? embindDeclarations({ description: new Description(embind.description), signatures: JSON.parse(native.embindSignatures()), module, taken: [name] })
    : { types: [], members: new Map(), named: new Set(), counts: { classes: 0, enums: 0, records: 0, functions: 0 } }
  const signatures = new Map()
  for (const { name: exported, item } of facts.exports) if (item.kind === 'function') signatures.set(exported, item.signature)
  const members = new Map(made.members)
  for (const own of Object.keys(module)) if (!members.has(own)) members.set(own, typeOfValue(own, module, signatures, made.named))

  const title = source ? require('node:path').basename(source) : 'a module'
  const lines = [`// Made by \`emvm types\` from ${title}.`, '']
  for (const text of made.types) lines.push(text, '')
  lines.push(`export interface ${name} {`, ...[...members].map(([own, type]) => `  ${key(own)}: ${type}`), '}', '')
  const taken = new Set([name])
  for (const own of members.keys()) if (isExportable(own) && !taken.has(own)) lines.push(`export declare const ${own}: ${name}['${own}']`)
  lines.push(`declare const module: ${name}`, 'export default module', '')
  return { text: lines.join('\n'), host: host.kind, members: members.size, ...made.counts }
}

function typeOfValue (name, module, signatures, named) {
  if (name in VIEWS) return VIEWS[name]
  if (name in KNOWN) return KNOWN[name]
  const signature = signatures.get(name.replace(/^_/, '')) ?? signatures.get(name)
  const value = module[name]
  // Constructors that the package adds itself, often of the embind value of the same name.
  if (typeof value === 'function' && /^[A-Z]/.test(name) && value.prototype && !signature) {
    return `{ new (...args: any[]): ${named.has(name) ? name : 'any'}; (...args: any[]): any; [property: string]: any }`
  }
  if (typeof value === 'function') return (signature && functionType(signature)) || '(...args: any[]) => any'
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string' || typeof value === 'bigint') return typeof value
  return 'any'
}

// `(ii)→i`. 64-bit integers cross as BigInts where the module was built so; a plain number is taken as well.
function functionType (signature) {
  const found = /^\((.*)\)→(.*)$/.exec(signature)
  if (!found) return null
  const split = (text) => text.replace(/^v$/, '').match(/i32|i64|f32|f64|[a-z]/g) || []
  const type = (word) => VALTYPES[word] ?? (word === 'i64' ? 'bigint' : /^[if]\d/.test(word) ? 'number' : 'any')
  const results = split(found[2]).map(type)
  const parameters = split(found[1]).map((word, i) => `${String.fromCharCode(97 + (i % 26))}${i >= 26 ? i : ''}: ${type(word) === 'bigint' ? 'bigint | number' : type(word)}`)
  return `(${parameters.join(', ')}) => ${results.length === 0 ? 'void' : results.join(' | ')}`
}

module.exports = { typesOf, functionType }
