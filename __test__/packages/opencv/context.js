'use strict'

// What an operation works with: deterministic pictures, and plain descriptions of what comes out.

const { createHash } = require('node:crypto')

const WIDTH = 160
const HEIGHT = 120
const FULL_VALUES = 48
const ELEMENT_VIEWS = ['data', 'data8S', 'data16U', 'data16S', 'data32S', 'data32F', 'data64F']

class Skip extends Error {}

// A xorshift generator: the same pictures on each side, whatever Math.random does.
function noise (seed) {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state / 2 ** 32
  }
}

// Shading, discs, a grid of edges and some grain: every filter and detector finds something to do.
function pixelAt (x, y, shift, grain) {
  const u = x - shift
  const disc = (cx, cy, r) => (u - cx) ** 2 + (y - cy) ** 2 < r * r
  let base = 60 + u * 0.6 + y * 0.4
  if (disc(40, 40, 22)) base = 210
  if (disc(46, 36, 8)) base = 30
  if (disc(112, 78, 28)) base = 150 + ((u >> 2) + (y >> 2)) % 2 * 70
  if (u > 70 && u < 100 && y > 12 && y < 34) base = 245
  if (Math.abs(u - y * 1.2) < 2) base = 10
  return Math.max(0, Math.min(255, Math.round(base + (grain - 0.5) * 12)))
}

function pixels (channels, { seed = 7, shift = 0, width = WIDTH, height = HEIGHT } = {}) {
  const random = noise(seed)
  const bytes = new Uint8Array(width * height * channels)
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = pixelAt(x, y, shift, random())
      for (let c = 0; c < channels; c++, i++) bytes[i] = c === 3 ? 255 : Math.max(0, Math.min(255, value + (c - 1) * ((x * 3 + y) % 41) * (channels > 1)))
    }
  }
  return bytes
}

class Context {
  constructor (cv) {
    this.cv = cv
    this.kept = []
  }

  // Deleted after the operation.
  keep (object) {
    this.kept.push(object)
    return object
  }

  need (...names) {
    for (const name of names) {
      const found = name.split('.').reduce((object, key) => object === undefined || object === null ? undefined : object[key], this.cv)
      if (found === undefined) throw new Skip(`this build has no cv.${name}`)
    }
  }

  out () {
    return this.keep(new this.cv.Mat())
  }

  mat (rows, cols, type, values) {
    return this.keep(this.cv.matFromArray(rows, cols, type, Array.from(values)))
  }

  picture (channels, options = {}) {
    const { width = WIDTH, height = HEIGHT } = options
    const type = { 1: 'CV_8UC1', 3: 'CV_8UC3', 4: 'CV_8UC4' }[channels]
    const mat = this.keep(new this.cv.Mat(height, width, this.cv[type]))
    mat.data.set(pixels(channels, options))
    return mat
  }

  gray (options) { return this.picture(1, options) }
  rgb (options) { return this.picture(3, options) }
  rgba (options) { return this.picture(4, options) }

  // Values in [low, high) from the generator.
  random (n, seed, low = 0, high = 1) {
    const next = noise(seed)
    return Array.from({ length: n }, () => Math.fround(low + next() * (high - low)))
  }

  floats (rows, cols, seed, low, high) {
    return this.mat(rows, cols, this.cv.CV_32FC1, this.random(rows * cols, seed, low, high))
  }

  // A binary picture of the discs and bars.
  mask () {
    const result = this.out()
    this.cv.threshold(this.gray(), result, 140, 255, this.cv.THRESH_BINARY)
    return result
  }

  contours (mode = this.cv.RETR_LIST) {
    const contours = this.keep(new this.cv.MatVector())
    const hierarchy = this.out()
    this.cv.findContours(this.mask(), contours, hierarchy, mode, this.cv.CHAIN_APPROX_SIMPLE)
    return { contours, hierarchy }
  }

  largestContour () {
    const { contours } = this.contours()
    let best = null
    for (let i = 0; i < contours.size(); i++) {
      const contour = this.keep(contours.get(i))
      if (!best || contour.rows > best.rows) best = contour
    }
    return best
  }

  show (mat) {
    return describeMat(mat)
  }

  showAll (vector, describe = (item) => item) {
    return Array.from({ length: vector.size() }, (_, i) => {
      const item = vector.get(i)
      const shown = describe(item)
      if (item && typeof item.delete === 'function') item.delete()
      return shown
    })
  }

  keypoints (vector) {
    const all = this.showAll(vector)
    return { count: all.length, first: all.slice(0, 3), sha256: digest(JSON.stringify(all)) }
  }

  // What calling `fn` throws, or what it gives.
  attempt (fn) {
    try {
      return { value: plain(fn()) }
    } catch (error) {
      return { thrown: describeError(this.cv, error) }
    }
  }

  end () {
    for (const object of this.kept.reverse()) if (!object.isDeleted()) object.delete()
  }
}

const digest = (data) => createHash('sha256').update(data).digest('hex')

function describeMat (mat) {
  const { rows, cols } = mat
  const type = mat.type()
  const description = { rows, cols, type }
  if (rows <= 0 || cols <= 0) return description
  const whole = mat.isContinuous() ? mat : copyOf(mat)
  const values = whole[ELEMENT_VIEWS[type & 7]]
  if (values.length <= FULL_VALUES) description.values = plain(Array.from(values))
  else {
    description.first = plain(Array.from(values.subarray(0, 4)))
    description.sha256 = digest(whole.data)
  }
  if (whole !== mat) whole.delete()
  return description
}

// `clone` is another handle of the same matrix in some builds and a copy in others.
function copyOf (mat) {
  const copy = new mat.constructor()
  mat.copyTo(copy)
  return copy
}

function plain (value) {
  if (value === undefined) return { undefined: true }
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) return { number: Object.is(value, -0) ? '-0' : String(value) }
  if (typeof value === 'bigint') return { bigint: String(value) }
  if (typeof value === 'symbol') return { symbol: String(value) }
  if (typeof value === 'function') return { function: value.name }
  if (value === null || typeof value !== 'object') return value
  if (ArrayBuffer.isView(value)) return { view: value.constructor.name, values: plain(Array.from(value)) }
  if (Array.isArray(value)) return value.map(plain)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, plain(item)]))
}

// Emscripten throws a C++ exception as a bare pointer, emvm as a CppException that is that pointer as a number: both are told
// by what the module says of the pointer.
function describeError (cv, error) {
  if (typeof error === 'number' || (error && error.code === 'EMVM_ERR_CPP_EXCEPTION')) {
    const { code, msg } = cv.exceptionFromPtr(typeof error === 'number' ? error : error.ptr)
    return { cpp: msg, code }
  }
  if (error instanceof WebAssembly.RuntimeError || (error && error.code === 'EMVM_ERR_TRAP')) return { trap: true }
  return { name: error.name, constructor: error.constructor.name, message: error.message }
}

function runOperation (cv, operation) {
  const context = new Context(cv)
  try {
    // Operations share OpenCV's generator, and must not depend on who ran before.
    if (cv.setRNGSeed) cv.setRNGSeed(20250101)
    const result = plain(operation(cv, context))
    context.end()
    return { result }
  } catch (error) {
    if (error instanceof Skip) return { skipped: error.message }
    return { thrown: describeError(cv, error) }
  }
}

module.exports = { Context, Skip, runOperation, describeError, plain }
