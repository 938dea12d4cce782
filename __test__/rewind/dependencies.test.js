'use strict'

// Dependencies of a package that is rewound run inside with it: what they keep is put back. Those that it shares with its user
// do not.

const test = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { open } = require('../..')
const { INSIDE } = require('./support')

const FILES = {
  'package.json': '{ "name": "main", "dependencies": { "once": "1" }, "peerDependencies": { "peer": "1" } }',
  'index.js': `${INSIDE} const { once } = require('once'); const peer = require('peer'); let n = 0; exports.get = once(() => ({ n: n++ })); exports.counts = () => [n++, exports.get().n++, peer.count()]`,
  'node_modules/once/package.json': '{ "name": "once" }',
  'node_modules/once/index.js': 'exports.once = (make) => { let made; return () => (made ??= make()) }',
  'node_modules/peer/package.json': '{ "name": "peer" }',
  'node_modules/peer/index.js': 'let n = 0; exports.count = () => n++'
}

async function withPackage (options, work) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-dependencies-'))
  try {
    for (const [file, text] of Object.entries(FILES)) {
      fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
      fs.writeFileSync(path.join(folder, file), text)
    }
    const vm = await open(path.join(folder, 'index.js'), { host: 'glue', rewind: true, ...options })
    try {
      await work(vm)
    } finally {
      vm.dispose()
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

test('what a dependency keeps of the package is put back', () => withPackage({}, async (vm) => {
  for (let generation = 0; generation < 3; generation++) {
    const [n, kept, peer] = vm.exports.counts()
    assert.deepEqual([n, kept, peer], [0, 1, 2 * generation])
    assert.deepEqual(vm.exports.counts().slice(0, 2), [2, 2])
    vm.exports.get()
    assert.equal(await vm.isReady(), vm.exports)
  }
}))

test('packages: [] leaves all of them to Node', () => withPackage({ packages: [] }, async (vm) => {
  vm.exports.counts()
  assert.deepEqual(vm.exports.counts().slice(0, 2), [2, 2])
  vm.recycle()
  // The one that Node loaded has kept what the package gave it.
  assert.notEqual(vm.exports.counts()[1], 1)
}))
