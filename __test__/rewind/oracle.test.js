'use strict'

// An independent eye: V8's heap snapshots before and after a rewind, every variable of every closure of the package.

const test = require('node:test')
const assert = require('node:assert/strict')
const { Snapshot, differences } = require('../../scripts/lib/heap-contexts')
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

const look = async (folder) => {
  global.gc?.()
  return (await Snapshot.take()).contexts((name) => name.startsWith(folder))
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
