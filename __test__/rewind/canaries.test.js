'use strict'

// Secrets that one generation writes wherever a package can are looked for in the whole heap of the next, and in its memory.

const test = require('node:test')
const assert = require('node:assert/strict')
const { Snapshot } = require('../../scripts/lib/heap-contexts')
const { openFile } = require('./support')

const TEXT = `
  let text, wide, pending, lazily
  const map = new Map(), set = new Set(), list = [], dictionary = {}, weak = new WeakMap(), key = {}, symbol = Symbol('s'), holed = [, 1]
  const memory = new WebAssembly.Memory({ initial: 1 })
  const table = new WebAssembly.Table({ initial: 4, element: 'externref' })
  const global = new WebAssembly.Global({ value: 'externref', mutable: true }, null)
  const bytes = new Uint8Array(64), large = new Uint8Array(3 * 2 ** 20), decoder = new TextDecoder(), url = new URL('http://host/'), parameters = new URLSearchParams()
  const emitter = new (require('events'))(), target = {}, proxy = new Proxy(target, {}), error = new Error('none'), frozen = Object.freeze({ inner: {} })
  function f (argument, optional = () => argument) { return { set: (value) => { argument = value }, optional } }
  const closure = f(0), bound = function () { return this }.bind({ inner: {} })
  class A { #hidden; static s; set hidden (v) { this.#hidden = v } }
  const a = new A()
  function * generator (value) { yield value; yield value }
  class Bytes extends Uint8Array { #hidden; set hidden (v) { this.#hidden = v } }
  const viewed = new Bytes(8), format = new Intl.NumberFormat('en'), registry = new FinalizationRegistry(() => {}), token = {}, fs = require('fs'), inspect = require('util').inspect
  const whole = new ArrayBuffer(3 * 2 ** 20), holder = { whole }, settled = Promise.resolve()
  exports.kept = {}
  exports.write = (n, theirs) => {
    const secret = ['CANARY', n, 'secret'].join('-')
    const ascii = Buffer.from(secret)
    text = secret; wide = { secret }; map.set(secret, secret).set(n, [secret]); set.add(secret); list.push(secret); list.named = secret; dictionary[secret] = secret
    weak.set(key, secret).set(theirs, secret); dictionary[symbol] = secret; holed[5] = secret; exports.kept.secret = secret; exports[secret] = 1
    f.property = secret; f.prototype.property = secret; Object.defineProperty(f, 'hidden', { value: secret, configurable: true }); A.s = secret; a.hidden = secret; A.prototype.m = () => secret
    closure.set(secret); bound().inner.secret = secret; proxy.secret = secret; error.message = secret; error.cause = secret; frozen.inner.secret = secret
    bytes.set(ascii.subarray(0, 64)); large.set(ascii, 2 ** 20); bytes.secret = secret; url.searchParams.set('q', secret); parameters.set(secret, secret)
    new Uint8Array(memory.buffer).set(ascii, 1024); memory.grow(1); table.set(1, secret); table.grow(2, secret); global.value = { secret }
    emitter.on(secret, () => secret); process.on('exit', () => secret); process.title2 = secret; globalThis.secret = secret; globalThis[secret] = 1
    setTimeout(() => secret, 1e6); setInterval((x) => x, 1e6, secret); pending = new Promise(() => {}).then(() => secret)
    ;(async () => { await pending; return secret })(); lazily ??= generator(secret); lazily.next()
    decoder.decode(ascii, { stream: true }); /CANARY-(\\d+)/.exec(secret)
    new FinalizationRegistry(() => {}).register({}, secret); key.ref = new WeakRef({ secret }); Object.setPrototypeOf(target, { secret })
    
    whole.property = secret; settled.property = secret; viewed.hidden = secret; Object.setPrototypeOf(viewed, { secret, __proto__: Bytes.prototype })
    new Uint8Array(whole).set(ascii, 2 ** 20); new Uint8Array(holder.whole, 64).set(ascii); format.property = secret; format.format.property = secret
    registry.register(holder, secret, token); inspect.defaultOptions.own = secret; inspect.styles[secret] = secret;
    fs.watch(__dirname, () => secret).unref()
    console.time(secret); performance.mark(secret, { detail: secret }); performance.measure(secret, { start: 0, detail: secret }); process.stdout.own = secret
    new PerformanceObserver(() => secret).observe({ entryTypes: ['mark'] })
    eval('var evil = secret'); dictionary.made = new Function('s', 'return () => s')(secret)
    return [new Uint8Array(memory.buffer).indexOf(ascii[0], 1024), n]
  }
  exports.read = () => [Buffer.from(memory.buffer).includes('CANARY'), Buffer.from(whole).includes('CANARY'), Buffer.from(large.buffer, large.byteOffset, large.length).includes('CANARY'), Buffer.from(bytes).includes('CANARY'), memory.buffer.byteLength, decoder.decode(new Uint8Array([65]))]`

const SECRET = /CANARY-\d+-secret/

test('nothing of one generation is anywhere in the next', async () => {
  const file = await openFile(TEXT, { rewind: true })
  const theirs = {}
  try {
    const { vm } = file
    const clean = vm.exports.read()
    vm.exports.write(1, theirs)
    const dirty = (await secrets()).length
    assert.ok(dirty > 0, 'it is found while it is there')
    for (let n = 2; n < 5; n++) {
      vm.recycle()
      assert.deepEqual(vm.exports.read(), clean)
      vm.exports.write(n, theirs)
    }
    vm.recycle()
    assert.equal(vm.stats().rewind, 'on')
    assert.deepEqual(vm.exports.read(), clean)
    assert.deepEqual(await secrets(), [])
  } finally {
    file.close()
  }
})

// What of the heap holds a secret, by way of what.
async function secrets () {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    global.gc()
  }
  const snapshot = await Snapshot.take()
  const found = []
  for (let node = 0; node < snapshot.count; node++) if (/string/.test(snapshot.type(node)) && SECRET.test(snapshot.name(node))) found.push(node)
  if (found.length === 0) return []
  // Three steps back from the first.
  const paths = []
  let wanted = new Map(found.map((node) => [node, '']))
  for (let step = 0; step < 3 && wanted.size > 0; step++) {
    const next = new Map()
    for (let node = 0; node < snapshot.count; node++) {
      for (const [type, name, target] of snapshot.from(node)) {
        if (type !== 'weak' && wanted.has(target) && !next.has(node)) next.set(node, `${snapshot.label(node)}.${name}${wanted.get(target)}`)
      }
    }
    paths.push(...next.values())
    wanted = new Map([...next].map(([node, path]) => [node, ` > ${path}`]).slice(0, 20))
  }
  return [...new Set(paths)]
}
