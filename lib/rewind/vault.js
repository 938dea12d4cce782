'use strict'

// Large buffers of the package's own (the files of an in-memory file system) are moved to copy-on-write pages: to put them back
// costs what was changed, not what is there. Where the system tells which pages were written, these are those of a buffer that stays
// where it is; else those of a memory of the engine's, whose views are made anew at each rewind.

const { types } = require('node:util')
const { placesOf, maker } = require('./views')
const { PagedRecord } = require('./records')

// Less than this is compared byte for byte.
const WORTH_IT = 2 * 2 ** 20
const LARGE = 4096
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
  const fixed = new Set()
  for (const [value, count] of walk.references) {
    if (!ArrayBuffer.isView(value) || (places.get(value) ?? []).length < count) fixed.add(ArrayBuffer.isView(value) ? value.buffer : value)
    else if (byBuffer.has(value.buffer)) byBuffer.get(value.buffer).push(value)
    else byBuffer.set(value.buffer, [value])
  }
  const movable = large.filter(({ buffer }) => !fixed.has(buffer) && byBuffer.has(buffer))
  let moved = 0
  for (const { parts, bytes } of chunksOf(movable)) {
    const paged = pagesOf(parts, bytes)
    const target = paged?.buffer ?? store.memoryOf(Math.ceil(bytes / PAGE))?.buffer
    if (target === undefined) return moved
    for (const { record, at } of parts) {
      // Its views could not be made anew there.
      if (paged === undefined && byBuffer.get(record.buffer).some((view) => places.get(view).some(({ map }) => map !== undefined))) continue
      if (paged === undefined) new Uint8Array(target, at, record.saved.length).set(record.saved)
      for (const view of byBuffer.get(record.buffer)) replace(walk, places, view, maker(view, target, at + view.byteOffset)(target))
      walk.buffers.delete(record.buffer)
      moved += record.saved.length
    }
    if (paged === undefined) continue
    paged.bytes = bytes
    walk.keep(target, paged)
  }
  return moved
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
function replace (walk, places, view, now) {
  for (const { list, at, map } of places.get(view)) {
    if (map === undefined) list[at] = now
    else map.set(at, now)
  }
  walk.references.set(now, walk.references.get(view))
  walk.references.delete(view)
  walk.seen.add(now)
}

module.exports = { moveLarge }
