'use strict'

// Properties that a package defines on the global object: as in plain Node, and gone with the generation.

const test = require('node:test')
const assert = require('node:assert')
const { execFileSync } = require('node:child_process')
const { glueFolder, BASE64 } = require('../support/glue')
const { open } = require('../..')

// What a package may do with the global object, and what it sees: plain data.
const JOB = `function job (global) {
  const tried = (work) => { try { return work() } catch (error) { return error.name } }
  const shown = (key) => { const { value, get, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(global, key) ?? {}; return [value, typeof get, writable, enumerable, configurable, key in global, Object.keys(global).includes(key), Reflect.ownKeys(global).includes(key)] }
  const seen = [shown('emvmA'), shown('emvmB'), shown('emvmC'), shown('emvmD')]
  Object.defineProperty(global, 'emvmA', { value: 1 })
  Object.defineProperty(global, 'emvmB', { value: 1, writable: true, enumerable: true })
  Object.defineProperty(global, 'emvmC', { get: () => global.emvmB * 2 })
  Object.defineProperty(global, 'emvmD', { value: { inner: 1 }, writable: true, configurable: true })
  seen.push(shown('emvmA'), shown('emvmB'), shown('emvmC'), global.emvmC)
  seen.push(tried(() => { 'use strict'; global.emvmA = 2; return 'set' }), tried(() => { 'use strict'; delete global.emvmA; return 'deleted' }), global.emvmA)
  seen.push(tried(() => { global.emvmB = 5; return global.emvmB }), global.emvmC, tried(() => { 'use strict'; return delete global.emvmB }))
  seen.push(tried(() => { Object.defineProperty(global, 'emvmA', { value: 2 }); return 'defined' }), tried(() => { Object.defineProperty(global, 'emvmA', { value: 1 }); return 'defined' }))
  seen.push(tried(() => { Object.defineProperty(global, 'emvmB', { value: 7 }); return 'defined' }), shown('emvmB'))
  seen.push(tried(() => { Object.defineProperty(global, 'emvmB', { value: 8, writable: false }); return 'defined' }), shown('emvmB'))
  Object.defineProperty(global, 'emvmD', { enumerable: true })
  seen.push(shown('emvmD'), delete global.emvmD, shown('emvmD'))
  Object.defineProperty(global, 'setTimeout', { enumerable: false })
  seen.push(typeof global.setTimeout, shown('setTimeout').slice(2))
  seen.push(Object.getPrototypeOf(global) !== null, typeof Object.getOwnPropertyDescriptor(global, 'undefined'), Object.keys(global).includes('setTimeout'))
  return seen
}`
const plain = () => JSON.parse(execFileSync(process.execPath, ['-e', `${JOB}; console.log(JSON.stringify(job(globalThis)))`], { encoding: 'utf8' }))

const PACKAGE = `const { exports: inner } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from('${BASE64}', 'base64')), { env: { callback: (x) => x } })
  ${JOB}
  exports.add = inner.add; exports.job = () => job(globalThis)
  Object.defineProperty(globalThis, Symbol.for('emvm.test.start'), { value: { n: 0 } })
  exports.started = () => ++globalThis[Symbol.for('emvm.test.start')].n`

for (const options of [{}, { rewind: 'auto' }]) {
  test(`as in plain Node, in each generation: ${JSON.stringify(options)}`, async (t) => {
    const { write } = glueFolder(t)
    const vm = await open(write('package.js', PACKAGE), { host: 'glue', ...options })
    const expected = plain()
    for (let generation = 0; generation < 4; generation++) {
      assert.deepStrictEqual(JSON.parse(JSON.stringify(vm.exports.job())), expected, `generation ${generation}`)
      assert.deepStrictEqual([vm.exports.started(), vm.exports.started(), vm.exports.add(1, 2)], [1, 2, 3])
      await vm.isReady()
    }
    for (const key of ['emvmA', 'emvmB', 'emvmC', Symbol.for('emvm.test.start')]) assert.ok(!(key in globalThis))
    vm.dispose()
  })
}

test('what start-up defines for good stays rewound', async (t) => {
  const { write } = glueFolder(t)
  const vm = await open(write('package.js', PACKAGE), { host: 'glue', rewind: true })
  for (let generation = 0; generation < 3; generation++) {
    assert.deepStrictEqual([vm.exports.started(), vm.exports.started()], [1, 2])
    await vm.isReady()
  }
  assert.strictEqual(vm.stats().rewind, 'on')
  vm.exports.job()
  await vm.isReady()
  assert.match(vm.stats().rewindReason, /global object/)
  assert.strictEqual(vm.exports.started(), 1)
  vm.dispose()
})
