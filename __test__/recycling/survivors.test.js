'use strict'

// What module code changes of its module object, of what it finds there and of its surroundings is undone at a recycle; what the
// program itself puts there stays. Each item is a change and a look that tells it; a fresh instance on the same host says what is right.

const { test } = require('node:test')
const assert = require('node:assert')
const { open } = require('../..')
const { openProgram } = require('../../lib/open')
const { openOptions } = require('../../lib/options')
const { scratch } = require('../support/files')
const { packageWith } = require('../support/package')

// `[what, change, look]`, both JavaScript of the module's own: a function body, and an expression.
const ITEMS = [
  ['a new property', 'Module.x = 1', 'Module.x'],
  ['a new property by a key', "var k = 'x2'; Module[k] = 1", 'Module.x2'],
  ['a property of a shared symbol', "Module[Symbol.for('left')] = 1", "Module[Symbol.for('left')]"],
  ['a getter', "var m = Module; Object.defineProperty(m, 'g', { get: function () { return 1 }, configurable: true })", 'Module.g'],
  ['an export replaced', 'Module._t_add = function () { return 1 }', 'Module._t_add(2, 3)'],
  ['an export deleted', 'delete Module._t_add', 'typeof Module._t_add'],
  ['the order of keys', 'var f = Module.ccall; delete Module.ccall; Module.ccall = f', 'Object.keys(Module).join()'],
  ['print', 'Module.print = 1', 'typeof Module.print'],
  ['preRun', 'Module.preRun = 5', 'Module.preRun === 5'],
  ['a view replaced', 'Module.HEAPU8 = 1', 'typeof HEAPU8 + typeof Module.HEAPU8'],
  ['ccall replaced', 'Module.ccall = null', 'typeof Module.ccall'],
  ['a property of a function', 'Module.ccall.calls = 1', 'Module.ccall.calls'],
  ['the name of a function', "var m = Module; Object.defineProperty(m.ccall, 'name', { value: 'other' })", 'Module.ccall.name'],
  ["a function's prototype", 'Module.postHelper.prototype.x = 1', 'Module.postHelper.prototype.x'],
  ['post-js replaced', 'Module.postHelper = null', 'typeof Module.postHelper'],
  ['the prototype of the module', 'Object.setPrototypeOf(Module, { inherited: 1 })', 'Module.inherited'],
  ['the prototype by __proto__', 'Module.__proto__ = { inherited: 1 }', 'Module.inherited'],
  ['many properties', 'Object.assign(Module, { m1: 1, m2: 2 })', '[Module.m1, Module.m2].join()'],
  ['a property nobody can change', "var m = Module; Object.defineProperty(m, 'fixed', { value: 1 })", 'Module.fixed'],
  ['a frozen module', 'Object.freeze(Module)', 'Object.isFrozen(Module)'],
  ['a sealed function', 'Object.preventExtensions(Module.ccall)', 'Object.isExtensible(Module.ccall)'],
  ['a property through Reflect', "Reflect.set(Module, 'r', 1)", 'Module.r'],
  ['a property through a constructor', 'Module.constructor.assign(Module, { c: 1 })', 'Module.c'],
  ['a property through eval', "(0, eval)('(function (m) { m.e = 1 })')(Module)", 'Module.e'],
  ['a property through a proxy', 'new Proxy(Module, {}).p = 1', 'Module.p'],
  ['a property through a pattern', '[Module.d] = [1]', 'Module.d'],
  ['a property through a pattern in a pattern', '[{ k: Module.d2 = 1, ...Module.d3 }] = [{}]', '[Module.d2, typeof Module.d3].join()'],
  ['a property through a loop', 'for (Module.l in { left: 1 });', 'Module.l'],
  ['an element through a loop', 'for (list[0] of [1]);', 'list.length'],
  ['a global through a pattern', '[emvmLeft2] = [1]', 'globalThis.emvmLeft2'],
  ['a global through a loop', 'for (emvmLeft3 of [1]);', 'globalThis.emvmLeft3'],
  ['a list by the name of a method', "var k = 'push'; list[k](1)", 'list.length'],
  ['a map by parts of a name', "var k = 'e'; known['s' + k + `t`]('left2', 1)", 'known.size'],
  ['a property by the name of a function', "var k = 'assign', o = Object; o[k](Module, { o: 1 })", 'Module.o'],
  ['a property by a name that is an object', "var k = { toString: function () { return 'assign' } }, o = Object; o[k](Module, { o2: 1 })", 'Module.o2'],
  ['a list by a method that was fetched by name', "var k = 'push'; FS.devices[k].call(FS.devices, 1)", 'FS.devices.length'],
  ['a list by a method in a variable', "var k = 'push'; var f = FS.devices[k]; f.call(FS.devices, 1)", 'FS.devices.length'],
  ['a list by a method that is passed on', "var k = 'push'; [1].forEach(FS.devices[k], FS.devices)", 'FS.devices.length'],
  ['a list by a method of a pattern', 'var { push } = FS.devices; push.call(FS.devices, 1)', 'FS.devices.length'],
  ['a list by a method of a computed pattern', "var { ['pu' + 'sh']: f } = FS.devices; f.call(FS.devices, 1)", 'FS.devices.length'],
  ['a list by a method of a parameter', '(function ({ push }) { push.call(FS.devices, 1) })(FS.devices)', 'FS.devices.length'],
  ['a list by a method of a descriptor', "Object.getOwnPropertyDescriptor(Array.prototype, 'push').value.call(FS.devices, 1)", 'FS.devices.length'],
  ['a property through a callback', "[['b', 1]].forEach(function (a) { this[a[0]] = a[1] }, Module)", 'Module.b'],
  ['ENV', "ENV.LEFT = 'x'", 'ENV.LEFT'],
  ['ENV emptied', 'for (var k in ENV) delete ENV[k]', 'Object.keys(ENV).length'],
  ['run dependencies', "addRunDependency('left')", 'runDependencies'],
  ['hooks at exit', 'addOnExit(function () {})', '__ATEXIT__.length'],
  ['hooks at exit, put there', '__ATEXIT__.push(function () {})', '__ATEXIT__.length'],
  ['EXITSTATUS', 'EXITSTATUS = 7', 'EXITSTATUS'],
  ['ABORT', 'ABORT = true', 'ABORT'],
  ['noExitRuntime', 'noExitRuntime = 5', 'noExitRuntime'],
  ['a variable of post-js', 'counter++', 'counter'],
  ['an object in a variable of post-js', 'cache.left = 1', 'cache.left'],
  ['an object by another name', 'var same = cache; same.other = 1', 'cache.other'],
  ['a map in a variable of post-js', "known.set('left', 1)", 'known.size'],
  ['a list in a variable of post-js', 'list.push(1)', 'list.length'],
  ['a closure of post-js', 'Module.count()', 'Module.count.now()'],
  ['a class of post-js', 'Module.Own.prototype.left = 1', 'new Module.Own().left'],
  ['a static of a class', 'Module.Own.made = 1', 'Module.Own.made'],
  ['process.exitCode', 'process.exitCode = 3', 'process.exitCode'],
  ['a listener of the process', "process.on('left', function () {})", "process.listenerCount('left')"],
  ['a global variable', 'globalThis.emvmLeft = 1', 'globalThis.emvmLeft'],
  ['a global replaced', 'globalThis.fetch = 1', 'typeof globalThis.fetch'],
  ['FS.ignorePermissions', 'FS.ignorePermissions = true', 'FS.ignorePermissions'],
  ['a device', 'FS.registerDevice(FS.makedev(70, 1), {})', 'typeof FS.getDevice(FS.makedev(70, 1))'],
  ['a mount point', "FS.mkdir('/m'); FS.mount(FS.filesystems.MEMFS, {}, '/m')", "FS.isMountpoint({ path: '/m' })"],
  ['a method of FS', 'FS.readFile = null', 'typeof FS.readFile'],
  ['a method of FS deleted', 'delete FS.readFile', 'typeof FS.readFile'],
  ['a prototype of FS', 'FS.FSNode.prototype.left = 1', 'FS.FSNode.prototype.left'],
  ['a class of FS patched', "FS.ErrnoError.prototype.message = 'x'", 'FS.ErrnoError.prototype.message'],
  ['an accessor of FS', "Object.defineProperty(FS, 'root', { value: 1 })", 'typeof FS.root'],
  ['a list of FS', 'FS.devices.push(1)', 'FS.devices.length'],
  ['a frozen FS', 'Object.freeze(FS)', 'Object.isFrozen(FS)'],
  ['a file', "FS.writeFile('/left', 'x')", "FS.analyzePath('/left').exists"]
]

const POST = `
var counter = 0; var cache = {}; var known = new Map(); var list = [];
Module.Own = function () {};
Module.count = (function () { var n = 0; var count = function () { n++; return n }; count.now = function () { return n }; return count })();
`

const functions = (list) => `[${list.map((body) => `function () { ${body} }`).join(',\n')}]`

const LOOKS = `
  Module.look = function (i) { return looks[i]() };
  Module.change = function (i) { changes[i]() };`
const ofItems = (items) => `${LOOKS}
  var looks = ${functions(items.map(([, , look]) => `return ${look}`))};
  var changes = ${functions(items.map(([, change]) => change))};`

async function check (file, items, keepsState, change) {
  const { facts } = await openProgram(file, openOptions({}))
  assert.strictEqual(facts.fragment.keepsState, keepsState)
  const vm = await open(file, { host: 'native', print () {}, printErr () {} })
  const fresh = await open(file, { host: 'native', print () {}, printErr () {} })
  for (const [i, [what]] of items.entries()) {
    const right = fresh.exports.look(i)
    assert.deepStrictEqual(vm.exports.look(i), right, `${what}: right after start`)
    change(vm.exports, i)
    assert.notDeepStrictEqual(vm.exports.look(i), right, `${what}: changed`)
    await vm.isReady()
    delete vm.exports.which
    assert.deepStrictEqual(vm.exports.look(i), right, `${what}: after a recycle`)
  }
  vm.dispose()
  fresh.dispose()
}

const byFunction = (module, i) => module.change(i)
const byEmJs = (module, i) => {
  module.which = i
  module._t_state()
}

for (const [by, change] of [['EM_JS', byEmJs], ['a function of post-js', byFunction]]) {
  test(`what module code changes is gone in the next generation: by ${by}, which is made anew`, async (t) => {
    const file = packageWith(scratch(t).write, { state: 'changes[Module.which](); return 0', post: POST + ofItems(ITEMS) })
    await check(file, ITEMS, true, change)
  })
}

// Each in a file of its own: once start-up has fetched one, whatever happens counts.
const HELD = [
  ['a list by a method that start-up fetched', 'held.call(FS.devices, 1)', 'FS.devices.length', 'var held = [].push'],
  ['a list by a method that start-up fetched by name', 'held.call(FS.devices, 1)', 'FS.devices.length', "var name = 'push', held = [][name]"],
  ['a list by a method that start-up took from a pattern', 'held.call(FS.devices, 1)', 'FS.devices.length', 'var { push: held } = []'],
  ['a list by a method of what start-up described', 'held.value.call(FS.devices, 1)', 'FS.devices.length', "var held = Object.getOwnPropertyDescriptor(Array.prototype, 'push')"]
]

for (const [what, change, look, start] of HELD) {
  for (const state of ['', 'counter++; ']) {
    test(`what module code changes is gone in the next generation: ${what}, and JavaScript that is ${state ? 'made anew' : 'kept'}`, async (t) => {
      const item = [what, `${state}${change}`, look]
      const file = packageWith(scratch(t).write, { fixture: 'embind', post: `${start}; ${state && 'var counter = 0;'}${ofItems([item])}` })
      await check(file, [item], state !== '', (module, i) => {
        byFunction(module, i)
        byFunction(module, i)
      })
    })
  }
}

// Of embind's.
const CLASSES = [
  ['a method', 'Module.Dog.prototype.greet = null', 'typeof Module.Dog.prototype.greet'],
  ['a new method', 'Module.Dog.prototype.left = 1', 'Module.Dog.prototype.left'],
  ['a base class', 'Object.getPrototypeOf(Module.Dog.prototype).left = 1', 'Module.Dog.prototype.left'],
  ['the root of all classes', 'Object.getPrototypeOf(Object.getPrototypeOf(Module.Dog.prototype)).left = 1', 'Module.Dog.prototype.left'],
  ['through an object', "new Module.Dog('x').constructor.left = 1", 'Module.Dog.left'],
  ['through its prototype', "new Module.Dog('x').__proto__.left = 1", 'Module.Dog.prototype.left'],
  ['a class replaced', 'Module.Dog = 1', 'typeof Module.Dog'],
  ['a symbol', "Module.Dog[Symbol.for('left')] = 1", "Module.Dog[Symbol.for('left')]"],
  ['an accessor', "var m = Module; Object.defineProperty(m.Dog.prototype, 'left', { get: function () { return 1 } })", 'Module.Dog.prototype.left'],
  ['another prototype', 'Object.setPrototypeOf(Module.Dog.prototype, { left: 1 })', 'Module.Dog.prototype.left'],
  ['a frozen class', 'Object.freeze(Module.Dog.prototype)', 'Object.isFrozen(Module.Dog.prototype)']
]

const OF_THE_OTHER = /\b(counter|cache|known|list|same|ccall|post|postHelper|_t_add|Own|count)\b/

test('what module code changes is gone in the next generation: classes, and by JavaScript that is kept', async (t) => {
  const items = [...CLASSES, ...ITEMS.filter(([, change]) => !OF_THE_OTHER.test(change))]
  assert.ok(items.length > 40)
  await check(packageWith(scratch(t).write, { fixture: 'embind', post: ofItems(items) }), items, false, byFunction)
})

test("the program's own: what it puts on the module object stays, what it tells the runtime does not", async (t) => {
  const file = packageWith(scratch(t).write, { state: 'Module.x = 1; return 0', post: 'Module.FS = FS; Module.ENV = ENV;' })
  const vm = await open(file, { host: 'native', print () {}, printErr () {} })
  const { exports: module } = vm
  const mine = { list: [] }
  module.mine = mine
  module.ccall.mine = 1
  module.FS.mine = () => 1
  for (let round = 0; round < 3; round++) {
    mine.list.push(round)
    assert.strictEqual(module._t_state(), 0)
    assert.strictEqual(module.x, 1)
    module.FS.ignorePermissions = true
    await vm.isReady()
    assert.strictEqual(vm.exports, module)
    assert.strictEqual(module.x, undefined)
    assert.deepStrictEqual([module.mine, module.ccall.mine, module.FS.mine()], [mine, 1, 1])
    assert.strictEqual(mine.list.length, round + 1)
    assert.strictEqual(module.FS.ignorePermissions, false)
  }
  vm.dispose()
})
