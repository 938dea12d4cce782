'use strict'

// Registrations of embind that lie: bad pointers, wrong numbers of arguments, names without end, types that are their own
// base or never come. Real wasm makes them in its constructors.

const { test } = require('node:test')
const assert = require('node:assert')
const { runScript } = require('../support/child')

// How many arguments each takes: all the numbers that some release of Emscripten has had.
const REGISTER = {
  void: [2], bool: [4, 5], integer: [5], float: [3], std_string: [2], std_wstring: [3], emval: [1, 2], memory_view: [3], optional: [2],
  function: [6, 7, 8], class: [13], class_constructor: [6], class_function: [8, 9, 10], class_class_function: [7, 8, 9], class_property: [10],
  class_class_property: [8], value_object: [6], value_object_field: [10], value_array: [6], value_array_element: [9], enum: [4], enum_value: [3], smart_ptr: [12]
}

const PRELUDE = `
  const assert = require('node:assert')
  const { assemble, exportsOf, OP } = require('./__test__/support/wasm')
  const { random } = require('./__test__/support/hostile')
  const REGISTER = ${JSON.stringify(REGISTER)}
  const NAMES = 1024, TYPES = 2048, END = 65535
  const sleb = (value) => {
    const bytes = []
    for (value |= 0; ;) {
      const byte = value & 0x7f
      value >>= 7
      if ((value === 0 && !(byte & 0x40)) || (value === -1 && byte & 0x40)) return [...bytes, byte]
      bytes.push(byte | 0x80)
    }
  }
  // calls: [[name, ...args]], made by the constructors.
  function liar (calls) {
    const kinds = [...new Set(calls.map(([name, ...args]) => name + ' ' + args.length))]
    const imports = kinds.map((kind) => ({ module: 'env', name: (kind.startsWith('finalize') ? '_embind_' : '_embind_register_') + kind.split(' ')[0], params: Number(kind.split(' ')[1]) }))
    const first = imports.length
    const give = (value) => [OP.localGet, 0]
    return assemble({
      imports,
      table: [first + 1, first + 1, first + 2, first + 3, first + 4],
      data: [[NAMES, Buffer.from('one\\0two\\0i\\0ii\\0iii\\0viii\\0a b\\0__proto__\\0constructor\\0then\\0')], [TYPES, Buffer.from(new Int32Array([100, 101, 102, 103, 0, -1, 100, 100]).buffer)], [65000, Buffer.alloc(536, 0x61)]],
      functions: [
        { export: '__wasm_call_ctors', code: calls.flatMap(([name, ...args]) => [...args.flatMap((arg) => [OP.i32Const, ...sleb(arg)]), OP.call, ...[kinds.indexOf(name + ' ' + args.length)]]) },
        { export: 'zero', result: true, code: [OP.i32Const, 0] },
        { export: 'same', params: 1, result: true, code: [OP.localGet, 0] },
        { export: 'wrong', params: 3, result: true, code: [OP.localGet, 2] },
        { export: 'malloc', params: 1, result: true, code: [OP.i32Const, ...sleb(40000)] },
        { export: 'free', params: 1, code: [] },
        { export: '__getTypeName', params: 1, result: true, code: [OP.localGet, 0] }
      ]
    })
  }
  // Everything that was made is used; what comes is an error or a value.
  function use (value, depth = 0) {
    if (depth > 3 || value === null || (typeof value !== 'object' && typeof value !== 'function')) return
    let keys = []
    try { keys = Reflect.ownKeys(value) } catch { }
    for (const key of keys.slice(0, 200)) {
      // What is emvm's own.
      if (typeof key === 'symbol') continue
      if (depth === 0 && /^(HEAP|FS|wasm|asm|print|abort|exit|quit|callMain|run|stdin|stdout|stderr|addFunction|ENV)/.test(String(key))) continue
      let member
      try { member = value[key] } catch (error) { assert.ok(error instanceof Error, String(error)) ; continue }
      for (const args of [[], [1], [1, 'x', {}], ['a', null, undefined, 1n, Symbol('s')]]) {
        if (typeof member !== 'function') break
        try { use(member.apply(value, args), depth + 1) } catch (error) { assert.ok(error instanceof Error, key + ': ' + String(error)) }
        try { use(Reflect.construct(member, args), depth + 2) } catch (error) { assert.ok(error instanceof Error, key + ': ' + String(error)) }
      }
      use(member, depth + 1)
    }
  }
  async function attack (calls) {
    let vm
    try {
      vm = await emvm.open(liar(calls), { host: 'native', cache: false, timeout: 2000, memory: { max: '16mb' }, print () {}, printErr () {} })
    } catch (error) {
      assert.match(String(error.code), /^EMVM_ERR_/, error.stack)
      return error.cause ? error.cause.name : error.code
    }
    try {
      use(vm.exports)
      await vm.isReady()
      use(vm.exports)
      return 'opened'
    } finally {
      vm.dispose()
    }
  }`

async function run (body) {
  const { code, signal, stdout, stderr } = await runScript(`${PRELUDE}\n;(async () => { ${body} })().then((result) => console.log(JSON.stringify(result)), (error) => { console.error(error); process.exit(1) })`, { timeout: 300_000 })
  assert.strictEqual(signal, null, `killed by ${signal}`)
  assert.strictEqual(stderr, '')
  assert.strictEqual(code, 0)
  return JSON.parse(stdout)
}

test('lies that are known', async () => {
  const results = await run(`
    const one = NAMES, two = NAMES + 4, i = NAMES + 8, ii = NAMES + 10
    const int = (type) => ['integer', type, one, 4, -1, 1]
    const klass = (type, base, name = two) => ['class', type, type + 1, type + 2, base, ii, 1, ii, 1, ii, 1, name, ii, 1]
    const cases = {
      'a name without end': [['void', 100, END - 100]],
      'a name past the end': [['void', 100, -1]],
      'a type twice': [int(100), int(100)],
      'an unheard-of size': [['integer', 100, one, 3, 0, 1], ['function', one, 1, TYPES, i, 1, 1]],
      'a function of no types': [['function', one, 0, TYPES, i, 1, 1]],
      'a function of a billion types': [['function', one, 1 << 30, TYPES, i, 1, 1]],
      'a negative number of types': [['function', one, -1, TYPES, i, 1, 1]],
      'types past the end': [['function', one, 3, -8, i, 1, 1]],
      'types that never come': [['function', one, 2, TYPES, ii, 1, 1]],
      'an invoker out of the table': [int(100), ['function', one, 1, TYPES, i, 99999, 1]],
      'an invoker of another type': [int(100), ['function', one, 1, TYPES, i, 3, 3]],
      'a null invoker': [int(100), ['function', one, 1, TYPES, i, 0, 0]],
      'a signature without end': [int(100), ['function', one, 1, TYPES, END - 20, 1, 1]],
      'a class that is its own base': [klass(100, 100)],
      'classes that are each other\\'s base': [klass(100, 103), klass(103, 100, one)],
      'a class whose base is a number': [int(103), klass(100, 103)],
      'a method of what is no class': [int(100), ['class_function', 100, one, 2, TYPES, ii, 1, 1, 0, 0, 0]],
      'a constructor of what is no class': [['class_constructor', 100, 1, TYPES, i, 1, 1]],
      'a value object in itself': [['value_object', 100, two, i, 1, ii, 1], ['value_object_field', 100, one, 100, ii, 1, 0, 100, ii, 1, 0], ['finalize_value_object', 100]],
      'a field of what is no value object': [['value_object_field', 100, one, 101, ii, 1, 0, 101, ii, 1, 0]],
      'the end of what never began': [['finalize_value_object', 100], ['finalize_value_array', 100]],
      'a value of what is no enum': [['enum_value', 100, one, 5]],
      'a smart pointer to nothing': [['smart_ptr', 100, 101, one, 0, ii, 1, ii, 1, ii, 1, ii, 1]],
      'a view of an unheard-of kind': [['memory_view', 100, 99, one]],
      'names of the language': [klass(100, 0, NAMES + 22), klass(103, 0, NAMES + 32)]
    }
    const results = {}
    for (const [name, calls] of Object.entries(cases)) results[name] = await attack(calls)
    return results`)
  assert.ok(Object.keys(results).length >= 20)
  for (const name of ['a name past the end', 'types past the end']) assert.notStrictEqual(results[name], 'opened', name)
  for (const [name, result] of Object.entries(results)) assert.notStrictEqual(result, 'EMVM_ERR_INVALID_WASM', `${name}: the attack itself is broken`)
})

test('random lies', async () => {
  const results = await run(`
    const results = {}
    const values = (rng) => rng.pick([0, 1, 2, 3, 4, 8, -1, 0x7fffffff, -0x80000000, 99999, END, END - 300, TYPES, TYPES + 4, TYPES + 16, NAMES, NAMES + 4, NAMES + 8, NAMES + 10, NAMES + 13, NAMES + 17, 100, 100, 101, 101, 102, 103])
    const kinds = Object.keys(REGISTER)
    for (let seed = 1; seed <= 250; seed++) {
      const rng = random(seed)
      const calls = Array.from({ length: 1 + rng.below(14) }, () => {
        const kind = rng.pick(kinds)
        return [kind, ...Array.from({ length: rng.pick(REGISTER[kind]) }, () => values(rng))]
      })
      if (rng.below(3) === 0) calls.push([rng.pick(['finalize_value_object', 'finalize_value_array']), 100])
      const result = await attack(calls)
      results[result] = (results[result] || 0) + 1
    }
    return results`)
  assert.strictEqual(results.EMVM_ERR_INVALID_WASM, undefined, 'the attacks themselves are broken')
  assert.strictEqual(Object.values(results).reduce((sum, count) => sum + count), 250)
  assert.ok(Object.keys(results).length > 2, JSON.stringify(results))
})
