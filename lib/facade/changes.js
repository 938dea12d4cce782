'use strict'

// What JavaScript of the module's own changes in a generation, and how it is undone at the end of it. Writes in that JavaScript
// tell here before they happen (src/program/glue/fragments/writes puts the calls in), so a generation without any costs
// nothing. Only what was there when the module had started counts, and is reachable from it, and objects of the language's and of
// Node's: objects of the caller's, and those that were made later, are left alone.

const { types } = require('node:util')
const { isChanger, isChangersName, isForeign, isShared } = require('./foreign')
const { descriptorsOf, sameProperty } = require('../base/descriptors')
const { globalObject } = require('../base/evaluate')

const ALL = Symbol('all')

class Changes {
  #roots
  #more
  // What was there; found at the first write.
  #tracked
  // What code that ran anew has put there since: `[object, key]`.
  #fresh = []
  // The last object that does not count: loops fill one.
  #other
  #log = []
  // By object: the keys that the log has, or ALL.
  #known = new Map()
  // Objects that could not be put back.
  #stuck = new Map()
  #isOn = false
  #holds = false
  #isComplete = false
  // While text runs: the global object's properties before.
  #before

  // `roots()`: where the module's objects are found; `more()`: those that code that runs anew has.
  constructor (roots, more) {
    this.#roots = () => [...roots(), ...more()]
    this.#more = more
  }

  // From here on writes count. Those of start-up do not.
  begin () {
    this.#isOn = true
    if (this.#holds) this.all()
  }

  // What was written since stays.
  forget () {
    this.#isOn = this.#isComplete = false
    this.#log = []
    this.#known = new Map()
    this.#fresh = []
    this.#tracked = this.#other = undefined
  }

  get isEmpty () { return this.#log.length === 0 }

  // Code that runs anew for a generation is start-up.
  pause () {
    this.#isOn = false
    this.#fresh = []
  }

  // `key` of an object is about to change; the object.
  key (object, key) {
    if (this.#isOn) {
      if (this.#counts(object)) this.#noteKey(object, key)
    } else if (this.#tracked !== undefined) this.#fresh.push([object, key])
    return object
  }

  // Anything of an object is about to change; the object.
  whole (object) {
    if (this.#isOn) {
      if (this.#counts(object)) this.#noteWhole(object)
    } else if (this.#tracked !== undefined) this.#fresh.push([object, ALL])
    return object
  }

  // Anything may change, in ways that cannot be told beforehand.
  all () {
    if (!this.#isOn || this.#isComplete) return
    this.#isComplete = true
    for (const object of reachable(this.#roots())) this.#noteWhole(object)
  }

  // A method is called whose name was not known beforehand.
  called (object, key) {
    if (!this.#isOn || this.#isComplete || typeof key === 'number' || typeof key === 'symbol') return
    if (typeof key === 'object' || typeof key === 'function' || isChangersName(String(key))) this.all()
  }

  // A value that was fetched by a name that was not known beforehand; the value.
  got (value) {
    if ((typeof value === 'function' || value === Reflect) && isChanger(value)) this.changer()
    return value
  }

  // Something is fetched that may change any object: in this generation, or in all, where start-up fetches it.
  changer () {
    if (this.#isOn) this.all()
    else this.holds()
  }

  // Variables of that JavaScript may hold something that changes objects, from here on.
  holds () { this.#holds = true }

  // C++ has got hold of a value of the module object, and may do with it what it likes; the value.
  reaches (value) {
    if (this.#isOn && this.#counts(value)) this.all()
    return value
  }

  #counts (object) {
    if (object === null || (typeof object !== 'object' && typeof object !== 'function') || object === this.#other || ArrayBuffer.isView(object)) return false
    if (this.#tracked === undefined) this.#tracked = new WeakSet(reachable(this.#roots()))
    else if (this.#fresh.length > 0) this.#trackFresh(this.#tracked)
    if (this.#tracked.has(object) || isShared(object)) return true
    this.#other = object
    return false
  }

  #trackFresh (tracked) {
    const keys = this.#fresh
    this.#fresh = []
    const values = keys.flatMap(([object, key]) => key === ALL ? [...keysOf(object).map((key) => valueOf(object, key)), ...entriesOf(object)] : [valueOf(object, key)])
    for (const object of reachable([...values, ...this.#more()], tracked)) tracked.add(object)
  }

  #noteKey (object, key) {
    if (key === '__proto__') return this.#noteWhole(object)
    this.#noteDescriptor(object, key, Reflect.getOwnPropertyDescriptor(object, key))
  }

  // `descriptor`: what the property was, where it is not noted yet.
  #noteDescriptor (object, key, descriptor) {
    const keys = this.#known.get(object)
    if (keys === ALL || keys?.has(key)) return
    if (keys === undefined) this.#known.set(object, new Set([key]))
    else keys.add(key)
    this.#log.push({ object, key, descriptor })
  }

  #noteWhole (object) {
    if (this.#known.get(object) === ALL) return
    this.#known.set(object, ALL)
    this.#log.push({ object, image: imageOf(object) })
  }

  // A variable that nobody declared is about to be assigned.
  global (name) {
    if (this.#isOn) this.#noteKey(globalObject, name)
  }

  // Text is about to run that may define globals.
  text () {
    if (this.#isOn) this.#before ??= descriptorsOf(globalObject)
  }

  // It has run.
  ran () {
    const before = this.#before
    if (before === undefined) return
    this.#before = undefined
    for (const [key, now] of descriptorsOf(globalObject)) {
      const then = before.get(key)
      if (!sameProperty(now, then)) this.#noteDescriptor(globalObject, key, then)
    }
  }

  // Undoes all, from the last on. False: something cannot be put back in place, since it was frozen or made unchangeable.
  undo () {
    this.#other = undefined
    this.ran()
    if (this.#log.length === 0) {
      this.#isComplete = false
      return true
    }
    const log = this.#log
    this.#log = []
    this.#known = new Map()
    this.#isComplete = false
    let done = true
    for (let i = log.length - 1; i >= 0; i--) {
      const { object, key, descriptor, image } = log[i]
      if (isShared(object)) {
        putBackShared(object, key, descriptor, image)
        continue
      }
      if (image === undefined ? putBack(object, key, descriptor) : restore(object, image)) continue
      done = false
      if (this.#stuck.has(object)) continue
      this.#stuck.set(object, new Set(image === undefined ? [key] : keysOf(object).filter((key) => !image.keys.includes(key))))
    }
    return done
  }

  // All ends: what the program shares with the module is as it was.
  end () {
    this.ran()
    const log = this.#log.reverse()
    this.#log = []
    for (const { object, key, descriptor, image } of log) if (isShared(object)) putBackShared(object, key, descriptor, image)
  }

  // What is changed now, for `goTo`. What the log leads to that was made since is saved whole, but for the bytes of buffers.
  save () {
    if (this.#log.length === 0) return undefined
    const changed = [...this.#known].flatMap(([object, keys]) => keys === ALL
      ? /** @type {any[]} */ ([{ object, image: imageOf(object) }])
      : [...keys].map((key) => ({ object, key, descriptor: Reflect.getOwnPropertyDescriptor(object, key) })))
    const values = changed.flatMap(({ object, key, descriptor }) => key === undefined
      ? [...keysOf(object).map((key) => valueOf(object, key)), ...entriesOf(object)]
      : [descriptor?.value, descriptor?.get, descriptor?.set])
    const made = this.#tracked === undefined ? [] : [...reachable(values, this.#tracked)]
    return { changed, made: made.map((object) => ({ object, image: imageOf(object) })) }
  }

  // Brings back what was saved; everything has been undone before.
  goTo (saved) {
    if (saved === undefined) return
    for (const { object, key, descriptor, image } of saved.changed) {
      if (image === undefined) {
        this.#noteKey(object, key)
        putBack(object, key, descriptor)
      } else {
        this.#noteWhole(object)
        restore(object, image)
      }
    }
    for (const { object, image } of saved.made) restore(object, image)
  }

  // Keys of an object that were added and cannot be taken away.
  stuckTo (object) { return this.#stuck.get(object) ?? new Set() }
}

const valueOf = (object, key) => Reflect.getOwnPropertyDescriptor(object, key)?.value

// All objects and functions that `roots` lead to by their properties, prototypes and entries; `known` ones are left out.
function reachable (roots, known = new WeakSet()) {
  const found = new Set()
  const left = [...roots]
  const see = (value) => {
    if (value === null || (typeof value !== 'object' && typeof value !== 'function') || found.has(value) || known.has(value) || isForeign(value)) return
    found.add(value)
    left.push(value)
  }
  for (const root of left.splice(0)) see(root)
  while (left.length > 0) {
    const object = left.pop()
    for (const key of keysOf(object)) {
      const { value, get, set } = Reflect.getOwnPropertyDescriptor(object, key)
      see(value)
      see(get)
      see(set)
    }
    see(Reflect.getPrototypeOf(object))
    for (const value of entriesOf(object)) see(value)
  }
  return found
}

// A plain function's `prototype` is made when it is looked at: embind has thousands that nobody ever looks at. The other two tell of
// calls that are running.
function keysOf (object) {
  const keys = Reflect.ownKeys(object)
  if (typeof object !== 'function') return keys
  const isPlain = typeof object.argCount === 'number'
  return keys.filter((key) => key !== 'arguments' && key !== 'caller' && !(isPlain && key === 'prototype'))
}

function entriesOf (object) {
  if (types.isMap(object)) return [...Map.prototype.entries.call(object)].flat()
  return types.isSet(object) ? [...Set.prototype.values.call(object)] : []
}

function imageOf (object) {
  const keys = keysOf(object)
  return {
    prototype: Reflect.getPrototypeOf(object),
    isExtensible: Reflect.isExtensible(object),
    keys,
    descriptors: keys.map((key) => Reflect.getOwnPropertyDescriptor(object, key)),
    entries: entriesOf(object)
  }
}

function putBack (object, key, descriptor) {
  if (descriptor === undefined) return Reflect.deleteProperty(object, key)
  return Reflect.defineProperty(object, key, descriptor)
}

// What the program has put there in the meantime stays, where it can be told from what the module did. A constant stays, too.
function putBackShared (object, key, descriptor, image) {
  if (image === undefined) {
    putBack(object, key, descriptor)
    return
  }
  const { keys, descriptors } = image
  keys.forEach((key, i) => {
    if (!sameProperty(Reflect.getOwnPropertyDescriptor(object, key), descriptors[i])) Reflect.defineProperty(object, key, descriptors[i])
  })
  if (object === globalObject) return
  const then = new Set(keys)
  for (const key of keysOf(object)) if (!then.has(key)) Reflect.deleteProperty(object, key)
}

function restore (object, { prototype, isExtensible, keys, descriptors, entries }) {
  let done = Reflect.isExtensible(object) || !isExtensible
  if (Reflect.getPrototypeOf(object) !== prototype) done = Reflect.setPrototypeOf(object, prototype) && done
  const now = keysOf(object)
  const isReordered = now.length !== keys.length || now.some((key, i) => key !== keys[i])
  if (isReordered) {
    // Properties have an order: those that can go, go, and all come back in theirs.
    const wanted = new Set(keys)
    for (const key of now) if (!Reflect.deleteProperty(object, key) && !wanted.has(key)) done = false
  }
  keys.forEach((key, i) => {
    // Few are others. To define all anew would take long, and make V8 forget how the object is laid out.
    if (isReordered || !sameProperty(Reflect.getOwnPropertyDescriptor(object, key), descriptors[i])) done = Reflect.defineProperty(object, key, descriptors[i]) && done
  })
  if (types.isMap(object)) {
    Map.prototype.clear.call(object)
    for (let i = 0; i < entries.length; i += 2) Map.prototype.set.call(object, entries[i], entries[i + 1])
  } else if (types.isSet(object)) {
    Set.prototype.clear.call(object)
    for (const value of entries) Set.prototype.add.call(object, value)
  }
  return done
}

module.exports = { Changes, reachable }
