'use strict'

// The module's exports as functions, made when they are first asked for.

const { defineLazily } = require('../base/lazy')

// Since then the glue puts exports on its module as they are, so that their `length` is what they take.
const RAW_EXPORTS = 30130

// As V8's own: packages look how many arguments a function takes.
function takes (fn, count) {
  if (typeof fn !== 'function') return fn
  Object.defineProperty(fn, 'length', { configurable: true, value: count })
  return fn
}

// By the facts of a program.
const known = new WeakMap()

// `{ functions, keys, names, late, numbers, moduleKeys, byKey }`: what native code tells of them (see src/binding/program/facts.rs), all
// that the package puts on its module, and names by keys once somebody has asked for one.
function exportsOf (facts) {
  let found = known.get(facts)
  if (found === undefined) known.set(facts, found = { ...facts.exported, moduleKeys: new Set(facts.moduleKeys), byKey: undefined })
  return found
}

function nameOf (found, key) {
  found.byKey ??= new Map(found.keys.map((key, at) => [key, found.names[at]]))
  return found.byKey.get(key)
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
  const found = exportsOf(facade.facts)
  const { functions, keys } = found
  const takesAsTold = facade.facts.versionMin >= RAW_EXPORTS
  defineLazily(facade.module, keys.filter((key) => !(key in facade.module)), (key) => {
    const name = nameOf(found, key)
    const fn = functionOf(facade, name)
    return takesAsTold ? takes(fn, functions[name]) : fn
  })
}

// All of them, as the instance's `exports`: by the names that the wasm has, which a glue's own JavaScript uses, and by their canonical
// ones. `objects[kind]()` gives what stands for a memory or a table.
function allExports (facade, objects) {
  const { facts } = facade
  const { functions: counts } = exportsOf(facts)
  let exported
  return () => {
    if (exported !== undefined) return exported
    const object = {}
    const functions = facts.exports.filter(({ item }) => item.kind === 'function')
    const first = functions.find(({ name }) => counts[name] >= 0)
    // It has not started yet.
    if (first === undefined || functionOf(facade, first.name) === undefined) return object
    const made = new Map()
    const make = ({ name, item }) => {
      if (!made.has(name)) made.set(name, takes(functionOf(facade, name), item.signature.indexOf(')') - 1))
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
