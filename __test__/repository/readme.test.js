'use strict'

// The README's programs are run as a user would paste them: in a folder of its own, with emvm and opencv.js installed.

const { after, test, describe } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { execFileSync } = require('node:child_process')

const root = path.join(__dirname, '..', '..')
const snippets = [...fs.readFileSync(path.join(root, 'README.md'), 'utf8').matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code)
const OUTPUT = ['0 480 640 114\n1 480 640 114\n2 480 640 114\n', '[ 100, 400, 900 ]\n']

describe('README', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-readme-'))
  after(() => fs.rmSync(folder, { recursive: true, force: true }))
  fs.mkdirSync(path.join(folder, 'node_modules', '@techstark'), { recursive: true })
  fs.symlinkSync(root, path.join(folder, 'node_modules', 'emvm'), 'junction')
  fs.symlinkSync(fs.realpathSync(path.join(root, 'node_modules', 'opencv-4.12')), path.join(folder, 'node_modules', '@techstark', 'opencv-js'), 'junction')

  test('has a program for each expected output', () => assert.strictEqual(snippets.length, OUTPUT.length))

  snippets.forEach((code, i) => {
    test(`program ${i + 1} does what it says`, () => {
      const file = path.join(folder, `program-${i}.js`)
      fs.writeFileSync(file, code)
      assert.strictEqual(execFileSync(process.execPath, [file], { encoding: 'utf8', cwd: folder }), OUTPUT[i])
    })
  })
})
