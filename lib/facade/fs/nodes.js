'use strict'

// Nodes and streams as Emscripten's FS shows them. They hold no state: each looks at the file system when asked.

const { StaleHandleError } = require('../../base/errors')
const modes = require('./modes')

const STAT = ['dev', 'ino', 'mode', 'nlink', 'uid', 'gid', 'rdev', 'size', 'blksize', 'blocks', 'atime', 'mtime', 'ctime']

function statOf (numbers) {
  const stat = {}
  STAT.forEach((name, i) => { stat[name] = numbers[i] })
  for (const name of ['atime', 'mtime', 'ctime']) stat[name] = new Date(stat[name])
  return stat
}

const dirname = (path) => path.slice(0, Math.max(1, path.lastIndexOf('/')))
const basename = (path) => path === '/' ? '/' : path.slice(path.lastIndexOf('/') + 1)
const join = (parent, name) => parent.endsWith('/') ? parent + name : `${parent}/${name}`

function makeNodes (sandbox, generations) {
  class FSNode {
    constructor (path) {
      /** @type {string} */
      this.path = path
      Object.defineProperty(this, 'path', { enumerable: false, writable: false, configurable: false })
      this.name = basename(path)
    }

    #stat () { return statOf(sandbox.fsStat(this.path, false)) }

    get id () { return this.#stat().ino }
    get parent () { return this.path === '/' ? this : new FSNode(dirname(this.path)) }
    get mount () { return { mountpoint: '/', opts: {}, mounts: [] } }
    get mode () { return this.#stat().mode }
    set mode (mode) { sandbox.fsChmod(this.path, mode & 0o7777, false) }
    get rdev () { return this.#stat().rdev }
    get timestamp () { return this.#stat().mtime.getTime() }
    set timestamp (time) { sandbox.fsUtime(this.path, time, time, false) }
    get usedBytes () { return this.#stat().size }
    get link () { return modes.tests.isLink(this.mode) ? sandbox.fsReadlink(this.path) : undefined }
    get contents () {
      const { mode } = this
      if (modes.tests.isFile(mode)) return sandbox.fsReadFile(this.path)
      if (!modes.tests.isDir(mode)) return undefined
      const names = sandbox.fsReaddir(this.path).filter((name) => name !== '.' && name !== '..')
      return Object.fromEntries(names.map((name) => [name, new FSNode(join(this.path, name))]))
    }

    set contents (bytes) { sandbox.fsWriteFile(this.path, Uint8Array.from(bytes)) }
    get isFolder () { return modes.tests.isDir(this.mode) }
    get isDevice () { return modes.tests.isChrdev(this.mode) }
    get read () { return (this.mode & 0o555) === 0o555 }
    set read (on) { this.mode = on ? this.mode | 0o555 : this.mode & ~0o555 }
    get write () { return (this.mode & 0o222) === 0o222 }
    set write (on) { this.mode = on ? this.mode | 0o222 : this.mode & ~0o222 }
  }

  class FSStream {
    constructor (fd) {
      this.fd = fd
      this.ungotten = []
      this.error = false
      /** @type {number} */
      this.generation = generations.number
      Object.defineProperty(this, 'generation', { enumerable: false, writable: false, configurable: false })
      /** @type {number} */
      this.era = generations.eras.current
      Object.defineProperty(this, 'era', { enumerable: false, writable: false, configurable: false })
    }

    #info () { return sandbox.fsInfo(openFd(this)) }

    get path () { return this.#info().path }
    get flags () { return this.#info().flags }
    get seekable () { return this.#info().seekable }
    get tty () { return this.#info().tty }
    get node () { return new FSNode(this.path) }
    get object () { return this.node }
    get position () { return sandbox.fsPosition(openFd(this)) }
    set position (at) { sandbox.fsSeek(openFd(this), at, 0) }
    get isRead () { return (this.flags & 3) !== modes.O.WRONLY }
    get isWrite () { return (this.flags & 3) !== modes.O.RDONLY }
    get isAppend () { return (this.flags & modes.O.APPEND) !== 0 }
  }

  // The descriptor of a stream; -1, which no call accepts, once it is closed.
  function openFd (stream) {
    if (stream instanceof FSStream && !generations.eras.has(stream.era)) {
      throw new StaleHandleError(
        `this FSStream belongs to generation ${stream.generation}, the sandbox is at ${generations.number}: open the file anew after isReady()`,
        { class: 'FSStream', generation: stream.generation, current: generations.number })
    }
    return stream && Number.isInteger(stream.fd) ? stream.fd : -1
  }

  return { FSNode, FSStream, openFd }
}

module.exports = { makeNodes, statOf, dirname, basename, join }
