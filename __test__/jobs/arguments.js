'use strict'

// Arguments of wrong types: what kind of error, or which value.
const kind = (error) => error.message === 'FS error' ? `errno ${error.errno}` : error.name

function attempt (run) {
  try {
    const value = run()
    return value === undefined || value === null || typeof value !== 'object' ? `${String(value)}` : 'object'
  } catch (error) {
    return kind(error)
  }
}

const NO_PATHS = { nothing: undefined, number: 5, bigint: 10n, boolean: true, function: () => 1, symbol: Symbol('s') }
const NO_DESCRIPTORS = { nothing: undefined, null: null, text: 'x', negative: -1, fraction: 1.5, far: 99, NaN, object: {}, symbol: Symbol('s'), empty: '', padded: '01' }
const PATHS = [
  'stat', 'lstat', 'readdir', 'mkdir', 'rmdir', 'unlink', 'readlink', 'chdir', 'truncate', 'chmod', 'chown', 'lchown', 'utime', 'mknod', 'mkdev', 'create',
  'lookupPath', 'open', 'mkdirTree', 'createPath'
]

exports.files = (FS) => {
  const result = {}
  FS.writeFile('/there', 'x')
  const say = (name, run) => { result[name] = attempt(run) }
  for (const name of PATHS) {
    for (const [what, value] of Object.entries(NO_PATHS)) say(`${name} ${what}`, () => FS[name](value, 0o666))
  }
  for (const [what, value] of Object.entries(NO_PATHS)) {
    say(`rename ${what}`, () => FS.rename(value, '/a'))
    say(`rename to ${what}`, () => FS.rename('/there', value))
    say(`symlink ${what}`, () => FS.symlink(value, '/link'))
    say(`symlink to ${what}`, () => FS.symlink('/there', value))
  }
  for (const name of ['ftruncate', 'fchmod', 'fchown']) {
    for (const [what, value] of Object.entries(NO_DESCRIPTORS)) say(`${name} ${what}`, () => FS[name](value, 0))
  }
  for (const [what, value] of Object.entries(NO_DESCRIPTORS)) say(`getStream ${what}`, () => Boolean(FS.getStream(value)))
  for (const [what, value] of Object.entries(NO_PATHS)) say(`readFile ${what}`, () => FS.readFile(value))
  say('open null', () => FS.open(null))
  say('flags as text', () => FS.open('/there', 'q'))
  say('mode as text', () => { FS.chmod('/there', '7'); return FS.stat('/there').mode })
  say('length missing', () => { FS.truncate('/there'); return FS.stat('/there').size })
  say('length as text', () => { FS.truncate('/there', '3'); return FS.stat('/there').size })
  say('writeFile', () => FS.writeFile('/there', 5))
  return result
}

exports.job = (m) => exports.files(m.FS)
