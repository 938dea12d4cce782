'use strict'

// What a generation defines on the global object, and changes of objects of the language's and of Node's, is not there in the next,
// and what the program defines there stays.

const test = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { execFileSync } = require('node:child_process')
const { open } = require('../..')
const { openFile } = require('../rewind/support')

const FILE = path.join(__dirname, '..', 'fixtures', 'globals.js')

// Each way, twice.
function counted (module) {
  const count = (way) => {
    try {
      return module._count(way)
    } catch (error) {
      return error.code
    }
  }
  const counts = []
  for (let way = 0; way < module._ways(); way++) counts.push([count(way), count(way)])
  return counts
}

const plain = () => JSON.parse(execFileSync(process.execPath, ['-e', `
  delete globalThis.fetch // old glue gives it a path
  const module = require(${JSON.stringify(FILE)})
  module.onRuntimeInitialized = () => console.log(JSON.stringify((${counted})(module)))
`], { encoding: 'utf8' }))

// Objects that the program shares with the package, where it is not rewound: see docs/glue-host.md.
const SHARED = [10, 11, 12, 13, 14, 15, 16, 18]

// `emscripten_run_script`, which the native host refuses by name.
const REFUSED = [5, 6]

for (const [name, options, shared] of [['native host', { host: 'native' }, REFUSED], ['glue host', { host: 'glue' }, SHARED], ['rewind', { host: 'glue', rewind: true }, []]]) {
  test(`${name}: each way to what the process shares begins anew`, async () => {
    const wanted = plain()
    assert.equal(wanted.length, 19)
    const own = () => Reflect.ownKeys(globalThis).filter((key) => /^w\d/i.test(String(key)))
    const vm = await open(FILE, options)
    globalThis.w_program = 1
    try {
      for (let generation = 1; generation <= 3; generation++) {
        const seen = counted(await vm.isReady())
        globalThis.w_late = generation
        for (const [way, counts] of seen.entries()) {
          if (!shared.includes(way)) assert.deepEqual(counts, wanted[way], `generation ${generation}, way ${way}`)
        }
      }
      if (shared === REFUSED) for (const way of REFUSED) assert.equal(counted(vm.exports)[way][0], 'EMVM_ERR_UNSUPPORTED')
      assert.equal(vm.stats().rewind, options.rewind ? 'on' : options.host === 'native' ? 'native' : 'off')
      await vm.isReady()
      assert.deepEqual(own(), [], 'nothing is left on the global object')
      assert.deepEqual([globalThis.w_program, globalThis.w_late], [1, 3], 'what the program defines stays')
    } finally {
      vm.dispose()
      delete globalThis.w_program
      delete globalThis.w_late
      for (const object of [Array.prototype, console, Math, Math.max, JSON, fs]) for (const key of Reflect.ownKeys(object)) if (/^w\d+$/.test(String(key))) delete object[key]
      delete process.env.W12
    }
  })
}

const WAYS = {
  'a plain function': '() => (function () { return this })()',
  'a callback of the language\'s': '() => [1].map(function () { return this })[0]',
  'an arrow function in one': '() => (function () { return () => this })()()',
  'a default of a parameter': '() => (function (a = this) { return a })()',
  'a generator': '() => [...(function * () { yield this })()][0]',
  'an asynchronous function': '() => (async function () { return this })()',
  'call(null)': '() => (function () { return this }).call(null)',
  'a microtask': '() => new Promise((resolve) => queueMicrotask(function () { resolve(this) }))',
  'eval': '() => (function () { return eval("this") })()',
  'an indirect eval': '() => (0, eval)("this")',
  'eval by another name': '() => { const run = eval; return run("this") }',
  'Function': '() => Function("return this")()',
  'new Function': '() => new Function("return this;")()',
  'a text that names it': '() => Function("return globalThis")()'
}

for (const rewind of [false, true]) {
  test(`the global object of JavaScript files is the generation's own${rewind ? ', rewound' : ''}`, async () => {
    const text = `const ways = { ${Object.entries(WAYS).map(([name, way]) => `${JSON.stringify(name)}: ${way}`).join(',\n')} }
      exports.step = async (name) => { const world = await ways[name](); world.seen = (world.seen || 0) + 1; return [world === globalThis, world.seen] }
      exports.method = { own () { return this } }
      exports.text = (text) => eval(text)`
    const { vm, close } = await openFile(text, { rewind })
    try {
      for (let generation = 1; generation <= 3; generation++) {
        for (const [i, name] of Object.keys(WAYS).entries()) assert.deepEqual(await vm.exports.step(name), [true, i + 1], name)
        assert.equal(vm.exports.method.own(), vm.exports.method)
        assert.equal('seen' in globalThis, false)
        await vm.isReady()
      }
      assert.equal(vm.stats().rewindReason, undefined)
    } finally {
      close()
    }
  })

  test(`what text defines is there for the next text, and for nobody else${rewind ? ', rewound' : ''}`, async () => {
    globalThis.sharedName = 'the program\'s'
    const { vm, close } = await openFile('exports.run = function (text) { return eval(text) }; exports.get = () => typeof defined === "undefined" ? undefined : defined', { rewind })
    try {
      for (let generation = 1; generation <= 3; generation++) {
        const { run, get } = vm.exports
        assert.equal(run('typeof defined'), 'undefined')
        assert.equal(run('defined = 1'), 1)
        assert.equal(run('defined + 1'), 2)
        assert.equal(get(), 1)
        assert.throws(() => run('defined = 7; also = 8; throw new TypeError("of the text")'), TypeError)
        assert.equal(run('[defined, also].join()'), '7,8')
        assert.equal(run('delete also; typeof also'), 'undefined')
        assert.equal(run('sharedName = "changed"; eval("defined = sharedName")'), 'changed')
        assert.equal(get(), 'changed')
        await null
        assert.deepEqual(['defined' in globalThis, 'also' in globalThis, globalThis.sharedName], [false, false, 'the program\'s'])
        await vm.isReady()
      }
    } finally {
      close()
      delete globalThis.sharedName
    }
  })
}

test('beside a direct eval, names are what its text declares, else globals of the package, wherever they stand', async () => {
  globalThis.sharedName = 'the program\'s'
  const { vm, close } = await openFile(`
    kinds = { Thing: function () { this.x = 5 } }
    list = [1, 2]; seven = 7; counter = 0; tag = (strings) => strings[0]
    exports.read = () => {
      eval('')
      let n = 1
      tag([])
      const made = new kinds.Thing().x + new kinds['Thing']().x
      for (const x of list) n += x
      try { throw seven } catch (error) { n -= error }
      if (n > 100) n = 0; else kinds.also = 1
      return [n, made, 10 - seven, 2 * seven, -seven, [...list].length, tag\`q\`, { seven }.seven, typeof seven, typeof missing, list instanceof Array, (() => seven)()].join()
    }
    exports.write = () => {
      eval('')
      counter += 1; counter++; late = 1; [late] = [late + 1]; ({ late } = { late: late * 4 }); sharedName = 'changed'
      for (key in { k: 1 });
      const seen = [counter, late, key, sharedName].join()
      delete late
      return [seen, typeof late].join()
    }
    exports.declared = (text) => { (eval)(text); own += 1; own++; seven = own; return [own, seven, (function () { return own })(), typeof nothing, (function () { 'use strict'; try { none = 1 } catch (error) { return error.name } })()].join() }
    exports.local = (a) => { (eval)('a = a + 1'); return a }`)
  try {
    for (let generation = 1; generation <= 2; generation++) {
      assert.equal(vm.exports.read(), '-3,10,3,14,-7,2,q,7,number,undefined,true,7')
      assert.equal(vm.exports.write(), '2,8,k,changed,undefined')
      assert.equal(vm.exports.declared('var own = 1, seven, nothing'), '3,3,3,undefined,ReferenceError')
      assert.equal(vm.exports.local(1), 2)
      assert.equal(vm.exports.read().split(',').at(-1), '7', 'the global was not assigned')
      assert.equal(globalThis.sharedName, 'the program\'s')
      assert.deepEqual(['counter', 'late', 'key', 'own', 'none'].filter((name) => name in globalThis), [])
      await vm.isReady()
    }
  } finally {
    close()
    delete globalThis.sharedName
  }
})

test('a global may have any name', async () => {
  const { vm, close } = await openFile(`
    own = 1; outer = 2; add = 3; constructor = 4; declared = 5; variable = 6; value = 7
    exports.seen = () => [own++, outer, add, constructor, declared, variable, value, typeof own, typeof outer].join()`)
  try {
    for (let generation = 1; generation <= 2; generation++) {
      assert.equal(vm.exports.seen(), '1,2,3,4,5,6,7,number,number')
      assert.equal(vm.exports.seen(), '2,2,3,4,5,6,7,number,number')
      await vm.isReady()
    }
  } finally {
    close()
  }
})

test('functions make objects of what `this` has, and those of text are as JavaScript makes them', async () => {
  const text = `exports.seen = () => {
    function A (n) { this.n = n }
    A.prototype.twice = function () { return new this.constructor(this.n * 2).n }
    A.make = function () { return [new this(1).n, (new this).n] }
    const space = { A, list: [A], b () { return [new this.A(2).n, new this.list[0](3).n, new /* of */ this['A'](4).n, (() => new this.A(5).n)(), new (this.list.at(0))(6).n] } }
    const F = Function('a', 'this.a = a; this.made = new.target !== undefined')
    const one = new F(1)
    F.prototype = { get () { return this.a } }
    const two = new F(2)
    class G extends F { more () { return this.a + 1 } }
    const strict = Function("'use strict'; return this")
    return JSON.stringify([new A(2).twice(), A.make(), space.b(), one.made, one.constructor === F, one instanceof F, two.get(), two instanceof F, new G(3).more(), strict() === undefined, strict.call(5)])
  }`
  const module = { exports: {} }
  require('node:vm').compileFunction(text, ['exports'])(module.exports)
  for (const rewind of [false, true]) {
    const { vm, close } = await openFile(text, { rewind })
    try {
      for (let generation = 1; generation <= 2; generation++) {
        assert.equal(vm.exports.seen(), module.exports.seen())
        await vm.isReady()
      }
    } finally {
      close()
    }
  }
})

test('strict code defines no global by assigning it, sloppy code does', async (t) => {
  for (const rewind of [false, true]) {
    const { vm, close } = await openFile(`
      exports.strict = () => { 'use strict'; try { undeclared = 1 } catch (error) { return [error.name, typeof undeclared] } }
      exports.late = () => { 'use strict'; globalThis.defined = 1; defined += 1; return defined }
      exports.sloppy = () => { undeclared = 1; return typeof undeclared }
      exports.evaluated = (text) => { const shown = typeof undeclared; eval(text); return [shown, typeof undeclared] }`, { rewind })
    t.after(close)
    for (let generation = 1; generation <= 2; generation++) {
      const { strict, late, sloppy, evaluated } = vm.exports
      assert.deepEqual([strict(), late(), sloppy(), evaluated('0')], [['ReferenceError', 'undefined'], 2, 'number', ['number', 'number']])
      await vm.isReady()
    }
  }
})

test('names in functions of text are those of the files', async (t) => {
  globalThis.programs = 1
  t.after(() => { delete globalThis.programs })
  for (const rewind of [false, true]) {
    const { vm, close } = await openFile(`
      exports.step = () => {
        const late = typeof madeByText
        Function('r', 'madeByText = r')(7)
        packages = 4
        const seen = [late, madeByText, Function('return packages')(), Function('a', 'b = 2', 'return a + b + packages')(1), new Function('programs = 5; return programs')(), typeof programs]
        const strict = Function('"use strict"; try { undeclaredName = 1 } catch (e) { return e.name }')()
        const F = Function('x', 'this.x = x'), f = new F(3)
        return [...seen, strict, f.x, f instanceof F, f.constructor === F, F.length, F.name, Function()(), typeof Function('return eval("packages")')]
      }
      exports.fails = () => Function('}, {')`, { rewind })
    t.after(close)
    for (let generation = 1; generation <= 3; generation++) {
      assert.deepEqual(vm.exports.step(), ['undefined', 7, 4, 7, 5, 'number', 'ReferenceError', 3, true, true, 1, 'anonymous', undefined, 'function'])
      assert.throws(() => vm.exports.fails(), SyntaxError)
      assert.deepEqual([globalThis.programs, 'madeByText' in globalThis, 'packages' in globalThis], [1, false, false])
      await vm.isReady()
    }
    assert.equal(vm.stats().rewindReason, undefined)
  }
})
