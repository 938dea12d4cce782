'use strict'

// One walk over everything that the package's variables, its module and its classes lead to. It makes a record of each object
// whose state can be put back, and a refusal of what it meets that cannot. It stops at Node's objects and at the user's.

const { types } = require('node:util')
const { hostObjects, kindOf, isStandardStream } = require('./hosted')
const { ObjectRecord, BareRecord, ArrayRecord, MapRecord, SetRecord, CellRecord, BufferRecord, ExtrasRecord, afterElements } = require('./records')
const { Refusal, Unrestorable } = require('./steps')
const { isPending, promiseValue } = require('./promises')
const { Scan } = require('./scan')
const { cellOf, dateCell, expressionCell } = require('./cells')
const { bufferOf, offsetOf, bytesOf, lengthOf, sizeOf } = require('./intrinsics')
const { isClassPrototype, isShared, isTimer, targetOf } = require('./kinds')
const { isExported } = require('../webassembly')

const { getOwnPropertyDescriptor: describe, getPrototypeOf, ownKeys } = Reflect
const isObject = (value) => value !== null && (typeof value === 'object' || typeof value === 'function')
const textOf = Function.prototype.toString
const FUNCTION_KEYS = new Set(['length', 'name', 'arguments', 'caller', 'prototype'])
const MAX_BINDINGS = 5000
const MAX_LISTED = 512
const HUGE = 65536
const NODE_POOL = 8192
const NONE = Object.freeze([])
// Of data where V8 is older.
const STACK = describe(new Error('of a stack'), 'stack') ?? {}
// From here on a buffer may be moved: see vault.js.
const LARGE = 4096

class Walk {
  // `realm`: see `Rewinder`; `start`: { sites, objects, named }, where the walk begins; `values`: what promises are fulfilled
  // with, where that is known already; `image`: of the start, where this is a later moment; `copies`: whether to keep the bytes of buffers.
  constructor (realm, { sites, objects, named }, values, image, copies = true) {
    this.copies = copies
    this.realm = realm
    this.image = image
    // Objects that cannot be put back and are let go, with what only they lead to.
    this.lost = new Set()
    this.found = undefined
    this.meetsLost = false
    this.host = hostObjects()
    this.seen = new Set()
    this.queue = []
    // How an object was found: [parent, key], for messages.
    this.from = new Map()
    this.refusals = []
    this.records = []
    this.buffers = new Map()
    this.scopes = []
    this.promises = []
    this.values = values
    this.unknown = []
    this.weak = []
    // By weak map, the keys of what it holds whose references are counted.
    this.weakly = new Map()
    // Views of wasm memories, large buffers, and their buffers: how often each is referred to.
    this.memories = new Set(realm.store.buffers())
    this.references = new Map()
    // What has a name first: that is what messages show.
    for (const [name, value] of Object.entries(named)) this.add(value, undefined, name)
    for (const site of sites) this.#scope(site)
    for (const object of objects) this.add(object, undefined, 'an object that it made')
  }

  // The bindings of a scope. One that cannot be read was never initialised, and never will be.
  #scope (site) {
    let values
    const dead = new Set()
    try {
      values = site.get()
    } catch {
      values = []
      for (let at = 0; at < MAX_BINDINGS; at++) {
        try {
          values.push(site.one(at))
        } catch {
          dead.add(at)
          values.push(undefined)
        }
      }
    }
    const self = values.indexOf(site)
    if (self >= 0) values.length = self
    // `constants`: those that change only when the memory does that they are views of.
    const constants = site.settable > site.count ? values.slice(site.count, site.settable) : NONE
    this.scopes.push({ site, values: values.slice(0, site.count), constants, all: values, dead })
    values.forEach((value, at) => this.add(value, undefined, `variable ${at} of scope ${site.id}`))
  }

  refuse (step, what, object) { this.refusals.push(new Refusal(step, what, object && this.path(object))) }

  path (object) {
    const parts = []
    for (let at = object, steps = 0; at !== undefined && steps < 12; steps++) {
      const found = this.from.get(at)
      if (found === undefined) break
      parts.unshift(String(found[1]))
      at = found[0]
    }
    return parts.join('.')
  }

  add (value, parent, key) {
    if (!isObject(value)) return
    if (this.#isCounted(value)) this.references.set(value, (this.references.get(value) ?? 0) + 1)
    if (this.lost.has(value)) this.meetsLost = true
    if (this.seen.has(value) || this.host.has(value) || this.realm.stops.has(value) || this.realm.foreign.has(value)) return
    this.seen.add(value)
    this.from.set(value, [parent, key])
    this.queue.push(value)
    this.found?.push(value)
  }

  #weakValue (map, object) {
    if (!map.has(object) || !this.seen.has(object)) return
    const value = map.get(object)
    if (!isObject(value)) return
    if (!this.#isCounted(value)) return this.add(value, map, '<value>')
    const keys = this.weakly.get(map) ?? new Set()
    if (keys.has(object)) return
    this.weakly.set(map, keys.add(object))
    this.add(value, map, '<value>')
  }

  // A buffer whose bytes are put back page by page from now on.
  keep (buffer, record) {
    this.buffers.set(buffer, record)
    this.realm.vault.add(buffer)
    this.seen.add(buffer)
  }

  // What is put on a view or a buffer from now on goes at a rewind.
  watch (object) {
    if (!ArrayBuffer.isView(object)) this.records.push(new ExtrasRecord(object, ownKeys))
    else if (canList(object)) this.records.push(new ExtrasRecord(object, keysOf(object)))
  }

  // Objects that others have taken the place of.
  forget (objects) {
    for (const object of objects) {
      this.seen.delete(object)
      this.from.delete(object)
    }
    this.records = this.records.filter(({ object }) => !objects.has(object))
  }

  // Objects that nobody but the user may have, each with what it leads to: those that cannot be put back are let go. Gives the others.
  runOwn (objects) {
    const own = objects.filter((root) => {
      if (this.seen.has(root)) return !this.lost.has(root)
      const before = this.refusals.length
      this.found = []
      this.meetsLost = false
      this.add(root, undefined, 'an object that it made')
      this.#drain()
      if (this.refusals.length === before && !this.meetsLost) return true
      this.refusals.length = before
      for (const object of this.found) this.lost.add(object)
      return false
    })
    this.found = undefined
    for (const object of this.lost) this.seen.delete(object)
    this.records = this.records.filter(({ object }) => !this.lost.has(object))
    return own
  }

  // Until nothing new is found: what weak maps hold for what is reached, what promises are fulfilled with.
  run () {
    let before
    do {
      before = this.seen.size
      this.#drain()
      for (const map of this.weak) {
        if (typeof map.get === 'function') for (const object of this.realm.weak.keysOf(map) ?? this.seen) this.#weakValue(map, object)
      }
    } while (this.queue.length > 0 || this.promises.length > 0 || this.seen.size !== before)
    return this
  }

  #drain () {
    while (this.queue.length > 0 || this.promises.length > 0) {
      for (let object; (object = this.queue.pop()) !== undefined;) this.#visit(object)
      for (const promise of this.promises.splice(0)) this.#value(promise)
    }
  }

  #value (promise) {
    if (this.values.has(promise)) return this.add(this.values.get(promise), promise, '<value>')
    if (this.image === undefined) return this.unknown.push(promise)
    const settled = promiseValue(promise)
    if (settled === undefined) return this.refuse('suspended', 'a promise whose value this Node does not tell', promise)
    this.values.set(promise, settled[0])
    return this.add(settled[0], promise, '<value>')
  }

  #isCounted (value) {
    const buffer = ArrayBuffer.isView(value) ? bufferOf(value) : value
    return this.memories.has(buffer) || (types.isArrayBuffer(buffer) && sizeOf(buffer) >= LARGE)
  }

  #visit (object) {
    const { realm } = this
    if (types.isProxy(object)) return this.#proxy(object)
    if (typeof object === 'function') return this.#function(object)
    if (types.isModuleNamespaceObject(object)) return
    if (isTimer(object) || object instanceof FinalizationRegistry) return
    if (types.isPromise(object)) return this.#promise(object)
    if (isShared(object)) return this.refuse('shared-memory', 'a SharedArrayBuffer', object)
    if (types.isAnyArrayBuffer(object)) return this.#buffer(object, object)
    if (ArrayBuffer.isView(object)) return this.#view(object)
    if (realm.store.owns(object)) {
      this.add(realm.store.exportsOf(object), object, 'exports')
      realm.store.heldBy(object).forEach((value, at) => this.add(value, object, at))
      return this.#properties(object)
    }
    if (types.isWeakMap(object) || types.isWeakSet(object)) {
      if (!realm.weak.owns(object)) return this.refuse('foreign', `a ${types.isWeakMap(object) ? 'WeakMap' : 'WeakSet'} that was not made in the package's own files`, object)
      this.weak.push(object)
    } else if (object instanceof WeakRef) {
      this.add(targetOf(object), object, '<target>')
    } else if (types.isGeneratorObject(object)) {
      return this.refuse('suspended', 'a generator', object)
    } else if (types.isMapIterator(object) || types.isSetIterator(object)) {
      return this.refuse('suspended', 'an iterator', object)
    } else if (types.isExternal?.(object)) { // Deno has no such function.
      return this.refuse('host-object', 'a value of an addon\'s', object)
    } else if (types.isDate(object)) {
      this.records.push(dateCell(object))
    } else if (types.isRegExp(object)) {
      this.records.push(expressionCell(object))
    } else if (types.isMap(object)) {
      const record = new MapRecord(object)
      record.keys.forEach((key) => this.add(key, object, '<key>'))
      record.values.forEach((value, at) => this.add(value, object, nameOfKey(record.keys[at])))
      this.records.push(record)
    } else if (types.isSet(object)) {
      const record = new SetRecord(object)
      record.values.forEach((value) => this.add(value, object, '<element>'))
      this.records.push(record)
    } else if (this.#isHosts(object)) {
      return
    } else if (Array.isArray(object) && ArrayRecord.fits(object)) {
      const record = new ArrayRecord(object)
      record.values.forEach((value, at) => this.add(value, object, at))
      return this.records.push(record)
    }
    this.#properties(object)
  }

  // Whether it is an instance of one of Node's classes that is not looked into.
  #isHosts (object) {
    if (types.isNativeError(object) || types.isBoxedPrimitive(object) || types.isArgumentsObject(object) || Array.isArray(object) || isClassPrototype(object)) return false
    for (let proto = getPrototypeOf(object); proto !== null && proto !== Object.prototype; proto = getPrototypeOf(proto)) {
      if (!this.host.has(proto)) {
        const owner = this.realm.foreign.get(proto)
        if (owner !== undefined) {
          this.refuse('foreign', `an object of ${owner}, which is not rewound (name it in \`packages\`)`, object)
          return true
        }
        continue
      }
      if (proto === Error.prototype || proto instanceof Error) return false
      const kind = kindOf(proto)
      if (kind === 'open') return false
      if (isStandardStream(object)) return true
      if (kind === 'constant') return this.#constant(object)
      const cell = cellOf(object, kind, this.realm.decoders)
      if (kind === 'AbortController') this.add(object.signal, object, 'signal')
      if (cell !== undefined) this.records.push(cell)
      else this.refuse(/Iterator|Generator/.test(kind) ? 'suspended' : 'host-object', `a ${kind}`, object)
      return cell === undefined
    }
    return false
  }

  // What is put on it can change.
  #constant (object) {
    this.#extras(object, Object.getOwnPropertyNames)
    // Functions that it makes at the first look, and keeps.
    if (tagOf.call(object).startsWith('[object Intl.')) for (const key of ['format', 'compare']) this.add(object[key], object, key)
    return true
  }

  #proxy (proxy) {
    const known = this.realm.proxies.get(proxy)
    if (known === undefined) return this.refuse('foreign', 'a Proxy that was not made in the package\'s own files', proxy)
    this.add(known.target, proxy, '<target>')
    this.add(known.handler, proxy, '<handler>')
  }

  #promise (promise) {
    if (isPending(promise)) return this.refuse('suspended', 'a promise that is pending', promise)
    this.promises.push(promise)
    this.#extras(promise, Object.getOwnPropertyNames)
  }

  // Elements are properties too: where only they tell what else there is, long views are not looked at.
  #view (view) {
    const buffer = bufferOf(view)
    const look = () => { if (canList(view)) this.#extras(view, keysOf(view)) }
    if (this.memories.has(buffer)) return look()
    if (isShared(buffer)) return this.refuse('shared-memory', 'a view of a SharedArrayBuffer', view)
    this.#buffer(buffer, view)
    look()
  }

  #extras (object, keysOf) {
    this.add(getPrototypeOf(object), object, '<prototype>')
    const record = new ExtrasRecord(object, keysOf)
    record.extras.forEach(([key, { value, get, set }]) => [value, get, set].forEach((each) => this.add(each, object, key)))
    if (!this.host.has(record.proto)) this.#privates(object, record)
    this.records.push(record)
  }

  #buffer (buffer, holder) {
    if (this.memories.has(buffer)) return
    if (this.realm.vault.has(buffer)) {
      if (this.image !== undefined) this.buffers.set(buffer, this.image.bufferOf(buffer))
      return
    }
    // A Buffer, or what was made of one, may be a part of Node's pool: only what is seen of it is the package's.
    const size = sizeOf(buffer)
    const pooled = size === Buffer.poolSize || size === NODE_POOL
    const part = ArrayBuffer.isView(holder) && bytesOf(holder) < size && (pooled || Buffer.isBuffer(holder))
    const key = part ? holder : buffer
    if (!part) {
      this.seen.add(buffer)
      if (!this.from.has(buffer)) this.from.set(buffer, [holder, 'buffer'])
    }
    if (this.buffers.has(key)) return
    if (!this.copies) {
      this.buffers.set(key, undefined)
      if (!part) this.#extras(buffer, ownKeys)
      return
    }
    const known = part ? undefined : this.image?.bufferOf(buffer)
    this.buffers.set(key, known ?? new BufferRecord(buffer, part ? partOf(holder) : undefined))
    if (!part) this.#extras(buffer, ownKeys)
  }

  #function (fn) {
    const { realm } = this
    const isNative = textOf.call(fn).endsWith('{ [native code] }')
    if (!isNative && this.image !== undefined && !this.image.seen.has(fn)) {
      this.refuse('suspended', 'a function that was made since the start, whose variables cannot be read', fn)
    }
    if (isNative) {
      const bound = realm.registry.bound.get(fn)
      if (bound !== undefined) bound.forEach((value, at) => this.add(value, fn, at === 0 ? '<bound>' : `<bound ${at}>`))
      else if (typeof fn.name === 'string' && fn.name.startsWith('bound ')) return this.refuse('foreign', `a bound function that was not made by .bind() in the package's own files (${fn.name})`, fn)
    }
    const keys = ownKeys(fn)
    const parent = getPrototypeOf(fn)
    const isUnborn = !isNative && parent === Function.prototype && Scan.isUnborn(fn)
    // What wasm exports has none in V8.
    const own = isUnborn || isExported(fn) ? undefined : describe(fn, 'prototype')
    const proto = own && own.value
    let bare = this.host.has(parent) && keys.every((key) => FUNCTION_KEYS.has(String(key)))
    if (bare && own !== undefined) {
      bare = isObject(proto) && own.writable === true && this.host.has(getPrototypeOf(proto))
      if (bare) {
        const names = ownKeys(proto)
        bare = names.length === 1 && names[0] === 'constructor' && proto.constructor === fn
      }
    }
    if (!bare) return this.#properties(fn)
    if (proto !== undefined) {
      this.seen.add(proto)
      this.from.set(proto, [fn, 'prototype'])
    }
    this.records.push(new BareRecord(fn, proto, isUnborn ? Scan.isUnborn : undefined))
  }

  // Accessors that all errors share, over a state that only they reach.
  #stack (object) {
    const record = new CellRecord(object, (error) => STACK.get.call(error), (error, stack) => STACK.set.call(error, stack))
    this.add(record.value, object, 'stack')
    this.records.push(record)
  }

  #privates (object, record) {
    for (const [has, get, set] of this.realm.registry.privates) {
      if (!has(object)) continue
      const value = get(object)
      record.hide(get, set, value)
      this.add(value, object, '#private')
    }
  }

  #properties (object) {
    const record = new ObjectRecord(object)
    this.add(record.proto, object, '<prototype>')
    record.data.forEach((key, at) => this.add(record.values[at], object, key))
    for (const [key, { value, get, set }] of record.special) {
      this.add(value, object, key)
      this.add(get, object, `get ${String(key)}`)
      this.add(set, object, `set ${String(key)}`)
      if (get !== undefined && get === STACK.get) this.#stack(object)
    }
    if (record.proto !== null && (record.proto !== Object.prototype || typeof object === 'function')) {
      this.#privates(object, record)
    }
    if (!record.fixed) this.records.push(record)
  }
}

const tagOf = Object.prototype.toString
// Of a long view the addon tells that it has none.
const longKeys = (view) => Scan.hasNothing(view) ? NONE : afterElements(view)
// To list those of a huge one takes seconds: what is put on it stays.
const hugeKeys = (view) => {
  if (Scan.hasNothing(view)) return NONE
  throw new Unrestorable('a property was put on a view of more than 65,536 elements')
}
const isHuge = (view) => lengthOf(view) > HUGE
const canList = (view) => bytesOf(view) <= MAX_LISTED || (Scan.works && (!isHuge(view) || Scan.hasNothing(view)))
const keysOf = (view) => bytesOf(view) <= MAX_LISTED ? afterElements : isHuge(view) ? hugeKeys : longKeys
const partOf = (view) => new Uint8Array(bufferOf(view), offsetOf(view), bytesOf(view))
const nameOfKey = (key) => typeof key === 'string' || typeof key === 'number' ? key : '<value>'

module.exports = { Walk }
