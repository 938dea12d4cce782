'use strict'

// What the file system asks of JavaScript beside lines of output: standard input, devices and lazy files.

const nodeFs = require('node:fs')
const path = require('node:path')
const { fileURLToPath } = require('node:url')

const NEWLINE = 10

function makeDevices ({ facade, ErrnoError, numberOf }) {
  const { module, generations } = facade
  // By number.
  const copy = (map) => new Map(map)
  const devices = generations.perGeneration('devices', copy, { image: copy })
  const files = generations.perGeneration('lazy files', copy, { image: copy })
  // What a device's functions are called with, from its opening to its closing: they may keep things on it.
  const streams = generations.perGeneration('streams of devices', copy, { image: copy, stays: false })

  function add (map, entry) {
    const id = generations.newId()
    map.value.set(id, entry)
    return id
  }

  // A negative error number, as the file system expects it. `plain`: errors without one are EIO, as in createDevice.
  function guarded (run) {
    try {
      return run()
    } catch (error) {
      return -(error instanceof ErrnoError && error.errno > 0 ? error.errno : numberOf('EIO'))
    }
  }

  function readBytes (input, length) {
    const bytes = []
    while (bytes.length < length) {
      const byte = input()
      if (byte === undefined && bytes.length === 0) return -numberOf('EAGAIN')
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
    stdin: () => typeof module.stdin === 'function' ? module.stdin() : null,
    open (id) {
      const { ops } = devices.value.get(id) || {}
      streams.value.delete(id)
      return guarded(() => { if (ops && ops.open) ops.open(streamOf(id)); return 0 })
    },
    close (id) {
      const { ops, output } = devices.value.get(id) || {}
      return guarded(() => {
        const stream = streamOf(id)
        streams.value.delete(id)
        if (ops && ops.close) ops.close(stream)
        if (output && output.buffer && output.buffer.length) output(NEWLINE)
        return 0
      })
    },
    read (id, length, position) {
      const { ops, input } = devices.value.get(id) || {}
      return guarded(() => {
        if (input) return readBytes(input, length)
        if (!ops || !ops.read) return -numberOf('EIO')
        const buffer = new Uint8Array(length)
        return buffer.subarray(0, ops.read(streamOf(id), buffer, 0, length, position))
      })
    },
    write (id, bytes, position) {
      const { ops, output } = devices.value.get(id) || {}
      return guarded(() => {
        if (output) {
          for (const byte of bytes) output(byte)
          return bytes.length
        }
        return ops && ops.write ? ops.write(streamOf(id), bytes, 0, bytes.length, position) : -numberOf('EIO')
      })
    },
    load (id) {
      const { contents } = files.value.get(id)
      const found = typeof contents === 'function' ? contents() : contents
      return typeof found === 'string' ? readBeside(found) : new Uint8Array(found)
    }
  }

  function streamOf (id) {
    const known = streams.value
    if (!known.has(id)) known.set(id, { node: { rdev: id }, stream_ops: (devices.value.get(id) || {}).ops })
    return known.get(id)
  }

  return {
    host,
    readBeside,
    device: (entry) => add(devices, entry),
    lazy: (contents) => add(files, { contents })
  }
}

module.exports = { makeDevices }
