'use strict'

// Emscripten's string functions. What they do with broken text depends on length and version, as in Emscripten: up to
// 16 bytes are decoded by hand, more by a TextDecoder (which also drops a byte order mark).

const { Buffer } = require('node:buffer')
const { TextDecoder } = require('node:util')

const BY_HAND = 16
const CHUNK = 4096
const END = 0x7fffffff

/** @type {(value: any) => boolean} */
const isView = ArrayBuffer.isView

function decodeByHand (array, at, end) {
  let text = ''
  while (at < end) {
    let u0 = array[at++]
    if (!(u0 & 0x80)) {
      text += String.fromCharCode(u0)
      continue
    }
    const u1 = array[at++] & 63
    if ((u0 & 0xe0) === 0xc0) {
      text += String.fromCharCode(((u0 & 31) << 6) | u1)
      continue
    }
    const u2 = array[at++] & 63
    u0 = (u0 & 0xf0) === 0xe0
      ? ((u0 & 15) << 12) | (u1 << 6) | u2
      : ((u0 & 7) << 18) | (u1 << 12) | (u2 << 6) | (array[at++] & 63)
    if (u0 < 0x10000) {
      text += String.fromCharCode(u0)
    } else {
      const c = u0 - 0x10000
      text += String.fromCharCode(0xd800 | (c >> 10), 0xdc00 | (c & 0x3ff))
    }
  }
  return text
}

// Where a string that starts at `at` ends: at a zero, at `max` bytes, at the end of the array.
function findEnd (array, at, max) {
  // `max` may be anything: only a number limits.
  const limit = at + max
  const byHand = at + BY_HAND
  while (array[at] && !(at >= limit)) {
    if (++at === byHand && isView(array)) {
      const zero = array.indexOf(0, at)
      const end = zero < 0 ? array.length : zero
      return end > limit ? limit : end
    }
  }
  return at
}

// `pairs`: a lone surrogate takes the next code unit with it (Emscripten up to 4.0), else it is written as it is.
function codePoint (text, i, pairs) {
  const unit = text.charCodeAt(i)
  if (unit < 0xd800 || unit > 0xdfff) return unit
  return pairs ? (0x10000 + ((unit & 0x3ff) << 10)) | (text.charCodeAt(i + 1) & 0x3ff) : text.codePointAt(i)
}

function encode (text, array, start, max, pairs) {
  if (!(max > 0)) return 0
  const end = start + max - 1
  let at = start
  for (let i = 0; i < text.length; i++) {
    const u = codePoint(text, i, pairs)
    if (u <= 0x7f) {
      if (at >= end) break
      array[at++] = u
    } else if (u <= 0x7ff) {
      if (at + 1 >= end) break
      array[at++] = 0xc0 | (u >> 6)
      array[at++] = 0x80 | (u & 63)
    } else if (u <= 0xffff) {
      if (at + 2 >= end) break
      array[at++] = 0xe0 | (u >> 12)
      array[at++] = 0x80 | ((u >> 6) & 63)
      array[at++] = 0x80 | (u & 63)
    } else {
      if (at + 3 >= end) break
      array[at++] = 0xf0 | (u >> 18)
      array[at++] = 0x80 | ((u >> 12) & 63)
      array[at++] = 0x80 | ((u >> 6) & 63)
      array[at++] = 0x80 | (u & 63)
      i++
    }
  }
  array[at] = 0
  return at - start
}

function lengthBytesUTF8 (text) {
  let length = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit <= 0x7f) length++
    else if (unit <= 0x7ff) length += 2
    else if (unit >= 0xd800 && unit <= 0xdfff) {
      length += 4
      i++
    } else length += 3
  }
  return length
}

function lengthOfUTF8 (text) {
  return text.length > CHUNK && text.isWellFormed() ? Buffer.byteLength(text) : lengthBytesUTF8(text)
}

function lengthBytesUTF32 (text) {
  let length = 0
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0xd800 && unit <= 0xdfff) i++
    length += 4
  }
  return length
}

function intArrayToString (array) {
  let text = ''
  for (let i = 0; i < array.length; i++) text += String.fromCharCode(array[i] & 0xff)
  return text
}

function makeStrings ({ heap, pairs }) {
  let known

  // Node's own string functions over the linear memory.
  function bufferOver (array) {
    if (known === undefined || known.buffer !== array.buffer || known.length === 0) known = Buffer.from(array.buffer)
    return known
  }

  function decode (array, at, end) {
    if (end - at <= BY_HAND || !isView(array)) return decodeByHand(array, at, end)
    const bytes = array.byteLength === array.buffer.byteLength && array.BYTES_PER_ELEMENT === 1
      ? bufferOver(array)
      : Buffer.from(array.buffer, array.byteOffset, array.byteLength)
    const marked = bytes[at] === 0xef && bytes[at + 1] === 0xbb && bytes[at + 2] === 0xbf
    return bytes.utf8Slice(marked ? at + 3 : at, Math.min(end, bytes.length))
  }

  function UTF8ArrayToString (array, at = 0, max, ignoreNul) {
    at >>>= 0
    return decode(array, at, ignoreNul ? at + max : findEnd(array, at, max))
  }

  function UTF8ToString (ptr, max, ignoreNul) {
    return ptr ? UTF8ArrayToString(heap.HEAPU8, ptr, max, ignoreNul) : ''
  }

  function stringToUTF8Array (text, array, at, max) {
    return encode(text, array, at >>> 0, max, pairs)
  }

  function stringToUTF8 (text, ptr, max) {
    const bytes = heap.HEAPU8
    if (text.length > 64 && max > 0 && text.isWellFormed()) {
      ptr >>>= 0
      const written = bufferOver(bytes).utf8Write(text, ptr, Math.min(max - 1, bytes.length - ptr))
      bytes[ptr + written] = 0
      return written
    }
    return stringToUTF8Array(text, bytes, ptr, max)
  }

  function intArrayFromString (text, dontAddNull, length) {
    const array = new Array(length > 0 ? length : lengthBytesUTF8(text) + 1)
    const written = stringToUTF8Array(text, array, 0, array.length)
    if (dontAddNull) array.length = written
    return array
  }

  function AsciiToString (ptr) {
    const bytes = heap.HEAPU8
    ptr >>>= 0
    return ptr >= bytes.length ? '' : bufferOver(bytes).latin1Slice(ptr, findEnd(bytes, ptr))
  }

  function stringToAscii (text, ptr) {
    const bytes = heap.HEAP8
    for (let i = 0; i < text.length; i++) bytes[ptr++ >>> 0] = text.charCodeAt(i)
    bytes[ptr >>> 0] = 0
  }

  function UTF16ToString (ptr, max, ignoreNul) {
    const units = heap.HEAPU16
    const at = ptr >>> 1
    const end = ignoreNul ? at + max / 2 : findEnd(units, at, max / 2)
    if (end - at <= BY_HAND) {
      let text = ''
      for (let i = at; i < end; i++) text += String.fromCharCode(units[i])
      return text
    }
    return new TextDecoder('utf-16le').decode(units.subarray(at, end))
  }

  function stringToUTF16 (text, ptr, max = END) {
    if (max < 2) return 0
    const units = heap.HEAP16
    const count = max - 2 < text.length * 2 ? (max - 2) / 2 : text.length
    const start = ptr
    for (let i = 0; i < count; i++) {
      units[ptr >>> 1] = text.charCodeAt(i)
      ptr += 2
    }
    units[ptr >>> 1] = 0
    return ptr - start
  }

  function UTF32ToString (ptr, max, ignoreNul) {
    const points = heap.HEAPU32
    const start = ptr >>> 2
    let text = ''
    for (let i = 0; !(i >= max / 4) && start + i < points.length; i++) {
      const point = points[start + i]
      if (point === 0 && !ignoreNul) break
      if (point >= 0x10000) {
        const c = point - 0x10000
        text += String.fromCharCode(0xd800 | (c >> 10), 0xdc00 | (c & 0x3ff))
      } else text += String.fromCharCode(point)
    }
    return text
  }

  function stringToUTF32 (text, ptr, max = END) {
    if (max < 4) return 0
    const points = heap.HEAP32
    const start = ptr
    const end = start + max - 4
    for (let i = 0; i < text.length; i++) {
      const point = codePoint(text, i, pairs)
      if (point > 0xffff) i++
      points[ptr >>> 2] = point
      ptr += 4
      if (ptr + 4 > end) break
    }
    points[ptr >>> 2] = 0
    return ptr - start
  }

  function writeStringToMemory (text, ptr, dontAddNull) {
    const last = ptr + lengthBytesUTF8(text)
    const after = heap.HEAP8[last]
    stringToUTF8(text, ptr, Infinity)
    if (dontAddNull) heap.HEAP8[last] = after
  }

  function writeArrayToMemory (array, ptr) {
    heap.HEAP8.set(array, ptr >>> 0)
  }

  function writeAsciiToMemory (text, ptr, dontAddNull) {
    const bytes = heap.HEAP8
    for (let i = 0; i < text.length; i++) bytes[ptr++ >>> 0] = text.charCodeAt(i)
    if (!dontAddNull) bytes[ptr >>> 0] = 0
  }

  // Up to 1.38: without a length the text ends at a zero; bytes above 127 make it UTF-8, else it is ASCII.
  function Pointer_stringify (ptr, length) {
    if (length === 0 || !ptr) return ''
    return UTF8ToString(ptr, length)
  }

  return {
    UTF8ArrayToString,
    UTF8ToString,
    stringToUTF8Array,
    stringToUTF8,
    lengthBytesUTF8: lengthOfUTF8,
    intArrayFromString,
    intArrayToString,
    AsciiToString,
    stringToAscii,
    UTF16ToString,
    stringToUTF16,
    lengthBytesUTF16: (text) => text.length * 2,
    UTF32ToString,
    stringToUTF32,
    lengthBytesUTF32,
    writeStringToMemory,
    writeArrayToMemory,
    writeAsciiToMemory,
    Pointer_stringify
  }
}

module.exports = { makeStrings, encode }
