'use strict'

// Large buffers of the package's own (the files of an in-memory file system) are moved to copy-on-write pages: to put them back
// costs what was changed, not what is there. Where the system tells which pages were written, these are those of a buffer that stays
// where it is; else those of a memory of the engine's, whose views are made anew at each rewind. A buffer that variables or objects refer to
// itself gets one of the same length.

const { types } = require('node:util')
const { bufferOf, offsetOf } = require('./intrinsics')
const { placesOf, maker } = require('./views')
const { PagedRecord, ExtrasRecord } = require('./records')
const { load } = require('../base/binding')

// Less than this is compared byte for byte.
const WORTH_IT = 2 * 2 ** 20
const LARGE = 4096
const LEAST_WHOLE = 2 ** 20
const PAGE = 65536
// V8 starts a garbage collection for each larger buffer that it is shown.
const CHUNK = 32 * 2 ** 20
const ALIGN = 4096

// Moves what can be moved: all that refers to it must be views in places that can be set. Gives the bytes moved.
function moveLarge (walk, store) {
  const large = [...walk.buffers.values()].filter(({ buffer, saved, isPart, resizable }) => saved.length >= LARGE && !isPart && !resizable && !types.isSharedArrayBuffer(buffer))
  if (large.reduce((sum, { saved }) => sum + saved.length, 0) < WORTH_IT) return 0
  const places = placesOf(walk, true)
  const byBuffer = new Map()
  const fixed = decorated(walk)
  // Buffers that something refers to itself: what they are replaced by must be as long.
  const whole = new Set()
  for (const [value, count] of walk.references) {
    const isView = ArrayBuffer.isView(value)
    const buffer = isView ? bufferOf(value) : value
    if ((places.get(value) ?? []).length < count) fixed.add(buffer)
    else if (!isView) whole.add(buffer)
    else if (byBuffer.has(buffer)) byBuffer.get(buffer).push(value)
    else byBuffer.set(buffer, [value])
  }
  const movable = large.filter(({ buffer }) => !fixed.has(buffer) && !whole.has(buffer) && byBuffer.has(buffer))
  const replaced = new Set()
  let moved = 0
  for (const record of large) if (whole.has(record.buffer) && !fixed.has(record.buffer)) moved += moveWhole(walk, places, record, byBuffer.get(record.buffer) ?? [], replaced)
  for (const { parts, bytes } of chunksOf(movable)) {
    const paged = pagesOf(parts, bytes)
    const target = paged?.buffer ?? store.memoryOf(Math.ceil(bytes / PAGE))?.buffer
    if (target === undefined) break
    for (const { record, at } of parts) {
      // Its views could not be made anew there.
      if (paged === undefined && byBuffer.get(record.buffer).some((view) => places.get(view).some(({ map }) => map !== undefined))) continue
      if (paged === undefined) new Uint8Array(target, at, record.saved.length).set(record.saved)
      for (const view of byBuffer.get(record.buffer)) {
        const now = replace(walk, places, view, maker(view, target, at + offsetOf(view))(target), replaced)
        if (paged !== undefined) walk.watch(now)
      }
      replaced.add(record.buffer)
      walk.buffers.delete(record.buffer)
      moved += record.saved.length
    }
    if (paged === undefined) continue
    paged.bytes = bytes
    walk.keep(target, paged)
  }
  walk.forget(replaced)
  return moved
}

// Another buffer of the same length on pages of emvm's own takes its place; gives the bytes moved.
function moveWhole (walk, places, record, views, replaced) {
  const { buffer, saved } = record
  const copy = saved.length < LEAST_WHOLE || Object.getPrototypeOf(buffer) !== ArrayBuffer.prototype ? null : load().pagedCopy(buffer)
  if (copy === null) return 0
  for (const view of views) walk.watch(replace(walk, places, view, maker(view, buffer)(copy.buffer), replaced))
  walk.watch(replace(walk, places, buffer, copy.buffer, replaced))
  walk.buffers.delete(buffer)
  const now = new Uint8Array(copy.buffer)
  walk.keep(copy.buffer, new PagedRecord({ buffer: copy.buffer, now, saved }, copy.pages))
  return saved.length
}

// Buffers that have properties of their own, or views that do: those stay with them.
function decorated ({ records }) {
  const found = new Set()
  for (const record of records) {
    if (record instanceof ExtrasRecord && record.extras.length > 0) found.add(ArrayBuffer.isView(record.object) ? bufferOf(record.object) : record.object)
  }
  return found
}

// A buffer with these bytes, on pages that are put back where they are; undefined where there are no such pages.
function pagesOf (parts, bytes) {
  const buffer = new ArrayBuffer(Math.max(bytes, CHUNK))
  const now = new Uint8Array(buffer)
  for (const { record, at } of parts) now.set(record.saved, at)
  return PagedRecord.of({ buffer, now, saved: now })
}

function * chunksOf (records) {
  let parts = []
  let bytes = 0
  for (const record of records) {
    if (bytes > 0 && bytes + record.saved.length > CHUNK) {
      yield { parts, bytes }
      parts = []
      bytes = 0
    }
    parts.push({ record, at: bytes })
    bytes = Math.ceil((bytes + record.saved.length) / ALIGN) * ALIGN
  }
  if (parts.length > 0) yield { parts, bytes }
}

// In what a restoration puts back; the first one, before the image is used, puts it there.
function replace (walk, places, view, now, replaced) {
  for (const { list, at, map } of places.get(view)) {
    if (map === undefined) list[at] = now
    else map.set(at, now)
  }
  walk.references.set(now, walk.references.get(view))
  walk.references.delete(view)
  walk.seen.add(now)
  replaced.add(view)
  return now
}

module.exports = { moveLarge }
