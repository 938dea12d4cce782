'use strict'

// What waits goes on in the order in which it does in plain Node, also after a rewind.

const test = require('node:test')
const assert = require('node:assert/strict')
const vm = require('node:vm')
const { openFile } = require('./support')

// Steps of the microtask queue are counted by a chain of `then`: `now()` is how many there were.
const TEXT = `
  const beside = async (list, what) => {
    let [steps, over] = [0, false]
    const count = () => { steps++; if (!over) Promise.resolve().then(count) }
    Promise.resolve().then(count)
    await what((name) => list.push(name + steps))
    over = true
  }
  const nothing = async () => {}
  class Own extends Promise {}
  const late = (n) => n === 0 ? Promise.resolve() : late(n - 1).then(() => {})
  exports.waits = {
    number: async (now) => { now('a'); await 0; now('b'); await null; now('c') },
    object: async (now) => { await {}; now('a'); await [1]; now('b') },
    function: async (now) => { await nothing; now('a') },
    resolved: async (now) => { const p = Promise.resolve(7); now(await p); now(await p) },
    rejected: async (now) => { try { await Promise.reject(new Error('no')) } catch (e) { now(e.message) } finally { now('f') } },
    twice: async (now) => { try { await nothing(); now('a'); await nothing(); now('b') } finally { now('f') } },
    own: async (now) => { await Own.resolve(1); now('a') },
    thenable: async (now) => { now(await { get then () { now('got'); return (resolve) => { now('called'); resolve(5) } } }) },
    expression: (now) => (async () => now(await 1) || now(await 2))(),
    object2: (now) => (async () => ({ a: await 1, b: now('b') }))(),
    parameters: (now) => (async (x = 1, { y } = { y: x }) => now(await y))(),
    several: (now) => Promise.all([1, 2, 3].map(async (x) => { await x; now('x' + x); await Promise.resolve(x); now('y' + x) })),
    mixed: (now) => Promise.all([(async () => { await 0; now('await') })(), Promise.resolve().then(() => now('then')), new Promise((resolve) => queueMicrotask(() => { now('queued'); resolve() }))]),
    all: async (now) => { await Promise.all([1, nothing()]).then(() => now('all')) },
    generator: async (now) => { for await (const x of (async function * () { yield 1; await 2; yield 3 })()) { now('g' + x) } },
    loop: async (now) => { for await (const x of [1, 2]) now('l' + x) },
    method: (now) => ({ async m () { await this; now('m') } }).m(),
    nested: async (now) => { await (async () => { await (async () => { await 0; now('in') })(); })(); }
  }
  exports.step = async (name) => { const list = []; await beside(list, exports.waits[name]); return list.join() }
`

function plain () {
  const module = { exports: {} }
  vm.runInThisContext(`(function (exports) {${TEXT}\n})`)(module.exports)
  return module.exports
}

// A promise that is not settled yet is waited for by one step more: see docs/rewind.md.
const PENDING = ['own', 'thenable', 'generator']
const shown = (name, list) => PENDING.includes(name) ? list.replace(/\d+(?=,|$)/g, '') : list

test('each await takes as many steps as in plain Node, in each generation', async () => {
  const file = await openFile(TEXT, { rewind: true })
  try {
    const names = Object.keys(plain().waits)
    for (let generation = 0; generation < 3; generation++) {
      const cv = await file.vm.isReady()
      for (const name of names) {
        const [given, wanted] = [await cv.step(name), await plain().step(name)]
        assert.equal(shown(name, given), shown(name, wanted), `${name}, generation ${generation}`)
      }
      assert.equal(file.vm.stats().rewind, 'on')
    }
  } finally {
    file.close()
  }
})

test('what waits for something settled does not go on in another generation', async () => {
  const file = await openFile(`
    let seen = []
    exports.seen = () => seen.join()
    exports.number = async () => { await 0; seen.push('went on') }
    exports.arrow = async () => seen.push(await 0)
    exports.value = async () => [await 1, seen.push('went on')]
    exports.tried = async () => { try { await null; seen.push('went on') } catch { seen.push('caught') } finally { seen.push('finally') } }
    exports.rejected = async () => { try { await Promise.reject(new Error('no')) } catch { seen.push('caught') } }
    exports.promise = async () => { await Promise.resolve(); seen.push('went on') }`, { rewind: true })
  try {
    for (const name of ['number', 'arrow', 'value', 'tried', 'rejected', 'promise']) {
      const pending = file.vm.exports[name]()
      file.vm.recycle()
      await assert.rejects(pending, { code: 'EMVM_ERR_STALE' }, name)
      assert.equal(file.vm.exports.seen(), '', name)
    }
  } finally {
    file.close()
  }
})
