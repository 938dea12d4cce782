'use strict'

// Nothing native is in reach of what users hold: every object that can be had from a sandbox, its module and its objects
// by properties, symbols, prototypes and getters is looked at.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { types } = require('node:util')
const { open } = require('../..')
const { load } = require('../../lib/base/binding')

const fixture = (name) => path.join(__dirname, '..', 'fixtures', name)
const native = load()

// All that can be reached, with the way to each. What everybody has is left out.
function reachable (roots) {
  const known = new Set([globalThis, ...Reflect.ownKeys(globalThis).map((key) => globalThis[key])])
  const ways = new Map()
  const queue = []
  const add = (value, way) => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || known.has(value)) return
    known.add(value)
    ways.set(value, way)
    queue.push(value)
  }
  for (const [name, value] of Object.entries(roots)) add(value, name)
  // The nearest first; nodes and streams of files are made anew by each look.
  for (let at = 0; at < queue.length && ways.size < 10_000; at++) {
    const object = queue[at]
    const way = ways.get(object)
    if (ArrayBuffer.isView(object) || types.isExternal(object)) continue
    try { add(Object.getPrototypeOf(object), `${way}.__proto__`) } catch {}
    let keys = []
    try { keys = Reflect.ownKeys(object) } catch {}
    for (const key of keys) {
      const next = `${way}[${String(key)}]`
      const property = Reflect.getOwnPropertyDescriptor(object, key)
      if (property === undefined) continue
      if (property.get) add(property.get, `${next}.get`)
      if (property.set) add(property.set, `${next}.set`)
      let value = property.value
      try { value = object[key] } catch {}
      add(value, next)
    }
  }
  return ways
}

const isNative = (value) => types.isExternal(value) ||
  [native.Sandbox, native.Program].some((Class) => value instanceof Class || value === Class || value === Class.prototype) ||
  // The registers that cross with calls.
  (value instanceof Float64Array && value.length === 32)

function assertNothingNative (roots) {
  const ways = reachable(roots)
  assert.ok(ways.size > 50, 'much is looked at')
  const found = [...ways].filter(([value]) => isNative(value)).map(([, way]) => way)
  assert.deepStrictEqual(found, [])
}

for (const host of ['native', 'glue']) {
  test(`nothing native in reach: files and exports, ${host} host`, async () => {
    const vm = await open(fixture('program.js'), { host, print () {}, printErr () {} })
    const { FS, wasmTable } = vm.exports
    const stream = FS.open('/file', 'w+')
    assertNothingNative({ vm, module: vm.exports, stream, node: FS.lookupPath('/file').node, streams: FS.streams, table: wasmTable ?? {} })
    vm.dispose()
  })

  test(`nothing native in reach: classes and their objects, ${host} host`, async () => {
    const vm = await open(fixture('crash.js'), { host, print () {}, printErr () {} })
    const objects = {}
    for (const [name, value] of Object.entries(vm.exports)) {
      if (typeof value !== 'function' || !value.prototype || name.startsWith('_')) continue
      try { objects[name] = new value() } catch {}
    }
    assert.ok(Object.keys(objects).length > 0, 'there are objects')
    assertNothingNative({ vm, module: vm.exports, ...objects })
    vm.dispose()
  })

  test(`nothing native in reach: errors, ${host} host`, async () => {
    const vm = await open(fixture('faults.js'), { host, imports: { env: { callback: () => 0 } }, timeout: 100, memory: { max: '64mb' }, print () {}, printErr () {} })
    const errors = []
    for (const [name, value] of Object.entries(vm.exports)) {
      if (typeof value !== 'function' || !name.startsWith('_')) continue
      try { value(-1, -1, -1) } catch (error) { errors.push(error) }
    }
    assert.ok(errors.length > 0, 'there are errors')
    const functions = { table: vm.exports.wasmTable ?? {}, errors }
    assertNothingNative({ vm, module: vm.exports, ...functions })
    vm.dispose()
  })
}

test('a raw function keeps its sandbox alive without a property that says so', async () => {
  const vm = await open(fixture('program.js'), { host: 'native', print () {}, printErr () {} })
  assert.deepStrictEqual(Object.getOwnPropertySymbols(vm.exports._malloc), [])
  assert.deepStrictEqual(Reflect.ownKeys(vm.exports._malloc).filter((key) => !['name', 'length', 'prototype', 'arguments', 'caller'].includes(key)), [])
  vm.dispose()
})
