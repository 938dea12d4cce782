'use strict'

// The image of a whole store of the glue host's WebAssembly: everything that wasm can change goes back, on both memory backends.

const test = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const { createNamespace } = require('../../lib/webassembly')

const bytes = (base64) => Buffer.from(base64, 'base64')

// (module
//   (import "e" "f" (func $f (param externref) (result externref)))
//   (memory (export "m") 2 200)
//   (global $hidden (mut i64) (i64.const 7))
//   (global $ref (mut externref) (ref.null extern))
//   (global (export "g") (mut i32) (i32.const 1))
//   (table $hiddenTable 2 20 funcref)
//   (table $values 1 10 externref)
//   (table (export "t") 3 40 funcref)
//   (elem (table 2) (i32.const 0) func $add $touch)
//   add, next (of $hidden), touch (adds one to a word), load, grow, size, hide (into $ref and $values, which grows), hidden,
//   setHidden ($hiddenTable[1], which grows), hiddenAt, hiddenSize, call (of f))
const STATE = bytes('AGFzbQEAAAABKglgAW8Bb2ACf38Bf2AAAX5gAX8AYAF/AX9gAAF/YAFvAGAAA29vf2AAAAIHAQFlAWYAAAMNDAECAwQEBQYHCAQFAAQNA3ABAhRvAQEKcAEDKAUFAQECyAEGEAN+AUIHC28B0G8LfwFBAQsHcg8BbQIAAWcDAgF0AQIDYWRkAAEEbmV4dAACBXRvdWNoAAMEbG9hZAAEBGdyb3cABQRzaXplAAYEaGlkZQAHBmhpZGRlbgAICXNldEhpZGRlbgAJCGhpZGRlbkF0AAoKaGlkZGVuU2l6ZQALBGNhbGwADAkPAgICQQALAAIBAwMAAgIBCoABDAcAIAAgAWoLCwAjAEIBfCQAIwALDwAgACAAKAIAQQFqNgIACwcAIAAoAgALBgAgAEAACwQAPwALFAAgACQBQQAgACYBIABBAfwPARoLCwAjAUEAJQH8EAELEABBAdICJgDSAkED/A8AGgsHACAAJQDRCwUA/BAACwYAIAAQAAs=')
// (module (memory (export "m") 1) (data $d "x") (func (export "drop") (data.drop $d)))
const DROPS = bytes('AGFzbQEAAAABBAFgAAADAgEABQMBAAEHDAIBbQIABGRyb3AAAAwBAQoHAQUA/AkACwsEAQEBeA==')
// (module (import "e" "m" (memory 1)) (import "e" "t" (table 1 funcref)) (import "e" "g" (global $g (mut i32)))
//   (func (export "f") (result i32) adds one to $g, stores 9 at 0, gives $g))
const SHARES = bytes('AGFzbQEAAAABBQFgAAF/AhcDAWUBbQIAAQFlAXQBcAABAWUBZwN/AQMCAQAHBQEBZgAAChQBEgAjAEEBaiQAQQBBCToAACMACw==')

function start (f = (x) => x) {
  const realm = createNamespace()
  const W = realm.WebAssembly
  const e = new W.Instance(new W.Module(STATE), { e: { f } }).exports
  return { realm, W, e }
}

const PAGE = 65536

function look ({ e }) {
  return {
    size: e.size(),
    length: e.m.buffer.byteLength,
    word: e.load(1024),
    far: e.load(2 * PAGE - 4),
    global: e.g.value,
    table: [e.t.length, e.t.get(0) === e.add, e.t.get(2)],
    hidden: e.hidden(),
    hiddenTable: [e.hiddenSize(), e.hiddenAt(1)]
  }
}

// All that a generation can do to a store.
function work ({ W, e }, secret) {
  for (let i = 0; i < 3; i++) { e.touch(1024); e.touch(2 * PAGE - 4); e.next() }
  e.grow(3)
  new Uint8Array(e.m.buffer).fill(7, 2 * PAGE)
  e.g.value = 42
  e.t.set(0, null)
  e.t.set(2, e.next)
  e.t.grow(4, e.touch)
  e.hide(secret)
  e.setHidden()
  const memory = new W.Memory({ initial: 2 })
  new Uint8Array(memory.buffer).fill(1)
  const table = new W.Table({ element: 'externref', initial: 1 }, secret)
  const global = new W.Global({ value: 'i32', mutable: true }, 5)
  return { memory, table, global }
}

test('everything goes back, generation after generation', () => {
  const world = start()
  const { realm, e } = world
  e.touch(1024)
  e.next()
  e.hide('kept')
  const image = realm.takeImage()
  assert.deepStrictEqual(realm.differences(image), [])
  const before = look(world)
  const next = e.next()
  for (let generation = 1; generation < 6; generation++) {
    work(world, { generation })
    assert.ok(realm.differences(image).length >= 4, realm.differences(image).join('; '))
    const { made } = realm.restoreImage(image)
    assert.deepStrictEqual(realm.differences(image), [])
    assert.deepStrictEqual(look(world), before)
    assert.strictEqual(e.next(), next)
    assert.deepStrictEqual([made.memories, made.tables, made.globals, made.instances], [generation, generation, generation, 0])
    realm.restoreImage(image)
  }
  assert.deepStrictEqual(e.hidden().slice(0, 2), ['kept', 'kept'])
})

test('what grew shows zeroes when it grows again', () => {
  const world = start()
  const image = world.realm.takeImage()
  work(world)
  world.realm.restoreImage(image)
  world.e.grow(3)
  assert.ok(new Uint8Array(world.e.m.buffer).subarray(2 * PAGE).every((byte) => byte === 0))
  assert.strictEqual(world.e.t.grow(2), 3)
  assert.deepStrictEqual([world.e.t.get(3), world.e.t.get(4)], [null, null])
  assert.throws(() => world.e.t.set(5, null), RangeError)
  assert.throws(() => world.e.t.grow(36), RangeError)
  world.e.t.grow(35)
})

test('buffers: a new one of the image\'s length, the old one detached', () => {
  const { realm, e } = start()
  const early = e.m.buffer
  const image = realm.takeImage()
  assert.strictEqual(e.m.buffer, early)
  assert.strictEqual(early.byteLength, 2 * PAGE)
  const view = new Uint8Array(early)
  realm.restoreImage(image)
  assert.deepStrictEqual([early.byteLength, view.length], [0, 0])
  const now = e.m.buffer
  assert.notStrictEqual(now, early)
  assert.strictEqual(now.byteLength, 2 * PAGE)
  e.grow(1)
  assert.deepStrictEqual([now.byteLength, e.m.buffer.byteLength], [0, 3 * PAGE])
  realm.restoreImage(image)
  assert.strictEqual(e.m.buffer.byteLength, 2 * PAGE)
})

test('objects keep their identity; what was taken later is stale', () => {
  const world = start()
  const { realm, W, e } = world
  const { add, m, t, g } = e
  const image = realm.takeImage()
  const later = new W.Instance(new W.Module(SHARES), { e: { m: e.m, t: e.t, g: e.g } }).exports
  e.t.set(2, later.f)
  assert.strictEqual(later.f(), 2)
  const fromTable = e.t.get(1)
  const { made } = realm.restoreImage(image)
  assert.strictEqual(made.instances, 1)
  assert.strictEqual(add(1, 2), 3)
  assert.deepStrictEqual([e.m === m, e.t === t, e.g === g, e.g.value], [true, true, true, 1])
  assert.throws(() => later.f(), { code: 'EMVM_ERR_STALE' })
  assert.strictEqual(e.t.get(2), null)
  // Of the image, and first taken after it.
  assert.strictEqual(fromTable, e.touch)
  assert.throws(() => e.t.set(2, later.f), { code: 'EMVM_ERR_STALE' })
})

test('a function of the image that is first taken later has an object for each generation', () => {
  const { realm, W } = start()
  // (module (table (export "t") 1 funcref) (elem (i32.const 0) func $f) (func $f (result i32) (i32.const 5)))
  const e = new W.Instance(new W.Module(bytes('AGFzbQEAAAABBQFgAAF/AwIBAAQEAXAAAQcFAQF0AQAJBwEAQQALAQAKBgEEAEEFCw=='))).exports
  const image = realm.takeImage()
  const first = e.t.get(0)
  assert.strictEqual(first(), 5)
  assert.strictEqual(e.t.get(0), first)
  realm.restoreImage(image)
  assert.throws(() => first(), { code: 'EMVM_ERR_STALE' })
  assert.strictEqual(e.t.get(0)(), 5)
})

test('with wasm on the stack nothing is taken or brought back', () => {
  const errors = []
  const attempt = (what) => { try { what() } catch (error) { errors.push(error.code) } }
  let image
  const world = start((x) => { attempt(() => world.realm.takeImage()); attempt(() => world.realm.restoreImage(image)); return x })
  image = world.realm.takeImage()
  world.e.touch(1024)
  world.e.call('x')
  assert.deepStrictEqual(errors, ['EMVM_ERR_BUSY', 'EMVM_ERR_BUSY'])
  assert.strictEqual(world.e.load(1024), 1)
  world.realm.restoreImage(image)
  assert.strictEqual(world.e.load(1024), 0)
})

test('what is being compiled or instantiated does not go on in a later generation', async () => {
  const { realm, W, e } = start()
  const image = realm.takeImage()
  let settled = 0
  const count = () => { settled++ }
  const imports = { e: { m: e.m, t: e.t, g: e.g } }
  for (const work of [W.compile(SHARES), W.instantiate(SHARES, imports), W.instantiate(new W.Module(SHARES), imports), W.compile(bytes('AAAA'))]) work.then(count, count)
  assert.strictEqual(realm.pending, 4)
  const { made } = realm.restoreImage(image)
  assert.strictEqual(realm.pending, 0)
  const { instance } = await W.instantiate(SHARES, imports)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.deepStrictEqual([settled, made.instances, instance.exports.f(), realm.pending, realm.instances], [0, 0, 2, 0, 2])
  const again = realm.restoreImage(image)
  assert.deepStrictEqual([again.made.instances, realm.instances, realm.memory], [1, 1, e.m])
})

test('values of JavaScript that wasm was given are let go', async () => {
  const world = start()
  const image = world.realm.takeImage()
  const held = (() => {
    const secret = { secret: true }
    work(world, secret)
    world.e.call(secret)
    return new WeakRef(secret)
  })()
  world.realm.restoreImage(image)
  await new Promise((resolve) => setImmediate(resolve))
  global.gc()
  assert.strictEqual(held.deref(), undefined)
  const other = { other: true }
  assert.strictEqual(world.e.call(other), other)
})

test('a memory that was disposed of is there again; pages of those made later are given back', () => {
  const realm = createNamespace()
  const { Memory } = realm.WebAssembly
  const memory = new Memory({ initial: 3 })
  new Uint8Array(memory.buffer)[5] = 1
  const image = realm.takeImage()
  memory.dispose()
  const later = new Memory({ initial: 100 })
  assert.throws(() => memory.buffer, { code: 'EMVM_ERR_DISPOSED' })
  realm.restoreImage(image)
  assert.deepStrictEqual([memory.buffer.byteLength, new Uint8Array(memory.buffer)[5]], [3 * PAGE, 1])
  assert.strictEqual(later.buffer.byteLength, 0)
  assert.strictEqual(realm.memoryBytes, 3 * PAGE)
})

test('several images', () => {
  const world = start()
  const { realm, e } = world
  const first = realm.takeImage()
  e.touch(1024)
  e.grow(1)
  const second = realm.takeImage()
  e.touch(1024)
  realm.restoreImage(first)
  assert.deepStrictEqual([e.load(1024), e.size()], [0, 2])
  realm.restoreImage(second)
  assert.deepStrictEqual([e.load(1024), e.size()], [1, 3])
  realm.restoreImage(second)
  realm.dropImage(first)
  assert.throws(() => realm.restoreImage(first))
  assert.strictEqual(e.load(1024), 1)
})

test('what cannot be brought back is refused', () => {
  const { realm, W } = start()
  const e = new W.Instance(new W.Module(DROPS)).exports
  assert.throws(() => realm.takeImage(), /drops data or element segments/)
  assert.strictEqual(e.m.buffer.byteLength, PAGE)
  e.drop()
  const released = start().realm
  const image = released.takeImage()
  released.release()
  assert.throws(() => released.takeImage(), { code: 'EMVM_ERR_STALE' })
  assert.throws(() => released.restoreImage(image), { code: 'EMVM_ERR_STALE' })
})

test('a buffer that was transferred', () => {
  const { realm, e } = start()
  const image = realm.takeImage()
  if (typeof ArrayBuffer.prototype.transfer === 'function') {
    const mine = e.m.buffer.transfer()
    new Uint8Array(mine)[0] = 1
    realm.restoreImage(image)
    assert.deepStrictEqual(realm.differences(image), [])
    new Uint8Array(e.m.buffer)[0] = 2
    assert.strictEqual(new Uint8Array(mine)[0], 1)
  }
  realm.release()
})

test('two hundred generations that make functions and leak memory', () => {
  const world = start()
  const image = world.realm.takeImage()
  for (let i = 0; i < 200; i++) {
    work(world, { i })
    world.e.grow(150)
    new Uint8Array(world.e.m.buffer).fill(i | 1)
    world.realm.restoreImage(image)
  }
  assert.deepStrictEqual(world.realm.differences(image), [])
  assert.strictEqual(world.realm.memoryBytes, 2 * PAGE)
})

test('thousands of generations that take functions and values hold no memory', () => {
  const world = start()
  const { realm, e } = world
  const image = realm.takeImage()
  const round = (i) => {
    for (let at = 0; at < 2; at++) e.t.get(at)
    e.hide({ i })
    e.t.grow(2)
    realm.restoreImage(image)
  }
  const settled = () => { global.gc(); global.gc(); return process.memoryUsage() }
  for (let i = 0; i < 3000; i++) round(i)
  const before = settled()
  for (let i = 0; i < 12000; i++) round(i)
  const after = settled()
  assert.ok(after.heapUsed - before.heapUsed < 2e6, `${before.heapUsed} then ${after.heapUsed}`)
  assert.deepStrictEqual(realm.differences(image), [])
})

if (process.env.EMVM_MEMORY_BACKEND === undefined) {
  test('the same on the portable backend', () => {
    const { status, stdout } = spawnSync(process.execPath, ['--expose-gc', __filename], {
      encoding: 'utf8', env: { ...process.env, EMVM_MEMORY_BACKEND: 'portable', NODE_TEST_CONTEXT: undefined }
    })
    assert.strictEqual(status, 0, stdout)
  })
}

test('what differs from the image is told, of the whole memory and of what was touched', () => {
  const { realm, e } = start()
  e.touch(1024)
  const image = realm.takeImage()
  const told = () => [true, false].map((whole) => realm.differences(image, whole))
  assert.deepStrictEqual(told(), [[], []])
  // To read is to touch, and no difference.
  e.load(2 * PAGE - 4)
  assert.deepStrictEqual(told(), [[], []])
  for (const at of [1024, PAGE + 5000, 2 * PAGE - 4]) {
    e.touch(at)
    for (const found of told()) {
      assert.equal(found.length, 1)
      assert.match(found[0], new RegExp(`^memory 0: 1 (wasm )?pages differ, the first byte at 0x${at.toString(16)}: `))
    }
    realm.restoreImage(image)
    assert.deepStrictEqual(told(), [[], []])
  }
  e.grow(1)
  for (const found of told()) assert.match(found[0], /^memory 0: 196608 bytes of memory, were 131072$/)
  realm.release()
})
