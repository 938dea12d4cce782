'use strict'

// Sandboxes of the glue host, and `WebAssembly` objects, that nobody has any more: the collector takes them.

const test = require('node:test')
const assert = require('node:assert')
const { runScript } = require('../support/child')

const LINUX = process.platform === 'linux'

const PRELUDE = `
  const assert = require('node:assert')
  const { open } = emvm
  const { createNamespace } = require('./lib/webassembly')
  const { MACHINE } = require('./__test__/support/wasm')
  // Each memory has 8 GiB of addresses.
  const gib = () => Number(/VmSize:\\s+(\\d+)/.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'))[1]) / 2 ** 20
  const turn = () => new Promise((resolve) => setTimeout(resolve, 20))
  async function collected (below) {
    for (let i = 0; i < 100 && gib() > below; i++) { gc(); await turn() }
    assert.ok(gib() < below, gib() + ' GiB, wanted ' + below)
  }
  function machine (callback = (x) => x) {
    const { WebAssembly } = createNamespace()
    return new WebAssembly.Instance(new WebAssembly.Module(MACHINE), { env: { callback } }).exports
  }
`

async function run (body) {
  const { code, signal, stderr } = await runScript(`${PRELUDE}(async () => {${body}\n})().then(() => process.exit(), (error) => { console.error(error); process.exit(1) })`, { args: ['--expose-gc'] })
  assert.deepStrictEqual({ code, signal }, { code: 0, signal: null }, stderr)
}

test('sandboxes of the glue host', { skip: !LINUX }, () => run(`
  const file = '__test__/fixtures/capi-modularize.js'
  const before = gib()
  let kept
  for (const realm of ['shared', 'context']) {
    let held = []
    for (let i = 0; i < 10; i++) {
      const vm = await open(file, { host: 'glue', realm, print () {} })
      await vm.isReady()
      vm.exports._malloc(1 << 20)
      held.push(vm)
    }
    assert.ok(gib() > before + 80, 'they are alive')
    // Whoever has a function of the module has all that it needs.
    kept = held[3].exports._malloc
    held = null
    await collected(before + 48)
    assert.ok(kept(100) > 0)
  }`))

test('instances whose imports refer to them', { skip: !LINUX }, () => run(`
  const before = gib()
  for (let i = 0; i < 50; i++) {
    const made = { exports: null }
    made.exports = machine((x) => made.exports.add(x, 1))
    assert.strictEqual(made.exports.back(4), 5)
    made.view = new Uint8Array(made.exports.memory.buffer)
    made.exports.memory.buffer.owner = made
  }
  await collected(before + 24)`))

test('what is still in hand keeps the memory: a function, a view', { skip: !LINUX }, () => run(`
  const before = gib()
  const { load } = machine()
  const view = new Uint8Array(machine().memory.buffer)
  const memory = machine().memory
  for (let i = 0; i < 5; i++) { gc(); await turn() }
  assert.ok(gib() > before + 23)
  assert.strictEqual(load(1024), 0x67616d69)
  assert.strictEqual(Buffer.from(view.subarray(1024, 1029)).toString(), 'image')
  memory.grow(1)
  assert.strictEqual(memory.buffer.byteLength, 131072)`))

test('a buffer that was taken away outlives its module, and not for ever', { skip: !LINUX || (!ArrayBuffer.prototype.transfer && 'this Node.js cannot transfer buffers') }, () => run(`
  const before = gib()
  let taken = []
  for (let i = 0; i < 6; i++) taken.push(machine().memory.buffer.transfer())
  for (let i = 0; i < 5; i++) { gc(); await turn() }
  for (const buffer of taken) assert.strictEqual(Buffer.from(buffer, 1024, 5).toString(), 'image')
  taken = null
  await collected(before + 24)`))

test('collections while the last function of a module runs', () => run(`
  for (let i = 0; i < 50; i++) {
    const back = (() => { const { back } = machine((x) => { gc(); return x + 1 }); return () => back })()
    assert.strictEqual(back()(i), i + 1)
    machine((x) => { gc(); return x }).back(1)
  }
  let deep = 0
  const again = () => { gc(); if (++deep < 20) machine(again).back(1); return 3 }
  assert.strictEqual(machine(again).back(1), 3)
  assert.throws(() => machine(() => { gc(); throw new RangeError('mine') }).back(1), { name: 'RangeError', message: 'mine' })
  assert.throws(() => machine((x) => { gc(); return { valueOf () { gc(); throw new TypeError('mine') } } }).back(1), { message: 'mine' })`))
