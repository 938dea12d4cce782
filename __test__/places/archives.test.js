'use strict'

// Sources that only Node's `fs` can read, as those of Yarn Plug'n'Play in zip files: here a folder that is under another name there.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { runScript } = require('../support/child')
const { scratch } = require('../support/files')
const { BASE64, shapes } = require('../support/glue')

const FIXTURES = path.join(__dirname, '..', 'fixtures')

// What a loader of archives does to `fs`.
const ARCHIVE = (folder) => `
  const fs = require('fs')
  const path = require('path')
  const at = path.resolve('/package.zip') + path.sep
  const real = (file) => typeof file === 'string' && (file + path.sep).startsWith(at) ? path.join(${JSON.stringify(folder)}, file.slice(at.length)) : file
  for (const name of ['readFileSync', 'readdirSync', 'openSync', 'statSync', 'lstatSync', 'existsSync']) {
    const theirs = fs[name]
    fs[name] = (file, ...rest) => theirs(real(file), ...rest)
  }
  const theirs = fs.promises.readFile
  fs.promises.readFile = (file, ...rest) => theirs(real(file), ...rest)
  fs.realpathSync = (file) => file
`

test('sources in an archive that only fs can read, on both hosts', async (t) => {
  const { folder, write } = scratch(t)
  for (const file of ['capi-O2.js', 'capi-O2.wasm']) fs.copyFileSync(path.join(FIXTURES, file), path.join(folder, file))
  fs.mkdirSync(path.join(folder, 'deep'))
  fs.copyFileSync(path.join(FIXTURES, 'capi-O2.js'), path.join(folder, 'deep', 'capi-O2.js'))
  fs.copyFileSync(path.join(FIXTURES, 'capi-O2.wasm'), path.join(write('deep/in/x', ''), '..', 'capi-O2.wasm'))
  write('machine.js', shapes.commonjs())
  write('machine.wasm', Buffer.from(BASE64, 'base64'))
  write('data.js', `module.exports = '${BASE64}'`)
  write('split.js', shapes.commonjs().replace(`'${BASE64}'`, "require('./data.js')"))
  write('none.js', shapes.commonjs().replace(`'${BASE64}'`, 'undefined'))
  const { code, stdout, stderr } = await runScript(`${ARCHIVE(folder)}
    const main = async () => {
      const found = {}
      const note = async (name, source, options) => {
        try {
          const vm = await emvm.open(at + source, { cache: false, ...options })
          const { exports, host } = vm
          found[name] = [host, typeof (exports._add ?? exports._malloc)]
          await vm.isReady()
          vm.dispose()
        } catch (error) { found[name] = error.code + ' ' + error.message }
      }
      await note('beside', 'capi-O2.js')
      await note('one folder down', 'deep/capi-O2.js')
      await note('wasm', 'machine.wasm', { imports: { env: { callback: (x) => x } } })
      await note('option', 'capi-O2.js', { wasm: at + 'deep/in/capi-O2.wasm' })
      await note('glue', 'machine.js', { host: 'glue' })
      await note('missing', 'nothing.js')
      found.inspect = (await emvm.inspect(at + 'capi-O2.js')).wasm.path
      console.log(JSON.stringify(found))
    }
    main()`)
  assert.strictEqual(code, 0, stderr)
  const place = path.resolve('/package.zip')
  assert.deepStrictEqual(JSON.parse(stdout), {
    beside: ['native', 'function'],
    'one folder down': ['native', 'function'],
    wasm: ['native', 'function'],
    option: ['native', 'function'],
    glue: ['glue', 'function'],
    missing: `EMVM_ERR_SOURCE ${path.join(place, 'nothing.js')} does not exist`,
    inspect: path.join(place, 'capi-O2.wasm')
  })
})
