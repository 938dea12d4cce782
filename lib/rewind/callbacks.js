'use strict'

// Node's functions that call back later, as files of a rewound realm see them: what a past generation gave them is not called.

const { getOwnPropertyDescriptors } = Object

const MODULES = /^(fs|zlib|dns|crypto|child_process|http|https|http2|net|tls|dgram|readline)$/
// What they are given is asked for again by its identity.
const BY_IDENTITY = /^(un)?watchFile/

class Callbacks {
  // `registry` knows the generation; `stops`: what a walk does not look into; `tellers`: see lib/rewind/shadows/tellers.js; `copies`: of what
  // modules lead to.
  constructor ({ registry, stops, tellers }, copies) {
    this.registry = registry
    this.tellers = tellers
    this.stops = stops
    this.copies = copies
    this.files = undefined
    this.handles = undefined
  }

  // A built-in module, where it is one of these. Made anew each time.
  of (name) {
    const given = this.tellers.of(name)
    if (given !== undefined) return name === 'console' ? given : { ...given }
    if (name === 'fs/promises') return this.#handles()
    if (name !== 'vm' && !MODULES.test(name)) return undefined
    const { registry } = this
    const real = require(`node:${name}`)
    const own = name === 'vm' ? this.#texts(real) : this.#around(real)
    if (name === 'fs') {
      this.files = openFiles(own, registry)
      const get = () => this.#handles()
      this.stops.add(get)
      Object.defineProperty(own, 'promises', { get, enumerable: true, configurable: true })
    }
    for (const each of [own, ...Object.values(own)]) {
      if (typeof each === 'function') this.stops.add(each)
      if (each === own || typeof each === 'function') registry.world.shadows.add(each)
    }
    return own
  }

  // `fs.promises`
  #handles () {
    const own = this.copies.of(require('node:fs').promises)
    if (this.handles?.own !== own) {
      this.handles = openHandles(own)
      this.stops.add(own.open)
    }
    return own
  }

  // Descriptors that are open now, where the files had `fs`.
  get open () { return (this.files?.open ?? 0) + (this.handles?.open ?? 0) }

  // What is open is the image's; what a generation leaves open is closed when it ends.
  rewind () {
    this.files?.rewind()
    this.handles?.rewind()
  }

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
    for (const key of Object.keys(descriptors)) {
      const descriptor = this.copies.property(given, own, key)
      // Classes begin with a capital.
      if (typeof descriptor.value === 'function' && /^[a-z]/.test(key) && !BY_IDENTITY.test(key)) descriptor.value = this.#told(given, own, descriptor.value)
      // What the package puts there is its own.
      descriptors[key] = { ...descriptor, configurable: true }
    }
    return Object.defineProperties(own, descriptors)
  }

  #told (given, own, fn) {
    const { registry, copies: { streams } } = this
    const told = function (...args) {
      return streams.nodes(Reflect.apply(fn, this === own ? given : this, registry.quietLast(args)))
    }
    this.stops.add(told)
    return Object.defineProperties(told, getOwnPropertyDescriptors(fn))
  }
}

// Descriptors have a place in their file, which nobody can set: see `Callbacks`.
function openFiles (fs, registry) {
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
    // Some are accessors that load something.
    Object.defineProperty(fs, name, { value: made, writable: true, configurable: true, enumerable: true })
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
  // So have folders.
  const folders = new Set()
  const noteFolder = (folder) => {
    const { close, closeSync, read } = folder
    const quietly = (fn) => (...args) => Reflect.apply(fn, folder, registry.quietLast(args))
    const closing = (fn) => (...args) => {
      folders.delete(folder)
      return fn(...args)
    }
    const own = { read: quietly(read), close: closing(quietly(close)), closeSync: closing(closeSync.bind(folder)) }
    for (const [key, value] of Object.entries(own)) Object.defineProperty(folder, key, { value, writable: true, configurable: true })
    folders.add(folder)
    return folder
  }
  const { opendir, opendirSync } = fs
  wrap('opendirSync', (...args) => noteFolder(opendirSync(...args)))
  wrap('opendir', (...args) => {
    const callback = args.at(-1)
    if (typeof callback !== 'function') return opendir(...args)
    return opendir(...args.slice(0, -1), (error, folder) => callback(error, error ? folder : noteFolder(folder)))
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
    get open () { return open.size + folders.size + watching.size },
    rewind () {
      for (const watcher of watching) watcher.close()
      watching.clear()
      for (const fd of open) {
        try {
          real.closeSync(fd)
        } catch { /* somebody else has closed it */ }
      }
      open.clear()
      for (const folder of folders) {
        try {
          folder.closeSync()
        } catch { /* it is being read: Node closes it when nobody has it */ }
      }
      folders.clear()
    }
  }
}

// The same for the objects that stand for them in `fs.promises`.
function openHandles (promises) {
  const handles = new Set()
  const { open } = promises
  let round = 0
  const close = (handle) => { handle.close().catch(() => {}) }
  const told = async function (...args) {
    const began = round
    const handle = await open(...args)
    if (began !== round) close(handle)
    else handles.add(handle.once('close', () => handles.delete(handle)))
    return handle
  }
  promises.open = Object.defineProperties(told, getOwnPropertyDescriptors(open))
  return {
    own: promises,
    get open () { return handles.size },
    rewind () {
      round++
      handles.forEach(close)
      handles.clear()
    }
  }
}

module.exports = { Callbacks }
