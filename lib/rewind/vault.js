'use strict'

// Large buffers of the package's own (the files of an in-memory file system) are moved into memories that the engine restores
// from copy-on-write pages: to put them back costs what was changed, not what is there.

const { types } = require('node:util')
const { placesOf, maker } = require('./views')

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
  const places = placesOf(walk)
  const byBuffer = new Map()
  const fixed = new Set()
  for (const [value, count] of walk.references) {
    if (!ArrayBuffer.isView(value) || (places.get(value) ?? []).length < count) fixed.add(ArrayBuffer.isView(value) ? value.buffer : value)
    else if (byBuffer.has(value.buffer)) byBuffer.get(value.buffer).push(value)
    else byBuffer.set(value.buffer, [value])
  }
  const movable = large.filter(({ buffer }) => !fixed.has(buffer) && byBuffer.has(buffer))
  let moved = 0
  for (const chunk of chunksOf(movable)) {
    const memory = store.memoryOf(Math.ceil(chunk.bytes / PAGE))
    if (memory === undefined) return moved
    const target = memory.buffer
    for (const { record, at } of chunk.parts) {
      new Uint8Array(target, at, record.saved.length).set(record.saved)
      for (const view of byBuffer.get(record.buffer)) replace(walk, places, view, maker(view, target, at + view.byteOffset)(target))
      walk.buffers.delete(record.buffer)
      moved += record.saved.length
    }
  }
  return moved
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
  for (const { list, at } of places.get(view)) list[at] = now
  walk.references.set(now, walk.references.get(view))
  walk.references.delete(view)
  walk.seen.add(now)
}

module.exports = { moveLarge }
