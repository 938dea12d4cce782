'use strict'

const native = require('./native')
const { fromNative, isTrap } = require('./errors')
const { ArrayPrototypePush, ObjectIs, SafeMap, SafeSet, SafeWeakMap } = require('../base/primordials')

// Which functions are wasm's: function -> { realm, address }. The entry also keeps the realm for its functions.
const exported = new SafeWeakMap()
// The realms of buffers, which keep them as well.
const shown = new SafeWeakMap()

// The number of `ErrorKind::Interrupted`.
const INTERRUPTED = 7
// The dearest way that a memory took back to its image.
const OUTCOMES = ['copied', 'flipped', 'cleaned']

const { asIntN } = BigInt
const asBigInt64 = (value) => asIntN(64, value)

function errorMaker (faults) {
  return (kind, message, detail) => {
    const error = (kind === INTERRUPTED && faults.interrupted?.()) || fromNative(kind, message, detail)
    if (faults.told && isTrap(error)) faults.told(error)
    return error
  }
}

// A realm: one store of wasm objects. `handle` is the addon's side of it.
class Realm {
  // Limits: bytes that a memory may reach, milliseconds of one call, bytes of native stack.
  /** @param {any} [limits] */
  constructor ({ memoryMax, timeout, interruptId, stack, isReplaced } = {}) {
    // Values that wasm holds as externrefs, by number; the same value has one number.
    this.externs = [null]
    this.numbers = new SafeMap()
    // The one JavaScript object for each wasm object, by address. Filled by the classes.
    this.objects = new SafeMap()
    // Set by exception.js.
    this.makeException = null
    /** @type {(value: any) => any} */
    this.describeException = () => undefined
    // Set by promising.js: suspended calls have ended.
    this.onEnd = () => {}
    // Whether wasm has had a shared memory: one that it does not use is only a buffer.
    this.sharesMemory = false
    // Told of traps and of calls that were stopped.
    this.faults = { told: undefined, interrupted: undefined }
    // The addon keeps nothing of these, so that a realm that nobody has is collected, whatever its functions refer to.
    this.functions = []
    this.imported = []
    this.buffers = new SafeMap()
    // 0 until there is an image: functions that are taken then are of all generations, others of their own.
    this.generation = 0
    // How often it went back to an image.
    this.rewinds = 0
    // Generations that this one goes on.
    this.lineage = new SafeSet()
    // Memories whose pages were given back, by address.
    this.disposed = new SafeSet()
    this.helpers = {
      error: errorMaker(this.faults),
      adopt: (fn, address) => {
        exported.set(fn, { realm: this, address, generation: this.generation })
        ArrayPrototypePush(this.functions, fn)
      },
      toBigInt: asBigInt64,
      functionAddress: (value) => this.functionAddress(value),
      externIn: (value) => this.externNumber(value),
      externOut: (number) => this.externs[number],
      exception: (tag, payload) => this.makeException(tag, payload),
      describe: (value) => isTrap(value) ? null : this.describeException(value) ?? 0,
      holder: [undefined]
    }
    this.memoryMax = memoryMax ?? Infinity
    this.handle = native.realmCreate(this.helpers, memoryMax, timeout, interruptId, stack, isReplaced)
  }

  externNumber (value) {
    if (value === null) return 0
    // A Map takes -0 for 0.
    if (ObjectIs(value, -0)) return ArrayPrototypePush(this.externs, value) - 1
    let number = this.numbers.get(value)
    if (number === undefined) {
      number = ArrayPrototypePush(this.externs, value) - 1
      this.numbers.set(value, number)
    }
    return number
  }

  // The buffer over a memory: the same one until the memory grows.
  buffer (address) {
    const buffer = native.memoryBuffer(this.handle, address)
    if (this.buffers.get(address) !== buffer) {
      this.buffers.set(address, buffer)
      this.show(buffer)
    }
    return buffer
  }

  // The buffer is over a memory of the realm's, which it keeps.
  show (buffer) {
    shown.set(buffer, this)
    return buffer
  }

  shows (buffer) { return shown.get(buffer) === this }

  // The address of a function of this realm; undefined for any other value.
  addressOf (value) {
    const known = typeof value === 'function' ? exported.get(value) : undefined
    return known !== undefined && known.realm === this && this.isCurrent(known) ? known.address : undefined
  }

  isCurrent ({ generation }) { return generation === 0 || generation === this.generation || this.lineage.has(generation) }

  functionAddress (value) {
    const address = this.addressOf(value)
    if (address !== undefined) return address
    if (typeof value === 'function' && exported.has(value)) {
      const known = exported.get(value)
      throw fromNative(native.realmIsLive(known.realm.handle) && known.realm.isCurrent(known) ? 3 : 4,
        'this function belongs to another instance of emvm\'s WebAssembly, or to a generation that was released')
    }
    throw new TypeError('function-typed object expected')
  }

  // The JavaScript object of a wasm object, made at first sight.
  object (address, make) {
    let object = this.objects.get(address)
    if (object === undefined) {
      object = make()
      this.objects.set(address, object)
    }
    return object
  }

  get isLive () {
    return native.realmIsLive(this.handle)
  }

  get memoryBytes () {
    return this.isLive ? native.memoryBytes(this.handle) : 0
  }

  // Takes the image of everything that wasm can change: memories, globals, tables. With wasm on the stack it throws EMVM_ERR_BUSY;
  // where something could not be brought back, it says what.
  takeImage () {
    const { externs, objects, functions, imported, disposed } = this
    const number = native.realmTakeImage(this.handle)
    this.generation ||= 1
    return {
      number,
      externs: externs.length,
      objects: objects.size,
      functions: functions.length,
      imported: imported.length,
      disposed: new SafeSet(disposed)
    }
  }

  // Brings it all back. Buffers of memories are detached, and `memory.buffer` is a new one; the objects of the image stay what they
  // are, and functions that were taken since throw EMVM_ERR_STALE. Tells how, and what was made since the image, which stays in
  // memory until the realm goes. After any other error than EMVM_ERR_BUSY the realm can only be released.
  restoreImage (image) {
    const [outcome, functions, instances, memories, tables, globals, tags] = native.realmRewind(this.handle, image.number)
    this.generation++
    this.rewinds++
    this.onEnd()
    if (this.lineage.size > 0) this.lineage = new SafeSet()
    for (let number = image.externs; number < this.externs.length; number++) {
      const value = this.externs[number]
      if (this.numbers.get(value) === number) this.numbers.delete(value)
    }
    this.externs.length = image.externs
    if (this.objects.size > image.objects) {
      for (const address of [...this.objects.keys()].slice(image.objects)) this.objects.delete(address)
    }
    this.functions.length = image.functions
    this.imported.length = image.imported
    this.buffers.clear()
    if (this.disposed.size + image.disposed.size > 0) this.disposed = new SafeSet(image.disposed)
    return { memory: OUTCOMES[outcome], made: { functions, instances, memories, tables, globals, tags } }
  }

  // The same where there is an image: what changed since. All goes on as it is.
  takePoint (start) {
    const [number, bytes] = native.realmTakePoint(this.handle)
    this.lineage.add(this.generation++)
    const { externs, objects, functions, imported, disposed, lineage } = this
    return {
      number,
      bytes,
      start,
      externs: [...externs],
      objects: new SafeMap(objects),
      functions: [...functions],
      imported: [...imported],
      disposed: new SafeSet(disposed),
      lineage: new SafeSet(lineage)
    }
  }

  restorePoint (point) {
    const told = this.restoreImage({ ...point.start, number: point.number })
    this.externs = [...point.externs]
    point.externs.forEach((value, number) => { if (number > 0 && !ObjectIs(value, -0) && !this.numbers.has(value)) this.numbers.set(value, number) })
    this.objects = new SafeMap(point.objects)
    this.functions = [...point.functions]
    this.imported = [...point.imported]
    this.disposed = new SafeSet(point.disposed)
    this.lineage = new SafeSet(point.lineage)
    for (const fn of point.functions.slice(point.start.functions)) native.realmKnowFunction(this.handle, exported.get(fn).address, fn)
    return told
  }

  dropImage (image) { native.realmDropImage(this.handle, image.number) }

  // What differs from the image, in words: for checks. `whole`: also in pages of memories that nobody seems to have touched, which is slow.
  differences (image, whole = true) { return native.realmDifferences(this.handle, image.number, whole) }

  // Gives everything back at once; every later use of an object of this realm throws EMVM_ERR_STALE.
  release () {
    native.realmRelease(this.handle)
    this.onEnd()
    this.faults.told = this.faults.interrupted = undefined
    this.externs = [null]
    this.numbers = new SafeMap()
    this.objects = new SafeMap()
    this.functions = []
    this.imported = []
    this.buffers = new SafeMap()
    this.disposed = new SafeSet()
  }
}

module.exports = { Realm, isExported: (fn) => exported.has(fn) }
