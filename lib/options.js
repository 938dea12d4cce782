'use strict'

// Validates what the user hands to `open` and brings it into one shape. A bad option never gets further than this.

const { Buffer } = require('node:buffer')
const path = require('node:path')
const { fileURLToPath, URL } = require('node:url')
const { types } = require('node:util')
const { isCheckpoint } = require('./base/checkpoint')
const { OptionError } = require('./base/errors')
const { bytesIn, entriesOf, itemsOf, ruled, show, taken } = require('./base/given')

const MAX_MEMORY = 2 ** 32
const UNITS = { b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30 }
const MIN_STACK = 64 * 1024
const MAX_STACK = 1024 * 1024 * 1024

/** @returns {never} */
function refuse (option, value, accepted) {
  throw new OptionError(`Option '${option}' is ${show(value)}: expected ${accepted}.`, { option, value, accepted })
}

function distance (a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]
}

function nearest (name, known) {
  const [best] = known
    .map((candidate) => ({ candidate, off: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.off - b.off)
  return best && best.off <= Math.max(2, Math.floor(name.length / 3)) ? best.candidate : null
}

function checkKeys (object, known, prefix = '') {
  for (const name of Object.keys(object)) {
    if (known.includes(name)) continue
    const guess = nearest(name, known)
    const hint = guess ? ` Did you mean '${prefix}${guess}'?` : ` Known options: ${known.map((key) => prefix + key).join(', ')}.`
    throw new OptionError(`Unknown option '${prefix}${name}'.${hint}`, {
      option: prefix + name, value: object[name], accepted: known.join(', ')
    })
  }
}

function isPlainObject (value) {
  return value !== null && typeof value === 'object' && !types.isProxy(value) && !Array.isArray(value) &&
    !ArrayBuffer.isView(value) && !types.isAnyArrayBuffer(value)
}

function oneOf (...accepted) {
  const list = accepted.map((value) => `'${value}'`).join(' or ')
  return (value, name) => accepted.includes(value) ? value : refuse(name, value, list)
}

function func (accepted = 'a function') {
  return (value, name) => typeof value === 'function' ? value : refuse(name, value, accepted)
}

function boolean (value, name) {
  return typeof value === 'boolean' ? value : refuse(name, value, 'true or false')
}

function bytes (min, max, accepted) {
  return (value, name) => {
    const parsed = typeof value === 'string' ? parseSize(value) : value
    return Number.isInteger(parsed) && parsed >= min && parsed <= max ? parsed : refuse(name, value, accepted)
  }
}

function parseSize (text) {
  const found = /^\s*(\d+(?:\.\d+)?)\s*(b|kb|mb|gb)?\s*$/i.exec(text)
  return found ? Math.floor(Number(found[1]) * UNITS[(found[2] || 'b').toLowerCase()]) : NaN
}

function positive (accepted) {
  return (value, name) => typeof value === 'number' && value > 0 && Number.isFinite(value) ? value : refuse(name, value, accepted)
}

function count (value, name) {
  return Number.isSafeInteger(value) && value > 0 ? value : refuse(name, value, 'a whole number above 0')
}

function strings (value, name) {
  const items = itemsOf(value)
  const good = items !== undefined && items.every((item) => typeof item === 'string' && !item.includes('\0'))
  return good ? items : refuse(name, value, 'an array of strings without NUL characters')
}

// Of packages, not of files in them.
function packages (value, name) {
  const one = /^(@[^/@\s\\]+\/)?[^/@\s\\.][^/@\s\\]*$/
  const items = itemsOf(value)
  const good = items !== undefined && items.every((item) => typeof item === 'string' && one.test(item))
  return good ? [...new Set(items)] : refuse(name, value, "an array of names of packages, like ['libsodium', '@scope/name']")
}

function environment (value, name) {
  const accepted = 'an object of strings, whose names are not empty and hold no "=" or NUL'
  if (!isPlainObject(value)) refuse(name, value, accepted)
  const entries = entriesOf(value)
  for (const [key, item] of entries) {
    if (key === '' || /[=\0]/.test(key)) refuse(`${name}.${key}`, item, accepted)
    if (typeof item !== 'string' || item.includes('\0')) refuse(`${name}.${key}`, item, 'a string without NUL characters')
  }
  return Object.fromEntries(entries)
}

function input (value, name) {
  if (typeof value === 'string') return Buffer.from(value)
  return (types.isUint8Array(value) && bytesIn(value)) || refuse(name, value, 'a string or a Uint8Array')
}

function mounts (value, name) {
  if (!isPlainObject(value)) refuse(name, value, "an object like { '/data': { path: './data', readonly: true } }")
  return entriesOf(value).map(([at, given]) => {
    const where = `${name}['${at}']`
    if (!at.startsWith('/') || at.endsWith('/') || at.includes('\0') || path.posix.normalize(at) !== at) {
      refuse(where, at, "an absolute path inside the module, without '..' or a trailing slash, such as '/data'")
    }
    if (!isPlainObject(given)) refuse(where, given, "an object like { path: './data', readonly: true }")
    checkKeys(given, ['path', 'readonly'], `${where}.`)
    const mount = taken(given, ['path', 'readonly'])
    if (typeof mount.path !== 'string' || mount.path === '' || mount.path.includes('\0')) {
      refuse(`${where}.path`, mount.path, 'the path of a folder on this machine')
    }
    const readonly = mount.readonly === undefined ? false : boolean(mount.readonly, `${where}.readonly`)
    return { at, path: path.resolve(mount.path), readonly }
  })
}

function imports (value, name) {
  if (!isPlainObject(value)) refuse(name, value, 'an object like { env: { name: function } }')
  return Object.fromEntries(entriesOf(value).map(([module, functions]) => {
    if (!isPlainObject(functions)) refuse(`${name}.${module}`, functions, 'an object of functions')
    const entries = entriesOf(functions)
    for (const [key, fn] of entries) if (typeof fn !== 'function') refuse(`${name}.${module}.${key}`, fn, 'a function')
    return [module, Object.fromEntries(entries)]
  }))
}

const POLICY = {
  calls: count,
  heapBytes: bytes(1, MAX_MEMORY, "a number of bytes above 0, or a size like '512mb'"),
  ageMs: positive('a number of milliseconds above 0'),
  onTrap: boolean
}

function recycle (value, name) {
  const accepted = "'always', 'never' or an object of calls, heapBytes, ageMs, onTrap"
  if (value === 'always' || value === 'never') return { __proto__: null, mode: value }
  if (!isPlainObject(value)) refuse(name, value, accepted)
  return { __proto__: null, mode: 'policy', ...onlyRuled(value, POLICY, `${name}.`, { onTrap: true }) }
}

function memory (value, name) {
  if (!isPlainObject(value)) refuse(name, value, "an object like { max: '512mb' }")
  return onlyRuled(value, { max: bytes(65536, MAX_MEMORY, "a number of bytes from 65536 (one page) to 4 GiB, or a size like '512mb'") }, `${name}.`)
}

function wasm (value, name) {
  if (isUrl(value) || (typeof value === 'string' && value.startsWith('file:'))) return fileUrl(value, name)
  if (typeof value === 'string' && value !== '' && !value.includes('\0')) return path.resolve(value)
  return bytesIn(value) || refuse(name, value, 'the path, file: URL or bytes (Uint8Array) of a .wasm')
}

const isUrl = (value) => !types.isProxy(value) && value instanceof URL

function fileUrl (value, name) {
  try {
    return fileURLToPath(value)
  } catch {
    return refuse(name, String(value), 'a file: URL')
  }
}

function folder (value, name) {
  if (value === false) return false
  return typeof value === 'string' && value !== '' && !value.includes('\0')
    ? path.resolve(value)
    : refuse(name, value, 'the path of a folder, or false')
}

function object (value, name) {
  return value !== null && typeof value === 'object' ? value : refuse(name, value, 'an object')
}

const RULES = {
  host: oneOf('auto', 'native', 'glue'),
  wasm,
  recycle,
  memory,
  timeout: positive('a number of milliseconds above 0'),
  stack: bytes(MIN_STACK, MAX_STACK, "a number of bytes from 65536 to 1 GiB, or a size like '1mb'"),
  mounts,
  env: environment,
  args: strings,
  stdin: input,
  print: func('a function called with each line'),
  printErr: func('a function called with each line'),
  imports,
  realm: oneOf('shared', 'context'),
  packages,
  factory: boolean,
  module: object,
  cache: folder,
  warmUp: func('a function that takes the module'),
  from: (value, name) => isCheckpoint(value) || (Number.isSafeInteger(value) && value > 0) ? value : refuse(name, value, 'a Checkpoint, or the handle of one'),
  image: (value, name) => {
    if (isUrl(value) || (typeof value === 'string' && value.startsWith('file:'))) return fileUrl(value, name)
    return typeof value === 'string' && value !== '' && !value.includes('\0') ? path.resolve(value) : refuse(name, value, 'the path or file: URL of a file that Checkpoint.save wrote')
  },
  rewind: (value, name) => typeof value === 'boolean' || value === 'auto' ? value : refuse(name, value, "true, false or 'auto'"),
  trackLeaks: (value, name) => typeof value === 'boolean' || value === 'allocations' ? value : refuse(name, value, "true, false or 'allocations'"),
  threads: count,
  onProgress: func('a function called with { phase, done, total }'),
  onUncaught: func('a function called with the error')
}

const DEFAULTS = {
  host: 'auto',
  recycle: { __proto__: null, mode: 'always' },
  memory: { __proto__: null },
  stack: 1024 * 1024,
  mounts: [],
  env: {},
  args: [],
  realm: 'shared',
  rewind: false,
  threads: 8,
  trackLeaks: false
}

// The same, where these are all the names that there are.
function onlyRuled (given, rules, prefix, defaults) {
  checkKeys(given, Object.keys(rules), prefix)
  return ruled(given, rules, prefix, defaults)
}

// Every option is there, also those that were left out, so that a copy of them inherits none.
function apply (options, rules, defaults) {
  const all = { __proto__: null }
  for (const name of Object.keys(rules)) all[name] = undefined
  if (options === undefined) return Object.assign(all, defaults)
  if (!isPlainObject(options)) refuse('options', options, 'an object')
  return Object.assign(all, onlyRuled(options, rules, '', defaults))
}

function openOptions (given) {
  const options = apply(given, RULES, DEFAULTS)
  if (options.from !== undefined && options.image !== undefined) refuse('image', options.image, 'nothing where `from` is given: a sandbox starts from one of them')
  return options
}

const inspectOptions = (options) => apply(options, { wasm, host: RULES.host, imports, cache: folder, rewind: boolean }, { host: 'auto' })

/**
 * What is opened.
 * @returns {{ __proto__: null, path?: string, bytes?: Uint8Array }}
 */
function sourceOf (source) {
  const named = typeof source === 'string' || isUrl(source)
  if (named && /^https?:/.test(String(source))) refuse('source', String(source), 'the path or file: URL of a file on this machine (download it first), or its bytes (Uint8Array)')
  if (isUrl(source) || (typeof source === 'string' && source.startsWith('file:'))) return { __proto__: null, path: fileUrl(source, 'source') }
  if (typeof source === 'string' && source !== '' && !source.includes('\0')) return { __proto__: null, path: path.resolve(source) }
  const given = bytesIn(source)
  return given ? { __proto__: null, bytes: given } : refuse('source', source, 'the path or file: URL of a .js or .wasm file, or its bytes (Uint8Array)')
}

// The same in each call: a recycle takes little longer than to make an object without a prototype.
const NO_OPTIONS = Object.freeze({ signal: undefined, from: undefined })

/**
 * Of `isReady`, `run` and `recycle`: what is given under these names.
 * @returns {any}
 */
function callOptions (options, known = ['signal', 'from']) {
  if (options === undefined || options === null) return NO_OPTIONS
  if (typeof options !== 'object' || types.isProxy(options)) refuse('options', options, 'an object')
  checkKeys(options, known)
  return taken(options, known)
}

module.exports = { OPEN_OPTIONS: Object.keys(RULES), callOptions, checkKeys, openOptions, inspectOptions, isUrl, refuse, sourceOf, parseSize }
