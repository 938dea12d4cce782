'use strict'

// A package shares the language's objects with emvm. What it puts in their place is undone by the next generation, whatever
// it was, and until then emvm does what plain Node does: neither asks those.

const test = require('node:test')
const assert = require('node:assert/strict')
const vm = require('node:vm')
const { openFile } = require('./support')

const { ownKeys, getOwnPropertyDescriptor } = Reflect
// (module (memory (export "m") 1) (func (export "a") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1))))
const ADDER = '0,97,115,109,1,0,0,0,1,7,1,96,2,127,127,1,127,3,2,1,0,5,3,1,0,1,7,9,2,1,109,2,0,1,97,0,0,10,9,1,7,0,32,0,32,1,106,11'
const TEXT = `
  const bytes = new Uint8Array([${ADDER}])
  const { exports: wasm } = new WebAssembly.Instance(new WebAssembly.Module(bytes))
  class K { #p = 1; up () { return ++this.#p } }
  const state = { n: 0, list: [1, 2, 3], u8: new Uint8Array(8), k: new K(), fn () { return this.n } }
  const bound = state.fn.bind(state)
  const later = setTimeout
  exports.patch = (object, key) => {
    const was = Object.getOwnPropertyDescriptor(object, key)
    const { defineProperty } = Object
    defineProperty(object, key, { ...was, value () { throw new TypeError('patched') } })
    return () => { defineProperty(object, key, was) }
  }
  // Nothing of the language's is called here that a caller of \`patch\` has put something in the place of, but by the syntax.
  exports.work = async (tell) => {
    state.n++; state.list.length = 2; state.u8[1]++
    tell('await', await 0)
    tell('sum', wasm.a(1, 2))
    const view = new Uint8Array(wasm.m.buffer); view[3]++
    tell('view', view[3])
    tell('pending', await new Promise((resolve) => { later(resolve, 1, 7) }))
    try { tell('then', await new Promise((resolve) => { resolve(4) }).then((x) => x + 1)) } catch (error) { tell('then', error.message) }
    tell('made', new K().up() + state.k.up())
    try { tell('bound', bound()) } catch (error) { tell('bound', error.message) }
    try { wasm.m.grow(1); tell('grown', wasm.m.buffer.byteLength) } catch (error) { tell('grow', error.message) }
    try { for await (const x of [3]) tell('each', x) } catch (error) { tell('each', error.message) }
    try { await (async () => { throw new Error('no') })() } catch (error) { tell('caught', error.message) }
    try { tell('second', new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.a(3, 4)) } catch (error) { tell('second', error.message) }
    try { wasm.a(Symbol()) } catch (error) { tell('symbol', error.name) }
    wasm.m.buffer.more = state.o = { own: 1 }
  }
  exports.seen = () => [state.n, state.list.length, state.u8[1], state.k.up(), new Uint8Array(wasm.m.buffer)[3], wasm.m.buffer.byteLength, 'o' in state].join()
`

// What Node's own JavaScript calls while it runs callbacks, where promises are watched.
const NODES_OWN = new Set(['Array.prototype.pop', 'Array.prototype.Symbol(Symbol.iterator)', 'Function.prototype.apply', 'Map.prototype.Symbol(Symbol.iterator)', 'MapIterator.next'])

function targets () {
  const list = []
  const from = (name, object) => {
    for (const key of ownKeys(object)) {
      const { value, writable } = getOwnPropertyDescriptor(object, key)
      const label = `${name}.${String(key)}`
      if (writable && typeof value === 'function' && key !== 'constructor' && !NODES_OWN.has(label)) list.push({ label, object, key })
    }
  }
  for (const Class of [Object, Function, Array, Promise, Map, Set, WeakMap, WeakSet, WeakRef, Symbol, String, RegExp, Number, Error, TypeError, Date, ArrayBuffer, Uint8Array, DataView, FinalizationRegistry]) {
    from(Class.name, Class)
    from(`${Class.name}.prototype`, Class.prototype)
  }
  for (const [name, object] of Object.entries({ Reflect, JSON, Math })) from(name, object)
  for (const Class of [Array, Map, Set]) from(`${Class.name}Iterator`, Object.getPrototypeOf(new Class().values()))
  from('TypedArray.prototype', Object.getPrototypeOf(Uint8Array.prototype))
  list.push({ label: 'process.hrtime', object: process, key: 'hrtime' })
  return list
}

// Where something is patched, nothing here may call it.
async function outcome (module, { object, key }) {
  const seen = []
  let at = 0
  const tell = (what, value) => { seen[at++] = what + '=' + value }
  const undo = module.patch(object, key)
  try {
    await module.work(tell)
  } catch (error) {
    tell('failed', error.message)
  }
  return { seen, undo }
}

function plain () {
  const module = { exports: {} }
  vm.runInThisContext(`(function (exports) {${TEXT}\n})`)(module.exports)
  return module.exports
}

test('builtins that a generation replaces by what throws', async () => {
  const file = await openFile(TEXT, { rewind: true, factory: false })
  try {
    const fresh = (await file.vm.isReady()).seen()
    await file.vm.isReady()
    const list = targets()
    assert.ok(list.length > 300)
    for (const target of list) {
      const { object, key, label } = target
      const genuine = object[key]
      const wanted = await outcome(plain(), target)
      wanted.undo()
      const given = await outcome(file.vm.exports, target)
      let failed
      try {
        await file.vm.isReady()
      } catch (error) {
        failed = error
      }
      const left = object[key]
      if (left !== genuine) object[key] = genuine
      assert.ifError(failed)
      assert.equal(left, genuine, `${label} is the language's again`)
      assert.deepEqual(given.seen, wanted.seen, label)
      assert.equal(file.vm.exports.seen(), fresh, label)
      file.vm.recycle()
    }
    assert.equal(file.vm.stats().rewind, 'on')
  } finally {
    file.close()
  }
})
