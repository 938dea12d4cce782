'use strict'

// `node:stream` as files of a rewound realm see it. Node calls what a package made its streams of (`write`, `_transform`, an async
// generator) whenever there is something to pass on: streams that a generation made end with it.

const { EventEmitter } = require('node:events')

const { getOwnPropertyDescriptor: describe, ownKeys } = Reflect
const { defineProperty } = Object

const CLASSES = ['Readable', 'Writable', 'Duplex', 'Transform', 'PassThrough']
// Functions of these classes that make a stream.
const MAKERS = new Set(['from', 'fromWeb', 'compose'])
const CALLING = ['pipeline', 'finished']
// What Node calls of a stream.
const CALLED = ['_construct', '_read', '_write', '_writev', '_final', '_transform', '_flush', '_destroy']
// What of a generation is known.
const MOST = 1 << 14

const nothing = () => {}

class Streams {
  // `copies` makes the plain objects that it leads to.
  constructor ({ stops, world, registry }, copies) {
    this.stops = stops
    this.world = world
    this.registry = registry
    this.copies = copies
    // By reference, how it ends.
    this.made = []
  }

  #isStart () { return this.registry.$rw.on }

  // A stream that calls what the package gave it.
  #note (stream) { return this.#ends(stream, end) }

  // What a function of Node's made: a stream of files, a socket, a server.
  nodes (made) {
    if (!(made instanceof EventEmitter)) return made
    const { destroy, close: closing } = /** @type {any} */ (made)
    return typeof (destroy ?? closing) === 'function' ? this.#ends(made, close) : made
  }

  #ends (made, how) {
    if (!this.#isStart() && typeof made?.on === 'function' && this.made.length < MOST) this.made.push([new WeakRef(made), how])
    return made
  }

  // Stands for a class or a function of Node's.
  #shadow (given, handler) {
    const shadow = new Proxy(given, handler)
    this.stops.add(shadow)
    this.world.shadows.add(shadow)
    return shadow
  }

  #class (given) {
    const makers = new Map()
    return this.#shadow(given, {
      construct: (target, args, newTarget) => this.#note(Reflect.construct(target, args, newTarget)),
      // As classes from before `class` do it.
      apply: (target, self, args) => this.#note(Reflect.apply(target, self, args) ?? self),
      get: (target, key) => {
        const value = Reflect.get(target, key)
        if (!MAKERS.has(key) || typeof value !== 'function') return value
        if (!makers.has(value)) makers.set(value, this.#maker(value))
        return makers.get(value)
      }
    })
  }

  #maker (fn) { return this.#shadow(fn, { apply: (target, self, args) => this.#note(Reflect.apply(target, self, args)) }) }

  #calling (fn) {
    const told = (...args) => this.#note(fn(...this.registry.quietLast(args)))
    for (const key of ownKeys(fn)) defineProperty(told, key, describe(fn, key))
    this.stops.add(told)
    this.world.shadows.add(told)
    return told
  }

  // The module, which is a class.
  module () {
    /** @type {any} */
    const given = require('node:stream')
    const own = new Map(CALLING.map((name) => [given[name], this.#calling(given[name])]))
    for (const name of CLASSES) own.set(given[name], this.#class(given[name]))
    if (given.compose !== undefined) own.set(given.compose, this.#maker(given.compose))
    const shadow = this.#shadow(given, { get: (target, key) => {
      const value = Reflect.get(target, key)
      return own.get(value) ?? this.copies.ofPlain(value)
    } })
    own.set(given, shadow)
    return shadow
  }

  // The generation is over: nothing of it is called any more. Before its objects become stale, of which Node would be told, too.
  rewind () {
    if (this.made.length === 0) return
    for (const [ref, how] of this.made.splice(0)) {
      const made = ref.deref()
      if (made === undefined || made.destroyed) continue
      try {
        how(made)
      } catch { /* it has ended, or its own accessors are in the way */ }
    }
  }
}

function end (stream) {
  // Who writes to it does not go on: its own listeners are gone already.
  if (typeof stream.write === 'function') stream.emit('close')
  stream.removeAllListeners()
  // Constants: functions that it has of its own otherwise go with its class.
  for (const name of CALLED) defineProperty(stream, name, { value: name === '_destroy' ? closes : nothing })
  defineProperty(stream, 'emit', { value: nothing })
  stream.destroy()
}

function close (made) {
  made.on('error', nothing)
  if (typeof made.destroy === 'function') made.destroy()
  else made.close()
}

const closes = (error, done) => done(error)

module.exports = { Streams }
