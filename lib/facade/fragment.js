'use strict'

// JavaScript cut out of the glue (EM_ASM bodies, library functions, pre- and post-js) runs as one function in the
// caller's realm; its free names are the function's parameters.

const path = require('node:path')
const { createRequire } = require('node:module')
const { pathToFileURL } = require('node:url')
const { StartError, StaleHandleError } = require('../errors')

const NOTHING = { imports: {}, asm: {}, pre: null, extras: null }

const compiled = new WeakMap()

function compile (facade, fragment) {
  let make = compiled.get(facade)
  if (make !== undefined) return make
  try {
    make = new Function(...fragment.freeNames.map(({ name }) => name), fragment.source)
  } catch (cause) {
    throw new StartError(`the JavaScript that the package adds to its module does not compile: ${cause.message}`, { cause })
  }
  compiled.set(facade, make)
  return make
}

// What a fragment is given works as long as its generation: `guard.dead` is set when a fragment that keeps state is
// made anew, so that its old functions and objects say that they are stale.
function guarded (value, guard, facade) {
  if (typeof value !== 'function') return value
  function guardedFunction (...args) {
    if (guard.dead) throw stale(guard, facade)
    return value.apply(this, args)
  }
  facade.runtime.rename(guardedFunction, value)
  return guardedFunction
}

function stale ({ generation }, { sandbox }) {
  return new StaleHandleError(
    `this object of the package's own JavaScript belongs to generation ${generation}, the sandbox is at ${sandbox.generation}: make it anew after isReady()`,
    { generation, current: sandbox.generation })
}

function guardedLive (live, guard, facade) {
  const copy = {}
  for (const name of Object.keys(live)) {
    Object.defineProperty(copy, name, {
      enumerable: true,
      get () {
        if (guard.dead) throw stale(guard, facade)
        return live[name]
      },
      set (value) { live[name] = value }
    })
  }
  return copy
}

function evaluate (facade) {
  const { fragment } = facade.facts
  if (!fragment) return NOTHING
  const file = facade.options.sourcePath || path.join(process.cwd(), 'module.js')
  const commonjs = {
    require: createRequire(file),
    module: { exports: {} },
    exports: {},
    __filename: file,
    __dirname: path.dirname(file)
  }
  const guard = { dead: false, generation: Math.max(1, facade.sandbox.generation) }
  const guarding = (value) => fragment.keepsState ? guarded(value, guard, facade) : value
  const values = fragment.freeNames.map(({ role }) => {
    if (role === 'module') return facade.module
    if (role === 'live') return fragment.keepsState ? guardedLive(facade.runtime.live, guard, facade) : facade.runtime.live
    if (role === 'import.meta') return { url: pathToFileURL(file).href }
    if (role.commonjs !== undefined) return commonjs[role.commonjs]
    if (role.export !== undefined) return guarding(facade.runtime.lateExport(role.export))
    return guarding(facade.runtime.provide(role.provided))
  })
  return { ...compile(facade, fragment).apply(undefined, values), guard }
}

module.exports = { evaluate }
