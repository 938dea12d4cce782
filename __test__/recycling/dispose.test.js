'use strict'

// What `dispose()` leaves: nothing of the package, whoever keeps the sandbox.

const { test } = require('node:test')
const assert = require('node:assert')
const { HOSTS } = require('../support/hosts')
const { runScript } = require('../support/child')
const { scratch } = require('../support/files')
const { packageWith } = require('../support/package')

// Counts objects of a class in a heap snapshot.
const COUNT = `
const v8 = require('node:v8')
async function count (name) {
  for (let i = 0; i < 5; i++) { gc(); await new Promise((resolve) => setTimeout(resolve, 20)) }
  const chunks = []
  for await (const chunk of v8.getHeapSnapshot()) chunks.push(chunk)
  const { snapshot: { meta }, nodes, strings } = JSON.parse(Buffer.concat(chunks.map((chunk) => Buffer.from(chunk))))
  const [width, kind, at] = [meta.node_fields.length, meta.node_fields.indexOf('type'), meta.node_fields.indexOf('name')]
  let found = 0
  for (let i = 0; i < nodes.length; i += width) if (meta.node_types[0][nodes[i + kind]] === 'object' && strings[nodes[i + at]] === name) found++
  return found
}`

// The package's objects hang on its module, on timers, on promises and on a registry.
const PACKAGE = `
  class EmvmHeldMarker { constructor (of) { this.of = of } }
  Module.held = new EmvmHeldMarker(Module);
  Module.use = function () {
    var more = new EmvmHeldMarker(Module);
    setInterval(function () { return more }, 1e6);
    Module.waits = new Promise(function () {}).then(function () { return more });
    (Module.registry = new FinalizationRegistry(function () {})).register(more, Module);
    return 1;
  };`

for (const host of HOSTS) {
  test(`a heap snapshot after dispose() finds nothing of the package: ${host} host`, async (t) => {
    const { write } = scratch(t)
    const file = packageWith(write, { post: PACKAGE })
    const { code, stderr, stdout } = await runScript(`${COUNT}
      ;(async () => {
        const vm = await emvm.open(${JSON.stringify(file)}, { host: '${host}', print () {}, printErr () {} })
        const kept = []
        vm.exports.use()
        await vm.isReady()
        await vm.run((module) => module.use())
        vm.run(() => 1).catch(() => {})
        const waiting = vm.run((module) => { const held = module.held; return new Promise(() => {}).then(() => held) })
        waiting.catch(() => {})
        await new Promise((resolve) => setTimeout(resolve, 50))
        vm.exports.use()
        const alive = await count('EmvmHeldMarker')
        kept.push(vm, vm.isReady, vm.stats)
        vm.dispose()
        const [left, names] = [await count('EmvmHeldMarker'), [vm.generation > 1, vm.host, typeof vm.name]]
        console.log(JSON.stringify({ alive, left, names, kept: kept.length }))
        process.exit()
      })()`, { args: ['--expose-gc'] })
    assert.strictEqual(stderr, '')
    assert.strictEqual(code, 0)
    const { alive, left, names } = JSON.parse(stdout)
    assert.ok(alive > 0, 'the snapshot finds them before')
    assert.strictEqual(left, 0)
    assert.deepStrictEqual(names, [true, host, 'string'])
  })
}
