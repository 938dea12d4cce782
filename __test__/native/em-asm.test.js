'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { open, inspect } = require('../..')
const { compare, fixtures } = require('../support/compare')

for (const fixture of ['emasm-O2.js', 'emasm-O0.js', 'emasm-modularize.js']) {
  test(`${fixture}: EM_ASM, EM_JS, library functions, post-js`, () => compare(fixture, 'emasm.js'))
}

test('pre-js as well', () => compare('emasm-pre.js', 'emasm.js', { options: { host: 'auto' } }))

test('pre-js that keeps state runs as its own JavaScript, and is refused by the native host', async () => {
  const file = path.join(fixtures, 'state.js')
  const { host, reasons } = await inspect(file)
  assert.strictEqual(host, 'glue')
  assert.match(reasons.join(), /keeps state from before start-up/)
  await assert.rejects(open(file, { host: 'native' }), { code: 'EMVM_ERR_UNSUPPORTED', reasons, message: /keeps state from before start-up/ })
  for (const host of ['auto']) {
    const vm = await open(file, { host })
    for (let generation = 0; generation < 3; generation++) {
      const m = vm.exports
      const counter = new m.Counter()
      assert.deepStrictEqual([counter.next(), counter.next(), m.told(), m.readied(), m.greeting], [2, 4, [1, 2], 1, 'hello'], `${host}, generation ${generation}`)
      assert.strictEqual(m.FS.readFile('/made/file', { encoding: 'utf8' }), 'by preRun')
      m.FS.writeFile('/made/file', 'changed')
      await vm.isReady()
    }
    vm.dispose()
  }
})
