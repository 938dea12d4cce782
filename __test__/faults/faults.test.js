'use strict'

// What goes wrong inside a module comes out as an error with a code, and the next instance works.

const { test } = require('node:test')
const assert = require('node:assert')
const { faults, thrown } = require('../support/faults')

const TRAPS = [
  ['unreachable', [], 'unreachable'],
  ['load', [-1], 'out-of-bounds'],
  ['load_far', [-1], 'out-of-bounds'],
  ['load', [131072 - 3], 'out-of-bounds'],
  ['store', [-4, 1], 'out-of-bounds'],
  ['fill', [0, 1, 1e9], 'out-of-bounds'],
  ['divide', [1, 0], 'divide'],
  ['divide', [-2147483648, -1], 'integer-overflow'],
  ['truncate', [NaN], 'bad-conversion'],
  ['truncate', [1e20], 'integer-overflow'],
  ['indirect', [0], 'indirect-call'],
  ['indirect', [2], 'indirect-call'],
  ['indirect', [99], 'table-out-of-bounds'],
  ['indirect_wrong', [1], 'indirect-call'],
  ['recurse', [0], 'stack-overflow']
]

test('every kind of trap: its name, and an instance that works afterwards', async () => {
  const { vm, call } = await faults()
  const stackPointer = vm.exports.stackSave()
  for (const [name, args, trap] of TRAPS) {
    const error = thrown(() => call[name](...args))
    assert.strictEqual(error.code, 'EMVM_ERR_TRAP', name)
    assert.strictEqual(error.trap, trap, `${name}(${args})`)
    assert.ok(Array.isArray(error.wasmStack))
    // Even without a new instance.
    assert.strictEqual(call.add(1, 2), 3)
    assert.strictEqual(vm.exports.stackSave(), stackPointer)
    await vm.isReady()
    assert.strictEqual(call.count(), 1)
  }
  assert.strictEqual(vm.stats().traps, TRAPS.length)
  vm.dispose()
})

test('wasmStack names functions, innermost first, or gives index and offset', async () => {
  const { vm, call } = await faults()
  const { wasmStack } = thrown(() => call.unreachable())
  assert.strictEqual(wasmStack.length, 2)
  assert.match(wasmStack[0], /^unreachable_inner \(wasm-function\[\d+\]\+0x[0-9a-f]+\)$/)
  assert.match(wasmStack[1], /^unreachable_outer /)
  assert.match(thrown(() => call.divide(1, 0)).wasmStack[0], /wasm-function\[\d+\]\+0x[0-9a-f]+/)
  vm.dispose()
})

test('abort and exit', async () => {
  const { vm, call } = await faults()
  assert.match(thrown(() => call.abort()).message, /^Aborted\(/)
  assert.strictEqual(thrown(() => call.abort()).code, 'EMVM_ERR_ABORT')
  await vm.isReady()
  for (const status of [0, 7, -1]) {
    const error = thrown(() => call.exit(status))
    assert.strictEqual(error.code, 'EMVM_ERR_EXIT')
    assert.strictEqual(error.status, status)
    await vm.isReady()
  }
  assert.strictEqual(call.add(1, 2), 3)
  vm.dispose()
})

test('policies: after a trap isReady() replaces the instance, unless told otherwise', async () => {
  for (const [recycle, replaced] of [['always', true], [{ calls: 1000 }, true], [{ onTrap: true }, true], [{ calls: 1000, onTrap: false }, false], ['never', false]]) {
    const { vm, call } = await faults({ recycle })
    const { generation } = vm
    call.count()
    thrown(() => call.unreachable())
    await vm.isReady()
    assert.strictEqual(vm.generation, generation + (replaced ? 1 : 0), JSON.stringify(recycle))
    assert.strictEqual(call.count(), replaced ? 1 : 2)
    vm.recycle()
    assert.strictEqual(call.count(), 1)
    if (recycle !== 'always') {
      await vm.isReady()
      assert.strictEqual(call.count(), 2, 'the trap is not counted twice')
    }
    vm.dispose()
  }
})

test('policies: a trap that a callback hides counts as well, and so does a time-out', async () => {
  const { vm, call, on } = await faults({ recycle: { onTrap: true }, timeout: 30 })
  on(() => { thrown(() => call.unreachable()); return 1 })
  call.count()
  assert.strictEqual(call.back(1), 1)
  await vm.isReady()
  assert.strictEqual(call.count(), 1)
  thrown(() => call.forever())
  await vm.isReady()
  assert.strictEqual(call.count(), 1)
  await vm.isReady()
  assert.strictEqual(call.count(), 2)
  vm.dispose()
})

test('whatever JavaScript throws in a callback or an argument comes out as the same value', async () => {
  const { vm, call, on } = await faults()
  for (const value of [new Error('x'), Object.freeze(new Error('frozen')), 'text', 0, null, undefined, Symbol('s'), 1n, () => {}, new Proxy({}, { get () { throw new Error('in the proxy') } })]) {
    const same = (fn) => {
      try { fn() } catch (error) { return Object.is(error, value) }
      return false
    }
    on(() => { throw value })
    assert.ok(same(() => call.back(1)))
    assert.ok(same(() => call.add({ valueOf () { throw value } }, 1)))
    assert.ok(same(() => call.add({ [Symbol.toPrimitive] () { throw value } }, 1)))
    assert.ok(same(() => call.add({ get valueOf () { throw value } }, 1)))
    assert.ok(same(() => call.back({ valueOf () { return call.back(1) } })))
    on(() => ({ valueOf () { throw value } }))
    assert.ok(same(() => call.back(1)))
  }
  on((x) => x)
  assert.strictEqual(call.back(9), 9)
  vm.dispose()
})

test('no recycle and no end while a native call is on the stack, in wasm or before it', async () => {
  const { vm, call, on } = await faults()
  const attempts = () => {
    const { generation } = vm
    assert.throws(() => vm.recycle(), { code: 'EMVM_ERR_BUSY' })
    assert.throws(() => vm.dispose(), { code: 'EMVM_ERR_BUSY' })
    const ready = vm.isReady()
    assert.strictEqual(vm.generation, generation)
    return assert.rejects(ready, { code: 'EMVM_ERR_BUSY' })
  }
  const pending = []
  const nosy = (value) => ({ valueOf () { pending.push(attempts()); return value } })
  on((x) => { pending.push(attempts()); return x })
  assert.strictEqual(call.back(1), 1)
  on((x) => x)
  assert.strictEqual(call.add(nosy(1), nosy(2)), 3)
  assert.strictEqual(call.add({ get valueOf () { pending.push(attempts()); return () => 4 } }, 1), 5)
  on(() => nosy(8))
  assert.strictEqual(call.back(1), 8)
  // A nested call that has returned does not open the way.
  assert.strictEqual(call.add({ valueOf () { call.add(1, 1); pending.push(attempts()); return 1 } }, 1), 2)
  // Nor does one that has thrown.
  assert.strictEqual(call.add({ valueOf () { thrown(() => call.unreachable()); pending.push(attempts()); return 1 } }, 1), 2)
  await Promise.all(pending)
  assert.strictEqual(pending.length, 7)
  vm.recycle()
  vm.dispose()
  assert.throws(() => call.add(1, 2), { code: 'EMVM_ERR_DISPOSED' })
})

test('what the addon itself throws is no way in either: prepareStackTrace runs while the call is on the stack', async () => {
  const { vm, call } = await faults()
  const before = Error.prepareStackTrace
  const codes = []
  Error.prepareStackTrace = (error, frames) => {
    Error.prepareStackTrace = before
    for (const act of [() => vm.recycle(), () => vm.dispose()]) {
      try { act(); codes.push('done') } catch (refused) { codes.push(refused.code) }
    }
    return ''
  }
  try {
    const error = thrown(() => call.unreachable())
    assert.strictEqual(typeof error.stack, 'string')
  } finally {
    Error.prepareStackTrace = before
  }
  for (const code of codes) assert.ok(code === 'EMVM_ERR_BUSY' || code === 'done' || code === 'EMVM_ERR_DISPOSED', code)
})
