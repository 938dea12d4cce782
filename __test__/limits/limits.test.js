'use strict'

// Limits of time, memory and stack. A limit that does not hold would hang: `npm test` ends such a file by its own time-out.

const { test } = require('node:test')
const assert = require('node:assert')
const { open, interrupt } = require('../..')
const { faults, thrown } = require('../support/faults')
const { runScript } = require('../support/child')
const { assemble, exportsOf, OP } = require('../support/wasm')

const LATE = 50

async function inTime (body) {
  const { code, signal, stdout, stderr } = await runScript(`
    const { faults, thrown } = require('./__test__/support/faults')
    const { assemble, exportsOf, OP } = require('./__test__/support/wasm')
    ;(async () => { ${body} })().then((result) => console.log(JSON.stringify(result)))`, { timeout: 60_000 })
  assert.strictEqual(signal, null, 'the call did not return')
  assert.strictEqual(stderr, '')
  assert.strictEqual(code, 0)
  return JSON.parse(stdout)
}

test('timeout: loops, recursion, sleeps and callbacks all end, and the next instance works', async () => {
  const results = await inTime(`
    const { vm, call } = await faults({ timeout: 100 })
    const results = []
    for (const [name, ...args] of [['forever'], ['spin_recursion', 0], ['alternate'], ['sleep', 60_000_000]]) {
      // A busy machine may look at the clock late: the best of some tries counts.
      let best
      for (let tries = 0; tries < 5 && !(best && best.spent < 100 + ${LATE}); tries++) {
        const start = performance.now()
        const error = thrown(() => call[name](...args))
        const spent = performance.now() - start
        if (!best || spent < best.spent) best = { name, code: error.code, limit: error.limit, elapsed: error.elapsed, spent }
        await vm.isReady()
        if (call.add(1, 2) !== 3) throw new Error('the next instance does not work')
      }
      results.push(best)
    }
    return results`)
  for (const { name, code, limit, elapsed, spent } of results) {
    assert.strictEqual(code, 'EMVM_ERR_TIMEOUT', name)
    assert.strictEqual(limit, 100)
    assert.ok(elapsed >= 100 && spent < 100 + LATE, `${name}: ${elapsed} ms said, ${spent} ms spent`)
  }
})

test('timeout: a loop that neither calls nor writes, however deeply it is nested and however many came before it', async () => {
  const codes = await inTime(`
    const loop = (body) => [OP.loop, 0x40, ...body, OP.end]
    const forever = loop([OP.br, 0])
    const nested = (depth) => depth === 0 ? forever : loop(nested(depth - 1))
    const before = (count) => Array(count).fill(loop([])).flat()
    const stores = loop([OP.i32Const, 8, OP.i32Const, 1, OP.i32Store, 2, 0, OP.br, 0])
    const loads = loop([OP.i32Const, 8, OP.i32Load, 2, 0, OP.drop, OP.br, 0])
    const codes = []
    for (const code of [forever, nested(1), nested(40), [...before(5), ...forever], [...before(100), ...forever], [...before(100), ...nested(3)], stores, loads, [...before(70), ...stores]]) {
      const vm = await emvm.open(assemble({ functions: [{ export: 'run', code }] }), { timeout: 30, cache: false })
      codes.push(thrown(() => exportsOf(vm.exports).run()).code)
      vm.dispose()
    }
    return codes`)
  assert.deepStrictEqual(codes, Array(9).fill('EMVM_ERR_TIMEOUT'))
})

test('timeout: one limit for a call and all calls within it, whatever JavaScript does in between', async () => {
  const results = await inTime(`
    const { vm, call, on } = await faults({ timeout: 60 })
    const results = {}
    const run = async (name, fn) => {
      const start = performance.now()
      let got
      try { got = fn() } catch (error) { got = error.code }
      results[name] = { got, late: performance.now() - start - 60 }
      await vm.isReady()
    }
    let inner
    const looping = () => { inner = thrown(() => call.forever()); return inner }
    on(() => { throw looping() })
    await run('thrown on', () => { const error = thrown(() => call.back(1)); return error === inner && error.code })
    on(() => { looping(); return 1 })
    await run('swallowed, then done', () => call.back(1))
    await run('swallowed, then on', () => call.alternate())
    const nests = { valueOf () { call.add(1, 2); return 0 } }
    await run('after nested calls in arguments', () => call.spin_recursion(nests))
    await run('in an argument', () => call.add({ valueOf () { return call.forever() } }, 1))
    on(() => { const end = performance.now() + 80; while (performance.now() < end); return 1 })
    await run('JavaScript was slow, wasm returns', () => call.back(1))
    await run('JavaScript was slow, wasm goes on', () => call.alternate())
    on((x) => x)
    await run('afterwards', () => call.back(5))
    return results`)
  const TIMEOUT = 'EMVM_ERR_TIMEOUT'
  assert.deepStrictEqual(Object.fromEntries(Object.entries(results).map(([name, { got }]) => [name, got])), {
    'thrown on': TIMEOUT,
    'swallowed, then done': 1,
    'swallowed, then on': TIMEOUT,
    'after nested calls in arguments': TIMEOUT,
    'in an argument': TIMEOUT,
    'JavaScript was slow, wasm returns': 1,
    'JavaScript was slow, wasm goes on': TIMEOUT,
    afterwards: 5
  })
  for (const [name, { late }] of Object.entries(results)) assert.ok(late < LATE + 50, `${name}: ${late} ms late`)
})

test('timeout: start-up is limited as well', async () => {
  const { code, cause } = await inTime(`
    const loop = assemble({ functions: [{ export: '__wasm_call_ctors', code: [OP.loop, 0x40, OP.br, 0, OP.end] }] })
    const error = await emvm.open(loop, { timeout: 50, cache: false }).then(() => ({}), (error) => error)
    return { code: error.code, cause: error.cause && error.cause.code }`)
  assert.deepStrictEqual({ code, cause }, { code: 'EMVM_ERR_START', cause: 'EMVM_ERR_TIMEOUT' })
})

test('timeout: a sandbox that loops in a worker does not hold up another', async () => {
  const { calls, code } = await inTime(`
    const { Worker } = require('node:worker_threads')
    const worker = new Worker(\`
      const { faults, thrown } = require('./__test__/support/faults')
      faults({ timeout: 300 }).then(({ call }) => {
        require('node:worker_threads').parentPort.postMessage('looping')
        require('node:worker_threads').parentPort.postMessage(thrown(() => call.forever()).code)
      })\`, { eval: true })
    const message = () => new Promise((resolve) => worker.once('message', resolve))
    const { call } = await faults({ timeout: 100 })
    await message()
    const ended = message()
    const start = performance.now()
    let calls = 0
    while (performance.now() - start < 150) { call.add(1, 2); calls++ }
    return { calls, code: await ended }`)
  assert.ok(calls > 1000)
  assert.strictEqual(code, 'EMVM_ERR_TIMEOUT')
})

test('interrupt(handle) stops a call of another thread; without a call nothing happens', async () => {
  const { codes, again, gone } = await inTime(`
    const { Worker } = require('node:worker_threads')
    const worker = new Worker(\`
      const { parentPort } = require('node:worker_threads')
      const { faults, thrown } = require('./__test__/support/faults')
      faults({}).then(({ vm, call }) => {
        parentPort.on('message', () => {
          const error = thrown(() => call.forever())
          parentPort.postMessage(error.code)
        })
        parentPort.postMessage(vm.interruptHandle)
      })\`, { eval: true })
    const message = () => new Promise((resolve) => worker.once('message', resolve))
    const handle = await message()
    const codes = []
    for (let i = 0; i < 3; i++) {
      emvm.interrupt(handle)
      worker.postMessage('go')
      const answer = message()
      const timer = setInterval(() => emvm.interrupt(handle), 20)
      codes.push(await answer)
      clearInterval(timer)
    }
    worker.postMessage('go')
    await new Promise((resolve) => setTimeout(resolve, 100))
    const ended = worker.terminate()
    emvm.interrupt(handle)
    await ended
    return { codes, again: emvm.interrupt(12345678), gone: emvm.interrupt(handle) }`)
  assert.deepStrictEqual(codes, Array(3).fill('EMVM_ERR_TIMEOUT'))
  assert.strictEqual(again, false)
  assert.strictEqual(gone, false)
})

test('an interruption of an idle sandbox does not reach its next call', async () => {
  const { vm, call } = await faults()
  assert.strictEqual(interrupt(vm.interruptHandle), true)
  assert.strictEqual(call.deep(1000), 1000)
  assert.throws(() => interrupt('x'), { code: 'EMVM_ERR_OPTION' })
  const { interruptHandle } = vm
  vm.dispose()
  assert.strictEqual(interrupt(interruptHandle), false)
})

test('signal: a lease that waits is given up, one that runs is told, a callback may abort', async () => {
  const { vm, call, on } = await faults()
  const reason = new Error('enough')
  await assert.rejects(vm.run(() => 1, { signal: AbortSignal.abort(reason) }), (error) => error === reason)
  await assert.rejects(vm.isReady({ signal: AbortSignal.abort(reason) }), (error) => error === reason)
  await assert.rejects(vm.run(() => 1, { signal: 'x' }), { code: 'EMVM_ERR_OPTION' })

  let release
  const first = vm.run(() => new Promise((resolve) => { release = resolve }))
  const waiting = new AbortController()
  const second = vm.run(() => assert.fail('it must not begin'), { signal: waiting.signal })
  waiting.abort(reason)
  await assert.rejects(second, (error) => error === reason)
  release(7)
  assert.strictEqual(await first, 7)

  const stopping = new AbortController()
  on(() => { stopping.abort(reason); return 1 })
  await assert.rejects(vm.run(() => call.alternate(), { signal: stopping.signal }), (error) => error === reason)
  on((x) => x)
  assert.strictEqual(await vm.run(() => call.back(3), { signal: new AbortController().signal }), 3)
  vm.dispose()
})

test('memory.max: growth fails as the module expects, and what it makes of that is EMVM_ERR_MEMORY', async () => {
  const max = 4 << 20
  const { vm, call } = await faults({ memory: { max } })
  assert.strictEqual(call.grow(1000), -1)
  assert.strictEqual(call.grow(62), 2)
  assert.strictEqual(call.grow(1), -1)
  assert.strictEqual(vm.stats().heapBytes, max)
  await vm.isReady()
  for (const [name, pages, requested] of [['grow_or_trap', 1000, (1000 + 2) * 65536], ['grow_or_abort', 1e8, 1e8]]) {
    const error = thrown(() => call[name](pages))
    assert.strictEqual(error.code, 'EMVM_ERR_MEMORY')
    assert.strictEqual(error.limit, max)
    assert.strictEqual(error.requested, requested)
    // Not in a later call, and not for what has nothing to do with memory.
    assert.strictEqual(thrown(() => call.unreachable()).code, 'EMVM_ERR_TRAP')
    await vm.isReady()
  }
  vm.dispose()
})

test('memory.max: a module that needs more at its start says what and how much', async () => {
  const big = assemble({ memory: { min: 1000 }, functions: [{ export: '__wasm_call_ctors', code: [] }] })
  await assert.rejects(open(big, { memory: { max: '1mb' }, cache: false }), { code: 'EMVM_ERR_MEMORY', limit: 1 << 20, requested: 1000 * 65536 })
  const vm = await open(big, { cache: false })
  assert.strictEqual(vm.stats().heapBytes, 1000 * 65536)
  vm.dispose()
})

test('memory: 4 GiB at the start and grown to, and back', async () => {
  const all = await open(assemble({ memory: { min: 65536 }, functions: [{ export: 'load', params: 1, result: true, code: [OP.localGet, 0, OP.i32Load, 2, 0] }] }), { cache: false })
  assert.strictEqual(exportsOf(all.exports).load(-4), 0)
  assert.strictEqual(thrown(() => exportsOf(all.exports).load(-3)).code, 'EMVM_ERR_TRAP')
  all.dispose()
  const vm = await open(assemble({ memory: { min: 1 }, functions: [{ export: 'grow', params: 1, result: true, code: [OP.localGet, 0, OP.memoryGrow, 0] }] }), { cache: false })
  assert.strictEqual(exportsOf(vm.exports).grow(65535), 1)
  assert.strictEqual(exportsOf(vm.exports).grow(1), -1)
  assert.strictEqual(vm.stats().heapBytes, 65536 * 65536)
  await vm.isReady()
  assert.strictEqual(vm.stats().heapBytes, 65536)
  vm.dispose()
})

test('stack: recursion is an error, its depth follows the option, and the sandbox goes on', async () => {
  const deepest = async (stack) => {
    const { vm, call } = await faults({ stack })
    assert.strictEqual(thrown(() => call.recurse(0)).trap, 'stack-overflow')
    let [low, high] = [1, 1e8]
    while (high - low > low / 50) {
      const depth = Math.floor((low + high) / 2)
      try {
        assert.strictEqual(call.deep(depth), depth)
        low = depth
      } catch (error) {
        assert.strictEqual(error.trap, 'stack-overflow')
        high = depth
      }
    }
    vm.dispose()
    return low
  }
  // The small one first: stacks are used again, and one that is larger than asked for may come.
  const { stdout } = await runScript(`
    const { faults, thrown } = require('./__test__/support/faults'); const assert = require('assert')
    const deepest = ${deepest}
    ;(async () => console.log(JSON.stringify([await deepest('64kb'), await deepest('1mb'), await deepest('64mb')])))()`)
  const [small, middle, large] = JSON.parse(stdout)
  assert.ok(small > 100 && middle > 8 * small && large > 32 * middle, `${small}, ${middle}, ${large}`)
})

test('stack: recursion through JavaScript is an error, the same object at every level', async () => {
  const { vm, call, on } = await faults()
  let depth = 0
  let first
  on((x) => {
    depth++
    try {
      return call.back(x)
    } catch (error) {
      first ??= error
      assert.strictEqual(error, first)
      throw error
    }
  })
  const error = thrown(() => call.back(1))
  assert.strictEqual(error, first)
  // As in plain Node: JavaScript's own stack is what runs out first.
  assert.ok(error instanceof RangeError || error.trap === 'stack-overflow', String(error))
  assert.ok(depth > 100, `${depth} levels`)
  on((x) => x)
  assert.strictEqual(call.back(4), 4)
  vm.dispose()
})

test("stack: V8's own RangeError passes the module unharmed, in a worker with a small stack too", async () => {
  const script = `
    const { faults, thrown } = require('./__test__/support/faults')
    const done = faults().then(({ vm, call, on }) => {
      const overflow = () => overflow() + 1
      let first
      on(() => { try { return overflow() } catch (error) { first = error; throw error } })
      const error = thrown(() => call.back(1))
      if (!(error instanceof RangeError) || error !== first) throw new Error('not the same RangeError')
      // Called where V8's stack is all but used up.
      let worked = 0
      const down = () => { try { down() } catch { }; try { call.back(1); worked++ } catch { } }
      on((x) => x)
      down()
      // And back and forth, until V8 or emvm has enough.
      const errors = new Set()
      const frames = (n) => n === 0 ? call.back(1) : frames(n - 1)
      on(() => frames(60))
      errors.add(thrown(() => call.back(1)).name)
      on((x) => x)
      if (call.back(4) !== 4) throw new Error('it does not work any more')
      return worked > 0
    })`
  const { code, stderr, stdout } = await runScript(`${script}; done.then(console.log)
    const { Worker } = require('node:worker_threads')
    for (const stackSizeMb of [0.5, 1, 4]) new Worker(${JSON.stringify(script)} + '; done.then(console.log)', { eval: true, resourceLimits: { stackSizeMb } })`, { timeout: 240_000 })
  assert.strictEqual(stderr, '')
  assert.strictEqual(code, 0)
  assert.deepStrictEqual(stdout.trim().split('\n'), Array(4).fill('true'))
})

test('stack: a call that the system has no stack for is an error', async () => {
  const { code, stdout, stderr } = await runScript(`
    const { faults, thrown } = require('./__test__/support/faults')
    faults({ stack: '1gb' }).then(({ vm, call, on }) => {
      on((x) => call.back(x))
      const error = thrown(() => call.back(1))
      on((x) => x)
      console.log(JSON.stringify([error.code ?? error.name, call.back(3)]))
    })`, { timeout: 30_000 })
  assert.strictEqual(code, 0, stderr)
  const [name, after] = JSON.parse(stdout)
  // Which runs out first depends on the system's limits: JavaScript's stack or the address space.
  assert.ok(['EMVM_ERR_TRAP', 'EMVM_ERR_MEMORY', 'RangeError'].includes(name), name)
  assert.strictEqual(after, 3)
})
