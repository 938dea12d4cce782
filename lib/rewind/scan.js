'use strict'

// Which objects of the image are as they were. The addon looks at V8's own memory, where it knows how objects lie there: that
// takes nanoseconds for each, where asking for keys, symbols and prototype takes a microsecond. What it cannot tell it calls changed.

const { isPromise } = require('node:util').types
const { load } = require('../base/binding')
const { ObjectRecord, BareRecord, ArrayRecord, ExtrasRecord } = require('./records')

const PLAIN = 0
const ARRAY = 1
const CONSTRUCTOR = 2
const FUNCTION = 3
const PROTOTYPE = 4
const EXTRAS = 5
const UNBORN = 6
const BARE = 7
const HAS_VIEWS = 128
const NONE = []

let works

// The addon finds out by these how objects lie in memory; the order is that of `src/binding/scan/layout.rs`.
function samples () {
  const [a, b, c] = [{ a: 1 }, { b: 1 }, { c: 1 }]
  const make = (x, y) => ({ x, y, z: 7 })
  const literal = () => [1, 2, 3]
  const wide = {}
  const values = [a, b, c, a, b, c, a]
  for (let at = 0; at < values.length; at++) wide[`k${at}`] = values[at]
  const dictionary = () => {
    const made = make(a, b)
    delete made.x
    return made
  }
  const [less, more, swapped] = [dictionary(), dictionary(), dictionary()]
  delete less.z
  more.w = 1
  delete swapped.z
  swapped.w = 1
  function Never () {}
  function Made () {}

  new Made()
  const changed = () => {}
  changed.x = 1
  changed.y = 2
  delete changed.x
  const sparse = { 100000: b }
  class Branded {
    #own () {}
    static use (object) { object.#own() }
  }
  class Base { p = a }
  class Derived extends Base {}
  const [getter, setter] = [() => 1, (value) => {}]
  const accessed = Object.defineProperty({ y: 1 }, 'x', { get: getter, set: setter, configurable: true })
  delete accessed.y
  const bound = function () {}.bind(a)
  function Unborn () {}
  const functions = [() => {}, async () => {}, function () {}, function * () {}, async function () {}, async function * () {}, Base, Derived, { method () {} }.method]
  const exotic = [new Map(), new Set(), new WeakMap(), new WeakSet(), /x/, new Date(), Promise.resolve()]
  const views = [new Uint8Array(1), new Float64Array(100), new DataView(new ArrayBuffer(1)), new ArrayBuffer(1), Promise.resolve()]
  const others = [
    new Error('x'), (function () { return arguments })(), Object(1), Object('x'),
    new Uint8Array(1), new DataView(new ArrayBuffer(1)), (function * () {})(), new Proxy({}, {}), function () {}.bind(null), new Map().entries(), [][Symbol.iterator]()
  ]

  /* eslint-disable no-sparse-arrays */
  return [
    a, b, c, [a, b, c], literal(), [1.5, 2.5], make(a, b), make(b, c), { x: a, y: b, z: 7, w: 1 }, Object.freeze(make(a, b)), Object.setPrototypeOf(make(a, b), a),
    wide, { x: 1.5 }, dictionary(), less, more, swapped, { 0: a }, Never, Never.prototype, Made, Made.prototype, new Base(), [, a], changed, sparse, new Branded(), accessed, getter, setter, bound, Unborn, functions, exotic, views, others
  ]
  /* eslint-enable no-sparse-arrays */
}

function canScan () {
  return (works ??= process.env.EMVM_REWIND_SCAN !== '0' && load().canScan(samples()))
}

class Scan {
  // Whether a function's `prototype` does not exist yet.
  static isUnborn (fn) { return canScan() && load().isUnborn(fn) }

  // Whether it is a view, a buffer or a promise with nothing on it; false where that cannot be told.
  static hasNothing (object) { return canScan() && load().hasNothing(object) }

  static get works () { return canScan() }

  // Undefined where objects cannot be looked at. `records`: of objects, functions, arrays, and views with nothing on them; `slots`:
  // { list, at }, places in lists of values whose values are others in each generation.
  static of (records, slots = []) {
    return canScan() ? new Scan(records, slots) : undefined
  }

  constructor (records, slots) {
    const places = new Map()
    for (const { list, at } of slots) {
      if (places.has(list)) places.get(list).push(at)
      else places.set(list, [at])
    }
    // Of those records that look after such values.
    this.views = []
    const all = []
    const watch = (record, object, list, kind, names = NONE) => { all.push({ record, object, list, kind, names }) }
    for (const record of records) {
      const { object } = record
      const views = record.restoreAt === undefined ? undefined : places.get(record.values)
      if (views !== undefined) for (const at of views) this.views.push({ record, at })
      const also = views === undefined ? 0 : HAS_VIEWS
      if (record instanceof ArrayRecord) {
        watch(record, object, record.values, ARRAY | also)
      } else if (record instanceof BareRecord) {
        watch(record, object, record.proto ?? NONE, record.isUnborn ? UNBORN : FUNCTION)
        if (record.proto !== undefined) watch(record, record.proto, object, PROTOTYPE)
      } else if (record instanceof ExtrasRecord) {
        watch(record, object, NONE, isPromise(object) ? EXTRAS : BARE)
      } else if (record instanceof ObjectRecord) {
        const isConstructor = typeof object === 'function' && record.hasPrototype
        watch(record, object, record.watched(), (isConstructor ? CONSTRUCTOR : PLAIN) | also, record.keys)
      }
    }
    const order = Int32Array.from(all.keys())
    load().scanOrder(all.map(({ object }) => object), order)
    const sorted = Array.from(order, (at) => all[at])
    this.records = sorted.map(({ record }) => record)
    // `maps` and `flat` are the addon's.
    this.objects = sorted.map(({ object }) => object)
    this.maps = new Array(sorted.length).fill(null)
    this.flat = [null]
    this.lists = sorted.map(({ list }) => list)
    this.names = sorted.map(({ names }) => names)
    this.numbers = new Int32Array(sorted.length)
    this.native = new (load().ObjectScan)(Uint8Array.from(sorted, ({ kind }) => kind))
    this.isRecorded = false
    // Functions whose `prototype` came into being after the image.
    this.born = []
    // What belongs to the image: see `Image`.
    this.seen = undefined
  }

  // Everything is as it should be.
  record () {
    this.#record(Int32Array.from(this.records.keys()), this.records.length)
    this.isRecorded = true
  }

  #record (which, count) {
    const { objects, lists, names, maps, flat } = this
    const views = this.views.map(({ record, at }) => record.values[at])
    this.native.record({ objects, lists, names, maps, flat, views }, which, count)
  }

  #born (record, number) {
    this.lists[number] = record.proto
    this.born.push(record)
    this.seen?.add(record.proto)
  }

  // How many may have changed: their numbers, `~n` where only values did.
  changed (numbers) { return this.native.changed(this.objects, this.maps, this.flat, numbers) }

  // Puts back what may have changed.
  restore (left) {
    const { numbers, records, views, lists, born } = this
    const found = this.changed(numbers)
    let count = 0
    let other = 0
    for (let at = 0; at < found; at++) {
      const number = numbers[at]
      if (number < 0) {
        count += records[~number].restoreValues(left)
      } else {
        const record = records[number]
        count += record.restore(left)
        if (record.isBorn && lists[number] === NONE) this.#born(record, number)
        numbers[other++] = number
      }
    }
    for (let at = 0; at < born.length; at++) count += born[at].restorePrototype(left)
    for (let at = 0; at < views.length; at++) count += views[at].record.restoreAt(views[at].at, left)
    if (other > 0) this.#record(numbers, other)
    return count
  }
}

module.exports = { Scan }
