'use strict'

// index.d.ts says what is there: exports, members of classes, and the keys of every object that the package gives.

const { test } = require('node:test')
const assert = require('node:assert')
const { EventEmitter } = require('node:events')
const path = require('node:path')
const emvm = require('../..')
const { exported, isValue, typeOf, membersOf, differences, tagsOf, docOf, ts } = require('../support/declarations')
const { faults, thrown } = require('../support/faults')
const { MACHINE } = require('../support/wasm')

const fixture = (name) => path.join(__dirname, '..', 'fixtures', name)
const QUIET = { print () {}, printErr () {} }
const sorted = (keys) => [...new Set(keys)].sort()

async function opened (t, source, options) {
  const vm = await emvm.open(source, { ...QUIET, ...options })
  t.after(() => { try { vm.dispose() } catch { } })
  return vm
}

// Every value is as its type says, and every field of the type is in one of them.
function covers (name, values) {
  const type = typeOf(name)
  assert.deepStrictEqual(values.flatMap((value) => differences(value, type, name)), [])
  const seen = new Set(values.flatMap((value) => Object.keys(value).filter((key) => value[key] !== undefined)))
  assert.deepStrictEqual(membersOf(type).map(({ key }) => key).filter((key) => !seen.has(key)), [], `fields of ${name} that no value had`)
}

test('exports', () => {
  const declared = [...exported.values()].filter(isValue).map(({ name }) => name)
  assert.deepStrictEqual(declared.sort(), Object.keys(emvm).sort())
})

test('members of Sandbox and Pool', () => {
  const EVENTS = Object.getOwnPropertyNames(EventEmitter.prototype).filter((key) => !key.startsWith('_'))
  for (const [name, inherited] of [['Sandbox', []], ['Pool', EVENTS]]) {
    const { prototype } = emvm[name]
    const symbols = ['dispose', 'asyncDispose'].filter((symbol) => Object.hasOwn(prototype, Symbol[symbol]))
    const there = [...Object.getOwnPropertyNames(prototype), ...inherited, ...symbols.map((symbol) => `[Symbol.${symbol}]`)]
    assert.deepStrictEqual(sorted(membersOf(typeOf(name)).map(({ key }) => key)), sorted(there.filter((key) => key !== 'constructor')), name)
  }
})

test('stats() of both hosts, before and after a recycle and a trap', async (t) => {
  const all = []
  for (const host of ['native', 'glue']) {
    const vm = await opened(t, fixture('faults.js'), { host })
    all.push(vm.stats())
    assert.throws(() => vm.exports._divide(1, 0))
    await vm.isReady()
    all.push(vm.stats())
    assert.deepStrictEqual(differences(vm.leaks(), typeOf('Leak').checker.createArrayType(typeOf('Leak')), 'leaks()'), [])
  }
  // A step that stops a rewind has a reason.
  all.push((await opened(t, fixture('faults.js'), { host: 'glue', rewind: 'auto', realm: 'context' })).stats())
  covers('Stats', all)
})

test('leaks(), allocations(), profile()', async (t) => {
  const vm = await opened(t, fixture('leaky.js'), { trackLeaks: 'allocations' })
  const leave = (module) => {
    const Class = Object.values(module).find((value) => typeof value === 'function' && value.prototype && typeof value.prototype.delete === 'function')
    void new Class(...Array.from({ length: Class.length }))
  }
  const profile = await vm.profile((module) => {
    try { leave(module) } catch { }
    module._malloc(100)
    return 7
  })
  assert.deepStrictEqual(differences(profile, typeOf('Profile'), 'profile()'), [])
  assert.ok(profile.blocks.length > 0)
  covers('Allocation', profile.blocks)
  const untracked = await opened(t, fixture('embind.js'), {})
  const tracked = await opened(t, fixture('embind.js'), { trackLeaks: true })
  const leaks = []
  for (const sandbox of [untracked, tracked]) {
    const module = sandbox.exports
    for (const value of Object.values(module)) {
      if (typeof value !== 'function' || !value.prototype || typeof value.prototype.delete !== 'function') continue
      for (const args of [[], [1], ['x'], [1, 2]]) try { new value(...args) } catch { }
    }
    leaks.push(...sandbox.leaks())
  }
  assert.ok(leaks.length > 0)
  covers('Leak', leaks)
})

test('inspect() of every kind of source, capabilities(), onProgress', async (t) => {
  const found = []
  for (const source of [MACHINE, require.resolve('opencv-4.12'), ...['capi-O2.js', 'capi-embedded.js', 'emasm-O2.js', 'standalone.wasm'].map(fixture)]) {
    found.push(await emvm.inspect(source))
  }
  found.push(await emvm.inspect(fixture('capi-O2.js'), { wasm: fixture('capi-O2.wasm') }))
  covers('Inspection', found)
  covers('InspectedImport', found.flatMap(({ imports }) => imports))
  covers('InspectedExport', found.flatMap((one) => one.exports))
  covers('Capabilities', [emvm.capabilities()])
  const told = []
  await opened(t, fixture('crash.js'), { cache: false, onProgress: (progress) => told.push(progress) })
  covers('Progress', told)
})

test('Pool: stats() and the context of a task', async (t) => {
  const pool = new emvm.Pool(fixture('capi-O2.js'), { threads: 1 })
  t.after(() => pool.destroy())
  const context = await pool.run((module, payload, context) => Object.keys(context))
  assert.deepStrictEqual(sorted(context), sorted(membersOf(typeOf('TaskContext')).map(({ key }) => key)))
  covers('PoolStats', [pool.stats()])
})

// Errors of each class, as they come about.
async function everyError (t) {
  const errors = []
  const attempt = async (act) => {
    try {
      await act()
    } catch (error) {
      errors.push(error)
      return
    }
    assert.fail(`nothing was thrown by ${act}`)
  }
  await attempt(() => emvm.open('/nowhere.js'))
  await attempt(() => emvm.open(Buffer.from('\0asm\x01\0\0\0\x63')))
  await attempt(() => emvm.open(MACHINE, { timeout: 'soon' }))
  await attempt(() => emvm.open(MACHINE, { mounts: { '/x': { path: '/nowhere' } }, imports: { env: { callback () {} } } }))
  await attempt(() => emvm.open(MACHINE))
  const unanswered = await emvm.open(MACHINE, { host: 'native' }).catch((error) => error)
  if (unanswered instanceof Error) {
    errors.push(unanswered)
  } else {
    await attempt(() => unanswered.exports._back(1))
    unanswered.dispose()
  }
  await attempt(() => emvm.open(MACHINE, { imports: { env: { callback () {} } }, warmUp () { throw new Error('no') } }))
  for (const host of ['native', 'glue']) {
    const vm = await opened(t, fixture('faults.js'), { host, timeout: 100, memory: { max: '32mb' } })
    const call = (name, ...args) => () => vm.exports[name](...args)
    for (const act of [
      call('_unreachable'), call('_load', -4), call('_divide', 1, 0), call('_divide', -2147483648, -1), call('_truncate_', NaN),
      call('_indirect', 99999), call('_indirect', 0), call('_overflow'), call('_fail'), call('_leave', 3), call('_forever'), call('_hoard_or_abort', 1 << 20)
    ]) {
      await attempt(act)
      await vm.isReady()
    }
    await attempt(() => vm.run(() => vm.isReady()))
    await attempt(() => vm.allocations())
    await attempt(() => vm.run((module) => { queueMicrotask(() => {}); emvm.interrupt(vm.interruptHandle); return module._forever() }))
    vm.dispose()
    await attempt(() => vm.isReady())
  }
  const { vm, call, on } = await faults()
  on(() => emvm.interrupt(vm.interruptHandle))
  errors.push(thrown(() => call.alternate()))
  vm.dispose()
  const cpp = await opened(t, fixture('exceptions-O2.js'))
  // One kind is caught inside.
  for (let kind = 0; kind < 9; kind++) try { cpp.exports._escape(kind) } catch (error) { errors.push(error) }
  const embind = await opened(t, fixture('embind.js'))
  for (const value of Object.values(embind.exports)) {
    if (typeof value !== 'function' || !value.prototype || typeof value.prototype.delete !== 'function') continue
    let object
    for (const args of [[], [1], ['x']]) try { object ??= new value(...args) } catch { }
    if (object === undefined) continue
    await embind.isReady()
    await attempt(() => object.clone())
    break
  }
  await attempt(() => embind.run((module) => module))
  const pool = new emvm.Pool(fixture('faults.js'), { threads: 1, maxQueue: 0, timeout: 5000 })
  t.after(() => pool.destroy())
  const running = pool.run(() => new Promise((resolve) => setTimeout(resolve, 200)))
  await attempt(() => pool.run(() => 1))
  await running
  await attempt(() => pool.run(() => process.exit(1)))
  await attempt(() => pool.run((module) => module._forever(), undefined, { timeout: 50 }))
  return errors.filter((error) => error instanceof emvm.EmvmError)
}

// Of every JavaScript error.
const ORDINARY = ['name', 'message', 'stack', 'cause']

test('errors: their own keys are declared, and what is declared is there', async (t) => {
  const classes = [...exported.keys()].filter((name) => emvm[name] && (name === 'EmvmError' || emvm[name].prototype instanceof emvm.EmvmError))
  const errors = await everyError(t)
  const seen = new Map(classes.map((name) => [name, new Set()]))
  const found = []
  for (const error of errors) {
    const name = classes.find((one) => one !== 'EmvmError' && error instanceof emvm[one])
    assert.ok(name, String(error))
    const keys = Object.getOwnPropertyNames(error).filter((key) => !ORDINARY.includes(key) && error[key] !== undefined)
    for (const key of keys) seen.get(name).add(key)
    found.push(...differences(error, typeOf(name), name, () => keys))
  }
  assert.deepStrictEqual(sorted(found), [])
  const missed = []
  for (const name of classes) {
    if (seen.get(name).size === 0) continue
    for (const { key, own } of membersOf(typeOf(name))) {
      if (own && !key.startsWith('[') && !seen.get(name).has(key)) missed.push(`${name}.${key}`)
    }
  }
  assert.deepStrictEqual(missed, [], 'declared, but on no error')
  assert.deepStrictEqual([...seen].filter(([, keys]) => keys.size === 0).map(([name]) => name), ['EmvmError', 'NotReadyError'], 'classes that no attempt gave')
})

test('every trap is one of the union, and the other way round', () => {
  const { types } = membersOf(typeOf('TrapError')).find(({ key }) => key === 'trap').type
  const rust = require('node:fs').readFileSync(path.join(__dirname, '..', '..', 'src', 'binding', 'errors.rs'), 'utf8')
  const names = [...rust.matchAll(/TrapKind::\w+ => \(\s*"([a-z-]+)"/g)].map(([, name]) => name)
  assert.ok(names.length > 5)
  assert.deepStrictEqual(sorted(types.map(({ value }) => value)), sorted(names))
})

test('every declaration has a text and @since, every function, class and public member an @example', () => {
  const poor = []
  for (const symbol of exported.values()) {
    const tags = tagsOf(symbol)
    if (!docOf(symbol) || !tags.has('since')) poor.push(symbol.name)
    const isError = /(Error|Exception)$/.test(symbol.name)
    if (symbol.flags & ts.SymbolFlags.Function || (symbol.flags & ts.SymbolFlags.Class && !isError)) if (!tags.has('example')) poor.push(`${symbol.name}: @example`)
    if (!(symbol.flags & (ts.SymbolFlags.Class | ts.SymbolFlags.Interface))) continue
    for (const { key, own, symbol: member } of membersOf(typeOf(symbol.name))) {
      if (!own) continue
      const isPublicApi = symbol.flags & ts.SymbolFlags.Class && !isError && !UNDOCUMENTED.has(key)
      if (isPublicApi && !(tagsOf(member).has('example') && tagsOf(member).has('since'))) poor.push(`${symbol.name}.${key}: @example, @since`)
    }
  }
  assert.deepStrictEqual(poor, [])
})

// Of every EventEmitter.
const UNDOCUMENTED = new Set(Object.getOwnPropertyNames(EventEmitter.prototype).filter((key) => !['on', 'once', 'off'].includes(key)))
