'use strict'

// Numbers of C headers that Emscripten's FS shows, and the functions that read them.

const S_IFMT = 0o170000
const S_IFREG = 0o100000
const S_IFDIR = 0o040000
const S_IFLNK = 0o120000
const S_IFCHR = 0o020000
const S_IFBLK = 0o060000
const S_IFIFO = 0o010000
const S_IFSOCK = 0o140000

const O = { RDONLY: 0, WRONLY: 1, RDWR: 2, CREAT: 0o100, EXCL: 0o200, TRUNC: 0o1000, APPEND: 0o2000 }

const write = O.TRUNC | O.CREAT
const append = O.APPEND | O.CREAT
const flagModes = {
  r: O.RDONLY,
  rs: O.RDONLY | 0o4010000,
  'r+': O.RDWR,
  w: write | O.WRONLY,
  wx: write | O.WRONLY | O.EXCL,
  xw: write | O.WRONLY | O.EXCL,
  'w+': write | O.RDWR,
  'wx+': write | O.RDWR | O.EXCL,
  'xw+': write | O.RDWR | O.EXCL,
  a: append | O.WRONLY,
  ax: append | O.WRONLY | O.EXCL,
  xa: append | O.WRONLY | O.EXCL,
  'a+': append | O.RDWR,
  'ax+': append | O.RDWR | O.EXCL,
  'xa+': append | O.RDWR | O.EXCL
}

function modeStringToFlags (text) {
  const flags = flagModes[text]
  if (flags === undefined) throw new Error(`Unknown file open mode: ${text}`)
  return flags
}

function flagsToPermissionString (flags) {
  const permissions = ['r', 'w', 'rw'][flags & 3]
  return flags & O.TRUNC ? `${permissions}w` : permissions
}

const kindIs = (kind) => (mode) => (mode & S_IFMT) === kind

module.exports = {
  O,
  S_IFMT,
  S_IFREG,
  S_IFDIR,
  S_IFCHR,
  tests: {
    isFile: kindIs(S_IFREG),
    isDir: kindIs(S_IFDIR),
    isLink: kindIs(S_IFLNK),
    isChrdev: kindIs(S_IFCHR),
    isBlkdev: kindIs(S_IFBLK),
    isFIFO: kindIs(S_IFIFO),
    // As Emscripten has it.
    isSocket: (mode) => (mode & S_IFSOCK) === S_IFSOCK
  },
  flagModes,
  modeStringToFlags,
  flagsToPermissionString,
  getMode: (canRead, canWrite) => (canRead ? 0o555 : 0) | (canWrite ? 0o222 : 0),
  major: (dev) => dev >> 8,
  minor: (dev) => dev & 0xff,
  makedev: (major, minor) => (major << 8) | minor
}
