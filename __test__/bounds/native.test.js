'use strict'

// `host: 'native'` runs what it can run as the package's own JavaScript does, and refuses the rest by name.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { open, inspect } = require('../..')
const { scratch } = require('../support/files')

const fixture = (name) => path.join(__dirname, '../fixtures', name)
const quiet = { print () {}, printErr () {} }

for (const name of ['wasmfs.js', 'state.js']) {
  test(`${name}: refused with the reasons that inspect gives`, async () => {
    const { host, reasons } = await inspect(fixture(name))
    assert.notStrictEqual(host, 'native')
    await assert.rejects(open(fixture(name), { ...quiet, host: 'native' }), (error) => {
      assert.strictEqual(error.code, 'EMVM_ERR_UNSUPPORTED')
      assert.ok(error.reasons.length > 0 && error.reasons.every((reason) => reasons.includes(reason)), error.message)
      return true
    })
  })
}

// A package whose JavaScript keeps state and changes its module for good, in a way that is not seen by reading it.
test('extras that leave a property that cannot be defined again', async (t) => {
  const { write } = scratch(t)
  const glue = fs.readFileSync(fixture('capi-modularize.js'), 'utf8')
  const at = glue.lastIndexOf('run();') + 'run();'.length
  const extras = "var kept = 0; Module.next = function () { return ++kept }; Object['define' + 'Property'](Module, 'fixed', { value: 1 });"
  const file = write('fixed.js', `${glue.slice(0, at)}\n${extras}\n${glue.slice(at)}`)
  const options = { ...quiet, wasm: fixture('capi-modularize.wasm') }
  assert.strictEqual((await inspect(file, { wasm: options.wasm })).host, 'native', 'reading it does not tell')
  const vm = await open(file, options)
  for (let i = 0; i < 3; i++) {
    const m = await vm.isReady()
    assert.deepStrictEqual([m.next(), m.next()], [1, 2])
  }
  assert.strictEqual(vm.host, 'glue')
  vm.dispose()
  await assert.rejects(open(file, { ...options, host: 'native' }), { code: 'EMVM_ERR_UNSUPPORTED', message: /fixed/ })
})
