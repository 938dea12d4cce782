'use strict'

// WASI's calls on names and files, one by one, beside Node's own WASI over an empty real folder.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { open } = require('../..')
const { fixtures } = require('../support/compare')
const { run } = require('../jobs/wasi')

const file = path.join(fixtures, 'wat', 'wasi.wasm')

async function underNode () {
  const { WASI } = require('node:wasi')
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-wasi-'))
  try {
    const wasi = new WASI({ version: 'preview1', preopens: { '/': root } })
    const { instance } = await WebAssembly.instantiate(fs.readFileSync(file), wasi.getImportObject())
    wasi.initialize(instance)
    const call = new Proxy({}, { get: (_, name) => instance.exports[`${name}_`] })
    return run(call, () => new Uint8Array(instance.exports.memory.buffer))
  } finally {
    fs.rmSync(root, { recursive: true, force: true })
  }
}

test("each call gives what Node's WASI gives", async () => {
  const { emitWarning } = process
  process.emitWarning = () => {}
  const expected = await underNode().finally(() => { process.emitWarning = emitWarning })
  const vm = await open(file, { host: 'native' })
  try {
    for (let i = 0; i < 2; i++) {
      const { exports } = vm
      const call = new Proxy({}, { get: (_, name) => exports[`_${name}_`] })
      const got = run(call, () => exports.HEAPU8)
      assert.strictEqual(got.length, expected.length)
      assert.ok(got.length > 60)
      for (const [at, one] of got.entries()) assert.deepStrictEqual(one, expected[at], `generation ${i + 1}`)
      await vm.isReady()
    }
  } finally {
    vm.dispose()
  }
})
