'use strict'

// `recycle: { heapBytes }` counts what is kept beside linear memory; memory that was refused is named on both hosts.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { open } = require('../..')
const { runScript } = require('../support/child')
const { scratch } = require('../support/files')
const { glueFolder } = require('../support/glue')
const { assemble, MACHINE } = require('../support/wasm')

const MIB = 2 ** 20

// Glue that keeps files as Emscripten's MEMFS does.
const MEMFS = `const files = []
  Module.write = (bytes) => { files.push(new Uint8Array(bytes).fill(1)) }
  Module.held = () => files.length`

test('glue host: in-memory files count', async (t) => {
  const { glue } = glueFolder(t)
  const vm = await open(glue('memfs.js', 'commonjs', MEMFS), { host: 'glue', recycle: { heapBytes: '48mb' } })
  let most = 0
  for (let i = 0; i < 40; i++) {
    const m = await vm.isReady()
    m.write(8 * MIB)
    most = Math.max(most, m.held())
  }
  assert.ok(most <= 8, `${most} files of 8 MB`)
  assert.ok(vm.generation >= 4, `generation ${vm.generation}`)
  vm.dispose()
})

// What was rewound away counts no more, although V8 has not collected it yet.
test('glue host, rewind: in-memory files count for their generation alone', async (t) => {
  const { glue } = glueFolder(t)
  const vm = await open(glue('memfs.js', 'commonjs', MEMFS), { host: 'glue', rewind: true, recycle: { heapBytes: '48mb' } })
  const held = []
  for (let i = 0; i < 40; i++) {
    const m = await vm.isReady()
    m.write(8 * MIB)
    held.push(m.held())
  }
  assert.strictEqual(vm.stats().rewind, 'on')
  assert.ok(Math.max(...held) <= 8 && vm.generation >= 4 && vm.generation <= 8, `${vm.generation}: ${held}`)
  vm.dispose()
})

// V8 frees the buffers of past generations, and glibc would keep what lies between others.
test('glue host: in-memory files of past generations go back to the system', async (t) => {
  const { glue } = glueFolder(t)
  const file = glue('memfs.js', 'commonjs', MEMFS)
  const { code, stdout, stderr } = await runScript(`(async () => {
    const vm = await emvm.open(${JSON.stringify(file)}, { host: 'glue', recycle: { heapBytes: '128mb' } })
    const before = process.memoryUsage.rss()
    const beside = []
    for (let i = 0; i < 150; i++) {
      (await vm.isReady()).write(10 << 20)
      // What was collected is freed on another thread.
      if (i < 100) continue
      await new Promise((resolve) => setTimeout(resolve, 20))
      const { rss, arrayBuffers } = process.memoryUsage()
      beside.push(rss - before - arrayBuffers)
    }
    console.log(vm.generation, beside.sort((a, b) => a - b)[25] >> 20)
    vm.dispose()
  })()`)
  assert.strictEqual(code, 0, stderr)
  const [generation, beside] = stdout.split(' ').map(Number)
  assert.ok(generation > 9, stdout)
  assert.ok(beside < 24, `${beside} MB beside the buffers`)
})

test('native host: in-memory files count', async () => {
  const vm = await open(path.join(__dirname, '../fixtures/program.js'), { recycle: { heapBytes: '48mb' }, print () {}, printErr () {} })
  for (let i = 0; i < 20; i++) {
    const m = await vm.isReady()
    m.FS.writeFile(`/tmp/${i}`, new Uint8Array(8 * MIB))
    assert.ok(m.FS.readdir('/tmp').length <= 8)
  }
  assert.ok(vm.generation >= 4)
  vm.dispose()
})

test('a bound that a fresh instance reaches is refused', async (t) => {
  const { write, glue } = { ...scratch(t), ...glueFolder(t) }
  const wasm = write('machine.wasm', MACHINE)
  const imports = { env: { callback: (x) => x } }
  for (const heapBytes of [1, 65536]) {
    await assert.rejects(open(wasm, { imports, recycle: { heapBytes } }), { code: 'EMVM_ERR_OPTION', option: 'recycle.heapBytes', message: /65536/ })
    await assert.rejects(open(glue('m.js', 'commonjs'), { host: 'glue', recycle: { heapBytes } }), { code: 'EMVM_ERR_OPTION', option: 'recycle.heapBytes' })
  }
  const vm = await open(wasm, { imports, recycle: { heapBytes: 65537 } })
  await vm.isReady()
  assert.strictEqual(vm.generation, 1)
  vm.exports._grow ? vm.exports._grow(1) : vm.exports.grow(1)
  await vm.isReady()
  assert.strictEqual(vm.generation, 2)
  vm.dispose()
})

const GIVE_UP = {
  'Emscripten\'s abort': "throw new WebAssembly.RuntimeError('Aborted(). Build with -sASSERTIONS for more info.')",
  'an older abort': "throw new WebAssembly.RuntimeError('abort(undefined). Build with -s ASSERTIONS=1 for more info.')",
  'a trap': 'Module._trap()'
}

for (const [what, giveUp] of Object.entries(GIVE_UP)) {
  test(`glue host: ${what} after growth was refused is EMVM_ERR_MEMORY`, async (t) => {
    const { glue } = glueFolder(t)
    const file = glue('oom.js', 'commonjs', `
      Module.work = () => { if (Module._grow(100) === -1) { ${giveUp} } }
      Module.cope = () => { Module._grow(100); Module._add(1, 2); ${giveUp} }`)
    const vm = await open(file, { host: 'glue', memory: { max: '1mb' } })
    const error = (fn) => { try { fn() } catch (caught) { return caught } }
    if (what !== 'a trap') {
      const refused = error(() => vm.exports.work())
      assert.strictEqual(refused.code, 'EMVM_ERR_MEMORY')
      assert.ok(refused instanceof require('../..').MemoryLimitError)
      assert.deepStrictEqual([refused.requested, refused.limit], [101 * 65536, MIB])
    }
    await vm.isReady()
    // A later call's own faults are not blamed on memory.
    assert.notStrictEqual(error(() => vm.exports.cope()).code, 'EMVM_ERR_MEMORY')
    vm.dispose()
  })
}

test('glue host: a trap in the call that was refused growth is EMVM_ERR_MEMORY', async (t) => {
  const { write } = scratch(t)
  // grow, then unreachable
  const wasm = Buffer.from(assemble({ memory: { min: 1 }, functions: [{ export: 'go', code: [0x41, 0xe4, 0x00, 0x40, 0x00, 0x1a, 0x00] }] })).toString('base64')
  const file = write('trap.js', `
    const { exports: wasm } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from('${wasm}', 'base64')))
    exports.version = 1; exports.go = () => wasm.go()`)
  const vm = await open(file, { host: 'glue', memory: { max: '1mb' } })
  assert.throws(() => vm.exports.go(), { code: 'EMVM_ERR_MEMORY', trap: 'unreachable', limit: MIB })
  vm.dispose()
})
