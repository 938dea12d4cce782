'use strict'

const { attempt } = require('../support/outcome')

// No inode numbers, no times of now, nothing that differs from run to run.
function stat (s) {
  const { dev, mode, nlink, uid, gid, rdev, size, blksize } = s
  return { dev, mode: mode.toString(8), nlink, uid, gid, rdev, size, blksize, dates: [s.atime, s.mtime, s.ctime].every((t) => t instanceof Date) }
}

exports.job = (m, { lines }) => {
  const { FS } = m
  const result = {}
  const say = (name, run) => {
    result[name] = attempt(() => {
      const value = run()
      return value instanceof Uint8Array ? Array.from(value) : value
    })
  }
  const text = (path) => FS.readFile(path, { encoding: 'utf8' })

  say('roots', () => [FS.readdir('/'), FS.readdir('/dev').sort(), FS.cwd(), FS.readdir('/home')])
  say('write text', () => FS.writeFile('/a.txt', 'häl😀lo'))
  say('read bytes', () => FS.readFile('/a.txt'))
  say('read text', () => text('/a.txt'))
  say('write bytes', () => FS.writeFile('/b.bin', new Uint8Array([0, 1, 255])))
  say('read them', () => FS.readFile('/b.bin'))
  say('text ends at a zero', () => text('/b.bin'))
  say('write a part of a view', () => { FS.writeFile('/c', new Uint8Array([9, 8, 7, 6]).subarray(1, 3)); return FS.readFile('/c') })
  say('append', () => { FS.writeFile('/c', 'more', { flags: 'a' }); return FS.readFile('/c') })
  say('shorter', () => { FS.writeFile('/a.txt', 'x'); return text('/a.txt') })
  say('wrong data', () => FS.writeFile('/d', 5))
  say('wrong encoding', () => FS.readFile('/a.txt', { encoding: 'latin1' }))
  say('absent', () => FS.readFile('/absent'))
  say('a folder', () => FS.readFile('/tmp'))
  say('in no folder', () => FS.writeFile('/no/where', 'x'))
  say('empty path', () => FS.open('', 'r'))
  say('wrong mode', () => FS.open('/a.txt', 'q'))

  say('mkdir', () => { FS.mkdir('/dir'); return stat(FS.stat('/dir')).mode })
  say('mkdir with a mode', () => { FS.mkdir('/dir/m', 0o700); return stat(FS.stat('/dir/m')).mode })
  say('mkdir again', () => FS.mkdir('/dir'))
  say('mkdirTree', () => { FS.mkdirTree('/x/y/z'); FS.mkdirTree('/x/y/z'); return FS.readdir('/x/y') })
  say('createPath', () => FS.createPath('/', 'p/q/r', true, true))
  say('rmdir full', () => FS.rmdir('/x'))
  say('rmdir', () => { FS.rmdir('/x/y/z'); return FS.readdir('/x/y') })
  say('rmdir a file', () => FS.rmdir('/a.txt'))
  say('unlink a folder', () => FS.unlink('/dir'))
  say('readdir a file', () => FS.readdir('/a.txt'))
  say('rename', () => { FS.rename('/c', '/dir/c2'); return [FS.analyzePath('/c').exists, FS.readFile('/dir/c2')] })
  say('rename to nowhere', () => FS.rename('/a.txt', '/no/where'))
  say('unlink', () => { FS.unlink('/dir/c2'); return FS.readdir('/dir') })
  say('unlink again', () => FS.unlink('/dir/c2'))

  say('stat', () => stat(FS.stat('/a.txt')))
  say('stat of a folder', () => stat(FS.stat('/')))
  say('kinds', () => ['/a.txt', '/dir', '/dev/null', '/dev/tty'].map((path) => {
    const { mode } = FS.stat(path)
    return [FS.isFile(mode), FS.isDir(mode), FS.isLink(mode), FS.isChrdev(mode)]
  }))
  say('chmod', () => { FS.chmod('/a.txt', 0o400); return stat(FS.stat('/a.txt')).mode })
  say('not writable', () => FS.writeFile('/a.txt', 'no'))
  say('writable again', () => { FS.chmod('/a.txt', 0o666); FS.writeFile('/a.txt', 'yes'); return text('/a.txt') })
  say('truncate', () => { FS.truncate('/a.txt', 5); return FS.readFile('/a.txt') })
  say('truncate below', () => FS.truncate('/a.txt', -1))
  say('utime', () => { FS.utime('/a.txt', 5000, 5000); const s = FS.stat('/a.txt'); return [s.atime.getTime(), s.mtime.getTime()] })

  say('symlink', () => { FS.symlink('/a.txt', '/link'); return [FS.readlink('/link'), FS.isLink(FS.lstat('/link').mode), FS.isFile(FS.stat('/link').mode)] })
  say('through a link', () => { FS.writeFile('/link', 'via'); return text('/a.txt') })
  say('a relative link', () => { FS.symlink('a.txt', '/rel'); return [FS.readlink('/rel'), text('/rel')] })
  say('symlink over', () => FS.symlink('/a.txt', '/link'))
  say('readlink of a file', () => FS.readlink('/a.txt'))
  say('dangling', () => { FS.symlink('/none', '/dangling'); return attempt(() => FS.stat('/dangling')) })

  const stream = FS.open('/s', 'w+')
  // The number is left out: Emscripten leaves descriptors open when reading a file fails.
  say('stream', () => [typeof stream.fd, stream.path, stream.position, typeof stream.flags, FS.isFile(stream.node.mode)])
  say('stream write', () => [FS.write(stream, new Uint8Array([65, 66, 67, 68]), 0, 4), FS.write(stream, new Uint8Array([0, 69, 70]), 1, 2), stream.position])
  say('stream at', () => FS.write(stream, new Uint8Array([120]), 0, 1, 1))
  const buffer = new Uint8Array(8)
  say('stream read at', () => [FS.read(stream, buffer, 2, 4, 0), Array.from(buffer), stream.position])
  say('stream seek', () => [FS.llseek(stream, 1, 0), FS.llseek(stream, 2, 1), FS.llseek(stream, -1, 2), FS.read(stream, buffer, 0, 8)])
  say('stream seek wrong', () => FS.llseek(stream, -5, 0))
  say('stream seek whence', () => FS.llseek(stream, 0, 9))
  say('stream position', () => { stream.position = 2; return FS.read(stream, buffer, 0, 1) && buffer[0] })
  say('stream negative', () => FS.read(stream, buffer, 0, -1))
  say('stream ftruncate', () => { FS.ftruncate(stream.fd, 3); return text('/s') })
  say('getStream', () => [FS.getStream(stream.fd) === stream, FS.streams[stream.fd] === stream, FS.getStream(500) == null])
  say('stream close', () => { FS.close(stream); return FS.isClosed(stream) })
  say('closed twice', () => FS.close(stream))
  say('read closed', () => FS.read(stream, buffer, 0, 1))
  const reader = FS.open('/s', 'r')
  say('write to a reader', () => FS.write(reader, buffer, 0, 1))
  FS.close(reader)
  say('exclusive', () => FS.open('/s', 0o301))
  say('no such', () => FS.open('/none', 'r+'))

  say('analyze', () => ['/a.txt', '/dir', '/', '/none', '/no/where', '/link', 'dir/m/../m', '/dangling'].map((path) => {
    const { isRoot, exists, error, name, path: at, parentExists, parentPath, object } = FS.analyzePath(path)
    return { isRoot, exists, error, name, at, parentExists, parentPath, kind: object ? [object.name, FS.isFile(object.mode), object.isFolder] : null }
  }))
  say('analyze links', () => { const { exists, path, name } = FS.analyzePath('/link', true); return { exists, path, name } })
  say('lookup', () => { const { path, node } = FS.lookupPath('/dir/../a.txt'); return [path, node.name, node.mode.toString(8), FS.getPath(node)] })
  say('lookup parent', () => { const { path, node } = FS.lookupPath('/dir/new', { parent: true }); return [path, node.name] })
  say('lookup absent', () => FS.lookupPath('/none'))
  say('findObject', () => [FS.findObject('/none'), FS.findObject('/a.txt').name])

  say('chdir', () => { FS.chdir('/dir'); FS.writeFile('here', 'h'); return [FS.cwd(), text('/dir/here')] })
  say('chdir to a file', () => FS.chdir('/a.txt'))
  say('chdir back', () => { FS.chdir('..'); return FS.cwd() })

  say('data file', () => { FS.createDataFile('/', 'data', 'h\u00e9', true, false); return [stat(FS.stat('/data')).mode, FS.readFile('/data')] })
  say('data file again', () => FS.createDataFile('/', 'data', 'x', true, true))
  say('data file of bytes', () => { FS.createDataFile('/dir', 'bytes', new Uint8Array([1, 2]), true, true); return FS.readFile('/dir/bytes') })
  say('data file by path', () => { FS.createDataFile('/whole', null, [3, 4], true, true); return FS.readFile('/whole') })

  const written = []
  const input = [72, 105, null, 33, null]
  say('device', () => {
    FS.createDevice('/dev', 'mine', () => input.length ? input.shift() : null, (byte) => written.push(byte))
    return FS.isChrdev(FS.stat('/dev/mine').mode)
  })
  say('device write', () => { FS.writeFile('/dev/mine', 'out'); return written })
  say('device read', () => {
    const s = FS.open('/dev/mine', 'r')
    const got = [FS.read(s, buffer, 0, 8), buffer[0], buffer[1], FS.read(s, buffer, 0, 8), buffer[0], FS.read(s, buffer, 0, 8)]
    FS.close(s)
    return got
  })
  say('device that throws', () => {
    FS.createDevice('/dev', 'bad', () => { throw new Error('no') }, () => { throw new Error('no') })
    const s = FS.open('/dev/bad', 'r+')
    return [attempt(() => FS.read(s, buffer, 0, 1)), attempt(() => FS.write(s, buffer, 0, 1))]
  })
  say('device without data', () => {
    FS.createDevice('/dev', 'none', () => undefined)
    return attempt(() => FS.read(FS.open('/dev/none', 'r'), buffer, 0, 1))
  })
  say('registered device', () => {
    const seen = []
    FS.registerDevice(FS.makedev(77, 1), {
      open: () => seen.push('open'),
      close: () => seen.push('close'),
      read: (s, into, offset, length, position) => { into[offset] = 88; seen.push(['read', length]); return 1 },
      write: (s, from, offset, length) => { seen.push(['write', Array.from(from.slice(offset, offset + length))]); return length }
    })
    FS.mkdev('/dev/registered', FS.makedev(77, 1))
    const s = FS.open('/dev/registered', 'r+')
    FS.write(s, new Uint8Array([1, 2, 3]), 0, 3)
    const count = FS.read(s, buffer, 0, 4)
    FS.close(s)
    return [seen, count, buffer[0], FS.major(FS.makedev(77, 1)), FS.minor(FS.makedev(77, 1))]
  })
  say('a device that keeps things on its stream', () => {
    FS.registerDevice(FS.makedev(78, 0), {
      open: (stream) => { stream.left = [65, 66, 67] },
      close: (stream) => { stream.left = null },
      read: (stream, into, offset, length) => {
        const taken = stream.left.splice(0, Math.min(2, length))
        into.set(taken, offset)
        return taken.length
      }
    })
    FS.mkdev('/dev/keeping', FS.makedev(78, 0))
    const read = () => {
      const s = FS.open('/dev/keeping', 'r')
      const counts = [1, 2, 3].map(() => FS.read(s, buffer, 0, 4))
      FS.close(s)
      return counts
    }
    return [read(), read(), buffer[0]]
  })
  say('no device', () => { FS.mkdev('/dev/lost', FS.makedev(99, 9)); return attempt(() => FS.open('/dev/lost', 'r')) !== null })

  say('stdout', () => { FS.writeFile('/dev/stdout', 'a line\n'); return 0 })
  say('C sees them', () => { FS.writeFile('/tmp/c', 'for C'); return m.callMain(['read', '/tmp/c']) })
  say('and JavaScript C\'s', () => { m.callMain(['write', '/tmp/from-c', 'one', 'two']); return text('/tmp/from-c') })
  say('errors', () => {
    try {
      FS.stat('/none')
    } catch (error) {
      return [error instanceof FS.ErrnoError, error instanceof Error, error.errno, error.message]
    }
  })
  return { result, lines: lines.length }
}
