'use strict'

// Calls of WASI on a fresh root folder: what each gives. `call` has the module's functions, `bytes` its memory.
const PATH = 1024
const OTHER = 4096
const OUT = 8192
const BUFFER = 16384
// What Emscripten's root has of its own.
const OWN = ['.', '..', 'tmp', 'home', 'dev', 'proc']

// Rights: read, seek, tell, list, stat; sync, write, allocate, set size and times.
const bits = (...numbers) => numbers.reduce((all, bit) => all | 1n << BigInt(bit), 0n)
const READ = bits(1, 2, 5, 14, 21)
const WRITE = bits(0, 4, 6, 8, 22, 23)
const LOOK = 1
const [CREAT, DIRECTORY, EXCL, TRUNC] = [1, 2, 4, 8]

exports.run = (call, bytes) => {
  const said = []
  const view = () => new DataView(bytes().buffer)
  const put = (text, at = PATH) => {
    const encoded = Buffer.from(text)
    bytes().set(encoded, at)
    return [at, encoded.length]
  }
  const get = (at, length) => Buffer.from(bytes().subarray(at, at + length)).toString()
  const say = (name, status, ...rest) => { said.push([name, status, ...rest]) }
  const open = (path, how = 0, rights = READ, flags = 0, at = 3) => {
    const status = call.path_open(at, LOOK, ...put(path), how, rights, 0n, flags, OUT)
    return status === 0 ? view().getUint32(OUT, true) : -status
  }
  const opened = (name, fd) => {
    say(name, fd < 0 ? -fd : 0)
    if (fd >= 0) call.fd_close(fd)
  }
  const write = (fd, text, at) => {
    const [ptr, length] = put(text, BUFFER)
    view().setUint32(OTHER, ptr, true)
    view().setUint32(OTHER + 4, length, true)
    const status = at === undefined ? call.fd_write(fd, OTHER, 1, OUT) : call.fd_pwrite(fd, OTHER, 1, at, OUT)
    return [status, status === 0 ? view().getUint32(OUT, true) : 0]
  }
  const read = (fd, length, at) => {
    view().setUint32(OTHER, BUFFER, true)
    view().setUint32(OTHER + 4, length, true)
    const status = at === undefined ? call.fd_read(fd, OTHER, 1, OUT) : call.fd_pread(fd, OTHER, 1, at, OUT)
    return [status, status === 0 ? get(BUFFER, view().getUint32(OUT, true)) : '']
  }
  const stat = (path, look = LOOK) => {
    const status = call.path_filestat_get(3, look, ...put(path), OUT)
    if (status !== 0) return [status]
    const type = view().getUint8(OUT + 16)
    return [0, type, type === 4 ? Number(view().getBigUint64(OUT + 32, true)) : 0]
  }
  const list = (fd, size = 4096, cookie = 0n) => {
    const status = call.fd_readdir(fd, BUFFER, size, cookie, OUT)
    if (status !== 0) return [status]
    const used = view().getUint32(OUT, true)
    const entries = []
    for (let at = BUFFER; at + 24 <= BUFFER + used;) {
      const length = view().getUint32(at + 16, true)
      if (at + 24 + length > BUFFER + used) break
      const name = get(at + 24, length)
      if (!OWN.includes(name)) entries.push([name, view().getUint8(at + 20)])
      at += 24 + length
    }
    return [0, entries.sort((a, b) => a[0] < b[0] ? -1 : 1)]
  }

  say('prestat', call.fd_prestat_get(3, OUT), view().getUint8(OUT), view().getUint32(OUT + 4, true))
  say('prestat name', call.fd_prestat_dir_name(3, OUT, 1), get(OUT, 1))
  say('prestat of none', call.fd_prestat_get(77, OUT), call.fd_prestat_dir_name(77, OUT, 1))

  for (const path of ['d', 'd/e', 'd', 'x/y', 'd/e/']) say(`mkdir ${path}`, call.path_create_directory(3, ...put(path)))
  opened('open nothing', open('none'))
  opened('create', open('f', CREAT, READ | WRITE))
  opened('create again', open('f', CREAT | EXCL, READ | WRITE))
  opened('a file as folder', open('f', DIRECTORY))
  opened('a folder', open('d', DIRECTORY))
  opened('a file on the way', open('f/x', CREAT, WRITE))
  opened('no folder on the way', open('g/x', CREAT, WRITE))

  const file = open('f', TRUNC, READ | WRITE)
  say('write', ...write(file, 'hello world'))
  say('tell', call.fd_tell(file, OUT), Number(view().getBigUint64(OUT, true)))
  say('seek', call.fd_seek(file, -5n, 1, OUT), Number(view().getBigUint64(OUT, true)))
  say('read', ...read(file, 100))
  say('pread', ...read(file, 5, 0n))
  say('pwrite', ...write(file, 'J', 0n))
  say('seek before', call.fd_seek(file, -50n, 0, OUT))
  say('seek nowhere', call.fd_seek(file, 0n, 9, OUT))
  say('size', call.fd_filestat_set_size(file, 4n))
  say('stat', ...stat('f'))
  say('sync', call.fd_sync(file), call.fd_datasync(file))
  say('times', call.fd_filestat_set_times(file, 5_000_000_000n, 7_000_000_000n, 5))
  call.fd_filestat_get(file, OUT)
  say('set', Number(view().getBigUint64(OUT + 40, true)), Number(view().getBigUint64(OUT + 48, true)))
  say('both ways', call.fd_filestat_set_times(file, 0n, 0n, 3))
  const other = open('h', CREAT, READ | WRITE)
  write(other, 'other')
  say('closed', call.fd_close(file), call.fd_close(file))
  say('read closed', ...read(file, 1))
  const appending = open('f', 0, READ | WRITE, 1)
  say('append', ...write(appending, '!'))
  call.fd_close(appending)
  const reading = open('f')
  say('what is there', ...read(reading, 100))
  call.fd_close(reading)
  call.fd_close(other)

  say('path times', call.path_filestat_set_times(3, LOOK, ...put('f'), 3_000_000_000n, 4_000_000_000n, 5))
  call.path_filestat_get(3, LOOK, ...put('f'), OUT)
  say('path times set', Number(view().getBigUint64(OUT + 40, true)), Number(view().getBigUint64(OUT + 48, true)))
  say('symlink', call.path_symlink(...put('f'), 3, ...put('l', OTHER)))
  say('symlink again', call.path_symlink(...put('f'), 3, ...put('l', OTHER)))
  say('dangling', call.path_symlink(...put('nowhere'), 3, ...put('m', OTHER)))
  for (const path of ['l', 'f', 'none']) {
    const status = call.path_readlink(3, ...put(path), BUFFER, 100, OUT)
    say(`readlink ${path}`, status, status === 0 ? get(BUFFER, view().getUint32(OUT, true)) : '')
  }
  say('stat link', ...stat('l', 0))
  say('stat through it', ...stat('l'))
  say('stat dangling', ...stat('m'))
  say('stat in file', ...stat('f/x'))

  const folder = open('.', DIRECTORY)
  say('list', ...list(folder))
  say('list a folder', ...list((call.fd_close(folder), open('d', DIRECTORY))))
  say('rename', call.path_rename(3, ...put('h'), 3, ...put('d/h', OTHER)))
  say('rename nothing', call.path_rename(3, ...put('h'), 3, ...put('i', OTHER)))
  say('rename over', call.path_rename(3, ...put('d/h'), 3, ...put('f', OTHER)))
  say('rename folder over file', call.path_rename(3, ...put('d'), 3, ...put('f', OTHER)))
  say('rename into itself', call.path_rename(3, ...put('d'), 3, ...put('d/e/z', OTHER)))
  say('stat', ...stat('f'))
  say('rmdir full', call.path_remove_directory(3, ...put('d')))
  say('rmdir file', call.path_remove_directory(3, ...put('f')))
  say('rmdir', call.path_remove_directory(3, ...put('d/e')))
  say('unlink folder', call.path_unlink_file(3, ...put('d')) !== 0)
  say('unlink', call.path_unlink_file(3, ...put('l')), call.path_unlink_file(3, ...put('l')))
  say('stat', ...stat('l', 0))
  say('list', ...list(open('.', DIRECTORY)))

  // One clock that rings at once.
  bytes().fill(0, BUFFER, BUFFER + 48)
  view().setBigUint64(BUFFER, 99n, true)
  view().setUint32(BUFFER + 16, 1, true)
  view().setBigUint64(BUFFER + 24, 1_000_000n, true)
  say('poll', call.poll_oneoff(BUFFER, OTHER, 1, OUT), view().getUint32(OUT, true), Number(view().getBigUint64(OTHER, true)), view().getUint8(OTHER + 10))
  say('poll nothing', call.poll_oneoff(BUFFER, OTHER, 0, OUT))
  say('yield', call.sched_yield())
  say('clock', call.clock_res_get(0, OUT), call.clock_time_get(1, 0n, OUT), call.clock_time_get(99, 0n, OUT))
  return said
}
