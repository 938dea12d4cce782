'use strict'

// Each step of the ladder, forced by a file: refused by name with `rewind: true`, evaluated anew with `'auto'`.

const test = require('node:test')
const assert = require('node:assert/strict')
const { sharedModule } = require('../support/shared-wasm')
const { openFile } = require('./support')

// Turned over, so that the file has no wasm that `open` could see.
const SHARED = JSON.stringify(Array.from(sharedModule({ initial: 1, maximum: 4 }), (byte) => byte ^ 255))

// What stops the image from being taken: [step, what the message says, text, options].
const AT_OPEN = [
  ['construct', /hidden-parameter in line 1/, 'function f (a, g = () => ++a) { var a = 10; return () => [g(), ++a] } const step = f(1); exports.step = () => step()[0]'],
  ['suspended', /a generator/, 'function * g () { let n = 0; for (;;) yield n++ } const it = g(); it.next(); exports.step = () => it.next().value'],
  ['suspended', /a promise that is pending/, 'let go; exports.p = new Promise((resolve) => { go = resolve }); exports.step = () => go()'],
  ['pending', /PROCESSWRAP|PIPEWRAP/, 'let n = 0; require("child_process").exec("sleep 3", () => { n = 7 }); exports.step = () => n++'],
  ['host-object', /a Hash/, 'const h = require("crypto").createHash("sha1"); exports.step = () => { h.update("x"); return h.copy().digest("hex") }'],
  ['foreign', /a bound function/, 'const b = Function.prototype.call.bind(Function.prototype.bind); exports.step = b(function () { return this.n++ }, { n: 0 })'],
  ['shared-memory', /SharedArrayBuffer/, 'const s = new Int32Array(new SharedArrayBuffer(1 << 20)); exports.step = () => s[0]++'],
  ['memory-view', /a view of the wasm memory/, 'const m = new WebAssembly.Memory({ initial: 1 }); const v = Object.freeze([new Uint8Array(m.buffer)]); exports.step = () => v[0][1]++'],
  ['realm', /context/, 'let n = 0; exports.step = () => n++', { realm: 'context' }]
]

// What a generation does that cannot be put back. `user`: done to the module by the program.
const AT_RECYCLE = [
  ['restore', /frozen/, 'const o = { n: 0 }; exports.step = () => { const r = Object.isFrozen(o); Object.freeze(o); return r }'],
  ['self-test', /descriptor/, 'exports.o = { n: 0 }; exports.step = () => Object.getOwnPropertyDescriptor(exports.o, "n").writable', (module) => Object.defineProperty(module.o, 'n', { writable: false })],
  ['shared-memory', /has made a shared memory/, `exports.step = () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true })
    new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.from(${SHARED}, (byte) => byte ^ 255)), { env: { memory } })
    return memory.buffer.byteLength
  }`],
  ['shared-memory', /has started a thread/, 'const { Worker } = require("worker_threads"); let n = 0; exports.step = () => { new Worker("setInterval(() => {}, 1000)", { eval: true }); return n++ }'],
  ['growth', /more than 524288 objects/, 'class A { constructor () { this.n = 0 } } const kept = []; exports.step = () => { const n = kept.length; for (let i = 0; i < 600000; i++) kept.push(new A()); return n }']
]

for (const [step, says, text, options] of AT_OPEN) {
  test(`${step}: ${text.slice(0, 50)}`, async () => {
    await assert.rejects(openFile(text, { rewind: true, ...options }), (error) => {
      assert.equal(error.code, 'EMVM_ERR_UNSUPPORTED')
      assert.match(error.message, new RegExp(`cannot be rewound.*\\(${step}\\)`))
      assert.match(error.message, says)
      return true
    })
    const file = await openFile(text, { rewind: 'auto', ...options })
    try {
      const { vm } = file
      assert.equal(vm.stats().rewind, step)
      assert.match(vm.stats().rewindReason, says)
      const first = vm.exports
      await first.step()
      assert.notEqual(await vm.isReady(), first)
      assert.equal(vm.stats().evaluations, 2)
      assert.equal(vm.stats().rewinds, 0)
    } finally {
      file.close()
    }
  })
}

for (const [step, says, text, user] of AT_RECYCLE) {
  test(`${step}, found at a recycle`, async () => {
    const file = await openFile(text, { rewind: true })
    try {
      const { vm } = file
      assert.equal(vm.stats().rewind, 'on')
      const first = vm.exports
      const seen = first.step()
      if (user) user(first)
      // The next is evaluated anew: it is not there at once, and it is clean.
      assert.throws(() => vm.recycle(), (error) => {
        assert.equal(error.code, 'EMVM_ERR_NOT_READY')
        assert.match(error.message, new RegExp(`not rewound.*\\(${step}\\)`))
        assert.match(error.message, says)
        return true
      })
      const next = await vm.isReady()
      assert.notEqual(next, first)
      assert.equal(next.step(), seen)
      assert.equal(vm.stats().evaluations, 2)
      // What a generation does once is no reason not to rewind the next.
      assert.equal(vm.stats().rewind, step === 'growth' ? 'on' : step)
    } finally {
      file.close()
    }
  })
}

test('cost: what takes as long to put back as to evaluate', async () => {
  const text = 'const list = new Array(2e5).fill(0); list.extra = 1; exports.step = () => list[5]++'
  const file = await openFile(text, { rewind: 'auto' })
  try {
    const { vm } = file
    assert.equal(vm.stats().rewind, 'cost', vm.stats().rewindReason)
    vm.exports.step()
    assert.equal((await vm.isReady()).step(), 0)
  } finally {
    file.close()
  }
  // Who insists gets the same objects.
  const insisted = await openFile(text, { rewind: true })
  assert.equal(insisted.vm.stats().rewind, 'on')
  insisted.close()
})
