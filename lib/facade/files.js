'use strict'

// The module's files, as JavaScript finds them: loaded and made when it first has to do with them, which most programs never have.

const { keep } = require('./keep')
const { defineAllLater } = require('../base/lazy')
const { UnsupportedError } = require('../base/errors')

// File systems that glue has by name.
const MOUNTED = ['MEMFS', 'NODEFS', 'IDBFS', 'WORKERFS', 'PROXYFS', 'NODERAWFS', 'LZ4']

// Functions of `FS` that glue has by a name of their own.
const ALONE = ['createPath', 'createFolder', 'createLink', 'createDataFile', 'createPreloadedFile', 'preloadFile', 'createLazyFile', 'createDevice', 'unlink'].map((name) => `FS_${name}`)

// What `FS` has, in order; members between these are read anew each time.
const FIRST = [
  'ErrnoError', 'FSNode', 'genericErrors', 'MAX_OPEN_FDS', 'initialized', 'devices', 'isFile', 'isDir', 'isLink', 'isChrdev', 'isBlkdev', 'isFIFO', 'isSocket',
  'flagModes', 'modeStringToFlags', 'flagsToPermissionString', 'getMode', 'major', 'minor', 'makedev', 'filesystems', 'mount', 'unmount', 'syncfs', 'isMountpoint',
  'mmap', 'msync', 'munmap', 'createStream', 'init', 'quit', 'ensureErrnoError', 'lookupPath', 'lookupNode', 'getPath', 'isRoot', 'analyzePath', 'findObject', 'cwd',
  'chdir', 'readdir', 'stat', 'lstat', 'fstat', 'statfs', 'create', 'mkdir', 'mkdirTree', 'mknod', 'mkdev', 'symlink', 'link', 'readlink', 'rename', 'unlink', 'rmdir',
  'truncate', 'chmod', 'lchmod', 'chown', 'lchown', 'utime', 'registerDevice', 'getDevice', 'createDevice', 'createFolder', 'createLink', 'createPath', 'createFile',
  'createDataFile', 'createLazyFile', 'createPreloadedFile', 'forceLoadFile'
]
const ACCESSORS = ['currentPath', 'root', 'ignorePermissions', 'streams']
const LAST = [
  'getStream', 'getStreamChecked', 'open', 'close', 'read', 'write', 'readFile', 'writeFile', 'isClosed', 'llseek', 'allocate', 'ftruncate', 'fchmod', 'fchown', 'dupStream', 'ioctl'
]
const SETTABLE = new Set(['ignorePermissions', 'streams'])
const MEMBERS = [...FIRST, ...ACCESSORS, ...LAST]

// What native code asks of JavaScript beside lines of output.
const ASKED = ['stdin', 'open', 'close', 'read', 'write', 'load']

function makeFiles ({ facade, strings, out, err, lateExport, hasExport }) {
  const { sandbox, facts } = facade
  const FS = {}
  let made
  const files = () => made ??= require('./fs').makeFS({ facade, FS, strings, lateExport, hasExport })
  const member = (name) => files().members[name]

  defineAllLater(FS, FIRST, member)
  for (const name of ACCESSORS) {
    Object.defineProperty(FS, name, {
      configurable: true,
      enumerable: true,
      get: () => member(name),
      set: SETTABLE.has(name) ? (value) => { files().members[name] = value } : undefined
    })
  }
  defineAllLater(FS, LAST, member)
  const refuseTracking = () => {
    throw new UnsupportedError('FS.trackingDelegate is not called by the native host: use host: \'glue\'')
  }
  Object.defineProperty(FS, 'trackingDelegate', { value: new Proxy({}, { set: refuseTracking, defineProperty: refuseTracking }) })

  sandbox.setErrnoError(keep(sandbox, (errno, code) => files().errnoError(errno, code)))
  const host = { out: (line) => { out(line) }, err: (line) => { err(line) } }
  for (const name of ASKED) host[name] = (...args) => files().host[name](...args)

  return {
    FS,
    // Of what a package may find on its module, what is made when it is asked for.
    names: [...(facts.hasGlue ? MOUNTED : []), ...ALONE],
    get api () { return files().api },
    attach: () => sandbox.setFsHost(keep(sandbox, host))
  }
}

module.exports = { makeFiles, MEMBERS, MOUNTED }
