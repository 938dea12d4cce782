'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { scratch } = require('../support/files')
const { runScript } = require('../support/child')
const { OP, assemble } = require('../support/wasm')

// Modules of less than half a megabyte are optimised at once; a section that nobody reads makes one large.
function large (bytes) {
  const size = 600 << 10
  const name = [3, ...Buffer.from('pad')]
  const leb = (value) => value < 128 ? [value] : [value & 0x7f | 0x80, ...leb(value >>> 7)]
  return Buffer.concat([bytes, Uint8Array.from([0, ...leb(size + name.length), ...name]), Buffer.alloc(size)])
}

const COUNTER = assemble({
  globals: [7],
  data: [[1024, Buffer.from('image')]],
  functions: [
    { export: '__wasm_call_ctors', code: [OP.i32Const, ...[0x80, 0x10], OP.i32Const, 5, OP.i32Store, 2, 0] },
    { export: 'store', params: 2, code: [OP.localGet, 0, OP.localGet, 1, OP.i32Store, 2, 0] },
    { export: 'load', params: 1, result: true, code: [OP.localGet, 0, OP.i32Load, 2, 0] },
    { export: 'next', result: true, code: [OP.globalGet, 0, OP.i32Const, 1, OP.i32Add, OP.globalSet, 0, OP.globalGet, 0] },
    { export: 'grow', params: 1, result: true, code: [OP.localGet, 0, OP.memoryGrow, 0] },
    { export: 'trap', code: [OP.unreachable] },
    { export: 'deep', params: 1, code: [OP.localGet, 0, OP.call, 6] },
    { export: 'forever', code: [OP.loop, 0x40, OP.br, 0, OP.end] }
  ]
})

// Opened in a process of its own; `body` has `vm`, `calls` (the exports) and `optimised()`, which recycles until the code is there.
async function on (file, body, { cache = false, tier = 'auto', options = {} } = {}) {
  const { code, stdout, stderr } = await runScript(`
    const file = ${JSON.stringify(file)}
    emvm.open(file, { cache: ${JSON.stringify(cache)}, ...${JSON.stringify(options)} }).then(async (vm) => {
      const calls = new Proxy({}, { get: (_, key) => vm.exports['_' + key] || vm.exports[key] })
      const caught = (work) => { try { return work() } catch ({ code, trap, wasmStack }) { return { code, trap, wasmStack } } }
      const optimised = async () => {
        do {
          await new Promise((resolve) => setTimeout(resolve, 20))
          await vm.isReady()
        } while (vm.stats().tier !== 'optimised')
      }
      const result = await (async () => { ${body} })()
      console.log(JSON.stringify(result))
    })`, { env: { EMVM_TIER: tier } })
  assert.strictEqual(stderr, '')
  assert.strictEqual(code, 0)
  return JSON.parse(stdout)
}

// What a program sees of a generation.
const SEEN = `
  const state = () => [calls.load(2048), calls.load(1024), calls.next(), calls.next(), calls.grow(2), vm.stats().heapBytes]
`

test('a large module starts on baseline code, and goes on with optimised code in the same state', async (t) => {
  const file = scratch(t).write('counter.wasm', large(COUNTER))
  const seen = await on(file, `${SEEN}
    const first = vm.stats().tier
    const states = [state()]
    calls.store(2048, 9)
    const { store } = vm.exports._store ? { store: vm.exports._store } : vm.exports
    await optimised()
    states.push(state())
    await vm.isReady()
    store(2048, 3)
    const kept = calls.load(2048)
    await vm.isReady()
    states.push(state())
    const { tier, generation, recycles, heapPeakBytes } = vm.stats()
    return { first, states, kept, tier, same: generation === recycles + 1, heapPeakBytes, differences: 0 }
  `)
  assert.strictEqual(seen.first, 'baseline')
  assert.strictEqual(seen.tier, 'optimised')
  const fresh = [5, Buffer.from('imag').readInt32LE(), 8, 9, 1, 3 * 65536]
  assert.deepStrictEqual(seen.states, [fresh, fresh, fresh])
  assert.strictEqual(seen.kept, 3)
  assert.ok(seen.same)
  assert.strictEqual(seen.heapPeakBytes, 3 * 65536)
})

test('traps, limits and interruption are the same on both tiers', async (t) => {
  const file = scratch(t).write('counter.wasm', large(COUNTER))
  const body = `
    const found = [caught(() => calls.trap()), caught(() => calls.load(-4)), caught(() => calls.deep(1)).trap, calls.grow(100)]
    const started = performance.now()
    const stopped = caught(() => calls.forever()).code
    return { tier: vm.stats().tier, found, stopped, soon: performance.now() - started < 5000 }
  `
  const options = { timeout: 100 }
  const baseline = await on(file, body, { tier: 'baseline', options })
  const optimised = await on(file, body, { tier: 'optimised', options })
  assert.strictEqual(baseline.tier, 'baseline')
  assert.strictEqual(optimised.tier, 'optimised')
  assert.deepStrictEqual({ ...baseline, tier: 'optimised' }, optimised)
  assert.strictEqual(optimised.stopped, 'EMVM_ERR_TIMEOUT')
  assert.deepStrictEqual(optimised.found.slice(1, 3).map((it) => it.trap ?? it), ['out-of-bounds', 'stack-overflow'])
})

test('what start-up has put into the function table is there on optimised code', async (t) => {
  const { folder, write } = scratch(t)
  const fixtures = path.join(__dirname, '..', 'fixtures')
  write('capi-O2.wasm', large(fs.readFileSync(path.join(fixtures, 'capi-O2.wasm'))))
  fs.copyFileSync(path.join(fixtures, 'capi-O2.js'), path.join(folder, 'capi-O2.js'))
  const { code, stdout, stderr } = await runScript(`
    let ddf
    let own
    const warmUp = (m) => { ddf = m.addFunction((a, b) => a * b, 'ddf'); own = m.addFunction(m._call_ddf) }
    emvm.open(${JSON.stringify(path.join(folder, 'capi-O2.js'))}, { cache: false, warmUp }).then(async (vm) => {
      const said = []
      const say = () => {
        const m = vm.exports
        const later = m.addFunction((a, b) => a - b, 'ddf')
        said.push([m._call_ddf(ddf, 1.5, 4), m._call_ddf(later, 1.5, 0.25), later, m.addFunction(m._call_ddf) === own])
      }
      say()
      const first = vm.stats().tier
      while (vm.stats().tier !== 'optimised') {
        await new Promise((resolve) => setTimeout(resolve, 20))
        await vm.isReady()
      }
      say()
      await vm.isReady()
      say()
      console.log(JSON.stringify({ first, said }))
    })`)
  assert.strictEqual(stderr, '')
  assert.strictEqual(code, 0)
  const { first, said } = JSON.parse(stdout)
  assert.strictEqual(first, 'baseline')
  assert.deepStrictEqual(said[0].filter((_, i) => i !== 2), [6, 1.25, true])
  assert.deepStrictEqual(said.slice(1), [said[0], said[0]])
})

test('the cache keeps optimised code, whoever began with which', async (t) => {
  const { folder, write } = scratch(t)
  const [file, cache] = [write('counter.wasm', large(COUNTER)), path.join(folder, 'cache')]
  const says = 'return [vm.stats().tier, vm.stats().fromCache]'
  assert.deepStrictEqual(await on(file, `${says.replace('return', 'const begun =')}; await optimised(); return begun`, { cache }), ['baseline', false])
  assert.deepStrictEqual(fs.readdirSync(cache).map((name) => path.extname(name)).sort(), ['.code', '.hint', '.seal'])
  assert.deepStrictEqual(await on(file, says, { cache }), ['optimised', true])
})

test('a process that ended too soon makes the next one wait for optimised code', async (t) => {
  const { folder, write } = scratch(t)
  const [file, cache] = [write('counter.wasm', large(COUNTER)), path.join(folder, 'cache')]
  await on(file, 'await optimised()\nreturn 0', { cache })
  const [code] = fs.readdirSync(cache).filter((name) => name.endsWith('.code'))
  for (const name of fs.readdirSync(cache)) fs.rmSync(path.join(cache, name))
  // What such a process leaves: its claim, which nobody holds.
  fs.writeFileSync(path.join(cache, code.replace('.code', '.lock')), '', { mode: 0o600 })
  assert.deepStrictEqual(await on(file, 'return [vm.stats().tier, vm.stats().fromCache]', { cache }), ['optimised', false])
  assert.deepStrictEqual(await on(file, 'return [vm.stats().tier, vm.stats().fromCache]', { cache }), ['optimised', true])
})

test('an instance that is never replaced waits for optimised code', async (t) => {
  const file = scratch(t).write('counter.wasm', large(COUNTER))
  assert.strictEqual(await on(file, 'return vm.stats().tier', { options: { recycle: 'never' } }), 'optimised')
  // Also where the process has baseline code of it already.
  assert.deepStrictEqual(await on(file, `
    const other = await emvm.open(file, { cache: false, recycle: 'never' })
    return other.stats().tier
  `), 'optimised')
})

test('a checkpoint of baseline code is good for optimised code', async (t) => {
  const file = scratch(t).write('counter.wasm', large(COUNTER))
  const seen = await on(file, `${SEEN}
    calls.store(2048, 77)
    calls.next()
    calls.grow(1)
    const mark = vm.checkpoint()
    const first = vm.stats().tier
    const found = []
    do {
      await new Promise((resolve) => setTimeout(resolve, 20))
      await vm.isReady({ from: mark })
      found.push(JSON.stringify(state()))
    } while (vm.stats().tier !== 'optimised')
    await vm.isReady({ from: mark })
    found.push(JSON.stringify(state()))
    await vm.isReady()
    return { first, found: [...new Set(found)], fresh: state() }
  `)
  const image = Buffer.from('imag').readInt32LE()
  assert.deepStrictEqual(seen, {
    first: 'baseline',
    found: [JSON.stringify([77, image, 9, 10, 2, 4 * 65536])],
    fresh: [5, image, 8, 9, 1, 3 * 65536]
  })
})

test('code that stays is not waited for', async () => {
  const { stdout, stderr } = await runScript(`
    const { createHook } = require('node:async_hooks')
    ;(async () => {
      const vm = await emvm.open('__test__/fixtures/embind.js')
      console.log(vm.stats().tier)
      const timers = []
      createHook({ init (id, type) { if (type === 'Timeout') timers.push(id) } }).enable()
      await new Promise((resolve) => setTimeout(resolve, 1300))
      console.log(timers.length)
      vm.dispose()
    })()`, { env: { EMVM_TIER: 'baseline' } })
  assert.strictEqual(stdout, 'baseline\n1\n', stderr)
})
