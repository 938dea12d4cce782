'use strict'

// Bytes of the package's own.

const { load } = require('../../base/binding')
const { Unrestorable } = require('../steps')

const compareBytes = (a, b) => Buffer.compare(a, b)

// Bytes of the package's own, where the system tells which of their pages were written.
class PagedRecord {
  // Undefined where it does not; `record`: of all of a buffer.
  static of (record) {
    const pages = record.isPart || record.resizable ? null : load().pageBuffer(record.buffer)
    return pages === null ? undefined : new PagedRecord(record, pages)
  }

  constructor ({ buffer, now, saved }, pages) {
    this.buffer = buffer
    this.now = now
    this.size = saved.length
    this.pages = pages
    /** Where not all of it is the package's. @type {number | undefined} */
    this.bytes = undefined
  }

  get same () { return this.now.byteLength === this.size && this.pages.same(this.buffer) }

  restore () {
    const written = this.now.byteLength === this.size ? this.pages.restore(this.buffer) : null
    if (written === null) throw new Unrestorable('an ArrayBuffer was transferred')
    return written ? 1 : 0
  }
}

// The same at a later moment: what differs from the first.
class ChangedPages {
  constructor (paged) {
    this.paged = paged
    this.buffer = paged.buffer
    this.parts = []
    this.size = 0
    const ranges = paged.pages.written()
    for (let at = 0; at < ranges.length; at += 2) {
      const bytes = paged.now.slice(ranges[at], ranges[at] + ranges[at + 1])
      this.parts.push({ at: ranges[at], bytes })
      this.size += bytes.length
    }
  }

  get same () {
    const { now } = this.paged
    return now.byteLength === this.paged.size && this.parts.every(({ at, bytes }) => compareBytes(bytes, now.subarray(at, at + bytes.length)) === 0)
  }

  restore () {
    const count = this.paged.restore()
    for (const { at, bytes } of this.parts) this.paged.now.set(bytes, at)
    return count
  }
}

// Bytes of the package's own.
class BufferRecord {
  constructor (buffer, view) {
    this.buffer = buffer
    // `view`: the part of the buffer that is the package's, where not all of it is.
    this.now = view ?? new Uint8Array(buffer)
    this.saved = Buffer.from(new Uint8Array(this.now))
    this.isPart = view !== undefined
    this.resizable = view === undefined && buffer.resizable === true
  }

  get size () { return this.saved.length }

  get same () { return this.now.byteLength === this.saved.byteLength && compareBytes(this.saved, this.now) === 0 }

  restore () {
    const { buffer, now, saved } = this
    let count = 0
    if (now.byteLength !== saved.byteLength) {
      if (!this.resizable || buffer.detached || now.byteLength === undefined) throw new Unrestorable('an ArrayBuffer was transferred')
      try {
        buffer.resize(saved.byteLength)
      } catch {
        throw new Unrestorable('an ArrayBuffer was transferred')
      }
      count++
    }
    if (compareBytes(saved, now) === 0) return count
    now.set(saved)
    return count + 1
  }
}

module.exports = { BufferRecord, PagedRecord, ChangedPages }
