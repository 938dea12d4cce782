'use strict'

// Images of a sandbox's instance that its user takes. What they hold is the host's: a host that can take them has
//
//   checkpoint()          an image of the instance as it is now: `{ bytes, dispose() }`, and on the native host `native`, `handle` and `save(file)`
//   recycle(point), recycleAsync(point), compareWithImage(point)      as without: `undefined` is the image of the start

const path = require('node:path')
const { fileURLToPath, URL } = require('node:url')
const { inspect, types } = require('node:util')
const { DisposedError, OptionError, UnsupportedError } = require('./errors')
const { show } = require('./given')

const KEY = Symbol('made by Sandbox.checkpoint()')

// Those that nobody has any more are given back.
const dropped = new FinalizationRegistry((held) => give(held))

function give (held) {
  const { point } = held
  if (point === undefined) return
  held.point = undefined
  held.book.count--
  point.dispose()
}

let make, is, pointOf

class Checkpoint {
  // What outlives it until it is given back: `{ point, book }`.
  #held
  #sandbox

  constructor (key, sandbox, point, book) {
    if (key !== KEY) throw new TypeError('Illegal constructor: vm.checkpoint() makes checkpoints')
    this.#sandbox = sandbox
    this.#held = { point, book }
    book.count++
    dropped.register(this, this.#held, this)
  }

  static {
    make = (sandbox, point, book) => new Checkpoint(KEY, sandbox, point, book)
    is = (value) => value !== null && typeof value === 'object' && #held in value
    pointOf = (checkpoint, sandbox) => Checkpoint.#pointOf(checkpoint, sandbox)
  }

  // For the sandbox that it was taken of.
  static #pointOf (checkpoint, sandbox) {
    if (!is(checkpoint)) {
      throw new OptionError('from: expected a Checkpoint of this sandbox', { option: 'from', value: checkpoint, accepted: 'a Checkpoint of this sandbox' })
    }
    const point = checkpoint.#live()
    if (sandbox !== undefined && checkpoint.#sandbox !== sandbox) {
      const accepted = 'a Checkpoint of this sandbox; open(source, { from }) opens another sandbox from it'
      throw new OptionError(`from: the checkpoint is of another sandbox (${checkpoint.#sandbox.name}): expected ${accepted}`, { option: 'from', value: checkpoint, accepted })
    }
    return point
  }

  #live () {
    const { point } = this.#held
    if (point === undefined) throw new DisposedError('the checkpoint was disposed: take another one')
    return point
  }

  get bytes () { return this.#held.point === undefined ? 0 : this.#held.point.bytes }

  get handle () {
    const point = this.#live()
    if (point.handle === undefined) throw new UnsupportedError('handle: only checkpoints of the native host can be opened elsewhere')
    return point.handle
  }

  async save (file) {
    const point = this.#live()
    const accepted = 'the path or file: URL of the file to write'
    const target = pathOf(file)
    if (target === undefined) throw new OptionError(`save(file): file is ${show(file)}: expected ${accepted}.`, { option: 'file', value: file, accepted })
    if (point.save === undefined) throw new UnsupportedError('save(): only checkpoints of the native host can be saved')
    await point.save(target)
  }

  dispose () {
    dropped.unregister(this)
    give(this.#held)
  }

  [Symbol.dispose] () { this.dispose() }

  [inspect.custom] (depth, options) {
    const shown = { sandbox: this.#sandbox.name, bytes: this.bytes, disposed: this.#held.point === undefined }
    return `Checkpoint ${inspect(shown, { ...options, depth })}`
  }
}

function pathOf (file) {
  if ((!types.isProxy(file) && file instanceof URL) || (typeof file === 'string' && file.startsWith('file:'))) {
    try {
      return fileURLToPath(file)
    } catch {
      return undefined
    }
  }
  return typeof file === 'string' && file !== '' && !file.includes('\0') ? path.resolve(file) : undefined
}

// `pointOf(checkpoint, sandbox)`: the host's point, where it is of that sandbox.
module.exports = { Checkpoint, makeCheckpoint: make, isCheckpoint: is, pointOf }
