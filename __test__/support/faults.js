'use strict'

const path = require('node:path')
const { open } = require('../..')
const { exportsOf } = require('./wasm')

const FAULTS = path.join(__dirname, '..', 'fixtures', 'wat', 'faults.wasm')

// A sandbox of fixtures/wat/faults.wat: `{ vm, call, on }`; `on(fn)` sets what its import `callback` does.
async function faults (options) {
  let callback = (x) => x
  const vm = await open(FAULTS, { cache: false, imports: { env: { callback: (x) => callback(x) } }, ...options })
  return { vm, call: exportsOf(vm.exports), on: (fn) => { callback = fn } }
}

// What a function throws.
function thrown (fn) {
  try {
    fn()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}

module.exports = { FAULTS, faults, thrown }
