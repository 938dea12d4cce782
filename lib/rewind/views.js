'use strict'

// Where the package keeps views of its wasm memories. A rewind detaches them, so that no view of a past generation sees the
// next one's memory; the package's own are made anew, each once, and put into every place that had it.

const { types } = require('node:util')
const { bufferOf, bytesOf, lengthOf, offsetOf, sizeOf } = require('./intrinsics')

// By value, the places that have it: of what the walk counted references to. `list[at]` is what a restoration puts there. `once`:
// those too that can be set now, and not again: the values of weak maps, `map.get(at)`.
function placesOf ({ records, scopes, references, weakly }, once = false) {
  const places = new Map()
  const look = (list, at) => {
    const value = list[at]
    if (value === null || typeof value !== 'object' || !references.has(value)) return
    const known = places.get(value)
    if (known === undefined) places.set(value, [{ list, at }])
    else known.push({ list, at })
  }
  const all = (list) => { for (let at = 0; at < list.length; at++) look(list, at) }
  for (const record of records) {
    if (record.values !== undefined) all(record.values)
    if (record.hidden !== undefined) for (const field of record.hidden) look(field, 2)
    if (record.defined !== undefined) for (const [, descriptor] of record.defined) look(descriptor, 'value')
  }
  for (const { values, constants } of scopes) {
    all(values)
    all(constants)
  }
  if (!once) return places
  for (const [map, keys] of weakly) {
    for (const at of keys) {
      const value = map.get(at)
      const known = places.get(value)
      if (known === undefined) places.set(value, [{ map, at }])
      else known.push({ map, at })
    }
  }
  return places
}

class Views {
  // `memories`: [{ memory, buffer }]; `walk` has run. `unset`: a view that is also in a place that cannot be set.
  constructor (memories, walk) {
    this.memories = memories
    this.views = []
    this.unset = undefined
    const byBuffer = new Map(memories.map((memory) => [memory.buffer, memory]))
    const places = placesOf(walk)
    for (const [value, count] of walk.references) {
      const isView = ArrayBuffer.isView(value)
      const memory = byBuffer.get(isView ? bufferOf(value) : value)
      if (memory === undefined) continue
      const slots = places.get(value) ?? []
      if (slots.length < count) this.unset ??= value
      this.views.push({ memory, make: isView ? maker(value, memory.buffer) : undefined, slots })
    }
  }

  // Into what the records will put back.
  renew () {
    for (const memory of this.memories) {
      const now = memory.memory.buffer
      memory.changed = now !== memory.buffer
      memory.buffer = now
    }
    for (const { memory, make, slots } of this.views) {
      if (!memory.changed) continue
      const now = make === undefined ? memory.buffer : make(memory.buffer)
      for (let at = 0; at < slots.length; at++) slots[at].list[slots[at].at] = now
    }
  }
}

// `offset`: where its bytes are in the new buffer, where not at the same place.
function maker (view, buffer, offset = offsetOf(view)) {
  const isData = types.isDataView(view)
  const Class = isData ? DataView : globalThis[tagOf.call(view)]
  const whole = bytesOf(view) === sizeOf(buffer)
  const length = isData ? bytesOf(view) : lengthOf(view)
  const proto = Object.getPrototypeOf(view)
  return (now) => {
    const made = whole ? new Class(now) : new Class(now, offset, length)
    return Object.getPrototypeOf(made) === proto ? made : Object.setPrototypeOf(made, proto)
  }
}

const tagOf = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Int8Array.prototype), Symbol.toStringTag).get

module.exports = { Views, placesOf, maker }
