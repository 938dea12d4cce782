'use strict'

// Short functions are stepped through instead of entered (src/engine/short): the same results, memory and traps as in V8, before
// they are found to be short and afterwards.

const test = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { open } = require('../..')
const { fixtures } = require('../support/compare')
const { name, list, section, leb, uleb, exportsOf } = require('../support/wasm')

const I32 = 0x7f
const I64 = 0x7e
const F32 = 0x7d
const F64 = 0x7c
const PARAMS = [I32, I32, F64, F32]
// Beyond the parameters.
const LOCALS = [I32, F64, I64]
const LOCAL_OF = { [I32]: [0, 1, 4], [F64]: [2, 5], [F32]: [3], [I64]: [6] }

const range = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

const BINARY = {
  [I32]: [0x6a, 0x6b, 0x6c, 0x71, 0x72, 0x73, 0x74, 0x75, 0x76],
  [I64]: [0x7c, 0x7d, 0x7e, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88],
  [F64]: [0xa0, 0xa1, 0xa2, 0xa3],
  [F32]: [0x92, 0x93, 0x94, 0x95]
}
const COMPARE = { [I32]: range(0x46, 0x4f), [I64]: [0x51, 0x52], [F64]: range(0x61, 0x66), [F32]: [] }
const LOADS = { [I32]: [0x28, 0x2c, 0x2d, 0x2e, 0x2f], [I64]: [0x29, 0x30, 0x31, 0x32, 0x33, 0x34, 0x35], [F32]: [0x2a], [F64]: [0x2b] }
const STORES = { [I32]: [0x36, 0x3a, 0x3b], [I64]: [0x37, 0x3c, 0x3d, 0x3e], [F32]: [0x38], [F64]: [0x39] }
// Result: what it is computed from.
const UNARY = {
  [I32]: [[0x45, I32], [0x50, I64], [0xa7, I64], [0xc0, I32], [0xc1, I32], [0xbc, F32]],
  [I64]: [[0xac, I32], [0xad, I32], [0xbd, F64]],
  [F64]: [[0xb7, I32], [0xb8, I32], [0xbb, F32], [0xbf, I64]],
  [F32]: [[0xb2, I32], [0xb3, I32], [0xb6, F64], [0xbe, I32]]
}

function random (seed) {
  let state = seed
  const next = () => {
    state = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) + 0x9e3779b9 | 0
    return (state >>> 8) / 2 ** 24
  }
  const below = (count) => Math.floor(next() * count)
  return { next, below, of: (items) => items[below(items.length)] }
}

const f64 = (value) => [...new Uint8Array(Float64Array.of(value).buffer)]
const f32 = (value) => [...new Uint8Array(Float32Array.of(value).buffer)]

// A value of a type, from a few operators.
function expression (r, type, depth, { address, targets }) {
  const again = (other) => expression(r, other, depth - 1, { address, targets })
  const kind = depth <= 0 ? r.below(2) : r.below(9)
  if (kind === 0) {
    if (type === I32) return [0x41, ...leb(r.of([0, 1, -1, 7, 255, 65536, -0x80000000, r.below(2 ** 30)]))]
    if (type === I64) return [0x42, ...leb(r.below(2 ** 20) - 2 ** 19)]
    return type === F64 ? [0x44, ...f64(r.of([0, -0, 1.5, NaN, Infinity, 1e300]))] : [0x43, ...f32(r.of([0, -0, 1.5, Infinity]))]
  }
  if (kind === 1) return [0x20, r.of(LOCAL_OF[type])]
  if (kind === 2) return [...again(type), ...again(type), r.of(BINARY[type])]
  if (kind === 3) {
    const [op, from] = r.of(UNARY[type])
    return [...again(from), op]
  }
  if (kind === 4) return [...(address ? again(I32) : [0x20, 0]), ...(address ? [0x41, ...leb(0xfff8), 0x71] : []), r.of(LOADS[type]), 0, ...uleb(r.of([0, 4, 8]))]
  if (kind === 5) return [...again(type), ...again(type), ...again(I32), 0x1b]
  if (kind === 6) return [...again(I32), 0x04, type, ...again(type), 0x05, ...again(type), 0x0b]
  if (kind === 7 && type === I32) {
    const compared = r.of([I32, I64, F64])
    return [...again(compared), ...again(compared), r.of(COMPARE[compared])]
  }
  if (kind === 8 && targets.length && type === I32) return [...again(I32), ...again(I32), ...again(F64), ...again(F32), 0x41, ...leb(r.of(targets)), 0x11, 0, 0]
  const local = r.of(LOCAL_OF[type])
  return [...again(type), 0x22, local, ...again(type), r.of(BINARY[type])]
}

function functionBody (r, at) {
  // Some addresses are out of bounds. Every other function calls: one that does not, an entry that is null, or one of another type.
  const options = { address: r.below(4) > 0, targets: at % 2 ? [2 * r.below(at / 2), 2 * r.below(at / 2), r.of([0, 60, 900])] : [] }
  const code = []
  if (r.below(2)) code.push(...expression(r, F64, 2, options), 0x21, 5)
  if (r.below(3) === 0) {
    const type = r.of([I32, I64, F32, F64])
    code.push(...expression(r, I32, 1, options), ...(options.address ? [0x41, ...leb(0xfff8), 0x71] : []), ...expression(r, type, 1, options), r.of(STORES[type]), 0, 0)
    code.push(0x20, r.of(LOCAL_OF[I32]))
  } else {
    code.push(...expression(r, I32, r.below(4), options))
  }
  return [...list(LOCALS.map((type) => [1, type])), ...code, 0x0b]
}

// `count` functions `(i32, i32, f64, f32) -> i32` and one of another type, all in the table.
function moduleOf (seed, count) {
  const r = random(seed)
  const bodies = Array.from({ length: count }, (_, at) => functionBody(r, at))
  bodies.push([0, 0x20, 0, 0x0b])
  return Uint8Array.from([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, [[0x60, ...list(PARAMS.map((type) => [type])), ...list([[I32]])], [0x60, ...list([[I32]]), ...list([[I32]])]]),
    ...section(3, bodies.map((_, i) => [i === count ? 1 : 0])),
    ...section(4, [[0x70, 0, ...uleb(1000)]]),
    ...section(5, [[1, 1, 4]]),
    ...section(7, [[...name('memory'), 2, 0], ...bodies.map((_, i) => [...name(`f${i}`), 0, ...uleb(i)])]),
    ...section(9, [[0, 0x41, 0, 0x0b, ...list(bodies.map((_, i) => uleb(i)))]]),
    ...section(10, bodies.map((body) => [...uleb(body.length), ...body]))
  ])
}

function outcome (call) {
  try {
    return call()
  } catch (error) {
    return error.name === 'TrapError' || error instanceof WebAssembly.RuntimeError ? 'trap' : error
  }
}

const NUMBERS = [0, 1, -1, 8, 100, 65528, 65536, -0x80000000, 0x7fffffff, 0.5, -2.75, NaN, Infinity, 1e300]

test('random short functions give what V8 gives', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const count = 60
    const wasm = moduleOf(seed, count)
    const plain = new WebAssembly.Instance(new WebAssembly.Module(wasm)).exports
    const vm = await open(wasm, { host: 'native' })
    const own = exportsOf(vm.exports)
    const r = random(seed * 77)
    for (let i = 0; i < count; i++) {
      for (let call = 0; call < 40; call++) {
        const args = [r.of(NUMBERS), r.of(NUMBERS), r.of(NUMBERS), r.of(NUMBERS)]
        const expected = outcome(() => plain[`f${i}`](...args))
        const actual = outcome(() => own[`f${i}`](...args))
        assert.ok(Object.is(actual, expected), `seed ${seed}, f${i}(${args}), call ${call}: ${actual}, not ${expected}`)
      }
    }
    assert.ok(Buffer.from(vm.exports.HEAPU8).equals(Buffer.from(plain.memory.buffer)), `memory of seed ${seed}`)
    assert.ok(outcome(() => plain.f0(0)) !== undefined)
    vm.dispose()
  }
})

test('a short function sees what a recycle puts back, growth, and an entry of the table that changes', async () => {
  const { OP, assemble } = require('../support/wasm')
  const vm = await open(assemble({
    table: [1, 2],
    data: [[64, [5]]],
    functions: [
      { export: '__wasm_call_ctors', code: [] },
      { export: 'one', result: true, code: [OP.i32Const, 1] },
      { export: 'two', result: true, code: [OP.i32Const, 2] },
      { export: 'load', params: 1, result: true, code: [OP.localGet, 0, OP.i32Load, 2, 0] },
      { export: 'store', params: 2, code: [OP.localGet, 0, OP.localGet, 1, OP.i32Store, 2, 0] },
      { export: 'entry', params: 1, result: true, code: [OP.localGet, 0, 0x11, 1, 0] },
      { export: 'grow', params: 1, result: true, code: [OP.localGet, 0, OP.memoryGrow, 0] }
    ]
  }), { host: 'native' })
  const m = exportsOf(vm.exports)
  const { load, store, entry, grow } = m
  for (let i = 0; i < 50; i++) {
    assert.strictEqual(load(64), 5 + i)
    store(64, 6 + i)
    assert.strictEqual(entry(0), 1)
    assert.strictEqual(entry(1), 2)
    assert.throws(() => load(65536), { name: 'TrapError', trap: 'out-of-bounds' })
    assert.throws(() => entry(7), { name: 'TrapError' })
  }
  const calls = vm.stats().calls
  load(64)
  assert.strictEqual(vm.stats().calls, calls + 1)
  assert.strictEqual(grow(1), 1)
  assert.strictEqual(load(65536), 0)
  store(131068, 9)
  assert.strictEqual(load(131068), 9)
  await vm.isReady()
  assert.strictEqual(load(64), 5)
  assert.throws(() => load(65536), { name: 'TrapError' })
  assert.throws(() => store(65536, 1), { name: 'TrapError' })
  vm.dispose()
  assert.throws(() => load(64), { code: 'EMVM_ERR_DISPOSED' })
})

const CALLS = path.join(fixtures, 'calls.js')

test('a property is what C++ has, however often it was read', async () => {
  const vm = await open(CALLS, { host: 'native' })
  const { Counter } = vm.exports
  let seen
  for (let generation = 1; generation <= 3; generation++) {
    const counters = [new Counter(), new Counter(), new Counter()]
    const [one, two, three] = counters
    for (let i = 0; i < 3000; i++) {
      const counter = counters[i % 3]
      const before = counter.value
      assert.strictEqual(before, Math.floor(i / 3) * 7)
      if (i % 2) counter.addFour(1, 2, 3, 1)
      else counter.value = before + 7
    }
    assert.deepStrictEqual([one.value, two.value, three.value], [7000, 7000, 7000])
    two.delete()
    assert.throws(() => two.value, { name: 'BindingError', message: /Counter\.value getter on deleted object/ })
    const four = new Counter()
    assert.strictEqual(four.value, 0)
    for (let i = 0; i < 2000; i++) assert.strictEqual(one.value, 7000)
    if (seen !== undefined) assert.throws(() => seen.value, { code: 'EMVM_ERR_STALE' })
    for (let i = 0; i < 2000; i++) assert.strictEqual(three.value, 7000)
    seen = one
    await vm.isReady()
    assert.throws(() => seen.value, { code: 'EMVM_ERR_STALE' })
  }
  const last = new Counter()
  for (let i = 0; i < 3000; i++) last.value = last.value + 1
  assert.strictEqual(last.value, 3000)
  vm.dispose()
  assert.throws(() => last.value, { code: 'EMVM_ERR_DISPOSED' })
})

test('a property of a class is read of its own objects, of derived ones and of no others', async () => {
  const vm = await open(path.join(fixtures, 'embind.js'), { host: 'native' })
  const m = vm.exports
  const dog = new m.Dog('Rex')
  const getter = Object.getOwnPropertyDescriptor(m.Animal.prototype, 'legs').get
  for (let i = 0; i < 2000; i++) assert.strictEqual(dog.legs, 4)
  dog.legs = 3
  for (let i = 0; i < 2000; i++) assert.strictEqual(getter.call(dog), 3)
  for (const other of [{}, null, undefined, 1, m.makeLate()]) assert.throws(() => getter.call(other), { name: 'BindingError' })
  vm.dispose()
})

test('requests under way have no part in what properties are read in', async () => {
  const vm = await open(CALLS, { host: 'native' })
  const server = require('node:net').createServer().listen(0)
  for (let generation = 0; generation < 20; generation++) {
    const reading = require('node:fs/promises').readFile(__filename)
    const counter = new vm.exports.Counter()
    for (let i = 0; i < 1000; i++) assert.strictEqual(counter.value, 0)
    await vm.isReady()
    await reading
  }
  assert.strictEqual(vm.stats().regionsInFlight, 0)
  server.close()
  vm.dispose()
})

test('fields whose places lie far up in memory', async () => {
  const vm = await open(path.join(fixtures, 'fields.js'), { host: 'native' })
  const numbers = new vm.exports.Numbers()
  for (let i = 0; i < 2000; i++) {
    const { whole, real, flag, byte, small, large, single } = numbers
    assert.deepStrictEqual([whole, real, flag, byte, small, large, single], [2, 3.5, true, 7, -5, 4000000000, 1.5], `round ${i}`)
  }
  vm.dispose()
})

test('a callback that reads properties on and on is stopped as one that calls functions is', async () => {
  const vm = await open(path.join(fixtures, 'fields.js'), { host: 'native', timeout: 100 })
  const read = (numbers) => { for (let i = 0; i < 2000; i++) assert.strictEqual(numbers.whole, 2) }
  const numbers = new vm.exports.Numbers()
  read(numbers)
  const started = performance.now()
  let rounds = 0
  const loop = () => {
    while (numbers.whole === 2 && performance.now() - started < 5000) rounds++
    return 1
  }
  assert.throws(() => vm.exports.call(loop), { code: 'EMVM_ERR_TIMEOUT' })
  assert.ok(rounds > 0 && performance.now() - started < 3000, `${rounds} rounds`)
  await vm.isReady()
  read(new vm.exports.Numbers())
  vm.dispose()
})
