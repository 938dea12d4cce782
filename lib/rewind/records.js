'use strict'

// What the image keeps of an object, and how that is put back: one class for each kind. Each compares before it writes: most
// objects are as they were, and a write costs more than a read. `restore()` gives how much had to be put back.

const { load } = require('../base/binding')
const { functionOf } = require('../base/evaluate')
const { Unrestorable } = require('./steps')

const { getOwnPropertyDescriptor: describe, getPrototypeOf, setPrototypeOf, ownKeys, defineProperty } = Reflect
const { getOwnPropertyNames: namesOf, getOwnPropertySymbols: symbolsOf, isExtensible, is, hasOwn } = Object

/** @type {PropertyDescriptor} */
const CONSTRUCTOR = { writable: true, enumerable: false, configurable: true }
/** @type {PropertyDescriptor} */
const PLAIN = { writable: true, enumerable: true, configurable: true }

const sameDescriptor = (now, then) => now !== undefined && now.enumerable === then.enumerable && now.configurable === then.configurable &&
  now.writable === then.writable && now.get === then.get && now.set === then.set

// `left(object)` is told of what drops out of the image's containers.
class ObjectRecord {
  constructor (object) {
    this.object = object
    this.proto = getPrototypeOf(object)
    this.open = isExtensible(object)
    this.keys = ownKeys(object)
    this.names = namesOf(object)
    this.symbols = this.keys.length - this.names.length
    // Data that can be written, and its values; then everything that is not plain: [key, descriptor].
    this.data = []
    this.values = []
    /** @type {Array<[PropertyKey, PropertyDescriptor]>} */
    this.special = []
    // Private fields: [get, set, value].
    this.hidden = undefined
    for (const key of this.keys) {
      const descriptor = describe(object, key)
      if ('value' in descriptor) {
        if (descriptor.writable) {
          this.data.push(key)
          this.values.push(descriptor.value)
        }
        if (!descriptor.writable || !descriptor.configurable || !descriptor.enumerable) this.special.push([key, descriptor])
      } else {
        this.special.push([key, descriptor])
      }
    }
    // Accessors, and what can only be defined again.
    this.defined = this.special.filter(([, { writable, configurable }]) => configurable && writable !== true)
  }

  // A function whose `prototype` is its own.
  get hasPrototype () { return this.names.includes('prototype') }

  // What its fields have, `prototype` last: see `Scan`.
  watched () {
    const hidden = this.hidden?.map(([, , value]) => value) ?? []
    const special = this.special.filter(([, descriptor]) => descriptor.value !== undefined && !descriptor.writable).map(([, { value }]) => value)
    const isConstructor = typeof this.object === 'function' && this.hasPrototype
    if (hidden.length === 0 && special.length === 0 && !isConstructor) return this.values
    return [...this.values, ...special, ...hidden, ...(isConstructor ? [describe(this.object, 'prototype').value] : [])]
  }

  hide (get, set, value) { (this.hidden ??= []).push([get, set, value]) }

  // Nothing of it can change.
  get fixed () {
    return !this.open && this.data.length === 0 && this.hidden === undefined && this.special.every(([, { configurable }]) => !configurable)
  }

  sameShape () {
    const { object, names } = this
    const now = namesOf(object)
    if (now.length !== names.length) return false
    for (let at = 0; at < now.length; at++) if (now[at] !== names[at]) return false
    return symbolsOf(object).length === this.symbols && isExtensible(object) === this.open && getPrototypeOf(object) === this.proto
  }

  // Whether descriptors are as they were. Slow.
  sameDescriptors () {
    const specials = new Map(this.special)
    return this.keys.every((key) => sameDescriptor(describe(this.object, key), specials.get(key) ?? PLAIN))
  }

  // Descriptors, too.
  restoreAll (left) {
    let count = this.sameShape() ? 0 : this.#reshape(left)
    const specials = new Map(this.special)
    const saved = new Map(this.data.map((key, at) => /** @type {[PropertyKey, any]} */ ([key, this.values[at]])))
    for (const key of this.keys) {
      const then = specials.get(key) ?? PLAIN
      const value = saved.has(key) ? saved.get(key) : then.value
      const now = describe(this.object, key)
      if (sameDescriptor(now, then) && (now.get !== undefined || now.set !== undefined || is(now.value, value))) continue
      left(now?.value)
      define(this.object, key, 'value' in then || then === PLAIN ? { ...then, value } : then)
      count++
    }
    return count
  }

  // `same`: made for objects of these keys, see `comparatorOf`.
  restore (left, same) {
    let count = 0
    if (!this.sameShape()) count += this.#reshape(left)
    if (same === undefined || !same(this.object, this.values)) count += this.#rewrite(left)
    return this.defined.length > 0 || this.hidden !== undefined ? count + this.#restoreSpecial() : count
  }

  // One of its values.
  restoreAt (at, left) {
    const { object, data, values } = this
    const key = data[at]
    const now = object[key]
    if (is(now, values[at])) return 0
    left(now)
    write(object, key, values[at])
    return 1
  }

  // The properties are what they were; their values need not be.
  restoreValues (left) {
    const count = this.#rewrite(left)
    return this.defined.length > 0 || this.hidden !== undefined ? count + this.#restoreSpecial() : count
  }

  #rewrite (left) {
    const { object, data, values } = this
    let count = 0
    for (let at = 0; at < data.length; at++) {
      const now = object[data[at]]
      if (is(now, values[at])) continue
      left(now)
      write(object, data[at], values[at])
      count++
    }
    return count
  }

  #restoreSpecial () {
    const { object, defined, hidden } = this
    let count = 0
    for (let at = 0; at < defined.length; at++) {
      const [key, descriptor] = defined[at]
      const now = describe(object, key)
      if (now !== undefined && now.get === descriptor.get && now.set === descriptor.set && is(now.value, descriptor.value)) continue
      define(object, key, descriptor)
      count++
    }
    if (hidden !== undefined) {
      for (const [get, set, value] of hidden) {
        if (is(get(object), value)) continue
        set(object, value)
        count++
      }
    }
    return count
  }

  // What was added goes, the last first (V8 then keeps the object fast); what was deleted comes back; then the order.
  #reshape (left) {
    const { object, keys, data, values, special } = this
    if (isExtensible(object) !== this.open) throw new Unrestorable(`${nameOf(object)} was frozen, sealed or made not extensible`)
    if (getPrototypeOf(object) !== this.proto && !setPrototypeOf(object, this.proto)) throw new Unrestorable(`the prototype of ${nameOf(object)} cannot be set back`)
    let count = 1
    const wanted = new Set(keys)
    const now = ownKeys(object)
    for (let at = now.length - 1; at >= 0; at--) {
      if (wanted.has(now[at])) continue
      left(describe(object, now[at]).value)
      remove(object, now[at])
      count++
    }
    const rest = ownKeys(object)
    // From the first that is not in its place on.
    let kept = 0
    while (kept < rest.length && rest[kept] === keys[kept]) kept++
    if (kept === keys.length) return count
    const specials = new Map(special)
    const saved = new Map(data.map((key, at) => /** @type {[PropertyKey, any]} */ ([key, values[at]])))
    for (const key of keys.slice(kept)) {
      const present = describe(object, key)
      if (present !== undefined) {
        if (!present.configurable) continue
        remove(object, key)
      }
      const descriptor = specials.get(key) ?? PLAIN
      define(object, key, saved.has(key) ? { ...descriptor, value: saved.get(key) } : descriptor)
      count++
    }
    return count
  }
}

// A function with nothing on it, and its prototype with nothing on it: most functions. V8 makes a prototype when somebody asks for it;
// one that nobody has asked for is not asked for here.
class BareRecord {
  // `isUnborn(fn)`: where it has a prototype that does not exist yet.
  constructor (fn, proto, isUnborn) {
    this.object = fn
    this.proto = proto
    this.base = proto === undefined ? undefined : getPrototypeOf(proto)
    this.made = proto === undefined ? { ...CONSTRUCTOR, value: fn } : describe(proto, 'constructor')
    this.isUnborn = isUnborn
    // It came into being in a later generation.
    this.isBorn = false
    this.keys = ownKeys(fn)
    this.symbols = symbolsOf(fn).length
    this.parent = getPrototypeOf(fn)
    // Of its name and length.
    /** @type {Array<[PropertyKey, PropertyDescriptor]>} */
    this.defined = this.keys.filter((key) => key === 'name' || key === 'length').map((key) => /** @type {[PropertyKey, PropertyDescriptor]} */ ([key, describe(fn, key)]))
  }

  // Name and length, too, and what nobody lists.
  restoreAll (left) {
    const { object, proto, keys } = this
    for (const each of proto === undefined ? [object] : [object, proto]) {
      if (!isExtensible(each)) throw new Unrestorable(`${nameOf(object)} was frozen, sealed or made not extensible`)
    }
    let count = strip(object, keys, left)
    for (const [key, then] of this.defined) {
      const now = describe(object, key)
      if (sameDescriptor(now, then) && is(now.value, then.value)) continue
      define(object, key, then)
      count++
    }
    return count + this.restore(left)
  }

  restore (left) {
    const { object, proto } = this
    let count = 0
    if (Object.keys(object).length > 0 || symbolsOf(object).length !== this.symbols) count += strip(object, this.keys, left)
    if (getPrototypeOf(object) !== this.parent) {
      if (!setPrototypeOf(object, this.parent)) throw new Unrestorable(`the prototype of ${nameOf(object)} cannot be set back`)
      count++
    }
    if (proto !== undefined) return count + this.restorePrototype(left)
    if (this.isUnborn === undefined || this.isUnborn(object)) return count
    this.isBorn = true
    this.base = Object.prototype
    this.proto = object.prototype
    // Nothing of the image leads to what it is, so that another does as well.
    if (!isBare(this.proto, object)) write(object, 'prototype', this.proto = Object.defineProperty({}, 'constructor', this.made))
    return count + 1
  }

  restorePrototype (left) {
    const { object, proto, base, made } = this
    let count = 0
    if (object.prototype !== proto) {
      write(object, 'prototype', proto)
      count++
    }
    if (!isExtensible(proto)) throw new Unrestorable(`the prototype property of ${nameOf(object)} was frozen, sealed or made not extensible`)
    const names = namesOf(proto)
    if (names.length !== 1 || symbolsOf(proto).length > 0) count += strip(proto, ['constructor'], left)
    const now = describe(proto, 'constructor')
    if (!sameDescriptor(now, made) || now.value !== made.value) {
      define(proto, 'constructor', made)
      count++
    }
    if (getPrototypeOf(proto) !== base) {
      setPrototypeOf(proto, base)
      count++
    }
    return count
  }
}

// Whether a function's prototype is as V8 makes it.
function isBare (proto, fn) {
  if (proto === null || typeof proto !== 'object' || getPrototypeOf(proto) !== Object.prototype || !isExtensible(proto)) return false
  const keys = ownKeys(proto)
  const made = describe(proto, 'constructor')
  return keys.length === 1 && made !== undefined && made.value === fn && sameDescriptor(made, CONSTRUCTOR)
}

function strip (object, keys, left) {
  let count = 0
  const now = ownKeys(object)
  for (let at = now.length - 1; at >= 0; at--) {
    if (keys.includes(now[at])) continue
    left(describe(object, now[at]).value)
    remove(object, now[at])
    count++
  }
  return count
}

// A dense array of Array's own, with elements and nothing else.
class ArrayRecord {
  constructor (array) {
    this.object = array
    this.values = [...array]
    this.last = String(array.length - 1)
  }

  // Whether an array is of this kind.
  static fits (array) {
    const keys = ownKeys(array)
    if (keys.length !== array.length + 1 || keys.at(-1) !== 'length' || getPrototypeOf(array) !== Array.prototype || !isExtensible(array)) return false
    return keys.every((key) => {
      const { writable, configurable, enumerable } = describe(array, key)
      return writable === true && (key === 'length' || (configurable && enumerable))
    })
  }

  restoreAll (left) {
    const { object, values } = this
    const length = describe(object, 'length')
    if (!length.writable) throw new Unrestorable('the length of an array was made constant')
    for (let at = 0; at < values.length; at++) {
      if (!sameDescriptor(describe(object, at), PLAIN)) define(object, at, { ...PLAIN, value: values[at] })
    }
    return this.restore(left)
  }

  restore (left) {
    const { object, values } = this
    let count = 0
    if (object.length !== values.length) {
      for (let at = values.length; at < object.length; at++) left(object[at])
      write(object, 'length', values.length)
      count++
    }
    // Arrays serve as dictionaries, too: a named key comes last, a hole is one key less.
    const names = namesOf(object)
    if (names.length !== values.length + 1 || names.at(-1) !== 'length' || symbolsOf(object).length > 0) {
      const keys = ownKeys(object)
      for (let at = keys.length - 1; at >= 0; at--) {
        const key = keys[at]
        if (key === 'length' || isIndex(key)) continue
        left(describe(object, key).value)
        remove(object, key)
        count++
      }
      for (let at = 0; at < values.length; at++) {
        if (hasOwn(object, at)) continue
        define(object, at, { value: values[at], writable: true, enumerable: true, configurable: true })
        count++
      }
    }
    if (getPrototypeOf(object) !== Array.prototype) {
      setPrototypeOf(object, Array.prototype)
      count++
    }
    if (!isExtensible(object)) throw new Unrestorable('an array was frozen, sealed or made not extensible')
    for (let at = 0; at < values.length; at++) {
      const now = object[at]
      if (is(now, values[at])) continue
      left(now)
      write(object, at, values[at])
      count++
    }
    return count
  }

  restoreAt (at, left) {
    const { object, values } = this
    const now = object[at]
    if (is(now, values[at])) return 0
    left(now)
    write(object, at, values[at])
    return 1
  }
}

class MapRecord {
  constructor (map) {
    this.object = map
    this.keys = [...map.keys()]
    this.values = [...map.values()]
  }

  get same () {
    const { object, keys, values } = this
    if (mapSize.call(object) !== keys.length) return false
    let at = 0
    let same = true
    mapEach.call(object, (value, key) => {
      if (same && !(is(keys[at], key) && is(values[at], value))) same = false
      at++
    })
    return same
  }

  restore (left) {
    if (this.same) return 0
    const { object, keys, values } = this
    const own = new Set(values)
    mapEach.call(object, (value) => { if (!own.has(value)) left(value) })
    mapClear.call(object)
    for (let at = 0; at < keys.length; at++) mapSet.call(object, keys[at], values[at])
    return 1
  }
}

class SetRecord {
  constructor (set) {
    this.object = set
    this.values = [...setValues.call(set)]
  }

  get same () {
    const { object, values } = this
    if (setSize.call(object) !== values.length) return false
    let at = 0
    let same = true
    setEach.call(object, (value) => { if (same && !is(values[at], value)) same = false; at++ })
    return same
  }

  restore (left) {
    if (this.same) return 0
    const { object, values } = this
    const own = new Set(values)
    setEach.call(object, (value) => { if (!own.has(value)) left(value) })
    setClear.call(object)
    for (const value of values) setAdd.call(object, value)
    return 1
  }
}

// What has a state of its own behind it that one function reads and one writes.
class CellRecord {
  constructor (object, read, write) {
    this.object = object
    this.read = read
    this.write = write
    this.value = read(object)
  }

  get same () { return is(this.read(this.object), this.value) }

  restore () {
    if (this.same) return 0
    this.write(this.object, this.value)
    return 1
  }
}

// What was put on an object of whose own properties most are not the package's: a view has its elements first, and on a
// promise Node puts symbols. `keysOf` gives those that count.
class ExtrasRecord {
  constructor (object, keysOf) {
    this.object = object
    this.keysOf = keysOf
    this.proto = getPrototypeOf(object)
    this.open = isExtensible(object)
    this.extras = keysOf(object).map((key) => [key, describe(object, key)])
    // Private fields: [get, set, value].
    this.hidden = undefined
  }

  hide (get, set, value) { (this.hidden ??= []).push([get, set, value]) }

  // Nothing is on it.
  get isBare () { return this.extras.length === 0 && this.hidden === undefined }

  get #sameExtras () {
    const { extras, object } = this
    const now = this.keysOf(object)
    return now.length === extras.length && extras.every(([key, then], at) => now[at] === key && is(describe(object, key).value, then.value))
  }

  get same () {
    const { object, proto, open, hidden } = this
    return getPrototypeOf(object) === proto && isExtensible(object) === open && this.#sameExtras && (hidden === undefined || hidden.every(([get, , value]) => is(get(object), value)))
  }

  restore (left) {
    if (this.same) return 0
    const { object, extras, proto, open, hidden } = this
    if (isExtensible(object) !== open) throw new Unrestorable(`${nameOf(object)} was frozen, sealed or made not extensible`)
    if (getPrototypeOf(object) !== proto && !setPrototypeOf(object, proto)) throw new Unrestorable(`the prototype of ${nameOf(object)} cannot be set back`)
    for (const [get, set, value] of hidden ?? []) if (!is(get(object), value)) set(object, value)
    if (this.#sameExtras) return 1
    for (const key of this.keysOf(object).reverse()) {
      left(describe(object, key).value)
      remove(object, key)
    }
    for (const [key, descriptor] of extras) define(object, key, descriptor)
    return 1
  }
}

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

const MOST_ELEMENTS = 2 ** 32 - 1
const isIndex = (key) => typeof key === 'string' && String(Number(key) >>> 0) === key && Number(key) < MOST_ELEMENTS

const afterElements = (view) => view.length === undefined ? ownKeys(view) : ownKeys(view).slice(view.length)

const compareBytes = (a, b) => Buffer.compare(a, b)

const { forEach: mapEach, clear: mapClear, set: mapSet } = Map.prototype
const { forEach: setEach, clear: setClear, add: setAdd, values: setValues } = Set.prototype
const mapSize = describe(Map.prototype, 'size').get
const setSize = describe(Set.prototype, 'size').get

function write (object, key, value) {
  if (!Reflect.set(object, key, value)) throw new Unrestorable(`${String(key)} of ${nameOf(object)} cannot be written`)
}

function define (object, key, descriptor) {
  if (!defineProperty(object, key, descriptor)) throw new Unrestorable(`${String(key)} of ${nameOf(object)} cannot be defined again`)
}

function remove (object, key) {
  if (!Reflect.deleteProperty(object, key)) throw new Unrestorable(`${String(key)} of ${nameOf(object)} cannot be deleted`)
}

// Never runs code of the package.
function nameOf (object) {
  if (typeof object === 'function') {
    const name = describe(object, 'name')
    return `the function ${(name && typeof name.value === 'string' && name.value) || 'without a name'}`
  }
  return Array.isArray(object) ? 'an array' : 'an object'
}

// Objects of the same keys are compared by one function made for them: V8 then loads each by a constant name.
function comparatorOf (keys) {
  if (keys.length > 120 || keys.some((key) => typeof key === 'symbol')) return undefined
  if (keys.length === 0) return () => true
  const terms = keys.map((key, at) => `is(o[${JSON.stringify(key)}],v[${at}])`)
  return functionOf(['is'], `return (o, v) => ${terms.join('&&')}`)(is)
}

module.exports = { ObjectRecord, BareRecord, ArrayRecord, MapRecord, SetRecord, CellRecord, ExtrasRecord, BufferRecord, PagedRecord, ChangedPages, comparatorOf, nameOf, afterElements }
