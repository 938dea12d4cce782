'use strict'

// JavaScript cut out of the glue (EM_ASM bodies, library functions, pre- and post-js) runs as one function in the
// caller's realm; its free names are the function's parameters.

const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { StartError, StaleHandleError } = require('../base/errors')
const { functionOf } = require('../base/evaluate')
const { bring, isOfNode } = require('./foreign')
const { ownTimers } = require('../surroundings/loop')

const NOTHING = { imports: {}, asm: {}, pre: null, extras: null, roots: () => [] }

// What it finds in place of the realm's own: see `Surroundings`, and `Changes` for the last.
const SHADOWED = [
  'process', 'globalThis', 'global', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate',
  'queueMicrotask', 'fetch', 'FinalizationRegistry', 'WeakRef', '$emvm'
]
const LATE = /\b(async|await|Promise|then)\b/

// It may leave promises behind that nobody has been given. Contexts for them make all promises of the process slower.
const isLate = ({ fragment }) => Boolean(fragment) && LATE.test(fragment.source)

// By fragment: all that it is made from is given to it.
const compiled = new WeakMap()

function compile (fragment) {
  let make = compiled.get(fragment)
  if (make !== undefined) return make
  try {
    // Its declarations may have names of what is shadowed: they have a scope of their own.
    const names = fragment.freeNames.map(({ name }) => name).join(', ')
    make = functionOf(SHADOWED, `return function (${names}) {\n${fragment.source}\n}`)
  } catch (cause) {
    throw new StartError(`the JavaScript that the package adds to its module does not compile: ${cause.message}`, { cause })
  }
  compiled.set(fragment, make)
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

function stale ({ generation }, { generations }) {
  return new StaleHandleError(
    `this object of the package's own JavaScript belongs to generation ${generation}, the sandbox is at ${generations.number}: make it anew after isReady()`,
    { generation, current: generations.number })
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
  const { surroundings, changes } = facade
  const commonjs = {
    require: requireFor(file, surroundings.overrides),
    module: { exports: {} },
    exports: {},
    __filename: file,
    __dirname: path.dirname(file)
  }
  const guard = { dead: false, generation: facade.generations.number }
  const guarding = (value) => fragment.keepsState ? guarded(value, guard, facade) : value
  const values = fragment.freeNames.map(({ role }) => {
    if (role === 'module') return facade.module
    if (role === 'live') return fragment.keepsState ? guardedLive(facade.runtime.live, guard, facade) : facade.runtime.live
    if (role === 'import.meta') return { url: pathToFileURL(file).href }
    if (role.commonjs !== undefined) return commonjs[role.commonjs]
    if (role.export !== undefined) return guarding(facade.runtime.lateExport(role.export))
    return guarding(facade.runtime.provide(role.provided))
  })
  const shadows = { ...surroundings.overrides, $emvm: tellerOf(changes, surroundings.loop, new Set(fragment.freeNames.map(({ name }) => name))) }
  const made = compile(fragment)(...SHADOWED.map((name) => shadows[name])).apply(undefined, values)
  if (made.holds) changes.holds()
  return { roots: () => [], ...made, guard, isLate: isLate(facade.facts) }
}

const NO_ARGUMENTS = Object.freeze([])

// The parameter `$emvm`, by the names that its calls have in the fragment.
function tellerOf (changes, loop, names) {
  return {
    key: (object, key) => changes.key(object, key),
    whole: (object) => changes.whole(object),
    all: () => changes.all(),
    changer: () => changes.changer(),
    called: (object, key) => changes.called(object, key),
    got: (value) => changes.got(value),
    // A variable that the fragment does not declare: one that it is given, or a global.
    name: (name) => { if (!names.has(name)) changes.global(name) },
    then: (_told, value) => value,
    text: (...args) => {
      changes.text()
      return args[0]
    },
    ran: (value) => {
      changes.ran()
      return value
    },
    // Among the arguments of a call, of which it gives none.
    none: () => NO_ARGUMENTS,
    made: (target, object, key) => target !== undefined ? object : key === undefined ? changes.whole(object) : changes.key(object, key),
    wait: (value) => loop.wait(value)
  }
}

const createRequire = (file) => require('node:module').createRequire(file)

// What Node gives is Node's: no generation puts it back.
function requireFor (file, overrides) {
  const theirs = createRequire(file)
  const require = (id) => {
    if (/^(node:)?process$/.test(id)) return overrides.process
    const given = theirs(id)
    return isOfNode(id) ? ownTimers(id, bring(given), overrides) : given
  }
  return Object.assign(require, { resolve: theirs.resolve, main: theirs.main, cache: bring(theirs.cache), extensions: bring(theirs.extensions) })
}

module.exports = { evaluate, isLate }
