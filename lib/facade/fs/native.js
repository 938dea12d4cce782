'use strict'

// The file system's native functions, with their arguments converted as Emscripten's own JavaScript would have used them.

// What a path is not is told in Emscripten's words.
function path (value) {
  if (typeof value === 'string') return value
  throw new TypeError('Arguments to path.resolve must be strings')
}
const text = (value) => `${value}`
const word = (value) => value >>> 0
const optionalWord = (value) => value === undefined || value === null ? undefined : value >>> 0
const number = (value) => Number(value)
const optionalNumber = (value) => value === undefined || value === null ? undefined : Number(value)
// As a key of the list of streams; no descriptor is negative, so what is no key of one is a bad one.
function fd (value) {
  const key = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'string' ? Number(value) : -1
  return Number.isInteger(key) && key >= 0 && key < 0x80000000 && `${key}` === `${value}` ? key : -1
}
const bytes = (value) => value

const ARGUMENTS = {
  fsOpen: [path, word, word],
  fsClose: [fd],
  fsIsOpen: [fd],
  fsDescriptors: [],
  fsInfo: [fd],
  fsPosition: [fd],
  fsRead: [fd, bytes, optionalNumber],
  fsWrite: [fd, bytes, optionalNumber],
  fsSeek: [fd, number, word],
  fsStat: [path, Boolean],
  fsFstat: [fd],
  fsMkdir: [path, word],
  fsMkdirTree: [path, word],
  fsMknod: [path, word, word],
  fsSymlink: [path, path],
  fsReadlink: [path],
  fsReaddir: [path],
  fsUnlink: [path],
  fsRmdir: [path],
  fsRename: [path, path],
  fsLink: [path, path],
  fsTruncate: [path, number],
  fsFtruncate: [fd, number],
  fsAllocate: [fd, number, number],
  fsChmod: [path, word, Boolean],
  fsFchmod: [fd, word],
  fsChown: [path, Boolean],
  fsFchown: [fd],
  fsUtime: [path, optionalNumber, optionalNumber, Boolean],
  fsCwd: [],
  fsChdir: [path],
  fsRealPath: [path, Boolean],
  fsAnalyze: [path, Boolean],
  fsReadFile: [path],
  fsWriteFile: [path, bytes, optionalWord, optionalWord],
  fsDup: [fd, word],
  fsDup2: [fd, fd],
  fsCreatePath: [path, path],
  fsCreateFile: [path, text, Boolean, Boolean],
  fsCreateDataFile: [path, text, bytes, Boolean, Boolean],
  fsCreateLazyFile: [path, text, word, Boolean, Boolean],
  fsCreateDevice: [path, text, word, Boolean, Boolean],
  fsRegisterDevice: [word, word],
  fsStatfs: [path],
  fsIgnorePermissions: [Boolean]
}

function makeNative (sandbox) {
  const native = {}
  for (const [name, kinds] of Object.entries(ARGUMENTS)) {
    const converted = (args) => kinds.map((convert, i) => convert(args[i]))
    native[name] = sandbox[name] === undefined
      ? (...args) => sandbox.fsOperation(name, converted(args))
      : (...args) => sandbox[name](...converted(args))
  }
  return native
}

module.exports = { makeNative }
