'use strict'

// What threads send each other. Structured clone knows nothing of emvm's modules and memories, so they travel as tokens: a
// module as its number in the process, a shared memory as V8's own memory.

const { types: { isMap, isProxy, isSet } } = require('node:util')
const { MessagePort } = require('node:worker_threads')

const { isSharedMemory } = require('../webassembly/shared')

const TOKEN = 'emvm:sent'

const { apply, getOwnPropertyDescriptor } = Reflect
const { forEach: forEachEntry } = Map.prototype
const { forEach: forEachMember } = Set.prototype

const isPlain = (value) => {
  const proto = Object.getPrototypeOf(value)
  return proto === null || Object.getPrototypeOf(proto) === null
}

// What may hold others, told by what it is and not by what it says: its prototype may be any. What else structured clone
// knows, or refuses, is left to it.
const isContainer = (value) => !isProxy(value) && (Array.isArray(value) || isMap(value) || isSet(value) || isPlain(value))

// Whether `change` gives something else for anything that a value holds, or may do so when it is read.
function holds (value, change, seen) {
  if (value === null || typeof value !== 'object' || seen.has(value)) return false
  if (change(value) !== undefined) return true
  if (!isContainer(value)) return false
  seen.add(value)
  let found = false
  const look = (part) => { found ||= holds(part, change, seen) }
  if (isMap(value)) {
    apply(forEachEntry, value, [(part, key) => {
      look(key)
      look(part)
    }])
  } else if (isSet(value)) {
    apply(forEachMember, value, [look])
  } else if (Array.isArray(value)) {
    // Large ones are common, other properties of theirs are not.
    for (let i = 0; i < value.length && !found; i++) look(value[i])
  } else {
    for (const key of Object.keys(value)) {
      const own = getOwnPropertyDescriptor(value, key)
      // What it gives is asked for once: by the copy.
      if (own.get !== undefined) return true
      look(own.value)
    }
  }
  return found
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
  const inner = (part) => copied(part, change, made)
  const kept = (copy) => {
    made.set(value, copy)
    return copy
  }
  if (isMap(value)) {
    const copy = kept(new Map())
    apply(forEachEntry, value, [(part, key) => copy.set(inner(key), inner(part))])
    return copy
  }
  if (isSet(value)) {
    const copy = kept(new Set())
    apply(forEachMember, value, [(part) => copy.add(inner(part))])
    return copy
  }
  const copy = kept(Array.isArray(value) ? new Array(value.length) : {})
  for (const key of Object.keys(value)) Object.defineProperty(copy, key, { value: inner(value[key]), writable: true, enumerable: true, configurable: true })
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
