'use strict'

// What threads send each other. Structured clone knows nothing of emvm's modules and memories, so they travel as tokens: a
// module as its number in the process, a shared memory as V8's own memory.

const { MessagePort } = require('node:worker_threads')

const { isSharedMemory } = require('../webassembly/shared')

const TOKEN = 'emvm:sent'

const isPlain = (value) => {
  const proto = Object.getPrototypeOf(value)
  return proto === null || Object.getPrototypeOf(proto) === null
}

// What may hold others: what else structured clone knows is left to it.
const isContainer = (value) => Array.isArray(value) || value instanceof Map || value instanceof Set || isPlain(value)

function parts (value) {
  if (value instanceof Map) return [...value.keys(), ...value.values()]
  if (value instanceof Set) return [...value]
  // Large ones are common, other properties of theirs are not.
  if (Array.isArray(value)) return value
  return Object.keys(value).map((key) => value[key])
}

// Whether `change` gives something else for anything that a value holds.
function holds (value, change, seen) {
  if (value === null || typeof value !== 'object' || seen.has(value)) return false
  if (change(value) !== undefined) return true
  if (!isContainer(value)) return false
  seen.add(value)
  return parts(value).some((part) => holds(part, change, seen))
}

function copied (value, change, made) {
  if (value === null || typeof value !== 'object') return value
  if (made.has(value)) return made.get(value)
  const other = change(value)
  if (other !== undefined) {
    made.set(value, other)
    return other
  }
  if (!isContainer(value)) return value
  const copy = Array.isArray(value) ? new Array(value.length) : value instanceof Map ? new Map() : value instanceof Set ? new Set() : {}
  made.set(value, copy)
  const inner = (part) => copied(part, change, made)
  if (copy instanceof Map) for (const [key, part] of value) copy.set(inner(key), inner(part))
  else if (copy instanceof Set) for (const part of value) copy.add(inner(part))
  else for (const key of Object.keys(value)) copy[key] = inner(value[key])
  return copy
}

// The value itself where nothing in it is another: no copy, and nothing that is read twice differs.
const changed = (value, change) => holds(value, change, new Set()) ? copied(value, change, new Map()) : value

// `namespace`: the thread's, as `createNamespace` gives it.
function outgoing (value, namespace) {
  return changed(value, (one) => {
    const token = namespace.send(one)
    return token && { [TOKEN]: token }
  })
}

// What no thread can have sent is what it says it is.
function isToken (token) {
  if (token === null || typeof token !== 'object') return false
  const { module, memory, maximum } = token
  return memory === undefined ? Number.isSafeInteger(module) && module > 0 : isSharedMemory(memory) && Number.isInteger(maximum) && maximum >= 0 && maximum <= 65536
}

// `met(port)` is told of ports that come along.
function incoming (value, namespace, met = undefined) {
  return changed(value, (one) => {
    if (met !== undefined && one instanceof MessagePort) met(one)
    return Object.hasOwn(one, TOKEN) && isToken(one[TOKEN]) ? namespace.receive(one[TOKEN]) : undefined
  })
}

module.exports = { outgoing, incoming }
