'use strict'

// `import * as wasm from './file.wasm'`, as Node.js 24 and bundlers have it: it runs in emvm, whatever this Node.js does with it.

const test = require('node:test')
const assert = require('node:assert')
const { pathToFileURL } = require('node:url')
const { open } = require('../..')
const { glueFolder } = require('../support/glue')
const { assemble, OP } = require('../support/wasm')

// Adds through a function of JavaScript's, and counts in its memory.
const COUNTER = assemble({
  imports: [{ module: './host.js', name: 'twice', params: 1, result: true }],
  functions: [
    { export: 'add', params: 2, result: true, code: [OP.localGet, 0, OP.localGet, 1, OP.i32Add, OP.call, 0] },
    { export: 'next-one', result: true, code: [OP.i32Const, 8, OP.i32Const, 8, OP.i32Load, 2, 0, OP.i32Const, 1, OP.i32Add, OP.i32Store, 2, 0, OP.i32Const, 8, OP.i32Load, 2, 0] }
  ]
})

const JOB = ({ add, next, bytes, load }) => [add(2, 3), next(), next(), bytes(), load()]

// Plain Node's, where it has them.
async function plain (file) {
  try {
    return JOB(await import(pathToFileURL(file).href))
  } catch (error) {
    assert.strictEqual(error.code, 'ERR_UNKNOWN_FILE_EXTENSION')
    return undefined
  }
}

test('WebAssembly that an ES module imports runs inside, in cycles too', async (t) => {
  const { write } = glueFolder(t)
  write('package.json', '{ "name": "bundled", "type": "module" }')
  write('counter.wasm', COUNTER)
  // As wasm-bindgen's for bundlers: what the wasm imports imports the wasm.
  write('host.js', `import * as wasm from './counter.wasm'
    export function twice (a) { return a * 2 }
    export const next = () => wasm['next-one']()
    export const bytes = () => wasm.memory.buffer.byteLength`)
  const file = write('index.js', `import * as wasm from './counter.wasm'
    import { add as direct } from './counter.wasm'
    export * from './host.js'
    export const add = (a, b) => wasm.add(a, b)
    export const load = () => direct === wasm.add && Object.keys(wasm).sort().join()`)
  const expected = [10, 1, 2, 65536, 'add,memory,next-one']
  const given = await plain(file)
  if (given !== undefined) assert.deepStrictEqual(given, expected)
  for (const options of [{}, { host: 'glue' }, { host: 'glue', rewind: true }]) {
    const vm = await open(file, options)
    for (let round = 0; round < 3; round++) {
      assert.deepStrictEqual(JOB(vm.exports), expected)
      assert.ok(vm.stats().calls > 0)
      await vm.isReady()
    }
    if (options.rewind) assert.strictEqual(vm.stats().rewind, 'on')
    vm.dispose()
  }
})

test('a file that is no WebAssembly is named', async (t) => {
  const { write } = glueFolder(t)
  write('package.json', '{ "name": "broken", "type": "module" }')
  write('broken.wasm', 'nothing of the kind')
  const file = write('index.js', "import * as wasm from './broken.wasm'\nexport const a = () => wasm.a\nexport const b = 1")
  await assert.rejects(open(file, { host: 'glue' }), { code: 'EMVM_ERR_START', message: /import of .*broken\.wasm/ })
})
