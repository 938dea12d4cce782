'use strict'

// Emscripten's `FS` over the sandbox's file system. All state is native, so a recycle puts it back.

const { UnsupportedError } = require('../../base/errors')
const modes = require('./modes')
const { makeDevices } = require('./devices')
const { makeMapping } = require('./mapping')
const { makeMounts } = require('./mounts')
const { makeNative } = require('./native')
const { makeNodes, statOf, dirname, basename, join } = require('./nodes')
const { makeStreams } = require('./streams')

// WASI's, and Linux's, which modules of Emscripten before 1.38.47 have.
const NUMBERS = {
  EACCES: [2, 13],
  EAGAIN: [6, 11],
  EBADF: [8, 9],
  EBUSY: [10, 16],
  EINVAL: [28, 22],
  EIO: [29, 5],
  ENODEV: [43, 19],
  ENOENT: [44, 2],
  ENOMEM: [48, 12],
  ENOTDIR: [54, 20],
  ENOTTY: [59, 25]
}

class ErrnoError extends Error {
  /** @type {string | undefined} */
  code

  constructor (errno, node) {
    super('FS error')
    this.name = 'ErrnoError'
    this.errno = errno
    if (node !== undefined) this.node = node
  }
}

// `FS`: the object that these members are of, in which module code may have put others.
function makeFS ({ facade, FS, strings, lateExport, hasExport }) {
  const { facts, generations } = facade
  const sandbox = makeNative(facade.sandbox)
  const nodes = makeNodes(sandbox, generations)
  const { FSNode } = nodes

  const numberOf = (code) => NUMBERS[code][facts.linuxErrno ? 1 : 0]

  function fail (code) {
    const error = new ErrnoError(numberOf(code))
    error.code = code
    throw error
  }

  function errnoError (errno, code) {
    const error = new ErrnoError(errno)
    error.code = code
    return error
  }

  const pathOf = (given) => given !== null && typeof given === 'object' ? given.path : given
  const absolute = (path) => path.startsWith('/') ? path : join(sandbox.fsCwd(), path)
  const nodeAt = (path) => new FSNode(path)
  const devices = makeDevices({ facade, ErrnoError, numberOf })
  const streams = makeStreams({ sandbox, generations, nodes, strings, fail, pathOf })
  const mapping = makeMapping({ heap: facade.heap, nodes, streams: streams.api, fail, lateExport, hasExport })
  const mounts = makeMounts({ sandbox, generations, nodeAt, fail })

  function lookupPath (given, opts = {}) {
    const path = pathOf(given)
    if (opts.parent) {
      const parent = sandbox.fsRealPath(dirname(absolute(path)), true)
      return { path: parent, node: nodeAt(parent) }
    }
    try {
      const found = sandbox.fsRealPath(path, Boolean(opts.follow))
      return { path: found, node: nodeAt(found) }
    } catch (error) {
      if (!opts.noent_okay || error.code !== 'ENOENT') throw error
      return { path: absolute(path), node: undefined }
    }
  }

  function made (path) {
    return nodeAt(sandbox.fsRealPath(path, false))
  }

  function parentOf (path) {
    try {
      return sandbox.fsRealPath(dirname(absolute(path)), true)
    } catch {
      return null
    }
  }

  function analyzePath (given, dontResolveLastLink) {
    const found = sandbox.fsAnalyze(pathOf(given), Boolean(dontResolveLastLink))
    const { isRoot, exists, error } = found
    const path = found.path === undefined ? null : found.path
    let { name = null, parentPath = null } = found
    if (!exists) {
      // A link to nothing counts under its own name.
      const parent = parentOf(pathOf(given))
      parentPath = parent
      name = parent === null ? null : basename(pathOf(given))
    }
    const parentExists = parentPath !== null
    return {
      isRoot,
      exists,
      error,
      name,
      path,
      object: exists ? nodeAt(path) : null,
      parentExists,
      parentPath,
      parentObject: parentExists ? nodeAt(parentPath) : null
    }
  }

  function readlink (path) {
    const text = sandbox.fsReadlink(pathOf(path))
    if (!facts.absoluteLinks || text.startsWith('/')) return text
    return normalize(join(sandbox.fsRealPath(dirname(absolute(pathOf(path))), true), text))
  }

  function createDevice (parent, name, input, output) {
    const id = devices.device({ input, output })
    const dev = sandbox.fsCreateDevice(pathOf(parent), name, id, Boolean(input), Boolean(output))
    registered.value.set(dev, { stream_ops: {} })
    return made(join(pathOf(parent), name))
  }

  // What `FS.getDevice` gives.
  const registered = generations.perGeneration('registered devices', (image) => new Map(image), { image: (map) => new Map(map) })
  function registerDevice (dev, ops) {
    sandbox.fsRegisterDevice(dev, devices.device({ ops }))
    registered.value.set(dev, { stream_ops: ops })
  }

  function bytesOfData (data) {
    if (typeof data === 'string') return Uint8Array.from(data, (c) => c.charCodeAt(0) & 0xff)
    return ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : Uint8Array.from(data || [])
  }

  function createDataFile (parent, name, data, canRead, canWrite) {
    return made(sandbox.fsCreateDataFile(pathOf(parent), name || '', bytesOfData(data), Boolean(canRead), Boolean(canWrite)))
  }

  function createLazyFile (parent, name, source, canRead, canWrite) {
    const id = devices.lazy(source)
    return made(sandbox.fsCreateLazyFile(pathOf(parent), name, id, Boolean(canRead), Boolean(canWrite)))
  }

  function createPreloadedFile (parent, name, source, canRead, canWrite, onload, onerror, dontCreateFile, canOwn, preFinish) {
    const bytes = typeof source === 'string' ? preloaded(source, onerror) : source
    if (bytes === undefined) return
    if (preFinish) preFinish()
    if (!dontCreateFile) createDataFile(parent, name, bytes, canRead, canWrite)
    if (onload) onload()
  }

  // A file beside the package's own; at once, so that whatever waits for it finds it.
  function preloaded (source, onerror) {
    if (/^[a-z]+:\/\//i.test(source) && !source.startsWith('file:')) {
      throw new UnsupportedError(`FS.createPreloadedFile cannot fetch '${source}': fetch it yourself and pass its bytes`)
    }
    try {
      return devices.readBeside(source)
    } catch (error) {
      if (!onerror) throw error
      onerror()
      return undefined
    }
  }

  // Standard streams of one's own, as functions of bytes.
  function init (input, output, error) {
    const replace = (name, fd, flags, from, to) => {
      if (!from && !to) return
      sandbox.fsUnlink(`/dev/${name}`)
      createDevice('/dev', name, from, to)
      sandbox.fsClose(fd)
      sandbox.fsOpen(`/dev/${name}`, flags, 0)
    }
    replace('stdin', 0, modes.O.RDONLY, input)
    replace('stdout', 1, modes.O.WRONLY, null, output)
    replace('stderr', 2, modes.O.WRONLY, null, error)
  }
  init.initialized = true

  // In the order of `MEMBERS` in `../files.js`.
  const members = Object.defineProperties({
    ErrnoError,
    FSNode,
    genericErrors: {},
    MAX_OPEN_FDS: 4096,
    initialized: true,
    devices: [],
    ...modes.tests,
    flagModes: modes.flagModes,
    modeStringToFlags: modes.modeStringToFlags,
    flagsToPermissionString: modes.flagsToPermissionString,
    getMode: modes.getMode,
    major: modes.major,
    minor: modes.minor,
    makedev: modes.makedev,
    ...mounts.api,
    ...mapping,
    init,
    quit: () => {},
    ensureErrnoError: () => {},

    lookupPath,
    lookupNode: (parent, name) => lookupPath(join(pathOf(parent), name)).node,
    getPath: (node) => node.path,
    isRoot: (node) => node.path === '/',
    analyzePath,
    findObject: (path, dontResolveLastLink) => analyzePath(path, dontResolveLastLink).object,
    cwd: () => sandbox.fsCwd(),
    chdir: (path) => sandbox.fsChdir(pathOf(path)),
    readdir: (path) => sandbox.fsReaddir(pathOf(path)),
    stat: (path, dontFollow) => statOf(sandbox.fsStat(pathOf(path), !dontFollow)),
    lstat: (path) => statOf(sandbox.fsStat(pathOf(path), false)),
    fstat: (fd) => statOf(sandbox.fsFstat(fd)),
    statfs (path) {
      const [bsize, blocks, bfree, files, ffree, fsid, flags, namelen] = sandbox.fsStatfs(pathOf(path))
      return { bsize, frsize: bsize, blocks, bfree, bavail: bfree, files, ffree, fsid, flags, namelen }
    },

    create (path, mode = 0o666) {
      sandbox.fsMknod(pathOf(path), (mode & 0o7777) | modes.S_IFREG, 0)
      return made(path)
    },
    mkdir (path, mode = 0o777) {
      sandbox.fsMkdir(pathOf(path), mode & 0o1777)
      return made(path)
    },
    mkdirTree: (path, mode = 0o777) => sandbox.fsMkdirTree(pathOf(path), mode & 0o1777),
    mknod (path, mode, dev) {
      sandbox.fsMknod(pathOf(path), mode, dev || 0)
      return made(path)
    },
    mkdev (path, mode, dev) {
      const [bits, number] = dev === undefined ? [0o666, mode] : [mode, dev]
      sandbox.fsMknod(pathOf(path), bits | modes.S_IFCHR, number)
      return made(path)
    },
    symlink (target, path) {
      sandbox.fsSymlink(target, pathOf(path))
      return made(path)
    },
    link: (from, to) => sandbox.fsLink(pathOf(from), pathOf(to)),
    readlink,
    rename: (from, to) => sandbox.fsRename(pathOf(from), pathOf(to)),
    unlink: (path) => sandbox.fsUnlink(pathOf(path)),
    rmdir: (path) => sandbox.fsRmdir(pathOf(path)),
    // As in Emscripten, without a length nothing changes.
    truncate: (path, length) => { if (length === undefined) sandbox.fsStat(pathOf(path), true); else sandbox.fsTruncate(pathOf(path), length) },
    chmod: (path, mode, dontFollow) => sandbox.fsChmod(pathOf(path), mode & 0o7777, !dontFollow),
    lchmod: (path, mode) => sandbox.fsChmod(pathOf(path), mode & 0o7777, false),
    chown: (path, uid, gid, dontFollow) => sandbox.fsChown(pathOf(path), !dontFollow),
    lchown: (path) => sandbox.fsChown(pathOf(path), false),
    utime: (path, atime, mtime, dontFollow) => sandbox.fsUtime(pathOf(path), Number(atime), Number(mtime), !dontFollow),

    registerDevice,
    getDevice: (dev) => registered.value.get(dev),
    createDevice,
    createFolder: (parent, name, canRead, canWrite) => FS.mkdir(`${pathOf(parent)}/${name}`, modes.getMode(canRead, canWrite)),
    createLink: (parent, name, target) => FS.symlink(target, `${pathOf(parent)}/${name}`),
    createPath: (parent, path) => sandbox.fsCreatePath(pathOf(parent), path),
    createFile: (parent, name, properties, canRead, canWrite) =>
      made(sandbox.fsCreateFile(pathOf(parent), name || '', Boolean(canRead), Boolean(canWrite))),
    createDataFile,
    createLazyFile,
    createPreloadedFile,
    forceLoadFile: () => true,

    get currentPath () { return sandbox.fsCwd() },
    get root () { return nodeAt('/') },
    get ignorePermissions () { return permissions.value.ignored },
    set ignorePermissions (ignore) {
      permissions.value.ignored = Boolean(ignore)
      sandbox.fsIgnorePermissions(permissions.value.ignored)
    }
  }, Object.getOwnPropertyDescriptors(streams.api))
  const permissions = generations.perGeneration('FS.ignorePermissions', (image) => ({ ignored: false, ...image }), { image: (now) => ({ ...now }) })

  return {
    errnoError,
    members,
    host: devices.host,
    // By the names that `../files.js` has.
    api: {
      ...(facts.hasGlue ? mounts.api.filesystems : {}),
      FS_createPath: members.createPath,
      FS_createFolder: members.createFolder,
      FS_createLink: members.createLink,
      FS_createDataFile: createDataFile,
      FS_createPreloadedFile: createPreloadedFile,
      FS_preloadFile: createPreloadedFile,
      FS_createLazyFile: createLazyFile,
      FS_createDevice: createDevice,
      FS_unlink: members.unlink
    }
  }
}

// `.` and `..` taken out of an absolute path.
function normalize (path) {
  const parts = []
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return `/${parts.join('/')}`
}

module.exports = { makeFS, ErrnoError }
