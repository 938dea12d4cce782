'use strict'

// Checkpoints of the glue host: a package's JavaScript and wasm, as they were, in any order. Every recycle here is compared with its image.

process.env.EMVM_REWIND_VERIFY = '1'

const { test } = require('node:test')
const assert = require('node:assert')
const { Checkpoint } = require('../..')
const { openFile } = require('../rewind/support')

// State in every place that a package keeps some; `look` shows all of it.
const PACKAGE = `
  const memory = new WebAssembly.Memory({ initial: 2, maximum: 20 })
  let HEAPU8 = new Uint8Array(memory.buffer)
  let count = 0
  const list = []
  const map = new Map()
  const set = new Set()
  const weak = new WeakMap()
  const key = {}
  const bag = Object.create(null)
  const bytes = new Uint8Array(100000)
  class Item {
    #secret
    constructor (name) { this.name = name; this.#secret = count }
    get secret () { return this.#secret }
    set secret (value) { this.#secret = value }
    tell () { return this.name + this.#secret }
  }
  let last
  exports.step = (n) => {
    count += n
    list.push(n)
    if (list.length > 7) list.splice(0, 3)
    map.set(n % 5, { n })
    if (n % 3 === 0) map.delete((n + 1) % 5)
    set.has(n) ? set.delete(n) : set.add(n)
    weak.set(key, (weak.get(key) ?? 0) + n)
    bag['k' + (n % 4)] = n
    if (n % 4 === 1) delete bag.k2
    bytes[(n * 997) % 100000]++
    HEAPU8[n * 4099 % HEAPU8.length] += n
    if (n % 6 === 0 && memory.buffer.byteLength < 1000000) { memory.grow(1); HEAPU8 = new Uint8Array(memory.buffer) }
    last = new Item('item')
    last.secret = n
    exports.shown = last
    if (n % 5 === 0) exports['extra' + n] = n
  }
  exports.look = () => JSON.stringify([count, list, [...map], [...set], weak.get(key), Object.entries(bag), bytes.reduce((sum, byte, at) => sum + byte * at, 0),
    HEAPU8.length, HEAPU8.reduce((sum, byte, at) => (sum + byte * at) % 1e9, 0), last && last.tell(), exports.shown && exports.shown.secret, Object.keys(exports)])
  exports.Item = Item
  exports.weakOf = (object) => weak.get(object)
  exports.remember = (object, value) => { weak.set(object, value) }
  exports.forget = (object) => weak.delete(object)
  exports.closure = () => { let hidden = 0; exports.hidden = () => ++hidden }
  exports.wait = async (promise) => { await promise; count++ }
  exports.call = (fn) => fn()
  exports.timer = (ms) => { exports.set = setTimeout(tick, ms) }
  const tick = () => { count += 1000 }
  exports.count = () => count
  exports.reset = () => { delete exports.hidden }`

async function opened (t, options) {
  const { vm, close } = await openFile(PACKAGE, { rewind: true, ...options })
  t.after(close)
  return vm
}

// The same numbers each time.
function random (seed) {
  let state = seed
  return (below) => {
    state = (state * 1103515245 + 12345) % 2147483648
    return state % below
  }
}

test('a tree of checkpoints, back and forth, against what was seen', async (t) => {
  const vm = await opened(t)
  const { exports } = vm
  const next = random(7)
  const nodes = [{ point: undefined, was: exports.look() }]
  for (let round = 0; round < 40; round++) {
    const from = nodes[next(nodes.length)]
    assert.equal(vm.recycle({ from: from.point }), exports)
    assert.equal(exports.look(), from.was, `round ${round}`)
    for (let step = next(6); step >= 0; step--) exports.step(1 + next(30))
    if (nodes.length < 12 && next(2) === 0) nodes.push({ point: vm.checkpoint(), was: exports.look() })
    if (nodes.length > 6 && next(5) === 0) nodes.splice(1 + next(nodes.length - 1), 1)[0].point.dispose()
    for (let step = next(4); step >= 0; step--) exports.step(1 + next(30))
  }
  assert.ok(nodes.length > 4)
  for (const { point, was } of nodes) {
    vm.recycle({ from: point })
    assert.equal(exports.look(), was)
  }
  assert.equal(vm.stats().rewind, 'on', vm.stats().rewindReason)
  assert.equal(vm.stats().evaluations, 1)
  assert.equal(vm.stats().checkpoints, nodes.length - 1)
})

test('objects that were made before it are good again, later ones stale', async (t) => {
  const vm = await opened(t)
  const { Item } = vm.exports
  const before = new Item('before')
  before.secret = 5
  before.more = { deep: [1] }
  const point = vm.checkpoint()
  assert.ok(point instanceof Checkpoint)
  // Nothing of the memory had changed.
  assert.equal(point.bytes, 0)
  before.secret = 6
  before.more.deep.push(2)
  const after = new Item('after')
  for (let round = 0; round < 3; round++) {
    vm.recycle({ from: point })
    assert.equal(before.tell(), 'before5')
    assert.deepEqual(before.more, { deep: [1] })
    assert.throws(() => after.tell(), { code: 'EMVM_ERR_STALE' })
    before.secret = 9
    if (round === 1) {
      vm.recycle()
      assert.throws(() => before.tell(), { code: 'EMVM_ERR_STALE' })
    }
  }
})

test('weak maps with keys of the user', async (t) => {
  const vm = await opened(t)
  const { weakOf, remember, forget } = vm.exports
  const [a, b, c] = [{}, {}, {}]
  remember(a, 1)
  const first = vm.checkpoint()
  remember(a, 2)
  remember(b, 2)
  const second = vm.checkpoint()
  forget(a)
  remember(c, 3)
  const look = () => [a, b, c].map((key) => weakOf(key))
  assert.deepEqual(look(), [undefined, 2, 3])
  vm.recycle({ from: first })
  assert.deepEqual(look(), [1, undefined, undefined])
  vm.recycle({ from: second })
  assert.deepEqual(look(), [2, 2, undefined])
  forget(b)
  vm.recycle()
  assert.deepEqual(look(), [undefined, undefined, undefined])
  vm.recycle({ from: second })
  assert.deepEqual(look(), [2, 2, undefined])
})

test('isReady, run, and views of the memory', async (t) => {
  const vm = await opened(t)
  vm.exports.step(3)
  const was = vm.exports.look()
  const point = vm.checkpoint()
  vm.exports.step(4)
  assert.equal(await vm.run((module) => module.look(), { from: point }), was)
  assert.notEqual(vm.exports.look(), was)
  const module = await vm.isReady({ from: point })
  assert.equal(module.look(), was)
})

test('a timer that is set goes off in each generation that begins there', async (t) => {
  const vm = await opened(t)
  vm.exports.timer(20)
  const point = vm.checkpoint()
  const wait = () => new Promise((resolve) => setTimeout(resolve, 120))
  vm.recycle()
  await wait()
  assert.equal(vm.exports.count(), 0)
  vm.recycle({ from: point })
  await wait()
  assert.equal(vm.exports.count(), 1000)
})

test('refused with the reason', async (t) => {
  const vm = await opened(t)
  const { exports } = vm
  assert.throws(() => exports.call(() => vm.checkpoint()), { code: 'EMVM_ERR_BUSY' })
  let settle
  const waits = exports.wait(new Promise((resolve) => { settle = resolve }))
  assert.throws(() => vm.checkpoint(), { code: 'EMVM_ERR_BUSY', message: /waits for a promise/ })
  settle()
  await waits
  vm.checkpoint().dispose()
  exports.closure()
  assert.equal(exports.hidden(), 1)
  assert.throws(() => vm.checkpoint(), { code: 'EMVM_ERR_UNSUPPORTED', message: /suspended.*made since the start.*exports\.hidden/ })
  // All goes on.
  assert.equal(exports.hidden(), 2)
  exports.reset()
  vm.checkpoint().dispose()
  vm.recycle()
  assert.equal(exports.hidden, undefined)
  assert.equal(vm.stats().checkpoints, 0)
})

test('without rewind there is none', async (t) => {
  const { vm, close } = await openFile(PACKAGE, {})
  t.after(close)
  assert.throws(() => vm.checkpoint(), { code: 'EMVM_ERR_UNSUPPORTED', message: /rewind: true/ })
})

test('disposed, of another sandbox, of an instance that was evaluated anew', async (t) => {
  const vm = await opened(t)
  const other = await opened(t)
  const point = vm.checkpoint()
  assert.throws(() => other.recycle({ from: point }), { code: 'EMVM_ERR_OPTION' })
  point.dispose()
  assert.equal(point.bytes, 0)
  assert.throws(() => vm.recycle({ from: point }), { code: 'EMVM_ERR_DISPOSED' })
})

test('what is equal is kept once', async (t) => {
  const { vm, close } = await openFile(`
    const memory = new WebAssembly.Memory({ initial: 200 })
    const bytes = new Uint8Array(memory.buffer).fill(7)
    const own = new Uint8Array(20 << 20).fill(3)
    exports.poke = (at) => { new Uint8Array(memory.buffer)[at]++; own[at]++ }
    exports.peek = (at) => new Uint8Array(memory.buffer)[at] + own[at]`, { rewind: true })
  t.after(close)
  vm.exports.poke(5)
  const first = vm.checkpoint()
  vm.exports.poke(5)
  const second = vm.checkpoint()
  assert.ok(first.bytes < 1 << 20, String(first.bytes))
  assert.ok(second.bytes < 1 << 20, String(second.bytes))
  for (const [point, seen] of [[first, 12], [undefined, 10], [second, 14], [first, 12]]) {
    vm.recycle({ from: point })
    assert.equal(vm.exports.peek(5), seen)
    vm.exports.poke(5)
  }
})

test('one that nobody has any more is given back', { skip: typeof globalThis.gc !== 'function' }, async (t) => {
  const vm = await opened(t)
  const take = () => { for (let at = 0; at < 5; at++) vm.checkpoint() }
  take()
  for (let round = 0; round < 20 && vm.stats().checkpoints > 0; round++) {
    await new Promise((resolve) => setImmediate(resolve))
    globalThis.gc()
  }
  assert.equal(vm.stats().checkpoints, 0)
})
