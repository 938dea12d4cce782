'use strict'

// What a package's entry is that has no glue of its own: which files it leads to, and what is no factory.

const test = require('node:test')
const assert = require('node:assert')
const { open } = require('../..')
const { glueFolder } = require('../support/glue')

// A module with nothing in it.
const EMPTY = Buffer.from('0061736d01000000', 'hex')

test('the files that an entry leads to are found in each way that a package names its own', async (t) => {
  const { glue, write } = glueFolder(t)
  write('package.json', '{ "name": "named", "exports": { "./engine": { "import": "./build/glue.mjs" }, ".": "./index.mjs" }, "imports": { "#engine": "./build/glue.mjs" } }')
  glue('build/glue.mjs', 'esm')
  // As wasm-bindgen leaves it: a folder with a manifest of its own.
  write('nested/package.json', '{ "name": "engine", "main": "inner.js" }')
  write('nested/inner.js', 'exports.run = (bytes) => new WebAssembly.Instance(new WebAssembly.Module(bytes))')
  for (const specifier of ['./build/glue.mjs', '#engine', 'named/engine']) {
    const file = write('index.mjs', `import createModule from '${specifier}'\nexport const load = async () => (await createModule())._next()\nexport const version = 1`)
    const vm = await open(file)
    assert.strictEqual(await vm.exports.load(), 8, specifier)
    assert.ok(vm.stats().calls > 0)
    vm.dispose()
  }
  const vm = await open(write('outer.js', "exports.run = require('./nested').run; exports.version = 1"))
  assert.strictEqual(typeof vm.exports.run, 'function')
  vm.dispose()
})

test('an entry that leads to asm.js alone is refused by name', async (t) => {
  const { write } = glueFolder(t)
  write('package.json', '{ "name": "old" }')
  write('engine.js', 'exports.f = (function () { "use asm"; function f (a) { a = a | 0; return a + 1 | 0 } return { f: f } })().f')
  const file = write('main.js', "exports.f = require('./engine').f; exports.version = 1")
  for (const options of [{}, { host: 'glue' }, { host: 'glue', rewind: 'auto' }]) {
    await assert.rejects(open(file, options), { code: 'EMVM_ERR_UNSUPPORTED', message: /main\.js is asm\.js, or leads to it/ })
  }
  // What stands for the engine in it is no WebAssembly.
  write('binaryen.js', 'var WebAssembly = { Memory: function () {} }; new WebAssembly.Memory(); function asmFunc (env) {}')
  await assert.rejects(open(write('newer.js', "exports.f = require('./binaryen').f; exports.version = 1")), { code: 'EMVM_ERR_UNSUPPORTED' })
  // Beside WebAssembly it is another way that the package has.
  write('fast.js', 'exports.g = (bytes) => new WebAssembly.Instance(new WebAssembly.Module(bytes))')
  const both = await open(write('both.js', "exports.f = require('./engine').f; exports.g = require('./fast').g"))
  assert.strictEqual(both.exports.f(1), 2)
  both.dispose()
})

test('a function that gives options to a factory is no factory', async (t) => {
  const { glue, write } = glueFolder(t)
  glue('glue.js', 'commonjs')
  const file = write('main.mjs', `import createModule from './glue.js'
    export default async function load (bytes) {
      const given = { instantiateWasm (imports, done) { WebAssembly.instantiate(bytes, imports).then(({ instance }) => done(instance)); return {} }, locateFile: (name) => name }
      return { given: Object.keys(given), next: (await createModule())._next() }
    }`)
  const vm = await open(file, { host: 'glue' })
  assert.deepStrictEqual(await vm.exports(Buffer.alloc(0)), { given: ['instantiateWasm', 'locateFile'], next: 8 })
  vm.dispose()
})

test('a script that exports nothing and leaves `Module` alone is refused at once', async (t) => {
  const { write } = glueFolder(t)
  // What a bundle within it says of Emscripten's runtime makes it glue.
  const file = write('bundle.js', '(() => { const make = (Module) => { Module.calledRun = true; return WebAssembly.instantiate(Module.wasmBinary) } })()')
  const started = performance.now()
  await assert.rejects(open(file, { host: 'glue' }), { code: 'EMVM_ERR_START', message: /exports nothing and has no variable/ })
  assert.ok(performance.now() - started < 20_000)
})

test('functions of wasm-bindgen beside an API are no sign of a module that is about to start', async (t) => {
  const { write } = glueFolder(t)
  write('package.json', '{ "name": "lazy" }')
  const names = Array.from({ length: 9 }, (_, at) => `exports.__wbg_f${at} = () => {}; exports.__wbindgen_g${at} = () => {}`).join('\n')
  const vm = await open(write('lazy.js', `${names}\nexports.load = (bytes) => WebAssembly.instantiate(bytes)`))
  const times = []
  for (let round = 0; round < 5; round++) {
    await vm.exports.load(EMPTY)
    const started = performance.now()
    await vm.isReady()
    times.push(performance.now() - started)
  }
  // Half a second each where it is waited for.
  assert.ok(Math.min(...times) < 300, times.join())
  vm.dispose()
})

test('a package that defines something on the language for good says which realm it needs', async (t) => {
  const { write } = glueFolder(t)
  const name = `mark${Date.now()}`
  const file = write('portable.js', `Object.defineProperties(Math, { ${name}: { value: () => 1 } })
    exports.version = Math.${name}(); exports.load = (bytes) => WebAssembly.instantiate(bytes)`)
  const vm = await open(file, { host: 'glue' })
  await vm.exports.load(EMPTY)
  await assert.rejects(vm.isReady(), { code: 'EMVM_ERR_START', message: /Cannot redefine property.*realm: 'context'/ })
  vm.dispose()
  const own = await open(file, { host: 'glue', realm: 'context' })
  for (let round = 0; round < 2; round++) {
    await own.exports.load(EMPTY)
    assert.strictEqual((await own.isReady()).version, 1)
  }
  own.dispose()
})

test('an ES module that is required is what Node gives', async (t) => {
  const { write } = glueFolder(t)
  write('package.json', '{ "name": "both", "type": "module" }')
  write('main.js', 'export default () => 1\nexport const named = 2')
  write('plain.js', 'export let count = 0\nexport const next = () => ++count')
  write('marked.js', 'export const __esModule = false\nexport default 3')
  write('chosen.js', "const chosen = { a: 4 }\nexport { chosen as 'module.exports' }\nexport default 5")
  const text = `const wildcard = (given) => given.__esModule ? given : { ...given, default: given }
    const [main, plain, marked, chosen] = ['main', 'plain', 'marked', 'chosen'].map((name) => require('./' + name + '.js'))
    exports.facts = () => [typeof wildcard(main).default, Object.keys(main).sort(), main === require('./main.js'), wildcard(plain).default === plain, plain.next(), plain.count, Object.keys(marked).sort(), marked.__esModule, chosen]
    exports.load = (bytes) => WebAssembly.instantiate(bytes)`
  const file = write('index.cjs', text)
  const facts = ['function', ['__esModule', 'default', 'named'], true, true, 1, 1, ['__esModule', 'default'], false, { a: 4 }]
  // Node.js 20.19 and 22.12 are the first that do.
  if (process.features.require_module) assert.deepStrictEqual(require(file).facts(), facts)
  for (const options of [{}, { rewind: true }]) {
    const vm = await open(file, { host: 'glue', ...options })
    for (let round = 0; round < 3; round++) {
      await vm.exports.load(EMPTY)
      assert.deepStrictEqual(vm.exports.facts(), facts)
      await vm.isReady()
    }
    vm.dispose()
  }
})

test('import() in a function of text', async (t) => {
  const { write } = glueFolder(t)
  write('package.json', '{ "name": "text" }')
  write('other.mjs', 'export const value = 7')
  const file = write('main.js', `exports.load = (bytes) => WebAssembly.instantiate(bytes)
    exports.builtin = async () => (await new Function('name', 'return import(name)')('node:path')).basename('/a/b')
    exports.own = async () => (await Function('name', 'return import(name)')('./other.mjs')).value`)
  for (const options of [{}, { rewind: true }]) {
    const vm = await open(file, { host: 'glue', ...options })
    for (let round = 0; round < 2; round++) {
      await vm.exports.load(EMPTY)
      assert.deepStrictEqual([await vm.exports.builtin(), await vm.exports.own()], ['b', 7])
      await vm.isReady()
    }
    vm.dispose()
  }
})
