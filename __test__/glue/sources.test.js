'use strict'

// The shapes that glue comes in, and how its package's other files are found.

const test = require('node:test')
const assert = require('node:assert')
const { execFileSync } = require('node:child_process')
const path = require('node:path')
const { open, inspect } = require('../..')
const { glueFolder, BASE64 } = require('../support/glue')
const { MACHINE } = require('../support/wasm')

const glueHost = (file, options) => open(file, { host: 'glue', print () {}, printErr () {}, ...options })

test('an ES module with import.meta.url, static and dynamic imports', async (t) => {
  const { write } = glueFolder(t)
  write('machine.wasm', MACHINE)
  write('package.json', '{ "name": "machine", "type": "module" }')
  write('place.js', 'import { fileURLToPath as path } from "node:url"\nexport const place = (name, base) => path(new URL(name, base))\nexport default 7\nexport * from "./more.js"')
  write('more.js', 'export let count = 0\nexport function more () { return ++count }\nglobalThis.loads = (globalThis.loads || 0) + 1')
  write('late.js', 'await null\nexport const late = import.meta.url\nexport { count, more as again } from "./more.js"')
  write('old.cjs', 'exports.old = __filename; exports.wa = WebAssembly')
  const file = write('glue.mjs', `
    import process, { version } from 'process'
    import * as fs from 'node:fs'
    import seven, { place, more, count } from './place.js'
    import old, { wa } from './old.cjs'
    export default async function createModule (Module = {}) {
      const { createRequire } = await import('module')
      const late = await import('./late.js')
      const bytes = Module.wasmBinary || fs.readFileSync(place('machine.wasm', import.meta.url))
      const { instance } = await WebAssembly.instantiate(bytes, { env: { callback: (x) => x } })
      late.again(); more()
      return Object.assign(Module, { _add: instance.exports.add, calledRun: true, facts: {
        version, seven, count: late.count, own: process.listenerCount('exit'), late: late.late, old: old.old, same: wa === WebAssembly,
        required: createRequire(import.meta.url)('node:path').sep, loads: globalThis.loads } })
    }`)
  const vm = await glueHost(file)
  for (let round = 0; round < 2; round++) {
    assert.strictEqual(vm.exports._add(1, 2), 3)
    const { version, seven, count, own, late, old, same, required, loads } = vm.exports.facts
    assert.deepStrictEqual({ version, seven, count, own, same, required, loads }, { version: process.version, seven: 7, count: 2, own: 0, same: true, required: path.sep, loads: 1 })
    assert.ok(late.endsWith('/late.js') && late.startsWith('file:'))
    assert.strictEqual(path.basename(old), 'old.cjs')
    await vm.isReady()
  }
  vm.dispose()
})

test('an ES module that makes `Module` a global has that one, and is no program of its own without arguments', async (t) => {
  const { write } = glueFolder(t)
  write('machine.wasm', MACHINE)
  const file = write('api.mjs', `
    import * as fs from 'node:fs'
    import { fileURLToPath } from 'node:url'
    export const isProgram = fileURLToPath(import.meta.url) === process.argv[1]
    export const rest = process.argv.slice(2)
    const add = (a, b) => Module.add(a, b)
    export async function start () {
      const { instance } = await WebAssembly.instantiate(fs.readFileSync(new URL('machine.wasm', import.meta.url)), { env: { callback: (x) => x } })
      globalThis.Module = instance.exports
      return add
    }`)
  const plain = await import(require('node:url').pathToFileURL(file).href)
  assert.strictEqual((await plain.start())(1, 2), 3)
  delete globalThis.Module
  for (const rewind of [false, true]) {
    const vm = await glueHost(file, { factory: false, rewind })
    for (let round = 0; round < 2; round++) {
      assert.deepStrictEqual([vm.exports.isProgram, vm.exports.rest], [plain.isProgram, plain.rest])
      assert.strictEqual((await vm.exports.start())(1, 2), 3)
      assert.strictEqual('Module' in globalThis, false)
      await vm.isReady()
    }
    vm.dispose()
  }
  const vm = await glueHost(file, { factory: false, args: ['one'] })
  assert.deepStrictEqual([vm.exports.isProgram, vm.exports.rest], [true, ['one']])
  vm.dispose()
})

test('a default export that is also exported by name among others is part of an API, not a factory', async (t) => {
  const { write } = glueFolder(t)
  write('machine.wasm', MACHINE)
  const file = write('api.js', `
    let ready
    const start = () => ready ??= WebAssembly.instantiate(require('fs').readFileSync(__dirname + '/machine.wasm'), { env: { callback: (x) => x } })
    async function run (a, b) { return (await start()).instance.exports.add(a, b) }
    const HEAPU8 = null, wasmBinaryFile = 'machine.wasm'
    Object.assign(Object.defineProperty(exports, '__esModule', { value: true }), { default: run, run, start, version: '1' })`)
  const vm = await glueHost(file)
  for (let round = 0; round < 2; round++) {
    assert.deepStrictEqual(Object.keys(vm.exports), ['default', 'run', 'start', 'version'])
    assert.strictEqual(await vm.exports.run(2, 3), 5)
    await vm.isReady()
  }
  vm.dispose()
})

test('a wrapper with the glue in another file of its package', async (t) => {
  const { glue, write } = glueFolder(t)
  write('package.json', '{ "name": "wrapped" }')
  glue('build/glue.js', 'commonjs')
  write('lib/state.js', 'exports.loads = 0')
  write('node_modules/dependency/package.json', '{ "name": "dependency", "main": "index.js" }')
  write('node_modules/dependency/index.js', 'exports.shared = { loads: 0 }')
  const file = write('lib/index.js', `
    const createModule = require('../build/glue')
    const state = require('./state'); state.loads++
    const { shared } = require('dependency'); shared.loads++
    require('./cycle')
    if (require(__dirname + '/state.js') !== state) throw new Error('another one by its absolute path')
    exports.facts = { loads: state.loads, shared: shared.loads, again: require('./state.js') === state, json: require('../package.json').name,
      resolved: require.resolve('./state'), cycle: require('./cycle').seen }
    exports.load = async () => { const m = await createModule(); return { next: () => m._next(), trap: () => m._trap() } }
    exports.missing = () => require('./none')`)
  write('lib/cycle.js', 'exports.seen = Object.keys(require("./index.js"))')
  const { host, reasons } = await inspect(file)
  assert.deepStrictEqual([host, /other files of the package/.test(reasons.join())], ['glue', true])
  // One that leads to no WebAssembly is no source.
  await assert.rejects(open(write('lib/plain.js', "exports.loads = require('./state').loads")), { code: 'EMVM_ERR_SOURCE', message: /host: 'glue'/ })
  const vm = await open(file)
  assert.strictEqual(vm.host, 'glue')
  const { loads, shared, again, json, resolved, cycle } = vm.exports.facts
  assert.deepStrictEqual({ loads, shared, again, json, cycle }, { loads: 1, shared: 1, again: true, json: 'wrapped', cycle: [] })
  assert.strictEqual(path.basename(resolved), 'state.js')
  assert.throws(() => vm.exports.missing(), { code: 'MODULE_NOT_FOUND' })
  const machine = await vm.exports.load()
  assert.deepStrictEqual([machine.next(), machine.next()], [8, 9])
  await vm.isReady()
  // The package's own files ran anew, its dependency did not.
  assert.deepStrictEqual([vm.exports.facts.loads, vm.exports.facts.shared > 1], [1, true])
  assert.throws(() => machine.next(), { code: 'EMVM_ERR_STALE' })
  assert.strictEqual((await vm.exports.load()).next(), 8)
  vm.dispose()
})

test('a file that is an API of its package runs on the glue host, and inspect says why', async (t) => {
  const { write } = glueFolder(t)
  const factory = `function create (Module) { var wasmImports = { callback: function (x) { return x } }; return WebAssembly.instantiate(Buffer.from('${BASE64}', 'base64'), { env: wasmImports }).then(function (r) { return r.instance.exports }) }`
  const file = write('api.js', `${factory}\nexports.version = '1.0'\nexports.load = async () => ({ add: (await create()).add })`)
  const { host, reasons } = await inspect(file)
  assert.strictEqual(host, 'glue')
  assert.match(JSON.stringify(reasons), /API of the package's own.*version, load/)
  const vm = await open(file)
  assert.strictEqual((await vm.exports.load()).add(2, 2), 4)
  vm.dispose()
})

test('a bare script: its variable, the object it was given, what it assigns to module.exports', async (t) => {
  const { glue, write } = glueFolder(t)
  const plain = await glueHost(glue('script.js', 'script'), { module: { mine: 5 } })
  assert.deepStrictEqual([plain.exports._add(1, 1), plain.exports.mine], [2, 5])
  plain.dispose()
  // Old glue is a thenable that resolves with itself, for ever.
  const thenable = await glueHost(glue('thenable.js', 'script', `
    Module.then = function (f) { setTimeout(function () { f(Module) }, 1); return Module }`))
  assert.strictEqual(thenable.exports._add(1, 1), 2)
  assert.strictEqual(typeof (await thenable.isReady()).then, 'undefined')
  thenable.dispose()
  const late = await glueHost(write('late.js', `
    var Module = typeof Module !== 'undefined' ? Module : {};
    Module.HEAPU8 = null;
    setTimeout(function () {
      WebAssembly.instantiate(Buffer.from('${BASE64}', 'base64'), { env: { callback: function (x) { return x } } }).then(function (r) {
        Module._add = r.instance.exports.add; if (Module.onRuntimeInitialized) Module.onRuntimeInitialized() })
    }, 30)`))
  assert.strictEqual(late.exports._add(1, 1), 2)
  late.dispose()
})

test('a promise, and a factory that gives a factory', async (t) => {
  const { write, glue } = glueFolder(t)
  glue('inner.js', 'commonjs')
  const promised = await glueHost(write('promised.js', "var wasmBinary; module.exports = require('./inner')().then((m) => ({ add: (a, b) => m._add(a, b) }))"))
  assert.strictEqual(promised.exports.add(3, 4), 7)
  promised.dispose()
  const twice = await glueHost(write('twice.js', "var wasmBinary; module.exports = () => (options) => require('./inner')(options)"), { module: { mine: 1 }, factory: true })
  assert.deepStrictEqual([twice.exports._add(3, 4), twice.exports.mine], [7, 1])
  twice.dispose()
})

test('glue that aborts at options it was not built for gets none of ours', async (t) => {
  const { write } = glueFolder(t)
  const file = write('strict.js', `
    module.exports = async (Module = {}) => {
      for (const name of ['onRuntimeInitialized', 'wasmBinary']) {
        if (name in Module) throw new WebAssembly.RuntimeError('Aborted(\`Module.' + name + '\` was supplied but \`' + name + '\` not included in INCOMING_MODULE_JS_API)')
      }
      const { instance } = await WebAssembly.instantiate(Buffer.from('${BASE64}', 'base64'), { env: { callback: (x) => x } })
      return Object.assign(Module, { _add: instance.exports.add, calledRun: true })
    }`)
  const vm = await glueHost(file)
  for (let round = 0; round < 2; round++) {
    assert.strictEqual(vm.exports._add(1, 2), 3)
    await vm.isReady()
  }
  vm.dispose()
  await assert.rejects(glueHost(file, { module: { onRuntimeInitialized () {} } }), /was supplied but/)
})

test('inspect of glue that unpacks its wasm itself says so', async (t) => {
  const { write } = glueFolder(t)
  const hidden = Buffer.from(MACHINE).toString('hex')
  const file = write('hidden.js', `
    module.exports = async (Module = {}) => {
      const { instance } = await WebAssembly.instantiate(Buffer.from('${hidden}', 'hex'), { env: { callback: (x) => x } })
      return Object.assign(Module, { _add: instance.exports.add, calledRun: true, wasmBinary: undefined, noInitialRun: true })
    }`)
  const { host, wasm, imports, exports } = await inspect(file)
  assert.deepStrictEqual({ host, origin: wasm.origin, imports, exports }, { host: 'glue', origin: 'hidden', imports: [], exports: [] })
  const vm = await open(file, { print () {}, printErr () {} })
  assert.strictEqual(vm.exports._add(1, 2), 3)
  vm.dispose()
})

test('a function is called as a factory only where it has the signature of one', async (t) => {
  const { write, glue } = glueFolder(t)
  glue('inner.js', 'commonjs')
  const work = `const ready = require('./inner')(); const engine = typeof WebAssembly, wasmBinary = null`
  const apis = {
    // Options of emvm's would be a wrong argument for each of these.
    'one.js': ['module.exports = function render (text) { if (typeof text !== "string") throw new TypeError("Cannot pass non-string"); return text + 1 }', (api) => api('a')],
    'named.js': ['exports.render = (text) => text.toUpperCase()', (api) => api.render('a')],
    'optional.js': ['module.exports = function render (text = "", options = {}) { var wasmBinary = typeof WebAssembly; return text.trim() }', (api) => api(' a')],
    'asynchronous.js': ['module.exports = async ({ buffer }) => (await ready)._add(buffer[0], buffer[1])', (api) => api({ buffer: [1, 2] })],
    'both.js': ['module.exports = (text) => text.trim(); module.exports.default = module.exports; module.exports.other = 1', (api) => [api(' a'), api.default(' b'), api.other]],
    'transpiled.js': ['Object.defineProperty(exports, "__esModule", { value: true }); exports.default = (text) => text.trim(); exports.other = 1', (api) => [api.default(' a'), api.other]]
  }
  for (const [name, [text, use]] of Object.entries(apis)) {
    const file = write(name, `${work}\n${text}`)
    const vm = await glueHost(file)
    for (let round = 0; round < 2; round++) {
      assert.deepStrictEqual(await use(vm.exports), await use(require(file)), name)
      await vm.isReady()
    }
    vm.dispose()
  }
})

test('factory: false calls nothing, factory: true calls what does not look like one', async (t) => {
  const { write, glue } = glueFolder(t)
  const file = glue('glue.js', 'commonjs')
  const api = await glueHost(file, { factory: false })
  assert.strictEqual(typeof api.exports, 'function')
  assert.strictEqual((await api.exports())._add(1, 2), 3)
  api.dispose()
  const esm = await glueHost(glue('glue.mjs', 'esm'), { factory: false })
  assert.strictEqual((await esm.exports())._add(1, 2), 3)
  esm.dispose()
  const hidden = write('hidden.js', "const { make } = { make: require('./glue') }; var wasmBinary; module.exports = (options) => make(options)")
  const called = await glueHost(hidden, { factory: true })
  assert.strictEqual(called.exports._add(1, 2), 3)
  called.dispose()
  await assert.rejects(open(file, { factory: 'no' }), { code: 'EMVM_ERR_OPTION' })
})

test('files that import each other, and share what is still being loaded', async (t) => {
  const { write } = glueFolder(t)
  write('package.json', '{ "name": "circles", "type": "module" }')
  write('slow.js', 'await new Promise((resolve) => setTimeout(resolve, 20))\nexport const slow = 1')
  write('shared.js', 'import { slow } from "./slow.js"\nexport const shared = slow + 1')
  write('left.js', 'import { shared } from "./shared.js"\nimport { right, count, more } from "./right.js"\nexport const left = () => shared\nexport const viaRight = () => { more(); return [right(), count] }')
  write('right.js', 'import { shared } from "./shared.js"\nimport * as other from "./left.js"\nexport const right = () => shared + other.left()\nexport let count = 0\nexport const more = () => { count++ }')
  const file = write('main.js', `
    var wasmBinary = typeof WebAssembly
    const [left, right] = await Promise.all([import('./left.js'), import('./right.js')])
    export const values = [left.left(), left.viaRight(), left.viaRight(), right.right(), right.count]
    export const version = 1`)
  const vm = await glueHost(file)
  assert.deepStrictEqual(vm.exports.values, (await import(file)).values)
  vm.dispose()
})

// Each in its own words; `M` is a file of the package that is loaded later.
const GLOBALS = {
  'bare, defined on globalThis': ['globalThis.fieldA ||= {}; globalThis.fieldA.ask = () => 1', 'globalThis.fieldA?.ask && fieldA.ask()'],
  'bare, defined on global by a name': ['global["fieldB"] = 2', 'fieldB + 1'],
  'defined by assigning it': ['fieldC = [1]', 'fieldC.push(2), [...fieldC, globalThis.fieldC === fieldC]'],
  'defined by Object.assign': ['Object.assign(globalThis, { fieldD: 4 })', 'fieldD * 2'],
  'defined by defineProperty, with a getter': ['Object.defineProperty(globalThis, "fieldE", { get: () => 5, configurable: true })', 'fieldE'],
  'defined in another file, used in this one': ['require("./later").define(6)', 'fieldF'],
  'one of the caller\'s': ['', 'callersOwn.value'],
  'counted': ['fieldG = 1', 'fieldG++, fieldG += 2, ++fieldG, fieldG'],
  'by shorthand and by destructuring': ['({ fieldH, fieldI = 2 } = { fieldH: 1 })', '({ fieldH, fieldI })'],
  'typeof what is there and what is not': ['fieldJ = 1', '[typeof fieldJ, typeof fieldNone, typeof (fieldNone)]'],
  'missing': ['', '(() => { try { fieldNone } catch (error) { return error.name + error.message } })()'],
  'called, not as a method': ['globalThis.fieldK = function () { "use strict"; return this === undefined }', '[fieldK(), (fieldK)()]'],
  'deleted': ['fieldL = 1; delete fieldL', 'typeof fieldL'],
  'a polyfill of the language': ['globalThis.Map = class Map { get () { return "mine" } }', 'new Map().get()'],
  'a polyfill of Node\'s': ['globalThis.structuredClone = () => "mine"', 'structuredClone({})']
}

for (const realm of ['shared', 'context']) {
  test(`globals that a package defines and reads bare: ${realm} realm`, async (t) => {
    const { write } = glueFolder(t)
    const own = ['Map', 'structuredClone'].map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)])
    const left = () => Object.getOwnPropertyNames(globalThis).filter((key) => key.startsWith('field'))
    write('later.js', 'exports.define = (value) => { globalThis.fieldF = value }')
    globalThis.callersOwn = { value: 7 }
    t.after(() => { delete globalThis.callersOwn })
    for (const [name, [define, use]] of Object.entries(GLOBALS)) {
      if (realm === 'context' && name.startsWith('one of the caller')) continue
      const file = write(`${name.replace(/\W+/g, '-')}.js`, `const engine = typeof WebAssembly, wasmBinary = null;\n${define};\nexports.version = 1; exports.ask = () => (${use})`)
      const plain = JSON.stringify(require(file).ask())
      for (const [key, descriptor] of own) Object.defineProperty(globalThis, key, descriptor)
      for (const key of left()) delete globalThis[key]
      const vm = await glueHost(file, { realm })
      for (let round = 0; round < 2; round++) {
        assert.strictEqual(JSON.stringify(vm.exports.ask()), plain, name)
        await vm.isReady()
      }
      vm.dispose()
      assert.deepStrictEqual(left(), [], name)
    }
  })
}

test('print and printErr reach glue that a wrapper starts', async (t) => {
  const { glue, write } = glueFolder(t)
  glue('inner.js', 'commonjs', 'print("from the glue"); console.warn("a %s", "warning")')
  const file = write('wrapper.js', 'const make = require("./inner"); exports.version = 1; exports.load = () => make()')
  const lines = []
  const vm = await glueHost(file, { print: (line) => lines.push(line), printErr: (line) => lines.push(`! ${line}`) })
  await vm.exports.load()
  assert.deepStrictEqual(lines, ['from the glue', '! a warning'])
  vm.dispose()
})

test('a wasm that is only tried is not the module, whatever the engine makes of it', async (t) => {
  const { write } = glueFolder(t)
  write('real.wasm', MACHINE)
  const section = (id, ...bytes) => [id, bytes.length, ...bytes]
  const module = (...sections) => Buffer.from([0, 97, 115, 109, 1, 0, 0, 0, ...sections.flat()]).toString('base64')
  const probes = {
    gc: module(section(1, 1, 0x5f, 1, 0x7f, 0)),
    simd: module(section(1, 1, 0x60, 0, 1, 0x7b), section(3, 1, 0), section(10, 1, 8, 0, 0x41, 0, 0xfd, 15, 0xfd, 98, 0x0b)),
    threads: module(section(5, 1, 3, 1, 1)),
    bigint: module(section(1, 1, 0x60, 0, 1, 0x7e), section(3, 1, 0), section(7, 1, 1, 98, 0, 0), section(10, 1, 4, 0, 0x42, 7, 0x0b)),
    broken: module(section(1, 1, 0x60))
  }
  for (const [name, probe] of Object.entries(probes)) {
    const file = write(`${name}.js`, `
      const probe = Buffer.from('${probe}', 'base64'); exports.version = '1'; let has
      exports.load = async () => {
        try { await WebAssembly.compile(probe); has = true } catch { has = false }
        const { instance } = await WebAssembly.instantiate(require('fs').readFileSync(__dirname + '/real.wasm'), { env: { callback: (x) => x } })
        return instance.exports.add(20, 22)
      }`)
    assert.strictEqual(await require(file).load(), 42)
    for (const options of [{}, { wasm: file.replace(`${name}.js`, 'real.wasm') }]) {
      const vm = await glueHost(file, options)
      for (let round = 0; round < 2; round++) {
        assert.strictEqual(await vm.exports.load(), 42, name)
        assert.ok(vm.stats().calls > 0)
        await vm.isReady()
      }
      vm.dispose()
    }
  }
})

test('a CommonJS file has the arguments and the `require` that it has in plain Node', async (t) => {
  const { write } = glueFolder(t)
  write('machine.wasm', MACHINE)
  write('package.json', '{ "name": "machine" }')
  const text = `
    const mine = () => arguments
    exports.tell = () => {
      const given = mine()
      const told = [given.length, given[0] === exports, given[1] === require, given[2] === module, given[3] === __filename, given[4] === __dirname, given.n, eval('arguments.length'), typeof given.callee]
      const wasThere = process.execArgv.includes('mine')
      process.execArgv.push('mine')
      given.n = 1
      given[5] = 1
      return [...told, require.resolve.name, require.resolve('fs'), require.resolve.paths('machine')[0] === __dirname + '/node_modules', require.main === process.mainModule, wasThere]
    }
    exports.refused = (() => { try { eval('let exports') ; return 'none' } catch (error) { return error.name } })()`
  const plain = write('plain.js', text)
  const file = write('glue.js', `new WebAssembly.Instance(new WebAssembly.Module(require('fs').readFileSync(__dirname + '/machine.wasm')), { env: { callback: (x) => x } })\n${text}`)
  const expected = JSON.parse(execFileSync(process.execPath, ['-p', `JSON.stringify([require(${JSON.stringify(plain)})].map((own) => [own.tell(), own.refused])[0])`], { encoding: 'utf8' }))
  for (const rewind of [false, true]) {
    const vm = await glueHost(file, { rewind })
    for (let round = 0; round < 3; round++) {
      assert.deepStrictEqual(JSON.parse(JSON.stringify([vm.exports.tell(), vm.exports.refused])), expected)
      await vm.isReady()
    }
    vm.dispose()
  }
})
