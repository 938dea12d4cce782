'use strict'

// The same attacks on both hosts: what goes wrong is an error with a code, and the next instance knows nothing of it.

const { onBoth } = require('../support/hosts')

onBoth('every kind of trap', async () => {
  const { vm, call } = await faults()
  const sp = vm.exports.stackSave()
  for (const [name, args, trap] of [
    ['unreachable', [], 'unreachable'],
    ['load', [-4], 'out-of-bounds'],
    ['store', [-4, 1], 'out-of-bounds'],
    ['divide', [1, 0], 'divide'],
    ['divide', [-2147483648, -1], 'integer-overflow'],
    ['truncate_', [NaN], 'bad-conversion'],
    ['indirect', [99999], 'table-out-of-bounds'],
    ['indirect', [0], 'indirect-call'],
    ['indirect_wrong', [], 'indirect-call'],
    ['overflow', [], 'stack-overflow']
  ]) {
    const { TrapError, EmvmError } = emvm
    call.count()
    const error = thrown(() => call[name](...args))
    assert.strictEqual(error.code, 'EMVM_ERR_TRAP', name)
    assert.strictEqual(error.trap, trap, name)
    assert.ok(error instanceof TrapError && error instanceof EmvmError && error instanceof Error)
    assert.match(error.wasmStack[0], trap === 'stack-overflow' ? /^overflow_again \(wasm-function\[\d+\]\)$/ : new RegExp(`^${name}(_inner)? \\(wasm-function\\[\\d+\\]\\+0x[0-9a-f]+\\)$`), name)
    assert.strictEqual(call.add(1, 2), 3)
    await vm.isReady()
    assert.strictEqual(call.count(), 1)
    assert.strictEqual(vm.exports.stackSave(), sp)
  }
  assert.strictEqual(vm.stats().traps, 10)
  vm.dispose()
}, { worker: true })

onBoth('abort and exit', async () => {
  const { vm, call } = await faults()
  const error = thrown(() => call.fail())
  assert.strictEqual(error.code, 'EMVM_ERR_ABORT')
  assert.ok(error instanceof emvm.AbortError)
  assert.match(error.message, /^Aborted\(/)
  await vm.isReady()
  assert.strictEqual(thrown(() => call.leave(7)).status, 7)
  await vm.isReady()
  assert.strictEqual(call.count(), 1)
  vm.dispose()
})

onBoth('timeout: loops, recursion, callbacks and sleeps', async () => {
  const { vm, call } = await faults({ timeout: 100 })
  for (const [name, ...args] of [['forever'], ['spin_counted'], ['spin_recursion', 0], ['alternate'], ['sleep_', 60_000_000]]) {
    const start = performance.now()
    const error = thrown(() => call[name](...args))
    assert.strictEqual(error.code, 'EMVM_ERR_TIMEOUT', name)
    assert.strictEqual(error.limit, 100)
    assert.ok(error.elapsed >= 100)
    // Generous: the file `limits` looks at lateness.
    assert.ok(performance.now() - start < 5000, name)
    await vm.isReady()
    assert.strictEqual(call.count(), 1)
  }
  assert.strictEqual(vm.stats().timeouts, 5)
  vm.dispose()
}, { worker: true })

onBoth('timeout: JavaScript that the module calls is stopped at its next call into the module', async () => {
  const { vm, call, on } = await faults({ timeout: 100 })
  let rounds = 0
  on(() => { for (;;) { call.count(); rounds++ } })
  assert.strictEqual(thrown(() => call.back(1)).code, 'EMVM_ERR_TIMEOUT')
  assert.ok(rounds > 0)
  let inner
  on(() => { inner = thrown(() => call.forever()); return 1 })
  assert.strictEqual(thrown(() => call.alternate()).code, 'EMVM_ERR_TIMEOUT')
  assert.strictEqual(inner.code, 'EMVM_ERR_TIMEOUT')
  await vm.isReady()
  on((x) => x + 1)
  assert.strictEqual(call.back(1), 2)
  vm.dispose()
})

onBoth('interrupt(handle) from another thread', async () => {
  const { Worker } = require('node:worker_threads')
  const { vm, call } = await faults()
  const worker = new Worker(`
    const { workerData: { root, handle } } = require('node:worker_threads')
    const { interrupt } = require(root)
    setInterval(() => interrupt(handle), 20)`, { eval: true, workerData: { root: process.cwd(), handle: vm.interruptHandle } })
  const error = thrown(() => call.forever())
  assert.strictEqual(error.code, 'EMVM_ERR_TIMEOUT')
  assert.strictEqual(error.interrupted, true)
  await worker.terminate()
  await vm.isReady()
  assert.strictEqual(call.add(1, 2), 3)
  vm.dispose()
})

onBoth('AbortSignal: a lease stops when a callback aborts', async () => {
  const { vm, call, on } = await faults()
  const stopping = new AbortController()
  const reason = new Error('enough')
  on(() => { stopping.abort(reason); return 1 })
  await assert.rejects(vm.run(() => call.alternate(), { signal: stopping.signal }), (error) => error === reason)
  await assert.rejects(vm.isReady({ signal: stopping.signal }), (error) => error === reason)
  on((x) => x)
  assert.strictEqual(await vm.run(() => call.back(3)), 3)
  vm.dispose()
})

onBoth('memory.max: malloc gives NULL, and the next instance has it all again', async () => {
  const { vm, call } = await faults({ memory: { max: '4mb' } })
  const some = call.hoard(65536)
  assert.ok(some > 20 && some < 64, `${some} blocks`)
  assert.ok(vm.stats().heapBytes <= 4 << 20)
  await vm.isReady()
  assert.strictEqual(vm.stats().heapBytes, 131072)
  assert.strictEqual(call.hoard(65536), some)
  vm.dispose()
  await assert.rejects(faults({ memory: { max: 65536 } }), (error) => ['EMVM_ERR_MEMORY', 'EMVM_ERR_START'].includes(error.code))
})

onBoth('stack: recursion through JavaScript ends in an error, and V8\'s own limit keeps working', async () => {
  const { vm, call, on } = await faults()
  let depth = 0
  on((x) => { depth++; return call.back(x) })
  const error = thrown(() => call.back(1))
  assert.ok(error instanceof RangeError || error.trap === 'stack-overflow', String(error))
  assert.ok(depth > 50, `${depth} levels`)
  const overflow = () => overflow() + 1
  let first
  on(() => { try { return overflow() } catch (error) { first = error; throw error } })
  assert.strictEqual(thrown(() => call.back(1)), first)
  on((x) => x)
  assert.strictEqual(call.back(4), 4)
  vm.dispose()
}, { worker: true })

onBoth('stack: the option says how deep', async () => {
  const deepest = async (stack) => {
    const { vm, call } = await faults({ stack })
    let [low, high] = [1, 1e8]
    while (high - low > low / 20) {
      const depth = Math.floor((low + high) / 2)
      try {
        assert.strictEqual(call.reach(depth), depth)
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
  const [small, middle, large] = [await deepest('64kb'), await deepest('1mb'), await deepest('32mb')]
  assert.ok(small > 100 && middle > 8 * small && large > 16 * middle, `${small}, ${middle}, ${large}`)
})

onBoth('a trap in a callback in a call in a callback is one error object all the way out', async () => {
  const { vm, call, on } = await faults()
  const seen = []
  let level = 0
  on((x) => {
    level++
    try {
      return level < 3 ? call.back(x) : call.divide(1, 0)
    } catch (error) {
      seen.push(error)
      throw error
    }
  })
  const error = thrown(() => call.back(1))
  assert.strictEqual(error.trap, 'divide')
  assert.deepStrictEqual(seen.map((one) => one === error), [true, true, true])
  assert.strictEqual(vm.stats().traps, 1)
  on((x) => x)
  assert.strictEqual(call.back(2), 2)
  vm.dispose()
}, { worker: true })

onBoth('recycle and dispose are refused while the module is on the stack', async () => {
  const { vm, call, on } = await faults()
  const refused = []
  on((x) => {
    for (const act of [() => vm.recycle(), () => vm.dispose()]) refused.push(thrown(act).code)
    vm.isReady().catch((error) => refused.push(error.code))
    return x
  })
  const { generation } = vm
  assert.strictEqual(call.back(5), 5)
  await new Promise(setImmediate)
  // The glue host may say first that no fresh instance stands by.
  for (const code of refused) assert.ok(['EMVM_ERR_BUSY', 'EMVM_ERR_NOT_READY'].includes(code), code)
  assert.strictEqual(refused.length, 3)
  assert.strictEqual(vm.generation, generation)
  vm.dispose()
})

onBoth('canaries: what one instance wrote is nowhere in the next', async () => {
  const { vm, call } = await faults()
  const canary = Buffer.from('canary-of-a-past-life')
  for (let i = 0; i < 10; i++) {
    call.grow(3 << 20)
    const heap = vm.exports.HEAPU8
    assert.ok(heap.length > 3 << 20)
    for (let at = 4096; at + 64 < heap.length; at += 4096) heap.set(canary, at)
    await vm.isReady()
    assert.strictEqual(heap.length, 0)
    assert.ok(!Buffer.from(vm.exports.HEAPU8.buffer).includes(canary))
    call.grow(3 << 20)
    assert.ok(!Buffer.from(vm.exports.HEAPU8.buffer).includes(canary))
    await vm.isReady()
  }
  vm.dispose()
})

onBoth('arguments of every kind to every export', async () => {
  const { values } = require('./__test__/support/hostile')
  const { vm, call } = await faults({ timeout: 2000, memory: { max: '8mb' } })
  const act = () => { for (const attempt of [() => vm.recycle(), () => call.grow(1), () => call.unreachable()]) try { attempt() } catch { } }
  let errors = 0
  for (const name of Object.keys(vm.exports).filter((name) => /^_(add|load|store|divide|truncate_|indirect|deep|back|count|grow|fill|malloc|free|leave)$/.test(name))) {
    for (const value of values(act)) {
      for (const args of [[value], [1, value, value], Array(20).fill(value)]) try { vm.exports[name](...args) } catch { errors++ }
    }
    await vm.isReady()
  }
  assert.ok(errors > 20, `${errors} errors`)
  assert.strictEqual(call.add(1, 2), 3)
  vm.dispose()
})

onBoth('C++: terminate, pure virtual calls, destructors, noexcept, use after delete', async () => {
  const vm = await crash()
  const kinds = (error) => typeof error === 'number' ? 'EMVM_ERR_CPP_EXCEPTION' : error.code
  for (const [name, code] of [
    ['pureVirtual', 'EMVM_ERR_TRAP'], ['terminate', 'EMVM_ERR_ABORT'], ['uncaught', 'EMVM_ERR_CPP_EXCEPTION'], ['uncaughtInt', 'EMVM_ERR_CPP_EXCEPTION'],
    ['inDestructor', 'EMVM_ERR_CPP_EXCEPTION'], ['inQuiet', 'EMVM_ERR_ABORT'], ['inNoexcept', 'EMVM_ERR_ABORT']
  ]) {
    assert.strictEqual(kinds(thrown(() => vm.exports[name]())), code, name)
    await vm.isReady()
  }
  for (const name of ['useAfterDelete', 'doubleDelete']) {
    try { vm.exports[name]() } catch (error) { assert.match(kinds(error), /^EMVM_ERR_/) }
    await vm.isReady()
  }
  const holder = new vm.exports.Holder()
  assert.strictEqual(kinds(thrown(() => holder.risky)), 'EMVM_ERR_CPP_EXCEPTION')
  assert.strictEqual(kinds(thrown(() => { holder.risky = 1 })), 'EMVM_ERR_CPP_EXCEPTION')
  assert.strictEqual(holder.plain(), 5)
  holder.delete()
  assert.throws(() => holder.plain(), { name: 'BindingError' })
  assert.throws(() => holder.delete(), { name: 'BindingError' })
  const stale = new vm.exports.Holder()
  await vm.isReady()
  assert.throws(() => stale.plain())
  assert.strictEqual(new vm.exports.Holder().plain(), 5)
  vm.dispose()
}, { worker: true })

onBoth('what JavaScript throws in getters, setters, toString, constructors and callbacks comes out as the same value', async () => {
  const vm = await crash()
  const boom = new Error('boom')
  const fail = () => { throw boom }
  const { exports: m } = vm
  for (const act of [
    () => m.readNumber({ get x () { throw boom } }),
    () => m.readNumber(new Proxy({}, { get: fail })),
    () => m.readNumber({ x: { valueOf: fail } }),
    () => m.writeNumber({ set x (value) { throw boom } }),
    () => m.writeNumber(new Proxy({}, { set: fail })),
    () => m.toText({ toString: fail }),
    () => m.callIt(fail),
    () => m.callIt(() => ({ valueOf: fail })),
    () => m.makeIt(class { constructor () { throw boom } }),
    () => m.withGuard(fail)
  ]) assert.strictEqual(thrown(act), boom, String(act))
  assert.strictEqual(m.callIt(() => 3), 3)
  assert.strictEqual(m.toText({ toString: () => 'text' }), 'text')
  vm.dispose()
})
