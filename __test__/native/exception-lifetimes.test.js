'use strict'

// Thrown objects end with their handlers: C++ objects by their destructors, JavaScript errors that C++ swallows by the collector.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { setImmediate: turn } = require('node:timers/promises')
const { open } = require('../..')
const { compare, fixtures } = require('../support/compare')

for (const fixture of ['thrown.js', 'thrown-wasm.js']) {
  test(`${fixture}: handled exceptions are destroyed and their memory is free again`, async () => {
    const { result } = await compare(fixture, 'thrown.js')
    // The last round leaves no more than the one before it.
    const taken = (round) => result.slice(round * 20, round * 20 + 20).reduce((sum, [, , bytes]) => sum + bytes, 0)
    assert.strictEqual(taken(2), taken(1))
    assert.strictEqual(taken(2), 0)
  })
}

test('JavaScript errors that wasm catches and drops are let go when the call ends', { skip: !global.gc && 'needs --expose-gc' }, async () => {
  const errors = []
  let depth = 0
  const throwing = (nested) => {
    const error = new Error(`number ${errors.length}`)
    errors.push(new WeakRef(error))
    depth++
    // Also while an outer call is still on its way.
    if (nested) assert.strictEqual(vm.exports._swallow(0), -1)
    throw error
  }
  const vm = await open(path.join(fixtures, 'wat', 'swallow.wasm'), { host: 'native', imports: { env: { throwing } } })
  try {
    for (let i = 0; i < 50; i++) assert.strictEqual(vm.exports._swallow(i % 2), -1)
    assert.strictEqual(depth, 75)
    // One that comes out is the very one that was thrown.
    assert.throws(() => vm.exports._again(0), (error) => error === errors.at(-1).deref() && error.message === 'number 75')
    await turn()
    global.gc()
    const held = errors.filter((ref) => ref.deref()).length
    assert.ok(held <= 1, `${held} errors are still held`)
  } finally {
    vm.dispose()
  }
})
