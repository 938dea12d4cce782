'use strict'

// Compiled code of the `WebAssembly` namespace on disk.

const test = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { open } = require('../..')
const { scratch } = require('../support/files')
const { assemble, OP } = require('../support/wasm')
const { runScript } = require('../support/child')

// Large enough to be worth a file.
const data = [[1024, Buffer.alloc(70000, 1)]]
const memory = { min: 2, max: 2 }
const LARGE = assemble({ memory, data, functions: [{ export: 'seven', result: true, code: [OP.i32Const, 7] }] })
const [TRY, CATCH_ALL, VOID] = [0x06, 0x19, 0x40]
const LEGACY = assemble({ memory, data, functions: [{ export: 'seven', result: true, code: [TRY, VOID, CATCH_ALL, OP.end, OP.i32Const, 7] }] })

const kept = (folder) => fs.existsSync(folder) ? fs.readdirSync(folder).filter((name) => name.endsWith('.code')).length : 0

test('glue whose wasm emvm cannot see keeps its code where the cache option says', async (t) => {
  const { folder, write } = scratch(t)
  const packed = require('node:zlib').deflateSync(LARGE).toString('base64')
  const file = write('glue.js', `module.exports = function (Module) { var wasmBinary; return WebAssembly.instantiate(require('zlib').inflateSync(Buffer.from('${packed}', 'base64')), {})
    .then(function (r) { Module._seven = r.instance.exports.seven; Module.calledRun = true; return Module }) }`)
  for (const [cache, files] of [[path.join(folder, 'cache'), 1], [false, 0]]) {
    const vm = await open(file, { host: 'glue', cache })
    assert.strictEqual(vm.exports._seven(), 7)
    vm.dispose()
    assert.strictEqual(kept(path.join(folder, 'cache')), files)
    fs.rmSync(path.join(folder, 'cache'), { recursive: true, force: true })
  }
})

test('small modules are not kept', async (t) => {
  const { folder } = scratch(t)
  const { stdout, stderr } = await runScript('emvm.WebAssembly.compile(Buffer.from("AGFzbQEAAAA=", "base64")).then(() => console.log("compiled"))', { env: { EMVM_CACHE_DIR: path.join(folder, 'cache') } })
  assert.strictEqual(stdout, 'compiled\n', stderr)
  assert.strictEqual(kept(path.join(folder, 'cache')), 0)
})

// `new Module` cannot translate by itself, since Binaryen loads asynchronously: that it works shows where the code is from.
test('what was translated from the first encoding of exceptions is translated once', async (t) => {
  try {
    require.resolve('binaryen')
  } catch {
    return t.skip('binaryen is not installed')
  }
  const { folder, write } = scratch(t)
  const file = write('legacy.wasm', LEGACY)
  const env = { EMVM_CACHE_DIR: path.join(folder, 'cache') }
  const at = (script) => runScript(`const bytes = require('fs').readFileSync(${JSON.stringify(file)}); const wasm = emvm.WebAssembly; ${script}`, { env })
  const alone = 'try { console.log(new wasm.Instance(new wasm.Module(bytes)).exports.seven()) } catch (error) { console.log(error.name) }'
  assert.strictEqual((await at(alone)).stdout, 'CompileError\n')
  assert.strictEqual((await at('wasm.instantiate(bytes).then(({ instance }) => console.log(instance.exports.seven()))')).stdout, '7\n')
  assert.strictEqual(kept(env.EMVM_CACHE_DIR), 1)
  assert.strictEqual((await at(alone)).stdout, '7\n')
})

test('open and the WebAssembly namespace keep one code under one key, in either order', async (t) => {
  const { folder, write } = scratch(t)
  const file = write('large.wasm', LARGE)
  const opens = `emvm.open(${JSON.stringify(file)}).then((vm) => { console.log(vm.exports._seven(), vm.stats().fromCache) })`
  const compiles = `emvm.WebAssembly.instantiate(require('fs').readFileSync(${JSON.stringify(file)})).then(({ instance }) => console.log(instance.exports.seven()))`
  for (const [name, order] of [['first', [opens, compiles]], ['second', [compiles, opens, opens]]]) {
    const env = { EMVM_CACHE_DIR: path.join(folder, name) }
    const outputs = []
    for (const script of order) outputs.push((await runScript(script, { env })).stdout.trim())
    assert.deepStrictEqual(outputs, name === 'first' ? ['7 false', '7'] : ['7', '7 true', '7 true'])
    assert.strictEqual(kept(env.EMVM_CACHE_DIR), 1)
  }
})
