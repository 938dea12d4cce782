'use strict'

// Code that reaches the global object in ways that the text of a file does not show: as the `this` of a plain function, and from text
// that it runs (`eval`, `Function`, `node:vm`). What such code defines is the generation's own, as what files define.

const { functionOf } = require('../base/evaluate')

const { apply, construct, defineProperty, deleteProperty, getOwnPropertyDescriptor: describe, ownKeys } = Reflect

// The global object of functions that are made here, whatever the name means.
const outer = functionOf([], 'return this')()
const indirect = eval
// A text whose only function is the one that is made of it.
const PLAIN_THIS = /\bthis\b/
const HAS_FUNCTIONS = /=>|\bfunction\b|\bclass\b/

class GlobalObject {
  // `own`: where what the package defines is kept; `world`: the object that it sees. In a context of its own, or where that is the
  // caller's, there is nothing to do.
  constructor (own, world, context) {
    this.own = own
    this.world = world
    this.isShared = context === undefined && world !== outer
    // What is not defined by the package.
    this.given = new Set(ownKeys(own))
    // While text runs: the caller's global object as it was, and as it was handed over.
    this.before = undefined
    this.handed = undefined
    this.depth = 0
    // Gives the generation's global object in place of the caller's.
    this.receiver = (value) => value === outer ? world : value
  }

  // The argument of a direct `eval`, which is about to run.
  text (...args) {
    this.#enter()
    return args[0]
  }

  // What it gave. Where it throws, the next microtask comes here.
  ran (value) {
    this.#exit()
    return this.receiver(value)
  }

  run (work) {
    this.#enter()
    try {
      return this.receiver(work())
    } finally {
      this.#exit()
    }
  }

  // `eval` where it is not called by that name; `run`: what runs the text.
  eval (text, run = indirect) {
    if (typeof text !== 'string') return text
    return this.isShared ? this.run(() => run(text)) : this.world.eval(text)
  }

  // Texts may run others, and the code that they call, too.
  #enter () {
    if (!this.isShared) return
    if (this.depth++ > 0) this.#leave()
    else queueMicrotask(() => this.#settle())
    this.#hand()
  }

  #exit () {
    if (this.depth === 0) return
    this.#leave()
    if (--this.depth > 0) this.#hand()
  }

  #settle () {
    if (this.depth === 0) return
    this.depth = 0
    this.#leave()
  }

  // What the package has defined is the caller's global object's for as long as text runs, which nothing else sees.
  #hand () {
    this.before = descriptors(outer)
    for (const key of ownKeys(this.own)) {
      if (!this.given.has(key)) defineProperty(outer, key, { ...describe(this.own, key), configurable: true })
    }
    this.handed = descriptors(outer)
  }

  #leave () {
    const { before, handed, own } = this
    const after = descriptors(outer)
    this.before = this.handed = undefined
    for (const [key, now] of after) {
      if (same(now, handed.get(key))) continue
      if (now.configurable || !before.has(key)) defineProperty(own, key, { ...now, configurable: true })
    }
    for (const key of handed.keys()) if (!after.has(key) && !this.given.has(key)) deleteProperty(own, key)
    // As it was for the caller.
    for (const key of after.keys()) if (!before.has(key)) deleteProperty(outer, key)
    for (const [key, then] of before) if (!same(describe(outer, key), then)) defineProperty(outer, key, then)
  }

  // `Function(...)` and `new Function(...)`; `make`: what makes it.
  functionOf (args, make = Function) {
    return this.isShared ? withReceiver(make(...args), args, this.receiver) : this.world.Function(...args)
  }
}

function descriptors (object) {
  const all = new Map()
  for (const key of ownKeys(object)) all.set(key, describe(object, key))
  return all
}

const same = (now, then) => now !== undefined && then !== undefined && Object.is(now.value, then.value) && now.get === then.get && now.set === then.set &&
  now.enumerable === then.enumerable && now.configurable === then.configurable && now.writable === then.writable

// In V8 functions of strict code have no `caller` of their own.
const isSloppy = (made) => describe(made, 'caller') !== undefined

// A function of text, made of `args`, whose `this` is the global object where it is called as a function.
function withReceiver (made, args, receiver) {
  if (args.length === 0 || !PLAIN_THIS.test(args.at(-1)) || args.some((text) => HAS_FUNCTIONS.test(text)) || !isSloppy(made)) return made
  function anonymous (...values) {
    return new.target === undefined ? apply(made, receiver(this ?? outer), values) : construct(made, values, new.target)
  }
  defineProperty(anonymous, 'length', { value: made.length, configurable: true })
  defineProperty(anonymous, 'prototype', { value: made.prototype, writable: true })
  defineProperty(made.prototype, 'constructor', { value: anonymous, writable: true, configurable: true })
  return anonymous
}

// `node:vm`, whose texts run in the global scope.
function ownVm (vm, globals) {
  const { Script } = vm
  return {
    ...vm,
    runInThisContext: (...args) => globals.run(() => vm.runInThisContext(...args)),
    Script: class extends Script {
      runInThisContext (...args) { return globals.run(() => super.runInThisContext(...args)) }
    }
  }
}

module.exports = { GlobalObject, ownVm, withReceiver }
