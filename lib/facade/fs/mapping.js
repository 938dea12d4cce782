'use strict'

// `FS.mmap`, `FS.msync`, and streams that are made rather than opened.

const { UnsupportedError } = require('../../base/errors')
const modes = require('./modes')

const PROT_WRITE = 2
const MAP_PRIVATE = 2
const PAGE = 65536

function makeMapping ({ heap, nodes, streams, fail, lateExport, hasExport }) {
  const { FSStream, openFd } = nodes

  // Zeroed, at a page boundary where the module has an allocator that can.
  function allocate (length) {
    const size = Math.ceil(length / PAGE) * PAGE
    const aligned = ['emscripten_builtin_memalign', 'memalign'].find(hasExport)
    const ptr = aligned ? lateExport(aligned)(PAGE, size) : lateExport('malloc')(size)
    if (ptr === 0) fail('ENOMEM')
    heap.view('HEAPU8').fill(0, ptr, ptr + size)
    return ptr
  }

  // `(stream, length, position, prot, flags)`; up to 3.1.11 an address came after the stream, and in the oldest builds a
  // buffer and an offset did.
  function mmap (stream, ...rest) {
    const [length, position, prot, flags] = rest.slice(-4)
    openFd(stream)
    const access = stream.flags & 3
    const shared = (flags & MAP_PRIVATE) === 0
    if ((prot & PROT_WRITE) !== 0 && shared && access !== modes.O.RDWR) fail('EACCES')
    if (access === modes.O.WRONLY) fail('EACCES')
    if (!modes.tests.isFile(stream.node.mode)) fail('ENODEV')
    const ptr = allocate(length)
    const bytes = new Uint8Array(length)
    const count = streams.read(stream, bytes, 0, length, position)
    heap.view('HEAPU8').set(bytes.subarray(0, count), ptr)
    return { ptr, allocated: true }
  }

  function msync (stream, buffer, offset, length, flags) {
    if ((flags & MAP_PRIVATE) === 0) streams.write(stream, buffer, 0, length, offset)
    return 0
  }

  // Of an open stream, another one at the number `fd`; of a description with a node, a stream of that node.
  function createStream (stream, fd) {
    if (stream instanceof FSStream) return streams.dupStream(stream, fd)
    if (stream.stream_ops !== undefined || !stream.node) {
      throw new UnsupportedError('FS.createStream with stream_ops is not supported: use FS.registerDevice and FS.mkdev, and open the device')
    }
    const opened = streams.open(stream.node.path, stream.flags || 0)
    if (fd === undefined || fd < 0 || opened.fd === fd) return opened
    const moved = streams.dupStream(opened, fd)
    streams.close(opened)
    return moved
  }

  return { mmap, msync, munmap: () => 0, createStream }
}

module.exports = { makeMapping }
