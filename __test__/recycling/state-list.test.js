'use strict'

// The list of state (src/emscripten/state.rs) is what the code has, and each piece has its owner and its test.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { open } = require('../..')
const { declared, files, stateList } = require('../../scripts/state')

const ROOT = path.join(__dirname, '..', '..')
const STATES = Symbol.for('emvm.states')

test('every state of JavaScript is declared with its owner, and is on the list', () => {
  const rows = stateList().filter(({ table }) => table === 'JavaScript state')
  assert.deepStrictEqual(rows.map(({ name }) => name).sort(), [...declared().keys()].sort())
  for (const { name, owner, declaredIn } of rows) assert.strictEqual(declaredIn, owner, name)
})

test('every piece of state has a test that is there', () => {
  for (const { name, tests } of stateList()) {
    for (const test of tests) {
      const [first, ...more] = test.split('::')
      const found = more.length > 0 || first.startsWith('__test__') ? !first.startsWith('__test__') || fs.existsSync(path.join(ROOT, `${first}.test.js`)) : false
      assert.ok(found, `${name}: ${test}`)
    }
  }
})

test('owners on the list are in the code', () => {
  for (const { owner } of stateList()) {
    const [file] = /^lib\/[\w/]+\.js/.exec(owner) ?? []
    if (file !== undefined) assert.ok(fs.existsSync(path.join(ROOT, file)), owner)
  }
})

test('the fields of the native image are on the list', () => {
  const text = fs.readFileSync(path.join(ROOT, 'src', 'emscripten', 'state.rs'), 'utf8')
  const fields = [.../pub struct StateImage \{([^}]*)\}/.exec(text)[1].matchAll(/^ {4}(\w+):/gm)].map(([, name]) => name)
  const known = { exceptions: 'exceptions in flight', embind: 'embind handles', emval: 'emval handles', functions: 'table entries', fs: 'files', process: 'atexit', timers: 'timers' }
  // What it says of itself rather than holds.
  const facts = ['fs_needs_host', 'fs_is_real', 'ran_javascript', 'is_seen']
  for (const field of fields.filter((name) => !facts.includes(name))) {
    assert.ok(known[field] !== undefined, `${field} is not on the list`)
    assert.ok(stateList().some(({ name }) => name.includes(known[field])), field)
  }
})

test('nothing else of the facade looks at the number of the generation', () => {
  for (const file of files(path.join(ROOT, 'lib', 'facade'))) {
    assert.ok(!/\bsandbox\.generation\b/.test(fs.readFileSync(file, 'utf8')), file)
  }
})

test('a running sandbox has no state that is not on the list', async () => {
  const listed = new Set(stateList().map(({ name }) => name))
  for (const fixture of ['embind.js', 'capi-O2.js', 'wat/reserved.js', 'coroutines.js', 'program.js']) {
    const vm = await open(path.join(__dirname, '..', 'fixtures', fixture), { host: 'native', print () {}, printErr () {}, trackLeaks: true })
    // Those of its files are made with them.
    const made = vm.exports.FS === undefined ? 8 : (vm.exports.FS.cwd(), 15)
    assert.ok(vm[STATES].length > made, `${fixture}: ${vm[STATES]}`)
    for (const name of vm[STATES]) assert.ok(listed.has(name), name)
    vm.dispose()
  }
})
