'use strict'

// Imports that the module exports again, starts with, or has in its table: wasm is not between JavaScript and the host.

const { test } = require('node:test')
const assert = require('node:assert')
const { open } = require('../..')
const { sections } = require('../support/hostile')

const name = (text) => [text.length, ...Buffer.from(text)]

// Imports twice (i32 -> i32) and note (). Exports both, their table, and call(n, x): table[n](x). Starts with note.
const MODULE = sections(
  [1, [3, 0x60, 1, 0x7f, 1, 0x7f, 0x60, 0, 0, 0x60, 2, 0x7f, 0x7f, 1, 0x7f]],
  [2, [2, ...name('env'), ...name('twice'), 0, 0, ...name('env'), ...name('note'), 0, 1]],
  [3, [1, 2]],
  [4, [1, 0x70, 0, 3]],
  [5, [1, 0, 1]],
  [7, [5, ...name('twice'), 0, 0, ...name('note'), 0, 1, ...name('call'), 0, 2, ...name('__indirect_function_table'), 1, 0, ...name('memory'), 2, 0]],
  [8, [1]],
  [9, [1, 0, 0x41, 1, 0x0b, 1, 0]],
  [10, [1, 9, 0, 0x20, 1, 0x20, 0, 0x11, 0, 0, 0x0b]])

test('called by JavaScript, from the table, and at start, in every generation', async () => {
  let [notes, calls] = [0, 0]
  const env = { twice: (x) => { calls++; return 2 * x }, note: () => { notes++ } }
  const vm = await open(MODULE, { cache: false, host: 'native', imports: { env } })
  assert.strictEqual(notes, 1, 'the start function')
  const { exports } = vm
  for (let generation = 1; generation < 4; generation++) {
    assert.strictEqual((exports._twice || exports.twice)(21), 42)
    ;(exports._note || exports.note)()
    assert.strictEqual((exports._call || exports.call)(1, 4), 8)
    assert.throws(() => (exports._call || exports.call)(0, 4), { code: 'EMVM_ERR_TRAP' })
    await vm.isReady()
  }
  assert.deepStrictEqual([calls, notes], [6, 4])
  vm.dispose()
})

test('an error that it throws is the same object outside', async () => {
  const error = new RangeError('mine')
  const vm = await open(MODULE, { cache: false, host: 'native', imports: { env: { twice () { throw error }, note () {} } } })
  for (const call of [() => (vm.exports._twice || vm.exports.twice)(1), () => (vm.exports._call || vm.exports.call)(1, 1)]) {
    assert.throws(call, (thrown) => thrown === error)
  }
  await vm.isReady()
  vm.dispose()
})
