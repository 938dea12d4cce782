'use strict'

// Which objects of the image are as they were. The addon looks at V8's own memory, where it knows how objects lie there: that
// takes nanoseconds for each, where asking for keys, symbols and prototype takes a microsecond. What it cannot tell it calls changed.

const { load } = require('../binding')
const { ObjectRecord, BareRecord, ArrayRecord, ExtrasRecord } = require('./records')

const PLAIN = 0
const ARRAY = 1
const CONSTRUCTOR = 2
const FUNCTION = 3
const PROTOTYPE = 4
const EXTRAS = 5
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
  const functions = [() => {}, async () => {}, function () {}, function * () {}, async function () {}, async function * () {}, Base, Derived, { method () {} }.method]
  const exotic = [new Map(), new Set(), new WeakMap(), new WeakSet(), /x/, new Date(), Promise.resolve()]
  const views = [new Uint8Array(1), new Float64Array(100), new DataView(new ArrayBuffer(1)), Promise.resolve()]
  const others = [
    new Error('x'), (function () { return arguments })(), Object(1), Object('x'),
    new Uint8Array(1), new ArrayBuffer(1), new DataView(new ArrayBuffer(1)), (function * () {})(), new Proxy({}, {}), function () {}.bind(null), new Map().entries(), [][Symbol.iterator]()
  ]

  /* eslint-disable no-sparse-arrays */
  return [
    a, b, c, [a, b, c], literal(), [1.5, 2.5], make(a, b), make(b, c), { x: a, y: b, z: 7, w: 1 }, Object.freeze(make(a, b)), Object.setPrototypeOf(make(a, b), a),
    wide, { x: 1.5 }, dictionary(), less, more, swapped, { 0: a }, Never, Never.prototype, Made, Made.prototype, new Base(), [, a], changed, sparse, new Branded(), functions, exotic, views, others
  ]
  /* eslint-enable no-sparse-arrays */
}

class Scan {
  // Undefined where objects cannot be looked at. `records`: of objects, functions, arrays, and views with nothing on them.
  static of (records) {
    works ??= process.env.EMVM_REWIND_SCAN !== '0' && load().canScan(samples())
    return works ? new Scan(records) : undefined
  }

  constructor (records) {
    this.records = []
    // By list of values, where views are that are made anew for each generation: see `renewed`.
    this.views = new Map()
    this.several = new Int32Array(0)
    const [objects, lists, names, kinds] = [[], [], [], []]
    const watch = (record, object, list, kind, keys = NONE) => {
      this.records.push(record)
      objects.push(object)
      lists.push(list)
      names.push(keys)
      kinds.push(kind)
    }
    for (const record of records) {
      const { object } = record
      if (record instanceof ArrayRecord) {
        watch(record, object, record.values, ARRAY)
      } else if (record instanceof BareRecord) {
        watch(record, object, record.proto ?? NONE, FUNCTION)
        if (record.proto !== undefined) watch(record, record.proto, object, PROTOTYPE)
      } else if (record instanceof ExtrasRecord) {
        watch(record, object, NONE, EXTRAS)
      } else if (record instanceof ObjectRecord) {
        const isConstructor = typeof object === 'function' && record.hasPrototype
        watch(record, object, record.watched(), isConstructor ? CONSTRUCTOR : PLAIN, record.keys)
      }
    }
    // `maps` is the addon's.
    this.lists = { objects, lists, names, maps: new Array(objects.length).fill(null) }
    this.numbers = new Int32Array(objects.length)
    this.native = new (load().ObjectScan)(Uint8Array.from(kinds))
    this.isRecorded = false
  }

  // `slots`: { list, at }, places in lists of values whose values are others in each generation.
  renewed (slots) {
    for (const { list, at } of slots) {
      if (this.views.has(list)) this.views.get(list).push(at)
      else this.views.set(list, [at])
    }
  }

  // Everything is as it should be.
  record () {
    this.#record(Int32Array.from(this.records.keys()), this.records.length)
    this.isRecorded = true
  }

  #record (which, count) { this.native.record(this.lists, which, count) }

  // Puts back what may have changed.
  restore (left) {
    const { numbers, records } = this
    const found = this.native.changed(this.lists, numbers)
    let count = 0
    let other = 0
    let partly = 0
    for (let at = 0; at < found; at++) {
      const number = numbers[at]
      if (number >= 0) {
        count += records[number].restore(left)
        numbers[other++] = number
        continue
      }
      const record = records[~number]
      const views = this.views.get(record.values)
      if (views === undefined) {
        count += record.restoreValues(left)
      } else {
        count += record.restoreAt(views, left)
        if (partly === this.several.length) this.several = Int32Array.from({ length: 2 * partly + 8 }, (_, at) => this.several[at] ?? 0)
        this.several[partly++] = ~number
      }
    }
    if (other > 0) this.#record(numbers, other)
    // Those of which more than the views has changed.
    const more = partly === 0 ? 0 : this.native.differing(this.lists, this.several, partly)
    for (let at = 0; at < more; at++) {
      const number = this.several[at]
      count += number < 0 ? records[~number].restoreValues(left) : records[number].restore(left)
    }
    return count
  }
}

module.exports = { Scan }
