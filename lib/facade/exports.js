'use strict'

// The module's exports as functions, made when they are first asked for.

const { defineLazily } = require('../base/lazy')

// Since then the glue puts exports on its module as they are, so that their `length` is what they take.
const RAW_EXPORTS = 30130

// Types that JavaScript has no values for, and more results than one, make no function.
const CALLABLE = /^\([ijfd]*\)→[ijfdv]$/

// As V8's own: packages look how many arguments a function takes. `(iji)→i` takes three.
function takes (fn, signature) {
  if (typeof fn !== 'function') return fn
  Object.defineProperty(fn, 'length', { configurable: true, value: signature.indexOf(')') - 1 })
  return fn
}

// By the facts of a program.
const known = new WeakMap()

// `{ functions, names, moduleKeys, keys, byKey }`: exported functions and their names, all that the package puts on its module, and
// which of the functions are there under which name.
function exportsOf (facts) {
  let found = known.get(facts)
  if (found !== undefined) return found
  const moduleKeys = new Set(facts.moduleKeys)
  const keyOf = (name) => {
    if (!facts.hasGlue || moduleKeys.has(`_${name}`)) return `_${name}`
    if (moduleKeys.has(name)) return name
    return name === '__main_argc_argv' && moduleKeys.has('_main') ? '_main' : undefined
  }
  const functions = facts.exports.filter(({ item }) => item.kind === 'function')
  const byKey = new Map()
  for (const { name, item } of functions) {
    const key = keyOf(name)
    if (key !== undefined && !byKey.has(key) && CALLABLE.test(item.signature)) byKey.set(key, { name, item })
  }
  found = { functions, names: new Set(functions.map(({ name }) => name)), moduleKeys, keys: [...byKey.keys()], byKey }
  known.set(facts, found)
  return found
}

function functionOf (facade, name) {
  try {
    return facade.rawFunctions([name])[0]
  } catch (error) {
    if (error.code !== 'EMVM_ERR_DISPOSED') throw error
    // As one does that was asked for in time.
    return () => facade.rawFunctions([name])
  }
}

function attachExports (facade) {
  const { keys, byKey } = exportsOf(facade.facts)
  const takesAsTold = facade.facts.versionMin >= RAW_EXPORTS
  defineLazily(facade.module, keys.filter((key) => !(key in facade.module)), (key) => {
    const { name, item } = byKey.get(key)
    const fn = functionOf(facade, name)
    return takesAsTold ? takes(fn, item.signature) : fn
  })
}

// All of them, as the instance's `exports`: by the names that the wasm has, which a glue's own JavaScript uses, and by their canonical
// ones. `objects[kind]()` gives what stands for a memory or a table.
function allExports (facade, objects) {
  const { facts } = facade
  const { functions } = exportsOf(facts)
  let exported
  return () => {
    if (exported !== undefined) return exported
    const object = {}
    const first = functions.find(({ item }) => CALLABLE.test(item.signature))
    // It has not started yet.
    if (first === undefined || functionOf(facade, first.name) === undefined) return object
    const made = new Map()
    const make = ({ name, item }) => {
      if (!made.has(name)) made.set(name, takes(functionOf(facade, name), item.signature))
      return made.get(name)
    }
    const define = (key) => {
      const by = new Map(functions.filter((one) => !(one[key] in object)).map((one) => [one[key], one]))
      defineLazily(object, [...by.keys()], (name) => make(by.get(name)))
    }
    const set = (key, value) => { if (!(key in object)) object[key] = value }
    define('field')
    for (const { field, name, item } of facts.exports) {
      if (objects[item.kind] === undefined) continue
      const value = objects[item.kind]()
      set(field, value)
      set(name, value)
    }
    for (const { field, item } of facts.exports) if (item.kind === 'global') set(field, { value: item.value })
    define('name')
    exported = object
    return object
  }
}

module.exports = { allExports, attachExports, exportsOf }
