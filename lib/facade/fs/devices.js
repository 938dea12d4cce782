'use strict'

// What the file system asks of JavaScript: lines of output, standard input, devices and lazy files.

const nodeFs = require('node:fs')
const path = require('node:path')
const { fileURLToPath } = require('node:url')

const EIO = 29
const EAGAIN = 6
const NEWLINE = 10

function makeDevices ({ facade, out, err, ErrnoError }) {
  const { sandbox, module } = facade
  // By number. Those made in a generation go with it; the numbers stay unique.
  const devices = new Map()
  const files = new Map()
  const streams = new Map()
  let streamsOf = -1
  let next = 1

  function forget (map) {
    for (const [id, { generation }] of map) {
      if (generation > 0 && generation !== sandbox.generation) map.delete(id)
    }
  }

  function add (map, entry) {
    forget(map)
    const id = next++
    map.set(id, { ...entry, generation: sandbox.generation })
    return id
  }

  // A negative error number, as the file system expects it. `plain`: errors without one are EIO, as in createDevice.
  function guarded (run) {
    try {
      return run()
    } catch (error) {
      return -(error instanceof ErrnoError && error.errno > 0 ? error.errno : EIO)
    }
  }

  function readBytes (input, length) {
    const bytes = []
    while (bytes.length < length) {
      const byte = input()
      if (byte === undefined && bytes.length === 0) return -EAGAIN
      if (byte === null || byte === undefined) break
      bytes.push(byte)
    }
    return Uint8Array.from(bytes)
  }

  // A real file that the package's own JavaScript names.
  function readBeside (file) {
    const folder = facade.options.sourcePath ? path.dirname(facade.options.sourcePath) : '.'
    const given = file.startsWith('file:') ? fileURLToPath(file) : file
    return new Uint8Array(nodeFs.readFileSync(path.resolve(folder, given)))
  }

  const host = {
    out: (line) => { out(line) },
    err: (line) => { err(line) },
    stdin: () => typeof module.stdin === 'function' ? module.stdin() : null,
    open (id) {
      const { ops } = devices.get(id) || {}
      streams.delete(id)
      return guarded(() => { if (ops && ops.open) ops.open(streamOf(id)); return 0 })
    },
    close (id) {
      const { ops, output } = devices.get(id) || {}
      return guarded(() => {
        const stream = streamOf(id)
        streams.delete(id)
        if (ops && ops.close) ops.close(stream)
        if (output && output.buffer && output.buffer.length) output(NEWLINE)
        return 0
      })
    },
    read (id, length, position) {
      const { ops, input } = devices.get(id) || {}
      return guarded(() => {
        if (input) return readBytes(input, length)
        if (!ops || !ops.read) return -EIO
        const buffer = new Uint8Array(length)
        return buffer.subarray(0, ops.read(streamOf(id), buffer, 0, length, position))
      })
    },
    write (id, bytes, position) {
      const { ops, output } = devices.get(id) || {}
      return guarded(() => {
        if (output) {
          for (const byte of bytes) output(byte)
          return bytes.length
        }
        return ops && ops.write ? ops.write(streamOf(id), bytes, 0, bytes.length, position) : -EIO
      })
    },
    load (id) {
      const { contents } = files.get(id)
      const found = typeof contents === 'function' ? contents() : contents
      return typeof found === 'string' ? readBeside(found) : new Uint8Array(found)
    }
  }

  // What a device's functions are called with, from its opening to its closing: they may keep things on it.
  function streamOf (id) {
    if (streamsOf !== sandbox.generation) {
      streams.clear()
      streamsOf = sandbox.generation
    }
    if (!streams.has(id)) streams.set(id, { node: { rdev: id }, stream_ops: (devices.get(id) || {}).ops })
    return streams.get(id)
  }

  return {
    host,
    readBeside,
    device: (entry) => add(devices, entry),
    lazy: (contents) => add(files, { contents })
  }
}

module.exports = { makeDevices }
