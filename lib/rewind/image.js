'use strict'

// The image: what the package's JavaScript was right after its start, and its restoration in place.

const { ObjectRecord, BareRecord, ArrayRecord, ExtrasRecord, BufferRecord, PagedRecord, ChangedPages, comparatorOf } = require('./records')
const { Scan } = require('./scan')
const { Unrestorable } = require('./steps')

// Objects of the same keys have one comparator; for fewer than these, making it does not pay.
const WORTH_A_COMPARATOR = 4

class Image {
  // `walk` has run from `start`; `views`: of what it found; `realm`: see `Rewinder`; `point`: of a moment after the start, what else there is then: `{ store,
  // made, literals, weak, decoders, tellers, reflection, touched, timers }`.
  constructor (realm, start, walk, views, point) {
    this.realm = realm
    this.point = point
    this.values = walk.values
    // By buffer, of those of which this image has all. Made when first needed.
    /** @type {Map<ArrayBuffer, any> | undefined} */
    this.byBuffer = undefined
    // Held from now on, so that a walk finds again what this one did.
    this.start = start
    this.seen = walk.seen
    this.files = realm.files.image()
    this.scopes = walk.scopes.filter(({ values }) => values.length > 0)
    this.allScopes = walk.scopes
    this.constants = constantsOf(walk)
    this.records = walk.records
    this.bytes = 0
    /** Made when first needed. @type {Map<object, any> | undefined} */
    this.byObject = undefined
    const buffers = [...walk.buffers.values()].map((record) => point === undefined && record instanceof BufferRecord ? PagedRecord.of(record) ?? record : record)
    for (const record of buffers) if (walk.image === undefined || !walk.image.buffers.includes(record)) this.bytes += record.bytes ?? record.size
    this.views = views
    this.#sort([...walk.records], buffers)
    this.scan = Scan.of([...this.shapes.flatMap(({ records }) => records), ...this.bare, ...this.arrays, ...this.extras], this.views.views.flatMap(({ slots }) => slots))
    if (this.scan !== undefined) this.scan.seen = this.seen
    if (point !== undefined) this.scan?.record()
  }

  #sort (records, buffers) {
    this.buffers = buffers
    this.arrays = []
    this.bare = []
    this.extras = []
    this.others = []
    const shapes = new Map()
    for (const record of records) {
      if (record instanceof ArrayRecord) this.arrays.push(record)
      else if (record instanceof BareRecord) this.bare.push(record)
      else if (record instanceof ObjectRecord) {
        const key = record.data.some((each) => typeof each === 'symbol') ? undefined : JSON.stringify(record.data)
        if (!shapes.has(key)) shapes.set(key, [])
        shapes.get(key).push(record)
      } else if (record instanceof ExtrasRecord && record.isBare) this.extras.push(record)
      else this.others.push(record)
    }
    this.shapes = [...shapes].map(([key, list]) => ({
      records: list,
      same: key === undefined || list.length < WORTH_A_COMPARATOR ? undefined : comparatorOf(list[0].data)
    }))
  }

  // What a later image has of a buffer, where that is not a copy of its own: what has not changed since, or how it has.
  bufferOf (buffer) {
    this.byBuffer ??= new Map(this.buffers.filter(({ isPart }) => !isPart).map((record) => [record.buffer, record]))
    const record = this.byBuffer.get(buffer)
    if (record instanceof PagedRecord) return new ChangedPages(record)
    return record?.same ? record : undefined
  }

  // Everything, in place; gives how much had to be put back.
  restore () {
    const { realm, scan, others, buffers, scopes } = this
    let count = 0
    const left = (value) => {
      if (typeof value !== 'object' || value === null || this.seen.has(value)) return
      const proto = Object.getPrototypeOf(value)
      // Only instances of the package's classes: other objects may be the user's.
      if (proto !== null && this.seen.has(proto)) realm.stale.make(value)
    }
    realm.stale.begin()
    const { point } = this
    const end = (object) => { if (!this.seen.has(object)) realm.stale.make(object) }
    realm.registry.made.drain(end)
    realm.registry.literals.drain(end)
    realm.registry.rewind()
    realm.next(point?.timers)
    realm.weak.rewind(point?.weak)
    realm.decoders.rewind(point?.decoders)
    realm.tellers.rewind(point?.tellers)
    realm.reflection.rewind(point?.reflection)
    realm.files.restore(this.files)
    this.views.renew()
    for (let at = 0; at < scopes.length; at++) restoreScope(scopes[at])
    for (const { site, list, at } of this.constants) site.setOne(site.count + at, list[at])
    // First what was defined anew: to read the rest calls no accessor that the package put there.
    count += this.#restoreTouched(left)
    count += scan !== undefined && scan.isRecorded ? scan.restore(left) : this.#restoreEach(left)
    for (let at = 0; at < others.length; at++) count += others[at].restore(left)
    for (let at = 0; at < buffers.length; at++) count += buffers[at].restore()
    if (realm.registry.undone !== undefined) throw new Unrestorable(realm.registry.undone)
    if (scan !== undefined && !scan.isRecorded) scan.record()
    if (point !== undefined) {
      realm.registry.made.begin(point.made)
      realm.registry.literals.begin(point.literals)
    }
    return count
  }

  // By asking each for its keys and values.
  #restoreEach (left) {
    const { shapes, bare, arrays, extras } = this
    let count = 0
    for (let at = 0; at < shapes.length; at++) {
      const { records, same } = shapes[at]
      for (let each = 0; each < records.length; each++) count += records[each].restore(left, same)
    }
    for (let at = 0; at < bare.length; at++) count += bare[at].restore(left)
    for (let at = 0; at < arrays.length; at++) count += arrays[at].restore(left)
    for (let at = 0; at < extras.length; at++) count += extras[at].restore(left)
    return count
  }

  // What a comparison of values does not show, where the package may have changed it.
  #restoreTouched (left) {
    const { touched } = this.realm
    const then = this.point?.touched
    if (then !== undefined) for (const object of then) touched.add(object)
    if (touched.size === 0) return 0
    let count = 0
    for (const object of touched) {
      if (!this.seen.has(object)) continue
      this.byObject ??= new Map(this.records.filter((record) => record.restoreAll !== undefined).map((record) => [record.object, record]))
      count += this.byObject.get(object)?.restoreAll(left) ?? 0
    }
    touched.clear()
    if (then !== undefined) for (const object of then) touched.add(object)
    return count
  }

  get figures () {
    return { objects: this.records.length, scopes: this.allScopes.length, bytes: this.bytes }
  }
}

// The package's variables are set without a look: to read them costs as much.
function restoreScope ({ site, values, dead }) {
  if (dead.size === 0) return site.set(values)
  for (let at = 0; at < values.length; at++) if (!dead.has(at)) site.setOne(at, values[at])
}

// Variables that nothing assigns, but that hold a view or a buffer that is not the same in each generation.
function constantsOf ({ scopes, references }) {
  const found = []
  for (const { site, constants: list } of scopes) list.forEach((value, at) => { if (references.has(value)) found.push({ site, list, at }) })
  return found
}

module.exports = { Image }
