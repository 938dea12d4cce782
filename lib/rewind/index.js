'use strict'

// A realm of the glue host that is rewound: the package's files are instrumented, so that after the start an image of all
// their state can be taken, and a recycle puts that state back where it is, instead of evaluating the package anew.

const { setImmediate } = require('../base/clock')
const { Reflect: { getPrototypeOf }, SafeMap, SafeSet, SafeWeakMap, SafeWeakSet, SetPrototypeHas } = require('../base/primordials')
const { isBuiltin } = require('node:module')
const { promisify, types } = require('node:util')
const { Registry } = require('./registry')
const { Requests } = require('./requests')
const { Image } = require('./image')
const { Views } = require('./views')
const { moveLarge } = require('./vault')
const { nobodys } = require('../surroundings/failures')
const { Stale, staleError, staleWork } = require('./stale')
const { Walk } = require('./walk')
const { verify } = require('./verify')
const { valueOf } = require('./promises')
const { collectGarbage } = require('./collect')
const { isOnStack } = require('./stack')
const { hostObjects } = require('./hosted')
const { BusyError, UnsupportedError } = require('../base/errors')
const { Refusal, Unrestorable } = require('./steps')
const { weakCollections } = require('./shadows/weak')
const { reflection } = require('./shadows/reflection')
const { proxies } = require('./shadows/proxies')
const { World } = require('./world')
const { functions } = require('./shadows/functions')
const { decoders } = require('./shadows/decoders')
const { tellers } = require('./shadows/tellers')

// Names that files of a rewound realm see beside those of any realm of the glue host.
const SHADOWED = ['$rw', '$rwImport', 'WeakMap', 'WeakSet', 'Proxy', 'Function', 'TextDecoder', 'console', 'performance', 'PerformanceObserver']
// Turns of the event loop that a start's last continuations get.
const TURNS = 3
// How long what a start left under way is waited for.
const SETTLE_MS = 2000
const TICKS = 1000
// The first is made with code that never ran. Less than this is not compared.
const REHEARSALS = 3
const CHEAP_MS = 1
const turnOfLoop = () => new Promise((resolve) => setImmediate(resolve))
// Objects of dependencies that are looked at.
const MOST_FOREIGN = 20000

class Rewinder {
  // `instrument(text, what)`; `store`: the image of the wasm objects; `isOurs()`: whether what begins now is the start's;
  // `given`: values of the user's, where the walk stops; `next()`: told that the next generation begins.
  constructor ({ instrument, store, isOurs, given, next }) {
    const host = hostObjects()
    const isImages = (object) => this.image !== undefined && SetPrototypeHas(this.image.seen, object)
    // What a class of the package's makes has a prototype of the package's.
    const isOld = (object) => this.image !== undefined && (isImages(object) || host.has(object) || host.has(getPrototypeOf(object) ?? object))
    // What the analysis does not cover, with the place.
    this.uncovered = []
    this.world = new World(isImages)
    this.registry = new Registry({
      instrument,
      uncovered: this.uncovered,
      world: this.world,
      isOld,
      refuse: (what, generation) => { throw staleError(what, this.current() + generation - this.registry.generation, this.current()) },
      over: () => nobodys(staleWork(this.current()))
    })
    this.store = store
    this.next = next
    this.weak = weakCollections()
    this.decoders = decoders(this.registry)
    this.tellers = tellers(this.registry)
    // Of the realm: see lib/surroundings/loop.js. Set before the image is taken.
    this.loop = undefined
    // Its global object, and how many constants the image has there.
    /** @type {{ world: { constants: number }, constants: number } | undefined} */
    this.globals = undefined
    this.proxies = new SafeWeakMap()
    // Buffers that large ones were moved to.
    this.vault = new Set()
    // Objects of dependencies that are not rewound, with their names.
    this.foreign = new SafeMap()
    // Objects whose descriptors, prototype or extensibility this generation may have changed.
    this.touched = new SafeSet()
    this.reflection = reflection((object) => {
      if (this.image === undefined) return false
      this.world.changes(object)
      this.touched.add(object)
      return SetPrototypeHas(this.image.seen, object)
    }, (object) => { if (this.image !== undefined) this.world.changes(object) })
    this.registry.$rw.Object = this.reflection.Object
    this.registry.$rw.Reflect = this.reflection.Reflect
    this.stale = new Stale(() => this.current())
    this.requests = new Requests(isOurs)
    this.files = undefined
    // Of Node's, that its files make: see lib/rewind/shadows/streams.js.
    /** @type {{ rewind: () => void } | undefined} */
    this.streams = undefined
    // The number of the sandbox's generation.
    this.current = () => this.registry.generation
    this.image = undefined
    // The image or the checkpoint that the generation began with.
    this.last = undefined
    // What promises of the image are fulfilled with.
    this.values = new Map()
    this.overrides = {
      $rw: this.registry.$rw,
      WeakMap: this.weak.WeakMap,
      WeakSet: this.weak.WeakSet,
      Proxy: proxies(this.registry, this.proxies),
      Function: functions(this.registry),
      TextDecoder: this.decoders.TextDecoder,
      eval: this.registry.$rw.eval,
      ...this.tellers.overrides
    }
    this.stops = new SafeWeakSet(given)
    this.stopAt(this.overrides)
    // The process's, as files see it.
    this.env = this.noting(process.env)
  }

  // Stands for an object of Node's: what files write there is told.
  noting (object) {
    const own = this.world.noting(object, () => this.registry.$rw.on)
    this.stops.add(own)
    return own
  }

  // What files see in place of the language's own is not theirs.
  stopAt (overrides) {
    for (const value of Object.values(overrides)) {
      for (const each of typeof value === 'function' ? [value, value.prototype, value[promisify.custom]] : [value]) {
        if (each === null || (typeof each !== 'object' && typeof each !== 'function')) continue
        this.stops.add(each)
        this.world.shadows.add(each)
      }
    }
  }

  // Told of what the package's files get from elsewhere: Node's own modules, or a dependency that is not rewound.
  meets (name, given) {
    if (isBuiltin(name)) return
    const host = hostObjects()
    const queue = [given]
    for (let object; this.foreign.size < MOST_FOREIGN && queue.length > 0;) {
      object = queue.pop()
      if (object === null || (typeof object !== 'object' && typeof object !== 'function')) continue
      if (this.foreign.has(object) || host.has(object) || types.isProxy(object) || ArrayBuffer.isView(object)) continue
      this.foreign.set(object, name)
      for (const key of Reflect.ownKeys(object)) {
        const { value } = Reflect.getOwnPropertyDescriptor(object, key) ?? {}
        queue.push(value)
      }
      queue.push(Object.getPrototypeOf(object))
    }
  }

  // Takes the image; gives why it cannot be taken, or undefined. `roots`: objects by name; `files`: the loader's; `loop`: the
  // realm's.
  async take (roots, files, loop) {
    this.files = files
    this.loop = loop
    this.stopAt(loop.overrides)
    const { registry, values } = this
    for (let turn = 0; turn < TURNS; turn++) await turnOfLoop()
    const late = performance.now() + SETTLE_MS
    while (this.store.pending > 0 || (performance.now() < late && (this.requests.pending.size > 0 || registry.stillWaiting > 0))) await turnOfLoop()
    collectGarbage()
    await turnOfLoop()
    const requests = this.requests.end()
    if (files.open > 0) requests.push(files.open === 1 ? 'an open file' : `${files.open} open files`)
    const start = { sites: registry.liveSites(), objects: registry.liveObjects(), named: { ...roots, timers: loop.held } }
    const walk = new Walk(this, start, values)
    walk.run()
    while (walk.unknown.length > 0) {
      for (const promise of walk.unknown.splice(0)) {
        const [value] = await valueOf(promise)
        values.set(promise, value)
        walk.add(value, promise, '<value>')
      }
      walk.run()
    }
    const refusal = this.#refusal(requests, walk)
    if (refusal !== undefined) return refusal
    this.movedBytes = moveLarge(walk, this.store)
    // Of the buffers that the walk saw: what requests under way may have stays theirs, and the memory moves.
    const views = new Views(this.store.memories(), walk)
    if (views.unset !== undefined) return new Refusal('memory-view', 'a view of the wasm memory', walk.path(views.unset))
    const unfit = this.store.take()
    if (unfit !== undefined) return new Refusal('wasm', unfit)
    const image = new Image(this, start, walk, views)
    registry.seal()
    loop.seal()
    this.next()
    this.weak.seal()
    this.decoders.seal()
    this.tellers.seal()
    this.image = this.last = image
    return undefined
  }

  // An image of what is now, later than that of the start: `{ bytes, dispose() }`.
  checkpoint () {
    const { registry, image, store, loop } = this
    const { size } = registry.awaits
    if (size > 0 || loop.isWaiting) throw new BusyError('checkpoint() while the package\'s own JavaScript waits for a promise')
    const { sites, objects, named } = image.start
    const from = { sites, objects, named: { ...named, timers: loop.held } }
    const walk = new Walk(this, from, new Map(this.last.values), image)
    walk.run()
    const own = new Set(walk.runOwn([...registry.made.alive(), ...registry.literals.alive()]))
    walk.run()
    const refusal = store.full === undefined ? walk.refusals[0] : new Refusal('growth', store.full)
    if (refusal !== undefined) throw new UnsupportedError(`checkpoint(): what the package's JavaScript is now cannot be kept: ${refusal}`)
    const views = new Views(store.memories(), walk)
    if (views.unset !== undefined) throw new UnsupportedError(`checkpoint(): ${new Refusal('memory-view', 'a view of the wasm memory', walk.path(views.unset))}`)
    const point = {
      store: store.takePoint(),
      made: registry.made.alive().filter((object) => own.has(object)),
      literals: registry.literals.alive().filter((object) => own.has(object)),
      weak: this.weak.save(),
      decoders: this.decoders.save(),
      tellers: this.tellers.save(),
      reflection: this.reflection.save(),
      touched: new SafeSet(this.touched),
      timers: loop.save() ?? []
    }
    return new Point(this, new Image(this, { ...from, objects: [...objects, ...own] }, walk, views, point))
  }

  #refusal (requests, walk) {
    if (this.uncovered.length > 0) return new Refusal('construct', [...new Set(this.uncovered)].slice(0, 3).join('; '))
    if (requests.length > 0) return new Refusal('pending', [...new Set(requests)].join(', '))
    const waiting = this.registry.stillWaiting
    if (waiting > 0) return new Refusal('suspended', `${waiting} of its promises are awaited and were not settled`)
    return walk.refusals[0]
  }

  // Puts everything back, to the start or a checkpoint; gives why it could not, or undefined.
  rewind (image = this.image) {
    const { registry } = this
    this.world.rewind()
    this.streams?.rewind()
    if (registry.made.overflowed) return new Refusal('growth', `more than ${registry.made.limit} objects of its classes were alive at once`)
    if (this.store.full !== undefined) return new Refusal('growth', this.store.full)
    if (this.globals?.world.constants > this.globals.constants) return new Refusal('restore', 'a property of its global object that it has made so that it cannot be configured')
    try {
      this.store.restore(image.point?.store)
      image.restore()
      this.last = image
      return undefined
    } catch (error) {
      if (error instanceof Unrestorable) return new Refusal(error.step, error.message)
      return new Refusal('restore', error && error.message !== undefined ? error.message : String(error))
    }
  }

  // Nothing has changed yet: whether it can be put back at all, and within `limit` milliseconds.
  rehearse (limit) {
    let took = Infinity
    for (let round = 0; round < REHEARSALS; round++) {
      const started = performance.now()
      const refusal = this.rewind()
      if (refusal !== undefined) return refusal
      took = Math.min(took, performance.now() - started)
    }
    if (took < Math.max(limit, CHEAP_MS)) return undefined
    return new Refusal('cost', `${took.toFixed(1)} ms, and ${limit.toFixed(1)} ms to evaluate it`)
  }

  // No image is to be taken: what follows is as in any realm.
  giveUp () {
    this.requests.end()
    this.registry.seal()
    this.image = undefined
  }

  // Lets what is about to go on do so.
  async settle () {
    for (let tick = 1; this.registry.resuming > 0; tick++) await (tick % TICKS === 0 ? turnOfLoop() : undefined)
  }

  // Whether a function of the package's is on the stack: it would go on in the next generation.
  get onStack () { return this.registry.resuming > 0 || isOnStack((file) => this.files.has(file)) }

  // What differs from the image, in words; empty where nothing does.
  verify (whole = true) { return verify(this.last, whole) }

  end () {
    this.requests.end()
    this.world.rewind()
    this.streams?.rewind()
    this.registry.end()
    this.image = this.last = undefined
  }
}

// A checkpoint, as `lib/base/checkpoint.js` wants it.
class Point {
  constructor (rewinder, image) {
    this.rewinder = rewinder
    this.image = image
    this.bytes = image.bytes + image.point.store.bytes
  }

  dispose () {
    if (this.rewinder.image !== undefined) this.rewinder.store.drop(this.image.point.store)
    this.rewinder = this.image = undefined
  }
}

module.exports = { Rewinder, SHADOWED }
