'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { open } = require('../..')
const { compare, fixtures } = require('../support/compare')
const { spawnSync } = require('node:child_process')

const FIXTURE = path.join(fixtures, 'embind.js')

async function opened (t, options) {
  const vm = await open(FIXTURE, { host: 'native', ...options })
  t.after(() => vm.dispose())
  return vm
}

const stale = (fn) => assert.throws(fn, { code: 'EMVM_ERR_STALE' })

test('embind behaves as under plain Node, in every generation', () => compare('embind.js', 'embind.js'))

test('a class that is called without `new` and without a receiver says so', async (t) => {
  const { Dog } = (await opened(t)).exports

  assert.throws(() => Dog(), { name: 'BindingError', message: "Use 'new' to construct Dog" })
})

test('a method registered again replaces the one before', () => compare('embind-override.js', 'embind-override.js'))

test('nothing of embind is left after a recycle', async (t) => {
  const vm = await opened(t)
  const m = vm.exports
  const before = [m.count(), m.living(), m.count_emval_handles(), m.load(), m.kept()]
  for (let round = 0; round < 3; round++) {
    await vm.isReady()
    assert.deepStrictEqual([m.count(), m.living(), m.count_emval_handles(), m.load(), m.kept()], before)
    const dog = new m.Dog('leak')
    m.keep(dog)
    m.store({ a: 'big' })
    let delayed = 0
    m.setDelayFunction(() => { assert.strictEqual(++delayed, 1, 'of a past generation') })
    dog.deleteLater()
    assert.strictEqual(delayed, 1)
    const Ears = m.Listener.extend('Ears', { heard: () => 1 })
    m.tell(new Ears(), 'x')
    assert.deepStrictEqual([m.living(), m.count_emval_handles() > 0, m.getInheritedInstanceCount()], [1, true, 1])
  }
  await vm.isReady()
  assert.strictEqual(m.getInheritedInstanceCount(), 0)
  m.flushPendingDeletes()
  new m.Animal('x').deleteLater()
})

test('a handle of a past generation names itself and never touches the new one', async (t) => {
  const vm = await opened(t)
  const m = vm.exports
  const old = new m.Animal('old')
  const oldDog = new m.Dog('old')
  await vm.isReady()
  // The same slots again, with the same addresses.
  const fresh = new m.Animal('fresh')
  const dog = new m.Dog('fresh')
  for (const use of [
    () => old.greet(), () => old.name, () => { old.name = 'x' }, () => old.delete(), () => old.clone(),
    () => old.deleteLater(), () => m.pass(old), () => m.pass_pointer(oldDog), () => m.keep(oldDog),
    () => oldDog.fetch(1), () => old.isAliasOf(fresh), () => fresh.isAliasOf(old), () => m.store(old) || m.load().greet()
  ]) stale(use)
  assert.throws(() => old.greet(), /this Animal belongs to generation 1, the sandbox is at 2/)
  assert.strictEqual(old.isDeleted(), true)
  assert.deepStrictEqual([fresh.name, dog.greet(), m.living()], ['fresh', 'fresh says woof', 2])
})

test('a deleted handle stays deleted when its slot has another tenant', async (t) => {
  const m = (await opened(t)).exports
  const first = new m.Animal('first')
  first.delete()
  const second = new m.Animal('second')
  assert.throws(() => first.greet(), { name: 'BindingError', message: /deleted object/ })
  assert.throws(() => first.delete(), { name: 'BindingError', message: 'Animal instance already deleted' })
  assert.strictEqual(first.isAliasOf(second), false)
  assert.strictEqual(second.greet(), 'second says ...')
})

test('a slot serves more handles than its serial numbers count', async (t) => {
  const m = (await opened(t)).exports
  const first = new m.Animal('first')
  first.delete()
  for (let i = 0; i < 70000; i++) new m.Animal('n').delete()
  assert.throws(() => first.greet(), /deleted object/)
  assert.strictEqual(m.living(), 0)
})

test('handles of another sandbox are not ours', async (t) => {
  const [one, other] = [(await opened(t)).exports, (await opened(t)).exports]
  const animal = new one.Animal('a')
  assert.throws(() => other.pass(animal), { name: 'BindingError' })
  assert.throws(() => other.Animal.prototype.greet.call(animal), { name: 'BindingError' })
})

test('what a warm-up made is valid in every generation, also after it was deleted in one', async (t) => {
  let warm, view
  const vm = await opened(t, {
    warmUp (m) {
      warm = new m.Animal('warm')
      m.store({ kept: true })
      view = m.load()
      m.keep(new m.Dog('first'))
    }
  })
  const m = vm.exports
  for (let round = 0; round < 3; round++) {
    assert.strictEqual(warm.greet(), 'warm says ...')
    assert.strictEqual(m.load(), view)
    assert.strictEqual(m.kept().greet(), 'first says woof')
    warm.name = 'changed'
    m.store(undefined)
    m.keep(null)
    warm.delete()
    assert.throws(() => warm.greet(), /deleted object/)
    await vm.isReady()
  }
})

test('views die with the generation', async (t) => {
  const vm = await opened(t)
  const buffer = new vm.exports.Buffer(16)
  const view = buffer.view()
  assert.strictEqual(view.length, 16)
  await vm.isReady()
  assert.strictEqual(view.length, 0)
  stale(() => buffer.view())
})

test('no C++ object is made of numbers that merely look like a handle', async (t) => {
  const m = (await opened(t)).exports
  const animal = new m.Animal('a')
  for (const fake of [{ $$: animal.$$ }, Object.create(animal.$$), 0, NaN, { $$: { id: 0, key: 1 } }]) {
    assert.throws(() => m.pass(fake), { name: 'BindingError' })
  }
  assert.strictEqual(m.pass(new Proxy(animal, {})), 'a')
  assert.strictEqual(m.pass(Object.create(animal)), 'a')
  assert.deepStrictEqual([Object.keys(animal), JSON.stringify(animal)], [[], '{}'])
  assert.deepStrictEqual([typeof animal.$$.ptr, animal.$$.count.value, animal.$$.ptrType.registeredClass.name], ['number', 1, 'Animal'])
})

test('many arguments, deep recursion through JavaScript, errors on the way', async (t) => {
  const m = (await opened(t)).exports
  const depth = (n) => n === 0 ? 0 : m.apply((k) => depth(k - 1) + 1, n)
  assert.strictEqual(depth(50), 50)
  const boom = new Error('boom')
  const fail = (n) => m.apply((k) => { if (k === 0) throw boom; return fail(k - 1) }, n)
  assert.throws(() => fail(20), (error) => error === boom)
  assert.strictEqual(m.sum(1, 2), 3)
})

test('collected shared pointers are released', { skip: typeof globalThis.gc !== 'function' && 'needs --expose-gc' }, async (t) => {
  const m = (await opened(t)).exports
  for (let i = 0; i < 100; i++) void new m.Dog('gone')
  for (let i = 0; i < 20 && m.living() > 10; i++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  assert.ok(m.living() <= 10, `${m.living()} are left`)
})

// The functions of a program are one script; where strings may not become code by `Function`, it works the same.
test('without code generation from strings', () => {
  const script = `
    const { open } = require(${JSON.stringify(path.join(__dirname, '..', '..'))})
    open(${JSON.stringify(FIXTURE)}).then((vm) => {
      const m = vm.exports
      console.log(JSON.stringify([new m.Dog('rex').greet(), m.Animal.prototype.greet.name, m.invert({ corner: [1, 2], size: { width: 3, height: 4 }, filled: true }), vm.leaks()]))
    })`
  const run = (...flags) => spawnSync(process.execPath, [...flags, '-e', script], { encoding: 'utf8' })
  const [free, bound] = [run(), run('--disallow-code-generation-from-strings')]
  assert.strictEqual(free.status, 0, free.stderr)
  assert.strictEqual(bound.status, 0, bound.stderr)
  assert.match(free.stdout, /rex.*filled/)
  assert.strictEqual(bound.stdout, free.stdout)
})

test('leaks are those of this generation, with their places when asked for', async (t) => {
  const vm = await opened(t, { trackLeaks: true, warmUp: (m) => { void new m.Animal('warm') } })
  const m = vm.exports
  assert.deepStrictEqual(vm.leaks(), [])
  const here = () => new m.Animal('leak')
  here()
  here()
  new m.Animal('fine').delete()
  const dog = new m.Dog('dog').clone()
  assert.ok(dog)
  const [animals, dogs] = vm.leaks()
  assert.deepStrictEqual([animals.className, animals.count, animals.stacks.length], ['Animal', 2, 2])
  assert.match(animals.stacks[0], /^ +at .*embind\.test\.js/m)
  assert.deepStrictEqual([dogs.className, dogs.count], ['Dog', 2])
  await vm.isReady()
  assert.deepStrictEqual(vm.leaks(), [])
})
