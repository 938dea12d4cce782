'use strict'

// Dependencies that run inside: found out, named, and what is said when nothing did.

const test = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { inspect, open, WebAssembly: emvmNamespace } = require('../..')
const { glueFolder, BASE64 } = require('../support/glue')
const { assemble, OP } = require('../support/wasm')

const BYTES = `const bytes = Buffer.from('${BASE64}', 'base64'); const imports = { env: { callback: (x) => x } }`
const INSTANCE = `${BYTES}; exports.machine = async () => (await WebAssembly.instantiate(bytes, imports)).instance.exports`

// A wrapper in one package, its glue in others.
function tree (t, files) {
  const { folder, write } = glueFolder(t)
  for (const [name, text] of Object.entries(files)) write(name, text)
  return path.join(folder, 'main.js')
}

const wrapper = (name) => `exports.version = 1; exports.add = async (a, b) => (await require('${name}').machine()).add(a, b); exports.next = async () => (globalThis.kept ??= await require('${name}').machine()).next()`
const manifest = (name, dependencies = {}, more = {}) => JSON.stringify({ name, version: '1.0.0', main: 'index.js', dependencies, ...more })
const wrapped = (t, files) => tree(t, { 'package.json': manifest('wrapper', { engine: '*' }), 'main.js': wrapper('engine'), ...files })

async function warned (work) {
  const warnings = []
  const listen = (warning) => { if (warning.code === 'EMVM_WARN_OUTSIDE') warnings.push(warning.message) }
  process.on('warning', listen)
  try {
    await work()
    await new Promise((resolve) => setImmediate(resolve))
  } finally {
    process.off('warning', listen)
  }
  return warnings
}

const layouts = {
  'bytes in its JavaScript': { 'node_modules/engine/package.json': manifest('engine'), 'node_modules/engine/index.js': INSTANCE },
  'no manifest': { 'node_modules/engine/index.js': INSTANCE },
  'glue below a folder': {
    'node_modules/engine/package.json': manifest('engine', {}, { main: 'lib/api.js' }),
    'node_modules/engine/lib/api.js': "exports.machine = require('./deep/glue.js').machine",
    'node_modules/engine/lib/deep/glue.js': INSTANCE
  },
  'a compiled module handed over': {
    'main.js': "exports.version = 1; exports.add = async (a, b) => (await WebAssembly.instantiate(await require('engine').compile(), { env: { callback: (x) => x } })).exports.add(a, b)",
    'node_modules/engine/index.js': `${BYTES}; exports.compile = () => WebAssembly.compile(bytes)`
  },
  'two packages on the way': {
    'package.json': manifest('wrapper', { between: '*' }),
    'main.js': wrapper('between'),
    'node_modules/between/package.json': manifest('between', { engine: '*' }),
    'node_modules/between/index.js': "exports.machine = () => require('engine').machine()",
    'node_modules/between/node_modules/engine/package.json': manifest('engine'),
    'node_modules/between/node_modules/engine/index.js': INSTANCE
  },
  'an ES module behind `exports`, with another file for require': {
    'main.js': "exports.version = 1; exports.add = async (a, b) => (await (await import('@scope/engine/sub')).machine()).add(a, b)",
    'package.json': manifest('wrapper', { '@scope/engine': '*' }),
    'node_modules/@scope/engine/package.json': manifest('@scope/engine', {}, { exports: { './*': { require: './*.cjs', import: './src/*.mjs' } }, imports: { '#bytes': './bytes.mjs' } }),
    'node_modules/@scope/engine/sub.cjs': 'throw new Error("the wrong one")',
    'node_modules/@scope/engine/bytes.mjs': `export const bytes = Buffer.from('${BASE64}', 'base64')`,
    'node_modules/@scope/engine/src/sub.mjs': "import { bytes } from '#bytes'\nimport { again } from '@scope/engine/again'\nexport const machine = async () => (await WebAssembly.instantiate(bytes, { env: { callback: again } })).instance.exports",
    'node_modules/@scope/engine/src/again.mjs': 'export const again = (x) => x'
  },
  'the name as a property': { 'node_modules/engine/index.js': INSTANCE.replace('WebAssembly.instantiate', 'globalThis["WebAssembly"]["instantiate"]') },
  'by createRequire': {
    'main.js': "const { createRequire } = require('module'); exports.version = 1; exports.add = async (a, b) => (await createRequire(__filename)('engine').machine()).add(a, b)",
    'node_modules/engine/index.js': INSTANCE
  }
}

for (const [layout, files] of Object.entries(layouts)) {
  test(`a dependency that carries WebAssembly runs inside: ${layout}`, async (t) => {
    const file = wrapped(t, files)
    const plain = await require(file).add(2, 3)
    const warnings = await warned(async () => {
      const vm = await open(file, { host: 'glue' })
      for (let round = 0; round < 3; round++) {
        assert.strictEqual(await vm.exports.add(2, 3), plain)
        assert.ok(vm.stats().heapBytes > 0)
        await vm.isReady()
      }
      assert.ok(vm.stats().calls >= 3)
      vm.dispose()
    })
    assert.deepStrictEqual(warnings, [])
  })
}

test('dependencies without WebAssembly stay outside and are shared', async (t) => {
  const file = wrapped(t, {
    'main.js': `${wrapper('engine')}; exports.plain = require('plain'); exports.mention = require('mention')`,
    'node_modules/engine/index.js': INSTANCE,
    'node_modules/plain/index.js': 'exports.loads = (globalThis.plainLoads = (globalThis.plainLoads || 0) + 1)',
    'node_modules/mention/index.js': "exports.names = ['Map', 'WebAssembly', \"WebAssembly\"]; // WebAssembly is mentioned here"
  })
  const vm = await open(file, { host: 'glue' })
  const { plain, mention } = vm.exports
  await vm.isReady()
  assert.strictEqual(vm.exports.plain, plain)
  assert.strictEqual(vm.exports.mention, mention)
  assert.strictEqual(plain, require(require.resolve('plain', { paths: [path.dirname(file)] })))
  vm.dispose()
})

test('what runs inside is recycled with the package: its state and its files', async (t) => {
  const file = wrapped(t, {
    'main.js': "const engine = require('engine'); exports.version = 1; exports.next = () => engine.next()",
    'node_modules/engine/index.js': `${INSTANCE}; let kept; exports.next = async () => (kept ??= await exports.machine()).next()`
  })
  const vm = await open(file, { host: 'glue' })
  for (let round = 0; round < 3; round++) {
    assert.deepStrictEqual([await vm.exports.next(), await vm.exports.next()], [8, 9])
    await vm.isReady()
  }
  vm.dispose()
})

test('packages names them: those, what leads to them, and no other', async (t) => {
  const file = wrapped(t, {
    'main.js': `${wrapper('engine')}; exports.other = require('other').id`,
    'node_modules/engine/package.json': manifest('engine', { deep: '*' }),
    'node_modules/engine/index.js': "exports.machine = () => require('deep').machine()",
    'node_modules/deep/index.js': INSTANCE,
    'node_modules/other/index.js': `${INSTANCE}; exports.id = {}`
  })
  // With names there is no need to ask for the host.
  const vm = await open(file, { packages: ['deep'] })
  assert.strictEqual(vm.host, 'glue')
  const { other } = vm.exports
  assert.strictEqual(await vm.exports.add(1, 2), 3)
  assert.ok(vm.stats().calls > 0)
  await vm.isReady()
  assert.strictEqual(vm.exports.other, other, 'a dependency that is not named was evaluated again')
  vm.dispose()
})

test('a package that was used and ran nothing in emvm says so once, with the way out', async (t) => {
  const file = wrapped(t, { 'node_modules/engine/index.js': INSTANCE })
  const warnings = await warned(async () => {
    const vm = await open(file, { host: 'glue', packages: [] })
    assert.strictEqual(await vm.exports.add(1, 2), 3)
    for (let round = 0; round < 3; round++) await vm.isReady()
    assert.strictEqual(vm.stats().calls, 0)
    vm.dispose()
  })
  assert.strictEqual(warnings.length, 1)
  assert.match(warnings[0], /main\.js/)
  assert.match(warnings[0], /engine was loaded outside .*`packages`/)
  const kept = await warned(async () => {
    const vm = await open(file, { host: 'glue', packages: [], recycle: 'never' })
    await vm.exports.add(1, 2)
    await vm.isReady()
    vm.dispose()
  })
  assert.strictEqual(kept.length, 1)
  // Nor for one that loads its WebAssembly when it is asked to.
  const late = wrapped(t, { 'main.js': `${INSTANCE}; exports.version = 1` })
  assert.deepStrictEqual(await warned(async () => {
    const vm = await open(late, { host: 'glue' })
    assert.strictEqual(vm.exports.version, 1)
    await (await vm.isReady()).machine()
    vm.dispose()
  }), [])
  // Neither for what was never used.
  assert.deepStrictEqual(await warned(async () => (await open(file, { host: 'glue', packages: [] })).dispose()), [])
})

test("V8's modules are refused by name in emvm's namespace", async (t) => {
  const file = wrapped(t, layouts['a compiled module handed over'])
  const vm = await open(file, { host: 'glue', packages: [] })
  await assert.rejects(vm.exports.add(1, 2), { name: 'TypeError', message: /made by V8.*`packages`/ })
  vm.dispose()
})

test("a module that emvm's own namespace has made is one for a package that asks", async (t) => {
  const { write } = glueFolder(t)
  const file = write('main.js', `exports.version = 1
    exports.load = async (module) => {
      if (!(module instanceof WebAssembly.Module)) throw new TypeError('it must be a WebAssembly.Module')
      return (await WebAssembly.instantiate(module)).exports
    }
    exports.derived = (module) => module instanceof class extends WebAssembly.Module {}`)
  const vm = await open(file, { host: 'glue' })
  const bytes = assemble({ functions: [{ export: 'f', result: true, code: [OP.i32Const, 42] }] })
  const module = new emvmNamespace.Module(bytes)
  assert.strictEqual((await vm.exports.load(module)).f(), 42)
  assert.strictEqual(vm.exports.derived(module), false)
  await assert.rejects(vm.exports.load({}), { name: 'TypeError' })
  assert.ok(vm.stats().calls > 0)
  vm.dispose()
})

test('wrong names are refused', async (t) => {
  const file = wrapped(t, { 'node_modules/engine/index.js': INSTANCE })
  for (const packages of ['engine', ['./engine'], ['engine/sub'], [''], [7], ['@scope'], ['a b']]) {
    await assert.rejects(open(file, { packages }), { code: 'EMVM_ERR_OPTION', message: /'packages'/ }, String(packages))
  }
  await assert.rejects(open(file, { packages: ['engine', 'engin'] }), { code: 'EMVM_ERR_OPTION', message: /'engin'.*no such package/ })
  await assert.rejects(open(file), { code: 'EMVM_ERR_SOURCE', message: /host: 'glue'/ })
})

const RUST = assemble({
  imports: [{ module: 'wbg', name: '__wbindgen_throw', params: 2 }],
  functions: [{ export: 'add', params: 2, result: true, code: [OP.localGet, 0, OP.localGet, 1, OP.i32Add] }]
})

// As wasm-bindgen makes it for Node, and for bundlers with the bytes in a file.
const BINDGEN = `let wasm
const imports = { wbg: module.exports }
module.exports.add = function add (a, b) { return wasm.add(a, b) }
module.exports.__wbindgen_throw = function () { throw new Error('thrown') }
const path = require('path').join(__dirname, 'machine_bg.wasm')
wasm = new WebAssembly.Instance(new WebAssembly.Module(require('fs').readFileSync(path)), imports).exports`

test('packages made by wasm-bindgen need no host', async (t) => {
  const { folder, write } = glueFolder(t)
  write('package.json', manifest('machine'))
  write('machine_bg.wasm', RUST)
  const files = [
    write('machine.js', BINDGEN),
    write('api.mjs', 'import machine from "./machine.js"\nexport const version = 1\nexport const add = (a, b) => machine.add(a, b)'),
    write('web.mjs', `let wasm
      export function add (a, b) { return wasm.add(a, b) }
      async function __wbg_init (input) { const { instance } = await WebAssembly.instantiate(await input, { wbg: { __wbindgen_throw () {} } }); wasm = instance.exports; wasm.__wbindgen_start?.(); return wasm }
      export default __wbg_init`)
  ]
  for (const file of files) {
    const { host, reasons } = await inspect(file)
    assert.strictEqual(host, 'glue', file)
    assert.match(reasons.join(), /wasm-bindgen/)
    const vm = await open(file)
    for (let round = 0; round < 2; round++) {
      if (vm.exports.default && vm.exports.default.name === '__wbg_init') await vm.exports.default(RUST)
      assert.strictEqual(vm.exports.add(2, 3), 5)
      assert.ok(vm.stats().calls > 0)
      await vm.isReady()
    }
    vm.dispose()
  }
  await assert.rejects(open(files[0], { host: 'native' }), { code: 'EMVM_ERR_UNSUPPORTED', message: /wasm-bindgen/ })
  assert.ok(folder)
})

test('JavaScript that makes its WebAssembly in a way of its own needs no host', async (t) => {
  const { write } = glueFolder(t)
  const engine = `fast-${'machine'}`
  write(`${engine}.wasm`, Buffer.from(BASE64, 'base64'))
  const file = write('codec.js', `const read = (kind) => require('fs').readFileSync(require('path').join(__dirname, \`\${kind}-machine.wa\${'sm'}\`))
    const { exports: { add, next } } = new WebAssembly.Instance(new WebAssembly.Module(read('fast')), { env: { callback: (x) => x } })
    exports.add = add; exports.next = next`)
  const { host, reasons } = await inspect(file)
  assert.strictEqual(host, 'glue')
  assert.match(reasons.join(), /makes its WebAssembly/)
  const vm = await open(file)
  const first = vm.exports.next()
  vm.exports.next()
  await vm.isReady()
  assert.deepStrictEqual([vm.exports.add(2, 3), vm.exports.next()], [5, first])
  assert.ok(vm.stats().calls > 0)
  vm.dispose()
  await assert.rejects(open(write('broken.js', 'new WebAssembly.Module(Buffer.from("no wasm"))')), (error) => !/not an Emscripten module/.test(error.message))
})

// Node's own registry would call into an instance that is gone, and nobody could catch what that throws.
test('a dependency that drives the instance it is given ends with it', async (t) => {
  const { folder, write } = glueFolder(t)
  write('package.json', manifest('wrapper', { driver: '*' }))
  write('node_modules/driver/package.json', manifest('driver'))
  write('node_modules/driver/index.js', `const registry = new FinalizationRegistry(({ instance }) => instance.exports.next())
    exports.Environment = class { constructor (instance) { this.instance = instance; this.exports = this.instance.exports }
      make () { const made = {}; registry.register(made, this); return made } }`)
  const file = write('main.js', `${BYTES}
    const { Environment } = require('driver')
    const environment = new Environment(new WebAssembly.Instance(new WebAssembly.Module(bytes), imports))
    exports.add = environment.exports.add; exports.make = () => environment.make()`)
  const script = `(async () => {
    const vm = await require(${JSON.stringify(path.join(__dirname, '..', '..'))}).open(${JSON.stringify(file)})
    for (let round = 0; round < 4; round++) {
      for (let n = 0; n < 50; n++) vm.exports.make()
      await vm.isReady()
      gc()
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    console.log(vm.exports.add(2, 3))
    vm.dispose()
  })()`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', '-e', script], { encoding: 'utf8', timeout: 60_000 })
  assert.deepStrictEqual([stdout, status], ['5\n', 0], stderr)
  assert.ok(folder)
})

test('asm.js is refused by name', async (t) => {
  const { write } = glueFolder(t)
  const files = {
    'old.js': 'var Module = {}; Module.asm = (function (global, env, buffer) { "use asm"; function add (a, b) { a = a | 0; b = b | 0; return a + b | 0 } return { add: add } })(globalThis, {}, new ArrayBuffer(65536)); Module.HEAP8 = null',
    'almost.js': "var Module = {}; Module.asm = (function (global, env) { 'almost asm'; return {} })(globalThis, {})",
    'new.js': 'var Module = {}; var HEAPU8; function asmFunc (imports) { return { add: (a, b) => a + b } } module.exports = Module',
    'minified.js': 'module.exports=function(A){A.print=A.print||console.log;var b={Memory:function(A){this.buffer=new ArrayBuffer(65536*A.initial)},Module:function(A){},Instance:function(A,e){this.exports={add:(a,b)=>a+b}},instantiate:function(A,e){return{then:function(e){e({instance:new b.Instance(A)})}}},RuntimeError:Error};"object"!=typeof b&&abort("no native wasm support detected");A.HEAPU8=null;return A}'
  }
  for (const [name, text] of Object.entries(files)) {
    for (const host of ['auto', 'glue']) await assert.rejects(open(write(name, text), { host }), { code: 'EMVM_ERR_UNSUPPORTED', message: /asm\.js/ }, name)
  }
})
