'use strict'

const test = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { open, WebAssembly: emvm } = require('../..')
const { createNamespace } = require('../../lib/webassembly')
const { OP, assemble } = require('../support/wasm')

// Imports e.f: (i32, i64) -> i64; exports memory m (1 to 3 pages), table t (add, null) and add, call (of f), trap, grow,
// rec (calls itself), spin (loops for ever).
function build () {
  const leb = (n) => n < 128 ? [n] : [(n & 127) | 128, ...leb(n >> 7)]
  const name = (text) => [...leb(text.length), ...Buffer.from(text)]
  const section = (id, content) => [id, ...leb(content.length), ...content]
  const vec = (items) => [...leb(items.length), ...items.flat()]
  const [I32, I64] = [0x7f, 0x7e]
  const types = vec([[0x60, 2, I32, I64, 1, I64], [0x60, 2, I32, I32, 1, I32], [0x60, 0, 0], [0x60, 0, 1, I32]])
  const body = (code) => { const full = [0, ...code, 0x0b]; return [...leb(full.length), ...full] }
  const bodies = vec([
    body([0x20, 0, 0x20, 1, 0x6a]),
    body([0x20, 0, 0x20, 1, 0x10, 0]),
    body([0x00]),
    body([0x41, 1, 0x40, 0]),
    body([0x10, 5]),
    body([0x03, 0x40, 0x0c, 0, 0x0b])
  ])
  return Uint8Array.from([
    0, 97, 115, 109, 1, 0, 0, 0,
    ...section(1, types),
    ...section(2, vec([[...name('e'), ...name('f'), 0, 0]])),
    ...section(3, vec([[1], [0], [2], [3], [2], [2]])),
    ...section(4, [1, 0x70, 0, 2]),
    ...section(5, [1, 1, 1, 3]),
    ...section(7, vec([
      [...name('m'), 2, 0], [...name('t'), 1, 0], [...name('add'), 0, 1], [...name('call'), 0, 2], [...name('trap'), 0, 3],
      [...name('grow'), 0, 4], [...name('rec'), 0, 5], [...name('spin'), 0, 6]
    ])),
    ...section(9, [1, 0, 0x41, 0, 0x0b, 1, 1]),
    ...section(10, bodies)
  ])
}

const wasm = build()
const instantiate = (W, f = (a, b) => b + BigInt(a)) => new W.Instance(new W.Module(wasm), { e: { f } }).exports

test('calls, imports and bigints', () => {
  const e = instantiate(emvm)
  assert.strictEqual(e.add(2, '3'), 5)
  assert.strictEqual(e.add(0xffffffff, 2), 1)
  assert.strictEqual(e.call(1, 41n), 42n)
  assert.throws(() => e.call(1, 41), TypeError)
  assert.deepStrictEqual([e.add.name, e.add.length], ['1', 2])
})

test('functions keep their identity', () => {
  const e = instantiate(emvm)
  assert.strictEqual(e.t.get(0), e.add)
  e.t.set(1, e.call)
  assert.strictEqual(e.t.get(1), e.call)
  assert.throws(() => e.t.set(1, () => {}), TypeError)
})

test('what an import throws comes out as the same object', () => {
  for (const thrown of [new Error('x'), 'text', 7, Infinity, undefined, Symbol('s')]) {
    const e = instantiate(emvm, () => { throw thrown })
    let caught = 'nothing'
    try { e.call(1, 1n) } catch (error) { caught = error }
    assert.strictEqual(caught, thrown)
  }
})

test('traps are errors, and the instance goes on', () => {
  const e = instantiate(emvm)
  assert.throws(() => e.trap(), (error) => error instanceof emvm.RuntimeError && error.message === 'unreachable')
  assert.throws(() => e.rec(), (error) => error instanceof RangeError && /call stack/.test(error.message))
  assert.strictEqual(e.add(1, 1), 2)
})

test('a buffer is one object until the memory grows', () => {
  const e = instantiate(emvm)
  const { buffer } = e.m
  assert.strictEqual(e.m.buffer, buffer)
  new Uint8Array(buffer)[5] = 9
  assert.strictEqual(e.grow(), 1)
  assert.strictEqual(buffer.byteLength, 0)
  assert.strictEqual(e.m.buffer.byteLength, 2 * 65536)
  assert.strictEqual(new Uint8Array(e.m.buffer)[5], 9)
  assert.strictEqual(e.m.grow(1), 2)
  assert.throws(() => e.m.grow(1), RangeError)
  assert.strictEqual(e.grow(), -1)
})

test('disposing of a memory gives it back', () => {
  const memory = new emvm.Memory({ initial: 4 })
  const { buffer } = memory
  memory[Symbol.dispose]()
  assert.strictEqual(buffer.byteLength, 0)
  assert.throws(() => memory.buffer, { code: 'EMVM_ERR_DISPOSED' })
})

test('everything of a released namespace is stale', () => {
  const space = createNamespace()
  const W = space.WebAssembly
  const e = instantiate(W)
  const { buffer } = e.m
  const table = e.t
  const global = new W.Global({ value: 'i32', mutable: true }, 1)
  space.release()
  assert.strictEqual(buffer.byteLength, 0)
  for (const use of [
    () => e.add(1, 2), () => e.m.buffer, () => e.m.grow(1), () => table.get(0), () => table.length, () => global.value,
    () => new W.Memory({ initial: 1 }), () => instantiate(W)
  ]) assert.throws(use, { code: 'EMVM_ERR_STALE' })
  space.release()
})

test('what is asked of the setter of a global, as of V8\'s', () => {
  for (const W of [WebAssembly, createNamespace().WebAssembly]) {
    const global = new W.Global({ value: 'i32', mutable: true }, 7)
    const { set } = Object.getOwnPropertyDescriptor(W.Global.prototype, 'value')
    assert.throws(() => set.call(global), TypeError)
    assert.strictEqual(global.value, 7)
    set.call(global, undefined)
    assert.strictEqual(global.value, 0)
  }
})

test('a namespace cannot be released from within', () => {
  const space = createNamespace()
  let seen
  const e = instantiate(space.WebAssembly, () => {
    try { space.release() } catch (error) { seen = error.code }
    return 5n
  })
  assert.strictEqual(e.call(1, 1n), 5n)
  assert.strictEqual(seen, 'EMVM_ERR_BUSY')
  space.release()
})

test('functions of another store are refused', () => {
  const space = createNamespace()
  const mine = instantiate(emvm)
  const theirs = instantiate(space.WebAssembly)
  assert.throws(() => mine.t.set(0, theirs.add))
  space.release()
})

test('endless loops end at the time limit', () => {
  const space = createNamespace({ timeout: 50 })
  const e = instantiate(space.WebAssembly)
  assert.throws(() => e.spin(), { code: 'EMVM_ERR_TIMEOUT' })
  assert.strictEqual(e.add(1, 2), 3)
  space.release()
})

test('a cap on memory holds', () => {
  const space = createNamespace({ memoryMax: 2 * 65536 })
  const e = instantiate(space.WebAssembly)
  assert.strictEqual(e.grow(), 1)
  assert.strictEqual(e.grow(), -1)
  space.release()
})

test('bad bytes are CompileErrors', async () => {
  for (const junk of [new Uint8Array(), Uint8Array.of(1, 2, 3), wasm.subarray(0, 40), wasm.subarray(0, wasm.length - 1)]) {
    assert.strictEqual(emvm.validate(junk), false)
    assert.throws(() => new emvm.Module(junk), emvm.CompileError)
    await assert.rejects(emvm.compile(junk), emvm.CompileError)
  }
  assert.throws(() => new emvm.Module('text'), TypeError)
  assert.throws(() => new emvm.Instance(new emvm.Module(wasm), { e: { f: 1 } }), emvm.LinkError)
})

test('what is compiled are the bytes of the call, whatever they are written to later', async () => {
  // A custom section makes them bytes that nobody has compiled.
  const bytes = Uint8Array.from([...wasm, 0, 9, 4, ...Buffer.from('mark'), ...require('node:crypto').randomBytes(4)])
  const again = bytes.slice()
  for (const given of [bytes, again]) {
    const mark = given.slice(-4)
    const compiling = emvm.compile(given)
    given.fill(0)
    const module = await compiling
    assert.deepStrictEqual(new Uint8Array(emvm.Module.customSections(module, 'mark')[0]), mark)
    assert.strictEqual(emvm.Module.exports(module).length, 8)
  }
  await assert.rejects(emvm.compile(bytes), emvm.CompileError)
})

test('a shared memory is a buffer to wait on', () => {
  const memory = new emvm.Memory({ shared: true, initial: 1, maximum: 2 })
  assert.ok(memory.buffer instanceof SharedArrayBuffer)
  assert.strictEqual(Atomics.wait(new Int32Array(memory.buffer), 0, 0, 5), 'timed-out')
  assert.strictEqual(memory.grow(1), 1)
  assert.strictEqual(memory.buffer.byteLength, 131072)
  assert.throws(() => memory.grow(1), RangeError)
  assert.throws(() => new emvm.Memory({ shared: true, initial: 1 }), TypeError)
  const importing = new emvm.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0, 2, 8, 1, 1, 101, 1, 109, 2, 0, 1))
  assert.throws(() => new emvm.Instance(importing, { e: { m: memory } }), emvm.LinkError)
  memory.dispose()
  assert.throws(() => memory.buffer, { code: 'EMVM_ERR_DISPOSED' })
})

test('what cannot run here is refused before it is compiled, and is not valid', async () => {
  // Large enough for a compiler to be busy with.
  const large = (memories) => {
    const body = [...Array(200000).fill([0x41, 1, 0x1a]).flat()]
    const leb = (n) => { const out = []; do { out.push((n & 127) | (n > 127 ? 128 : 0)); n >>>= 7 } while (n); return out }
    const code = [0, ...body, 0x0b]
    const section = (id, bytes) => [id, ...leb(bytes.length), ...bytes]
    return Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, section(1, [1, 0x60, 0, 0]), section(3, [1, 0]), section(5, memories), section(10, [1, ...leb(code.length), ...code])].flat())
  }
  for (const [memories, message] of [[[2, 3, 1, 1, 1, 1, 1], /some are shared/], [[1, 5, 1, 1], /64-bit memory/]]) {
    const bytes = large(memories)
    const started = performance.now()
    assert.throws(() => new emvm.Module(bytes), { name: 'CompileError', code: 'EMVM_ERR_UNSUPPORTED', message })
    await assert.rejects(emvm.instantiate(bytes), { name: 'CompileError', code: 'EMVM_ERR_UNSUPPORTED', message })
    await assert.rejects(open(bytes), { code: 'EMVM_ERR_UNSUPPORTED', message })
    assert.ok(performance.now() - started < 1000)
    assert.strictEqual(emvm.validate(bytes), false)
  }
})

test('Binaryen does not run over what it translates for', async () => {
  const script = `
    const emvm = require(${JSON.stringify(path.join(__dirname, '..', '..'))})
    globalThis.WebAssembly = emvm.WebAssembly
    const depth = 600
    const leb = (n) => { const out = []; do { out.push((n & 127) | (n > 127 ? 128 : 0)); n >>>= 7 } while (n); return out }
    const section = (id, bytes) => [id, ...leb(bytes.length), ...bytes]
    const body = [0, ...Array(depth).fill([6, 0x40]).flat(), ...Array(depth).fill([0x19, 0x0b]).flat(), 0x0b]
    const bytes = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, ...section(1, [1, 0x60, 0, 0]), ...section(3, [1, 0]), ...section(10, [1, ...leb(body.length), ...body])])
    WebAssembly.compile(bytes).then((module) => { console.log(module instanceof emvm.WebAssembly.Module); process.exit() })`
  const { stdout } = spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
  assert.strictEqual(stdout, 'true\n')
})

test('memories that are disposed of give their address space back; those that are not have a bound', () => {
  const namespace = createNamespace()
  const { WebAssembly: W } = namespace
  // More than there is address space for.
  for (let i = 0; i < 20_000; i++) new W.Memory({ initial: 1 }).dispose()
  const memory = new W.Memory({ initial: 1 })
  new Uint8Array(memory.buffer)[0] = 1
  namespace.release()
  const bounded = createNamespace()
  const make = () => { for (let i = 0; i < 5000; i++) new bounded.WebAssembly.Memory({ initial: 1 }) }
  assert.throws(make, { name: 'RangeError', message: /4096 memories.*8 GiB of address space.*dispose/s })
  bounded.release()
})

// Their function objects are made when they are asked for.
test('thousands of exports are as in V8, whoever asks for which first', () => {
  const count = 1000
  const bytes = assemble({
    functions: Array.from({ length: count }, (_, i) => ({ export: `function${i}`, params: 1, result: true, code: [OP.localGet, 0, OP.i32Const, i % 64, OP.i32Add] })),
    table: [3]
  })
  const look = (WebAssembly) => {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
    const { value, ...flags } = Object.getOwnPropertyDescriptor(exports, 'function7')
    const seen = [
      Object.keys(exports).join(), flags, typeof value, value === exports.function7, value(1), value.name, value.length,
      Object.isFrozen(exports), Object.getPrototypeOf(exports), 'function9' in exports, Reflect.deleteProperty(exports, 'function9'),
      Reflect.set(exports, 'function11', 1), exports.function11(2), Reflect.defineProperty(exports, 'other', { value: 1 })
    ]
    // What the table has is the export.
    const table = exports.__indirect_function_table
    seen.push(table.get(0) === exports.function3, exports.function3 === table.get(0))
    table.set(0, exports.function20)
    seen.push(table.get(0)(1), { ...exports }.function999 === exports.function999)
    const twin = new WebAssembly.Instance(new WebAssembly.Module(assemble({
      imports: [{ module: 'env', name: 'given', params: 1, result: true }],
      functions: [{ export: 'call', params: 1, result: true, code: [OP.localGet, 0, OP.call, 0] }]
    })), { env: { given: exports.function50 } })
    seen.push(twin.exports.call(5))
    return seen
  }
  assert.deepStrictEqual(look(emvm), look(globalThis.WebAssembly))
  const space = createNamespace()
  const { exports } = new space.WebAssembly.Instance(new space.WebAssembly.Module(bytes))
  const early = exports.function1
  space.release()
  const messages = [() => early(1), () => exports.function2(1)].map((call) => {
    try {
      return call()
    } catch (error) {
      return `${error.code} ${error.message}`
    }
  })
  assert.match(messages[0], /^EMVM_ERR_/)
  assert.strictEqual(messages[1], messages[0])
})
