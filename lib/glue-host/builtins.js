'use strict'

// Node's own modules, as files of a realm see them: those that lead out of it are the realm's. Where an image is taken of it, so is
// what a file can write to: each of them is an object of the realm's own, which the image puts back.

const module_ = require('node:module')
const { isBuiltin } = module_
const path = require('node:path')
const timers = require('node:timers')
const { fileURLToPath } = require('node:url')
const vm = require('node:vm')
const { ownTimers } = require('../surroundings/loop')
const { ownVm } = require('../surroundings/global-object')
const { Callbacks } = require('../rewind/callbacks')
const { Copies } = require('../rewind/shadows/modules')

class Builtins {
  #noted = new Map()

  // `overrides`: what files see; `globalObject`, `rewinder`, `threads`: of the realm; `requireFrom({ file, require })` makes a `require`.
  constructor ({ overrides, globalObject, rewinder, threads, requireFrom }) {
    this.overrides = overrides
    this.globalObject = globalObject
    this.rewinder = rewinder
    this.threads = threads
    this.requireFrom = requireFrom
    this.copies = rewinder && new Copies(rewinder)
    this.callbacks = rewinder && new Callbacks(rewinder, this.copies)
    // By name, what was asked for.
    this.made = new Map()
    // Not in every Node.
    const get = Reflect.get(process, 'getBuiltinModule')
    if (get !== undefined) overrides.process.getBuiltinModule = (id) => this.of(id) ?? get(id)
  }

  // Stands for an object of Node's loader: what files write there is told.
  noted (object) {
    const { rewinder } = this
    if (rewinder === undefined || object === null || typeof object !== 'object') return object
    let own = this.#noted.get(object)
    if (own === undefined) {
      rewinder.world.shadows.add(object)
      this.#noted.set(object, own = rewinder.noting(object))
    }
    return own
  }

  // Undefined: Node's own, or none of its modules.
  of (id) {
    if (!isBuiltin(id)) return undefined
    const name = id.replace(/^node:/, '')
    if (name === 'process') return this.overrides.process
    if (!this.made.has(name)) this.made.set(name, this.#make(name))
    return this.made.get(name)
  }

  // What an `import` of one gives: `namespace` is Node's.
  namespaceOf (id, namespace) {
    const own = this.of(id)
    if (own === undefined) return undefined
    const named = id.endsWith('module') ? { createRequire: own.createRequire } : { ...own }
    return { ...namespace, ...named, default: own }
  }

  #make (name) {
    const { rewinder, overrides, threads, copies } = this
    if (name === 'timers') return ownTimers(name, copies?.module(name) ?? timers, overrides)
    if (name === 'util' && copies) return { ...copies.module(name), TextDecoder: overrides.TextDecoder }
    if (name === 'vm') return ownVm(this.callbacks?.of(name) ?? vm, this.globalObject)
    const calling = this.callbacks?.of(name)
    if (calling !== undefined) return calling
    if (name === 'worker_threads' && threads) return rewinder === undefined ? threads.module : this.#threads(threads.module)
    if (name === 'module') return this.#module()
    return copies?.module(name)
  }

  // The walk looks for what is put on it, and not into it.
  #threads (given) {
    const { stops, world } = this.rewinder
    const own = Object.defineProperties({}, Object.getOwnPropertyDescriptors(given))
    world.shadows.add(own)
    for (const { value, get } of Object.values(Object.getOwnPropertyDescriptors(given))) {
      for (const each of [value, get]) if (each !== null && ['object', 'function'].includes(typeof each)) stops.add(each)
    }
    return own
  }

  // `createRequire` gives a `require` that meets the files of this generation.
  #module () {
    const createRequire = (place) => {
      const theirs = module_.createRequire(place)
      const text = `${place}`
      const file = path.resolve(text.startsWith('file:') ? fileURLToPath(text) : text)
      return this.requireFrom({ file, require: theirs })
    }
    const load = (id, ...rest) => this.of(id) ?? Reflect.get(module_, '_load').call(module_, id, ...rest)
    const get = (target, key) => {
      if (key === 'createRequire') return createRequire
      if (key === '_load') return load
      const value = Reflect.get(target, key)
      if (key === '_cache' || key === '_extensions') return this.noted(value)
      return Array.isArray(value) && this.copies ? this.copies.of(value) : value
    }
    const proxy = new Proxy(module_, { get })
    this.rewinder?.stops.add(proxy)
    this.rewinder?.world.shadows.add(proxy)
    return proxy
  }

  // Files of the system that are open.
  get open () { return this.callbacks === undefined ? 0 : this.callbacks.open }

  // What of them an image leads to.
  get roots () { return Object.fromEntries(this.made) }

  image () { return { made: new Map(this.made), copies: this.copies.image() } }

  // What a later generation asked for is made anew.
  restore ({ made, copies }) {
    this.callbacks.rewind()
    if (this.made.size !== made.size) this.made = new Map(made)
    this.copies.restore(copies)
  }
}

module.exports = { Builtins }
