'use strict'

// An independent eye: V8's heap snapshots before and after a rewind, every variable of every closure of the package, and what these lead to.

const test = require('node:test')
const assert = require('node:assert/strict')
const { Snapshot, differences } = require('../../scripts/lib/heap-contexts')
const path = require('node:path')
const { open } = require('../..')
const { openFile } = require('./support')

const TEXT = `
  let counter = 0, text = 'a', last
  const mk = (n) => { let inner = n; return { up: () => ++inner, get: () => inner } }
  const list = [mk(1), mk(2), mk(3)]
  const cache = new Map()
  function f (a, b = () => a++) { let c = 0; return () => [b(), c++, ++counter] }
  const g = f(1)
  class A { #p = 0; q = () => ++this.#p; static s = 0 }
  const a = new A()
  let lazy
  exports.step = (n) => {
    for (let i = 0; i < n; i++) { for (const each of list) each.up(); g(); a.q(); A.s++; text += 'b'; last = { n }; cache.set(i, last) }
    lazy ??= mk(n)
    lazy.up()
    return [counter, text.length, lazy.get()]
  }`

const LIB = path.join(__dirname, '..', '..', 'lib')

// `known`: what was there before the package.
const look = async (folder, known) => {
  global.gc?.()
  return (await Snapshot.take()).contexts((name) => name.startsWith(folder), known, (name) => name.startsWith(LIB))
}

test('no variable of any closure is another after a rewind', async () => {
  const file = await openFile(TEXT, { rewind: true })
  try {
    const { vm, folder } = file
    vm.exports.step(1)
    vm.recycle()
    const before = await look(folder)
    assert.ok(before.closures > 10 && before.contexts.size > 8, `${before.closures} closures, ${before.contexts.size} contexts`)
    vm.exports.step(7)
    const dirty = differences(before, await look(folder))
    assert.ok(dirty.found.length >= 7, `it sees what a job changes: ${dirty.found.join('; ')}`)
    vm.recycle()
    const { found, variables } = differences(before, await look(folder))
    assert.deepEqual(found, [])
    assert.ok(variables > 15, `${variables}`)
  } finally {
    file.close()
  }
})

const HELD = `
  const state = { count: 0, deep: { list: ['p', 'q'], map: new Map([['a', { n: 1 }]]), set: new Set(['x']) } }
  class Box { #hidden = 0; step () { this.#hidden++ } }
  const box = new Box()
  function called () {}
  exports.step = (n) => {
    state.count += n
    state.deep.list.push(String(n))
    state.deep.map.get('a').n = n
    state.deep.map.set('b', n)
    state.deep.set.add('y')
    state.fresh = { n }
    called.note = n
    box.step()
    return state.count
  }`

test('no property, element or entry of what closures lead to is another after a rewind', async () => {
  const known = (await Snapshot.take()).ids()
  const file = await openFile(HELD, { rewind: true })
  try {
    const { vm, folder } = file
    vm.exports.step(1)
    vm.recycle()
    const before = await look(folder, known)
    assert.equal(vm.exports.step(7), 7)
    const dirty = differences(before, await look(folder, known)).found.join('\n')
    for (const what of [/Object\.count: number \D*0 -> number \D*7/, /Array\.2: nothing -> string 7/, /Object\.n: number \D*1 -> number \D*7/, /Map\.entry string b/, /Set\.entry string y/, /Object\.fresh: nothing/, /called\.note: nothing/, /Box\.#hidden/]) assert.match(dirty, what)
    vm.recycle()
    const { found, fields } = differences(before, await look(folder, known))
    assert.deepEqual(found, [])
    assert.ok(fields > 20, `${fields}`)
  } finally {
    file.close()
  }
})

// [file, warmUp: gives what the job works on, job, the least number of variables that the job changes]
const PACKAGES = [
  ['sql.js/dist/sql-wasm.js', async (SQL) => [new SQL.Database()], async ([db]) => {
    db.run('create table t (x)')
    db.create_function('twice', (x) => x * 2)
    return db.exec('select twice(21), (select count(*) from t)')[0].values
  }, [[42, 0]], 1],
  ['wasmoon', async ({ LuaFactory }) => [await new LuaFactory().createEngine()], async ([lua]) => {
    lua.global.set('twice', (x) => x * 2)
    return lua.doString('count = (count or 0) + 1; return { twice(21), count }')
  }, [42, 1], 0]
]

for (const [file, warmUp, job, expected, least] of PACKAGES) {
  test(`nothing of ${file} is another after a rewind`, async () => {
    let kept
    const main = require.resolve(file)
    const known = (await Snapshot.take()).ids()
    const vm = await open(main, { host: 'glue', rewind: true, warmUp: async (exports) => { kept = await warmUp(exports) } })
    try {
      assert.deepEqual(await job(kept), expected)
      vm.recycle()
      const before = await look(path.dirname(main), known)
      assert.ok(before.closures > 30 && before.contexts.size > 3, `${before.closures} closures, ${before.contexts.size} contexts`)
      assert.deepEqual(await job(kept), expected)
      assert.ok(differences(before, await look(path.dirname(main), known)).found.length >= least)
      vm.recycle()
      const { found, variables, fields } = differences(before, await look(path.dirname(main), known))
      assert.deepEqual(found, [])
      assert.ok(fields > 300, `${fields}`)
      assert.ok(variables > 30, `${variables}`)
      assert.equal(vm.stats().rewind, 'on')
    } finally {
      vm.dispose()
    }
  })
}
