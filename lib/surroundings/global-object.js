'use strict'

// Code that reaches the global object in ways that the text of a file does not show: as the `this` of a plain function, and from text
// that it runs (`eval`, `Function`, `node:vm`). What such code defines is the generation's own, as what files define.

const { Buffer } = require('node:buffer')
const { load } = require('../base/binding')
const { descriptorsOf, sameProperty } = require('../base/descriptors')
const { globalObject: outer } = require('../base/evaluate')

const { defineProperty, deleteProperty, getOwnPropertyDescriptor: describe, ownKeys } = Reflect

const indirect = eval
// A text that has functions of its own is as V8 makes it: embind's are thousands.
const HAS_FUNCTIONS = /=>|\bfunction\b|\bclass\b/
const LONGEST = 4096
// Texts, and what files would be in their place; of the process.
const MOST_TEXTS = 1000
const texts = new Map()

class GlobalObject {
  // `own`: where what the package defines is kept; `world`: the object that it sees. In a context of its own, or where that is the
  // caller's, there is nothing to do. `evaluate(body)`: of a function of text, as of a file.
  constructor (own, world, context, evaluate) {
    this.evaluate = evaluate
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

  // Names that mean something of the generation's own in every text.
  get names () { return [...this.given].map(String).filter((name) => /^\w+$/.test(name)) }

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
    this.before = descriptorsOf(outer)
    for (const key of ownKeys(this.own)) {
      if (!this.given.has(key)) defineProperty(outer, key, { ...describe(this.own, key), configurable: true })
    }
    this.handed = descriptorsOf(outer)
  }

  #leave () {
    const { before, handed, own } = this
    const after = descriptorsOf(outer)
    this.before = this.handed = undefined
    for (const [key, now] of after) {
      if (sameProperty(now, handed.get(key))) continue
      if (now.configurable || !before.has(key)) defineProperty(own, key, { ...now, configurable: true })
    }
    for (const key of handed.keys()) if (!after.has(key) && !this.given.has(key)) deleteProperty(own, key)
    // As it was for the caller.
    for (const key of after.keys()) if (!before.has(key)) deleteProperty(outer, key)
    for (const [key, then] of before) if (!sameProperty(describe(outer, key), then)) defineProperty(outer, key, then)
  }

  // `Function(...)` and `new Function(...)`; `make`: what makes it in place of the language's.
  functionOf (args, make) {
    if (!this.isShared) return this.world.Function(...args)
    const given = args.map((arg) => `${arg}`)
    return make === undefined ? this.plain(Function(...given), given) : make(...given)
  }

  // `made` of the texts `args`, or a function whose names mean what they mean in the files.
  plain (made, args) {
    if (!this.isShared || args.length === 0 || args.some((text) => HAS_FUNCTIONS.test(text) || text.length > LONGEST)) return made
    const text = `(function anonymous(${args.slice(0, -1).join(',')}\n) {\n${args.at(-1)}\n})`
    const body = bodyOf(text)
    const isSame = body === undefined || (body.source === text && !this.names.some((name) => text.includes(name)))
    return isSame ? made : this.evaluate(body)
  }
}

// What takes the place of a text; undefined where it cannot be read.
function bodyOf (text) {
  if (texts.has(text)) return texts.get(text)
  let body
  try {
    body = load().scriptBody(Buffer.from(text))
  } catch { /* V8 understands more */ }
  if (texts.size >= MOST_TEXTS) texts.clear()
  texts.set(text, body)
  return body
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

module.exports = { GlobalObject, ownVm }
