'use strict'

// Results that leave an instance before it ends: what is still part of it is found, at any depth.

const { types } = require('node:util')

// Objects of classes may lead anywhere (a server, a socket): so many of them are looked into.
const MOST_INSTANCES = 10_000

// The first value in `given` that `isLive` says is one, as `{ value, path }`; undefined when there is none.
/** @returns {{ value: any, path: string } | undefined} */
function findLive (given, isLive) {
  const from = new Map()
  const left = []
  let instances = 0
  let found
  const look = (value, parent) => {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function') || from.has(value)) return false
    from.set(value, parent)
    if (says(isLive, value)) {
      found = { value, path: pathTo(value, from) }
      return true
    }
    if (typeof value === 'object') left.push(value)
    return false
  }
  if (look(given, undefined)) return found
  while (left.length > 0) {
    const value = left.pop()
    if (types.isProxy(value) || ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value)) continue
    for (const inner of contents(value, () => ++instances > MOST_INSTANCES)) if (look(inner, value)) return found
  }
  return undefined
}

// A proxy may refuse to be asked.
function says (isLive, value) {
  try {
    return isLive(value)
  } catch {
    return false
  }
}

function contents (value, isTooMany) {
  if (Array.isArray(value)) return value
  if (types.isMap(value)) return [...value.keys(), ...value.values()]
  if (types.isSet(value)) return value
  if (isPlain(value)) return Object.values(value)
  return isTooMany() ? [] : dataOf(value)
}

function isPlain (value) {
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

// Own values that are no getters: those of a class may do anything.
function dataOf (value) {
  const found = []
  for (const key of Object.keys(value)) {
    const descriptor = Object.getOwnPropertyDescriptor(value, key)
    if (descriptor !== undefined && 'value' in descriptor) found.push(descriptor.value)
  }
  return found
}

// As one would write it after the result: `.pictures[2].mat`.
function pathTo (value, from) {
  let path = ''
  for (let at = value; from.get(at) !== undefined; at = from.get(at)) path = stepTo(from.get(at), at) + path
  return path
}

function stepTo (parent, value) {
  if (Array.isArray(parent)) return `[${parent.indexOf(value)}]`
  if (types.isMap(parent)) {
    for (const [key, inner] of parent) if (inner === value) return `.get(${typeof key === 'string' ? `'${key}'` : String(typeof key)})`
    return '.keys()'
  }
  if (types.isSet(parent)) return '.values()'
  const key = Object.keys(parent).find((key) => Object.getOwnPropertyDescriptor(parent, key)?.value === value)
  return key === undefined ? '' : /^[\w$]+$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

// What a value is, for messages.
function nameOf (value) {
  if (typeof value === 'function') return `function${value.name ? ` ${value.name}` : ''}`
  try {
    return value.constructor.name || 'value'
  } catch {
    return 'value'
  }
}

// A C++ object of embind's, whoever's embind it is.
function isHandle (value) {
  return typeof value === 'object' && value.$$ !== undefined && typeof value.isAliasOf === 'function'
}

module.exports = { findLive, isHandle, isPlain, dataOf, nameOf }
