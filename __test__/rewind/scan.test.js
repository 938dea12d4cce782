'use strict'

// Objects that V8's memory is looked at for: whatever is done to one, it is told as changed, or the look gives what asking for each
// of its properties gives.

const test = require('node:test')
const assert = require('node:assert/strict')
const { Scan } = require('../../lib/rewind/scan')
const { ObjectRecord, BareRecord, ArrayRecord, ExtrasRecord, afterElements } = require('../../lib/rewind/records')
const { openFile } = require('./support')

const shared = { shared: true }
const KINDS = {
  'an object': () => ({ a: 1, b: shared, c: 'text', d: 1.5, e: undefined }),
  'an object with many properties': () => Object.fromEntries(Array.from({ length: 60 }, (_, at) => [`k${at}`, at % 3 ? shared : at])),
  'an object in dictionary mode': () => {
    const made = { a: 1, b: 2, c: shared, f () {} }
    delete made.a
    return made
  },
  'a dictionary': () => Object.assign(Object.create(null), { a: 1, b: shared }),
  'an object with elements': () => ({ 0: 'zero', 7: shared, a: 1 }),
  'an object with elements far apart': () => ({ 5: 1, 1e9: shared, a: 1 }),
  'an object with accessors': () => ({ get x () { return 1 }, set x (value) {}, a: 1 }),
  'an object with symbols': () => ({ [Symbol.iterator]: shared, a: 1 }),
  'an object with attributes': () => Object.defineProperty({ a: 1 }, 'hidden', { value: shared, configurable: true }),
  'an instance': () => new (class Point { x = 1; y = shared; #z = 1; z () { return this.#z } })(),
  'an array with holes': () => [, 1, shared, , 2], // eslint-disable-line no-sparse-arrays
  'an array with a name': () => Object.assign([1, 2, shared], { name: 'x' }),
  'a function with properties': () => Object.assign(function () {}, { a: 1, b: shared }),
  'a class': () => class { static a = 1; static b = shared; method () {} },
  'a Map with properties': () => Object.assign(new Map(), { a: shared }),
  'an expression': () => Object.assign(/x/g, { lastIndex: 3 }),
  'an object that inherits': () => Object.create({ base: 1 }, { a: { value: 1, writable: true, enumerable: true, configurable: true } })
}

const CHANGES = {
  'a value': (object) => { object.a = { other: 1 } },
  'a value of the same type': (object) => { object.a = 2 },
  'another value': (object) => { object.b = { other: 1 } },
  'a number with a fraction': (object) => { object.d = 2.5 },
  'not a number any more': (object) => { object.d = shared },
  'a new property': (object) => { object.fresh = 1 },
  'a new symbol': (object) => { object[Symbol('fresh')] = 1 },
  'a new element': (object) => { object[3] = 'three' },
  'an element far away': (object) => { object[4e6] = 'far' },
  'an element taken away': (object) => { delete object[7]; delete object[2] },
  'a property taken away': (object) => { delete object.a; delete object.b },
  'the order': (object) => { const value = object.a; delete object.a; object.a = value },
  'one for another': (object) => { delete object.a; object.other = 1 },
  'the prototype': (object) => { Object.setPrototypeOf(object, { another: 1 }) },
  'frozen': (object) => { Object.freeze(object) },
  'not extensible': (object) => { Object.preventExtensions(object) },
  'an attribute': (object) => { Object.defineProperty(object, 'a', { enumerable: false }) },
  'an accessor': (object) => { Object.defineProperty(object, 'a', { get: () => 1, configurable: true }) },
  'another accessor': (object) => { Object.defineProperty(object, 'x', { get: () => 2, configurable: true }) },
  'the prototype of what it makes': (object) => { if (typeof object === 'function') object.prototype = { other: 1 } },
  'a length': (object) => { if (Array.isArray(object)) object.length = 1 },
  'an index': (object) => { if (object instanceof RegExp) object.lastIndex = 0 },
  nothing: () => {}
}

const attempt = (change, object) => { try { change(object) } catch { /* constant */ } }

// What asking gives, values by identity.
function stateOf (object) {
  const keys = Reflect.ownKeys(object)
  return [Object.getPrototypeOf(object), Object.isExtensible(object), ...keys.flatMap((key) => {
    const { value, get, set, writable, enumerable, configurable } = Reflect.getOwnPropertyDescriptor(object, key)
    return [key, value, get, set, writable, enumerable, configurable]
  })]
}
const same = (one, other) => one.length === other.length && one.every((value, at) => Object.is(value, other[at]))

const scanOf = (records) => {
  const scan = Scan.of(records)
  scan?.record()
  return scan
}
const changedOf = (scan) => {
  const out = new Int32Array(scan.records.length)
  return [...out.subarray(0, scan.changed(out))].map((number) => scan.records[number < 0 ? ~number : number])
}

const works = scanOf([]) !== undefined

test('objects can be looked at in this process', () => {
  assert.equal(works, process.arch === 'x64' || process.arch === 'arm64')
})

test('whatever is done to an object is seen', { skip: !works }, () => {
  let seen = 0
  for (const [kind, make] of Object.entries(KINDS)) {
    for (const [change, apply] of Object.entries(CHANGES)) {
      const object = make()
      const scan = scanOf([new ObjectRecord(object)])
      const before = stateOf(object)
      attempt(apply, object)
      const is = same(before, stateOf(object))
      const told = changedOf(scan).length > 0
      if (!is) seen++
      assert.ok(is || told, `${kind}: ${change}`)
    }
  }
  assert.ok(seen > 150, String(seen))
})

test('what is not changed is told as the same, for each kind that is worth it', { skip: !works }, () => {
  for (const [kind, make] of Object.entries(KINDS)) {
    if (kind === 'an object with accessors') continue
    assert.deepEqual(changedOf(scanOf([new ObjectRecord(make())])), [], kind)
  }
})

test('functions and their prototypes', { skip: !works }, () => {
  const changes = [
    (fn) => { fn.extra = 1 }, (fn) => { fn[0] = 1 }, (fn) => { fn.prototype = {} }, (fn) => { fn.prototype.method = () => {} },
    (fn) => { fn.prototype.constructor = shared }, (fn) => { delete fn.name }, (fn) => { fn[Symbol('x')] = 1 }, (fn) => { Object.setPrototypeOf(fn, null) },
    (fn) => { Object.setPrototypeOf(fn.prototype, { a: 1 }) }, (fn) => { Object.freeze(fn) }, (fn) => { Object.preventExtensions(fn.prototype) }
  ]
  const kinds = {
    never: () => function () {},
    constructed: () => {
      function Made () {}

      new Made()
      return Made
    },
    'in dictionary mode': () => {
      const fn = function () {}
      fn.x = 1
      fn.y = 1
      delete fn.x
      delete fn.y
      return fn
    },
    sloppy: () => new Function('return function (a) { return a }')()
  }
  for (const [kind, make] of Object.entries(kinds)) {
    assert.deepEqual(changedOf(scanOf([new BareRecord(make(), undefined)])), [], kind)
    const fn = make()
    assert.deepEqual(changedOf(scanOf([new BareRecord(fn, fn.prototype)])), [], kind)
    changes.forEach((change, at) => {
      const fn = make()
      const scan = scanOf([new BareRecord(fn, fn.prototype)])
      change(fn)
      assert.ok(changedOf(scan).length > 0, `${kind}, ${change}`)
    })
  }
})

test('arrays, and views with something on them', { skip: !works }, () => {
  const lists = [() => [1, 2, 3], () => [1.5, 2.5], () => [shared, 'x', 1], () => [], () => Array.from({ length: 10000 }, (_, at) => at)]
  const changes = [
    (list) => { list.push(1) }, (list) => { list.length = 0; list.push(7) }, (list) => { list[0] = {} }, (list) => { list[0] = 7.25 }, (list) => { delete list[0]; list[99] = 1 },
    (list) => { list.name = 1 }, (list) => { Object.freeze(list) }, (list) => { Object.setPrototypeOf(list, null) }, (list) => { Object.defineProperty(list, 'length', { writable: false }) }
  ]
  for (const make of lists) {
    assert.deepEqual(changedOf(scanOf([new ArrayRecord(make())])), [])
    for (const change of changes) {
      const list = make()
      const scan = scanOf([new ArrayRecord(list)])
      change(list)
      assert.equal(changedOf(scan).length, 1, String(change))
    }
  }
  for (const make of [() => new Uint8Array(4), () => new Float64Array(1000), () => new DataView(new ArrayBuffer(4)), () => Promise.resolve()]) {
    const view = make()
    const scan = scanOf([new ExtrasRecord(view, ArrayBuffer.isView(view) ? afterElements : Reflect.ownKeys)])
    assert.deepEqual(changedOf(scan), [])
    view.extra = 1
    assert.equal(changedOf(scan).length, 1)
  }
})

test('a garbage collection between changes nothing', { skip: !works || typeof globalThis.gc !== 'function' }, () => {
  const objects = Array.from({ length: 2000 }, (_, at) => ({ at, text: `t${at}`, half: at + 0.5, list: [at], fn () {} }))
  const scan = scanOf([...objects.map((object) => new ObjectRecord(object)), ...objects.map(({ list }) => new ArrayRecord(list))])
  for (let round = 0; round < 4; round++) {
    globalThis.gc()
    assert.deepEqual(changedOf(scan), [])
  }
  objects[1234].half = 1
  objects[7].list.push(1)
  globalThis.gc()
  assert.deepEqual(new Set(changedOf(scan).map(({ object }) => object)), new Set([objects[1234], objects[7].list]))
})

test('what was changed is put back, and then is the same', { skip: !works }, () => {
  for (const [kind, make] of Object.entries(KINDS)) {
    for (const change of ['a value', 'another value', 'a number with a fraction', 'a new property', 'a new element', 'a property taken away', 'the prototype']) {
      const object = make()
      const record = new ObjectRecord(object)
      const scan = scanOf([record])
      const before = stateOf(object)
      attempt(CHANGES[change], object)
      scan.restore(() => {})
      assert.ok(same(before, stateOf(object)), `${kind}: ${change}`)
    }
  }
})

test('a large buffer in a constant costs what was written', async () => {
  const { vm, close } = await openFile(`
    const bytes = new Uint8Array(40 << 20)
    bytes.fill(3, 5 << 20, 6 << 20)
    const view = bytes.subarray(100)
    exports.poke = (at) => { bytes[at]++; return view[at - 100] }
    exports.sum = () => bytes.reduce((sum, byte) => sum + byte, 0)
    exports.fill = () => bytes.fill(9)`, { rewind: true })
  try {
    const { poke, sum, fill } = vm.exports
    const start = sum()
    for (let round = 0; round < 5; round++) {
      assert.equal(poke(1000), 1)
      assert.equal(poke((5 << 20) + 7), 4)
      assert.equal(poke((40 << 20) - 1), 1)
      if (round === 3) fill()
      vm.recycle()
    }
    assert.equal(sum(), start)
    assert.equal(vm.stats().rewind, 'on')
  } finally {
    close()
  }
})

test('where views are made anew, and something else has changed too', { skip: !works }, () => {
  for (const kind of ['an object', 'an object with many properties', 'an object in dictionary mode']) {
    for (const other of [undefined, 'f', 'k0', 'c', 'fresh']) {
      const object = Object.assign(KINDS[kind](), { first: shared, second: { round: -1 } })
      const record = new ObjectRecord(object)
      const scan = Scan.of([record], [{ list: record.values, at: record.data.indexOf('second') }])
      scan.record()
      for (let round = 0; round < 3; round++) {
        const view = { round }
        record.values[record.data.indexOf('second')] = view
        if (other !== undefined) object[other] = round
        scan.restore(() => {})
        assert.equal(object.second, view)
        assert.equal(object.first, shared)
        if (other === undefined || record.data.includes(other)) assert.deepEqual(changedOf(scan), [], `${kind}, ${other}`)
        else assert.ok(!Object.hasOwn(object, other))
      }
    }
  }
})
