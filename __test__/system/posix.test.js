'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const { native, plain } = require('../support/compare')

// Where the Emscripten that built the fixture (3.1.6) is not POSIX. Later releases agree with emvm on each.
const DIFFERENCES = {
  'mkdir("", 0777) = -1': ['errno 28', 'errno 44', 'an empty path is ENOENT'],
  'mkdir("/p/a/b", 0777) = -1': ['errno 2', 'errno 54', 'a file on the way is ENOTDIR'],
  'open("/p/a/x", O_RDONLY) = -1': ['errno 44', 'errno 54', 'a file on the way is ENOTDIR'],
  'lseek(other, 0, SEEK_CUR) =': ['0 errno 0', '1 errno 0', 'duplicates share their position'],
  'lstat /p/two:': ['mode 100666 size 1 nlink 1', 'errno 44', 'a name that a rename replaced is gone for good'],
  'open("/p/loop1", O_RDONLY) = -1': ['errno 44', 'errno 32', 'a loop of links is ELOOP'],
  'open("/p/closed/in", O_RDONLY) = -1': ['errno 44', 'errno 2', 'a closed folder is EACCES']
}

test('POSIX calls give the same values and error numbers as on Emscripten, or as POSIX says', async () => {
  const expected = plain('posix.js', 'posix.js')
  const runs = await native('posix.js', 'posix.js')
  for (const [i, { lines, result }] of runs.entries()) {
    assert.strictEqual(result, expected.result)
    assert.strictEqual(lines.length, expected.lines.length)
    const differ = lines.map((line, at) => [line, expected.lines[at]]).filter(([a, b]) => a !== b)
    const found = differ.map(([ours, theirs]) => {
      const [, call] = Object.keys(DIFFERENCES).map((key) => [ours.includes(key), key]).find(([is]) => is) || [false, ours]
      return [call, [theirs.slice(theirs.indexOf(call) + call.length + 1), ours.slice(ours.indexOf(call) + call.length + 1)]]
    })
    const wanted = Object.entries(DIFFERENCES).map(([call, values]) => [call, values.slice(0, 2)])
    assert.deepStrictEqual(found, wanted, `generation ${i + 1}`)
  }
  assert.ok(expected.lines.length > 135, `${expected.lines.length} checks`)
})
