'use strict'

// Node's functions that call back later, as files of a rewound realm see them: what a past generation gave them is not called.

const { getOwnPropertyDescriptors } = Object

const MODULES = /^(node:)?(fs|zlib|dns|crypto|child_process|http|https|http2|net|tls|dgram|readline)$/
const TEXTS = /^(node:)?vm$/
// What they are given is asked for again by its identity.
const BY_IDENTITY = /^(un)?watchFile/

class Callbacks {
  // `registry` knows the generation; `stops`: what a walk does not look into; `tellers`: see lib/rewind/shadows/tellers.js.
  constructor (registry, stops, tellers) {
    this.registry = registry
    this.tellers = tellers
    this.stops = stops
    this.modules = new Map()
    this.files = undefined
  }

  // A built-in module, where it is one of these.
  of (id) {
    const given = this.tellers.of(id)
    if (given !== undefined) return given
    const [, , name] = TEXTS.test(id) ? [id, '', 'vm'] : MODULES.exec(id) ?? []
    if (name === undefined) return undefined
    const { registry } = this
    let own = this.modules.get(name)
    if (own === undefined) {
      const given = require(`node:${name}`)
      own = name === 'vm' ? this.#texts(given) : this.#around(given)
      if (name === 'fs') this.files = openFiles(own)
      this.modules.set(name, own)
      registry.world.shadows.add(own)
      for (const fn of Object.values(own)) if (typeof fn === 'function') this.stops.add(fn)
    }
    return own
  }

  // Descriptors that are open now, where the files had `fs`.
  get open () { return this.files === undefined ? 0 : this.files.open }
  // What is open is the image's; what a generation leaves open is closed when it ends.
  rewind () { this.files?.rewind() }

  // What runs text: its functions tell nothing.
  #texts (given) {
    const { registry } = this
    const own = { ...given }
    for (const name of ['runInThisContext', 'runInContext', 'runInNewContext', 'compileFunction']) {
      own[name] = (...args) => {
        registry.ran(`node:vm's ${name}()`)
        return given[name](...args)
      }
    }
    own.Script = new Proxy(given.Script, {
      construct: (Real, args, newTarget) => {
        registry.ran("node:vm's Script")
        return Reflect.construct(Real, args, newTarget)
      }
    })
    return own
  }

  #around (given) {
    const own = {}
    const descriptors = getOwnPropertyDescriptors(given)
    for (const [key, descriptor] of Object.entries(descriptors)) {
      // Classes begin with a capital.
      if (typeof descriptor.value === 'function' && /^[a-z]/.test(key) && !BY_IDENTITY.test(key)) descriptor.value = this.#told(given, own, descriptor.value)
      // What the package puts there is its own.
      descriptors[key] = { ...descriptor, configurable: true }
    }
    return Object.defineProperties(own, descriptors)
  }

  #told (given, own, fn) {
    const { registry } = this
    const told = function (...args) {
      const last = args.length - 1
      if (typeof args[last] === 'function') args[last] = registry.quiet(args[last])
      return Reflect.apply(fn, this === own ? given : this, args)
    }
    this.stops.add(told)
    return Object.defineProperties(told, getOwnPropertyDescriptors(fn))
  }
}

// Descriptors have a place in their file, which nobody can set: see `Callbacks`.
function openFiles (fs) {
  const real = require('node:fs')
  const open = new Set()
  const note = (fd) => {
    open.add(fd)
    return fd
  }
  const wrap = (name, made) => {
    const put = (key, value) => Object.defineProperty(made, key, { value, configurable: true })
    put('name', name)
    put('length', fs[name].length)
    fs[name] = made
  }
  const { openSync, open: openLater, closeSync, close } = fs
  wrap('openSync', (...args) => note(openSync(...args)))
  wrap('open', (...args) => {
    const callback = args.at(-1)
    if (typeof callback !== 'function') return openLater(...args)
    return openLater(...args.slice(0, -1), (error, fd) => {
      if (!error) note(fd)
      return callback(error, fd)
    })
  })
  wrap('closeSync', (fd) => {
    open.delete(fd)
    return closeSync(fd)
  })
  wrap('close', (fd, ...rest) => {
    open.delete(fd)
    return close(fd, ...rest)
  })
  // What watches goes on until it is told.
  const watching = new Set()
  const { watch, watchFile } = fs
  wrap('watch', (...args) => {
    const watcher = watch(...args)
    watching.add(watcher)
    return watcher.once('close', () => watching.delete(watcher))
  })
  wrap('watchFile', (file, ...args) => {
    const told = { close: () => real.unwatchFile(file, args.at(-1)) }
    watching.add(told)
    return watchFile(file, ...args)
  })
  return {
    get open () { return open.size + watching.size },
    rewind () {
      for (const watcher of watching) watcher.close()
      watching.clear()
      for (const fd of open) {
        try {
          real.closeSync(fd)
        } catch { /* somebody else has closed it */ }
      }
      open.clear()
    }
  }
}

module.exports = { Callbacks }
