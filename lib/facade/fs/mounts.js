'use strict'

// `FS.mount`: memory only. Real folders come in by the `mounts` option, where they can be confined.

const { UnsupportedError } = require('../../base/errors')

const { MOUNTED: NAMES } = require('../files')

function makeMounts ({ sandbox, generations, nodeAt, fail }) {
  /** @type {Record<string, any>} */
  const filesystems = Object.fromEntries(NAMES.map((name) => [name, { name }]))
  filesystems.MEMFS.mount = () => { throw new UnsupportedError('MEMFS.mount is not supported: use FS.mount(MEMFS, options, folder)') }
  filesystems.MEMFS.getFileDataAsTypedArray = ({ contents }) => contents || new Uint8Array(0)
  const mounted = generations.perGeneration('mount points', (image) => new Set(image), { image: (points) => new Set(points) })

  function mount (type, opts, mountpoint) {
    if (type !== filesystems.MEMFS) {
      const name = NAMES.find((known) => filesystems[known] === type) || 'that file system'
      throw new UnsupportedError(`FS.mount of ${name} is not possible here: give real folders in the \`mounts\` option of open(), or use host: 'glue'`)
    }
    const path = sandbox.fsRealPath(mountpoint, true)
    if (path === '/' || mounted.value.has(path)) fail('EBUSY')
    const inside = sandbox.fsReaddir(path).filter((name) => name !== '.' && name !== '..')
    if (inside.length > 0) {
      throw new UnsupportedError(`FS.mount of MEMFS at '${path}' would hide the ${inside.length} entries in it: mount on an empty folder`)
    }
    mounted.value.add(path)
    return nodeAt(path)
  }

  function unmount (mountpoint) {
    const path = sandbox.fsRealPath(mountpoint, true)
    if (!mounted.value.delete(path)) fail('EINVAL')
    empty(path)
  }

  function empty (folder) {
    for (const name of sandbox.fsReaddir(folder)) {
      if (name === '.' || name === '..') continue
      const path = `${folder}/${name}`
      const [, , mode] = sandbox.fsStat(path, false)
      if ((mode & 0o170000) === 0o040000) {
        empty(path)
        sandbox.fsRmdir(path)
      } else sandbox.fsUnlink(path)
    }
  }

  // There is nothing to write back: memory is all there is.
  function syncfs (populate, callback) {
    const done = typeof populate === 'function' ? populate : callback
    if (done) done(null)
  }

  return {
    api: {
      filesystems,
      mount,
      unmount,
      syncfs,
      isMountpoint: (node) => node.path === '/' || mounted.value.has(node.path)
    }
  }
}

module.exports = { makeMounts }
