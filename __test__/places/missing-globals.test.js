'use strict'

// Test environments that stand for a browser take some of Node's globals away, or put others in their place.

const { test } = require('node:test')
const assert = require('node:assert')
const { runScript } = require('../support/child')

const NAMES = ['Buffer', 'structuredClone', 'TextDecoder', 'URL', 'performance', 'setImmediate', 'clearImmediate', 'queueMicrotask']
const changes = {
  ...Object.fromEntries(NAMES.map((name) => [name, `delete globalThis.${name}`])),
  'another Buffer': 'globalThis.Buffer = class { static from () { throw new Error("another") } }',
  'process.emitWarning': 'process.emitWarning = () => { throw new Error("replaced") }'
}

for (const host of ['native', 'glue']) {
  test(`without some of Node's globals: ${host} host`, async () => {
    for (const [what, change] of Object.entries(changes)) {
      const { stdout, stderr } = await runScript(`
        ${change}
        ;(async () => {
          const vm = await emvm.open('./__test__/fixtures/embind.js', { host: '${host}', print () {}, printErr () {} })
          await vm.isReady()
          const result = await vm.run(() => vm.generation)
          vm.stats()
          vm.dispose()
          process._rawDebug('generation ' + result)
        })().catch((error) => process._rawDebug(error.stack))`)
      assert.strictEqual(stdout, '')
      assert.strictEqual(stderr, 'generation 3\n', what)
    }
  })
}
