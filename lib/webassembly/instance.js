'use strict'

const native = require('./native')
const { LinkError } = require('./errors')
const { EXTERN_KINDS, FOREIGN, TYPES, finish, foreign } = require('./convert')
const { isModule, compiledCode } = require('./module')
const { defineLazily } = require('../base/lazy')
const { ArrayPrototypePush, ObjectCreate, ObjectFreeze, SafeMap, SafeWeakMap } = require('../base/primordials')

const ready = Symbol('instantiated')
const descriptors = new SafeWeakMap()

// Imports and exports of compiled code, flat as the addon gives them; asked for once.
function describe (compiled) {
  let known = descriptors.get(compiled)
  if (!known) {
    known = { imports: native.moduleImports(compiled), exports: native.moduleExports(compiled), own: native.moduleOwnMemories(compiled) }
    descriptors.set(compiled, known)
  }
  return known
}

// `names`: of exports, each before its kind.
function showsMemory (names) {
  for (let at = 1; at < names.length; at += 2) if (names[at] === 2) return true
  return false
}

module.exports = function defineInstance (realm, { memory, table, global, exception, suspension, overrides, wraps, around }) {
  let count = 0
  let lastMemory

  class Instance {
    #exports

    constructor (module, imports) {
      if (module === ready) {
        this.#exports = imports
        return
      }
      const where = 'WebAssembly.Instance()'
      if (!isModule(module)) throw new TypeError(`${where}: ${foreign(module) ? FOREIGN : 'Argument 0 must be a WebAssembly.Module'}`)
      this.#exports = complete(prepare(module, imports, where))
    }

    get exports () {
      return this.#exports
    }
  }

  finish(Instance, 'Instance', 1)

  // In two steps: the imports are read at once, also where the rest happens later.
  function prepare (module, imports, where) {
    const compiled = compiledCode(module)
    const description = describe(compiled)
    return { compiled, names: description.exports, own: description.own, given: readImports(description.imports, imports, where) }
  }

  function complete ({ compiled, names, own, given }) {
    ArrayPrototypePush(realm.imported, given)
    const asks = given.length > 0
    // Shared memories of the module's own are V8's as well.
    for (let at = 0; at < own.length; at += 2) {
      ArrayPrototypePush(given, memory.addressOf(new memory.Memory({ initial: own[at], maximum: own[at + 1], shared: true })))
    }
    const values = native.instantiate(realm.handle, compiled, given)
    // A module that imports nothing and has no memory to show was tried, not used: it asks what the engine can do.
    if (asks || showsMemory(names)) count++
    const exports = ObjectCreate(null)
    // Functions come as numbers where there are many of them.
    const later = new SafeMap()
    const make = (name) => functionOf(later.get(name))
    let waiting = []
    for (let at = 0; at < values.length; at++) {
      const name = names[2 * at]
      const kind = names[2 * at + 1]
      const value = values[at]
      if (kind === 0 && typeof value === 'number') {
        later.set(name, value)
        ArrayPrototypePush(waiting, name)
        continue
      }
      defineLazily(exports, waiting, make)
      waiting = []
      exports[name] = present(kind, value)
      if (kind === 2) lastMemory = exports[name]
    }
    defineLazily(exports, waiting, make)
    return ObjectFreeze(exports)
  }

  function functionOf (address) {
    try {
      return native.exportedFunction(realm.handle, address)
    } catch (error) {
      if (error.code === undefined) throw error
      // Nobody had asked for it while it could be called.
      return () => { throw error }
    }
  }

  function present (kind, value) {
    switch (kind) {
      case 0: return value
      case 1: return table.of(value)
      case 2: return memory.of(value)
      case 3: return global.of(value)
      default: return exception.of(value)
    }
  }

  // What the addon links: for each import a JavaScript function, or the number of a wasm object.
  function readImports (flat, imports, where) {
    const given = new Array(flat.length / 4)
    if (imports !== undefined && (imports === null || (typeof imports !== 'object' && typeof imports !== 'function'))) {
      throw new TypeError(`${where}: Argument 1 must be an object`)
    }
    if (given.length > 0 && imports === undefined) {
      throw new TypeError(`${where}: Imports argument must be present and must be an object`)
    }
    for (let at = 0; at < given.length; at++) {
      const module = flat[4 * at]
      const name = flat[4 * at + 1]
      const kind = flat[4 * at + 2]
      const mine = overrides && overrides[module] && overrides[module][name]
      if (mine !== undefined) {
        given[at] = link(kind, mine, flat[4 * at + 3], () => `${where}: Import #${at} "${module}" "${name}"`)
        continue
      }
      const from = imports[module]
      if (from === null || from === undefined || (typeof from !== 'object' && typeof from !== 'function')) {
        throw new TypeError(`${where}: Import #${at} "${module}": module is not an object or function`)
      }
      const imported = from[name]
      // A function that may suspend goes to the addon in an array.
      const suspends = kind === 0 ? suspension.functionOf(imported) : undefined
      const theirs = suspends ?? imported
      const wrap = kind === 0 && typeof theirs === 'function' && wraps && wraps[module] && wraps[module][name]
      const value = wrap ? wrap(theirs) : theirs
      if (kind === 2 && memory.isMemory(value)) lastMemory = value
      const outer = around && isHost(kind, value) ? around(value) : value
      given[at] = suspends ? [outer] : link(kind, outer, flat[4 * at + 3], () => `${where}: Import #${at} "${module}" "${name}"`)
    }
    return given
  }

  const isHost = (kind, value) => kind === 0 && typeof value === 'function' && realm.addressOf(value) === undefined

  function link (kind, value, detail, place) {
    if (kind > 0 && foreign(value)) throw new LinkError(`${place()}: ${FOREIGN}`)
    switch (EXTERN_KINDS[kind]) {
      case 'function': {
        if (typeof value !== 'function') throw new LinkError(`${place()}: function import requires a callable`)
        return realm.addressOf(value) ?? value
      }
      case 'table':
        if (!table.isTable(value)) throw new LinkError(`${place()}: table import requires a WebAssembly.Table`)
        return table.addressOf(value)
      case 'memory':
        if (!memory.isMemory(value)) throw new LinkError(`${place()}: memory import must be a WebAssembly.Memory object`)
        return memory.addressOf(value)
      case 'global':
        return global.isGlobal(value) ? global.addressOf(value) : linkGlobal(value, detail & 15, detail >> 4, place)
      default:
        if (!exception.isTag(value)) throw new LinkError(`${place()}: tag import requires a WebAssembly.Tag`)
        return exception.numberOf(value)
    }
  }

  // A plain value becomes a global of the type that the module asks for.
  function linkGlobal (value, kind, mutable, place) {
    if (mutable) throw new LinkError(`${place()}: imported mutable global must be a WebAssembly.Global object`)
    const type = TYPES[kind]
    switch (type) {
      case 'i64':
        if (typeof value !== 'bigint') throw new LinkError(`${place()}: global import must be a BigInt`)
        break
      case 'i32':
      case 'f32':
      case 'f64':
        if (typeof value !== 'number') {
          throw new LinkError(`${place()}: global import must be a number, valid Wasm reference, or WebAssembly.Global object`)
        }
        break
      case 'anyfunc':
        if (value !== null && realm.addressOf(value) === undefined) {
          throw new LinkError(`${place()}: imported funcref global must be null or WebAssembly function (funcref)`)
        }
        break
      case 'externref':
        break
      default:
        throw new LinkError(`${place()}: global import of type '${type}' cannot be given from JavaScript`)
    }
    return global.fromValue(kind, value)
  }

  return {
    Instance,
    prepare,
    get count () { return count },
    get memory () { return lastMemory },
    // What an image has of this.
    now: () => ({ count, lastMemory }),
    goBack: (then) => { ({ count, lastMemory } = then) },
    create: (prepared) => new Instance(ready, complete(prepared))
  }
}
