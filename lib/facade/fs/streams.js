'use strict'

// Opening, reading and writing.

const { Buffer } = require('node:buffer')
const modes = require('./modes')

/** @type {(value: any) => boolean} */
const isView = ArrayBuffer.isView

// The bytes that a call may fill or read, and what brings them back where they are not the caller's own memory.
function region (buffer, offset, length) {
  if (isView(buffer) && buffer.BYTES_PER_ELEMENT === 1) {
    return { bytes: new Uint8Array(buffer.buffer, buffer.byteOffset + offset, length), fill: () => {} }
  }
  const bytes = new Uint8Array(length)
  const fill = (count) => { for (let i = 0; i < count; i++) buffer[offset + i] = bytes[i] }
  return { bytes, fill }
}

function makeStreams ({ sandbox, generations, nodes, strings, fail, pathOf }) {
  const { FSStream, openFd } = nodes
  const streamsByFd = generations.perGeneration('streams by descriptor', (image = []) => new Map(image.map(([fd, stream, ungotten]) => {
    // It may have been closed since.
    Object.assign(stream, { fd, ungotten: [...ungotten] })
    return [fd, stream]
  })), {
    image: (streams) => [...streams].filter(([fd, stream]) => stream.fd === fd).map(([fd, stream]) => [fd, stream, [...stream.ungotten ?? []]]),
    isEager: true,
    isCache: true,
    stays: false
  })

  function getStream (fd) {
    const known = streamsByFd.value
    if (!Number.isInteger(fd) || !sandbox.fsIsOpen(fd)) {
      known.delete(fd)
      return undefined
    }
    let stream = known.get(fd)
    if (stream === undefined || stream.fd !== fd) {
      stream = new FSStream(fd)
      known.set(fd, stream)
    }
    return stream
  }

  function getStreamChecked (fd) {
    return getStream(fd) || fail('EBADF')
  }

  function open (path, flags = 0, mode = 0o666) {
    if (path === '' || path === null) fail('ENOENT')
    const number = typeof flags === 'string' ? modes.modeStringToFlags(flags) : flags
    const fd = sandbox.fsOpen(pathOf(path), number, mode & 0o7777)
    streamsByFd.value.delete(fd)
    return getStream(fd)
  }

  function close (stream) {
    const fd = openFd(stream)
    streamsByFd.value.delete(fd)
    try {
      sandbox.fsClose(fd)
    } finally {
      stream.fd = null
    }
  }

  function read (stream, buffer, offset, length, position) {
    if (length < 0 || position < 0) fail('EINVAL')
    const fd = openFd(stream)
    // A device's functions may grow the memory: they never write to it directly.
    const direct = fd >= 0 && sandbox.fsIsOpen(fd) && sandbox.fsInfo(fd).seekable
    const { bytes, fill } = direct ? region(buffer, offset, length) : region([], 0, length)
    const count = sandbox.fsRead(fd, bytes, position)
    if (direct) fill(count)
    else for (let i = 0; i < count; i++) buffer[offset + i] = bytes[i]
    return count
  }

  function write (stream, buffer, offset, length, position) {
    if (length < 0 || position < 0) fail('EINVAL')
    return sandbox.fsWrite(openFd(stream), bytesOf(buffer, offset, length), position)
  }

  // The native side copies them: writing may run JavaScript (a device, a line of output).
  function bytesOf (buffer, offset, length) {
    if (ArrayBuffer.isView(buffer)) {
      return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength).subarray(offset, offset + length)
    }
    return Uint8Array.from(Array.prototype.slice.call(buffer, offset, offset + length))
  }

  function dataOf (data) {
    if (typeof data === 'string') {
      return data.isWellFormed() ? new Uint8Array(Buffer.from(data)) : Uint8Array.from(strings.intArrayFromString(data, true))
    }
    if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    if (Array.isArray(data)) return Uint8Array.from(data)
    throw new Error('Unsupported data type')
  }

  function readFile (path, opts = {}) {
    const encoding = opts.encoding || 'binary'
    if (encoding !== 'utf8' && encoding !== 'binary') throw new Error(`Invalid encoding type "${encoding}"`)
    if (opts.flags) close(open(path, opts.flags))
    const bytes = sandbox.fsReadFile(pathOf(path))
    return encoding === 'utf8' ? strings.UTF8ArrayToString(bytes, 0) : bytes
  }

  function writeFile (path, data, opts = {}) {
    const bytes = dataOf(data)
    if (path === '') fail('ENOENT')
    const flags = typeof opts.flags === 'string' ? modes.modeStringToFlags(opts.flags) : opts.flags
    sandbox.fsWriteFile(pathOf(path), bytes, flags || undefined, opts.mode)
  }

  // `FS.streams[fd]`, as an array of what is open now.
  const streams = new Proxy([], {
    get (target, key) {
      if (typeof key === 'string' && /^\d+$/.test(key)) return getStream(Number(key)) || null
      const list = Array.from({ length: Math.max(-1, ...sandbox.fsDescriptors()) + 1 }, (_, fd) => getStream(fd) || null)
      const value = list[key]
      return typeof value === 'function' ? value.bind(list) : value
    },
    // A stream put at another number, as programs do to give a descriptor back its place.
    set (target, key, stream) {
      if (typeof key !== 'string' || !/^\d+$/.test(key)) return key === 'length'
      const fd = Number(key)
      const given = stream ? openFd(stream) : -1
      if (given === fd) return true
      if (sandbox.fsIsOpen(fd)) sandbox.fsClose(fd)
      if (given >= 0) {
        sandbox.fsDup2(given, fd)
        sandbox.fsClose(given)
        stream.fd = fd
        streamsByFd.value.set(fd, stream)
      }
      return true
    }
  })

  // Only those in the list stay open.
  function keepStreams (list) {
    const kept = new Set(Array.from(list, (stream) => stream ? stream.fd : null))
    for (const fd of sandbox.fsDescriptors()) {
      if (!kept.has(fd)) sandbox.fsClose(fd)
    }
  }

  return {
    getStream,
    api: {
      get streams () { return streams },
      set streams (list) { keepStreams(list) },
      getStream,
      getStreamChecked,
      open,
      close,
      read,
      write,
      readFile,
      writeFile,
      isClosed: (stream) => stream.fd === null,
      llseek: (stream, offset, whence) => sandbox.fsSeek(openFd(stream), offset, whence),
      allocate: (stream, offset, length) => sandbox.fsAllocate(openFd(stream), offset, length),
      ftruncate: (fd, length) => sandbox.fsFtruncate(fd, length),
      fchmod: (fd, mode) => sandbox.fsFchmod(fd, mode & 0o7777),
      fchown: (fd) => sandbox.fsFchown(fd),
      dupStream: (stream, fd) => getStream(fd === undefined || fd < 0
        ? sandbox.fsDup(openFd(stream), 0)
        : sandbox.fsDup2(openFd(stream), fd)),
      ioctl: () => fail('ENOTTY')
    }
  }
}

module.exports = { makeStreams }
