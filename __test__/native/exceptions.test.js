'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { open } = require('../..')
const { compare, fixtures } = require('../support/compare')

for (const fixture of ['exceptions-O2.js', 'exceptions-O1.js']) {
  test(`${fixture}: exceptions and longjmp, inside, out, and through JavaScript`, () => compare(fixture, 'exceptions.js'))
}

test('wasm exceptions: inside, out, and through JavaScript', () => compare('exceptions-wasm.js', 'exceptions-wasm.js'))

test('a C++ exception that leaves the module says its type and text', async () => {
  const vm = await open(path.join(fixtures, 'exceptions-O2.js'), { host: 'native', print: () => {} })
  try {
    for (let i = 0; i < 2; i++) {
      assert.throws(() => vm.exports._escape(1), (error) => {
        assert.strictEqual(error.code, 'EMVM_ERR_CPP_EXCEPTION')
        assert.strictEqual(error.name, 'CppException')
        assert.ok(Number(error) > 0)
        return true
      })
      await vm.isReady()
    }
  } finally {
    vm.dispose()
  }
})

test('an exception of a past generation is only an error to the next', async () => {
  const vm = await open(path.join(fixtures, 'exceptions-O2.js'), { host: 'native', print: () => {} })
  try {
    let kept
    try {
      vm.exports._escape(0)
    } catch (error) {
      kept = error
    }
    await vm.isReady()
    const index = vm.exports.addFunction(() => { throw kept }, 'ii')
    assert.throws(() => vm.exports._guarded(index, 1), (error) => error === kept)
  } finally {
    vm.dispose()
  }
})
