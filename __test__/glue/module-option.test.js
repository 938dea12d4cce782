'use strict'

// `module`, `print`, `args`, `env`, `stdin`, `wasm`, `stack` on the glue host, and starts that never end.

const test = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { open } = require('../..')
const { glueFolder, BASE64 } = require('../support/glue')
const { MACHINE } = require('../support/wasm')
const { runScript } = require('../support/child')

const fixture = (name) => path.join(__dirname, '..', 'fixtures', name)
const glueHost = (file, options) => open(file, { host: 'glue', print () {}, printErr () {}, ...options })

test('hooks of the module option are called in each generation, in Emscripten\'s order', async () => {
  const order = []
  const hook = (name) => (module) => { order.push(name); if (name === 'preRun') module.seen = 'preRun' }
  const vm = await glueHost(fixture('capi-modularize.js'), {
    module: { preInit: hook('preInit'), preRun: [hook('preRun')], postRun: hook('postRun'), onRuntimeInitialized: () => { order.push('ready') } }
  })
  assert.deepStrictEqual(order, ['preInit', 'preRun', 'ready', 'postRun'])
  assert.strictEqual(vm.exports.seen, 'preRun')
  order.length = 0
  // One may have stood by, or been on its way.
  await vm.isReady()
  await vm.isReady()
  const at = order.indexOf('preInit')
  assert.deepStrictEqual(order.slice(at, at + 4), ['preInit', 'preRun', 'ready', 'postRun'])
  vm.dispose()
})

test('locateFile and wasmBinary are what the glue gets', async () => {
  const asked = []
  const located = await glueHost(fixture('capi-modularize.js'), {
    module: { locateFile: (name, folder) => { asked.push([name, typeof folder]); return path.join(__dirname, '..', 'fixtures', name) } }
  })
  assert.strictEqual(located.exports._add(1, 2), 3)
  assert.ok(asked.every(([name, kind]) => name === 'capi-modularize.wasm' && kind === 'string'))
  located.dispose()
  const given = await glueHost(fixture('capi-modularize.js'), { wasm: fixture('capi-modularize.wasm') })
  assert.strictEqual(given.exports._add(1, 2), 3)
  given.dispose()
})

test('the user\'s wasmBinary and instantiateWasm come before what emvm found', async (t) => {
  const { glue } = glueFolder(t)
  const file = glue('glue.js', 'commonjs')
  const other = Uint8Array.from(MACHINE)
  // Another start value of the counter.
  const at = Buffer.from(other).indexOf(Buffer.from([0x7f, 1, 0x41, 7]))
  other[at + 3] = 40
  const vm = await glueHost(file, { module: { wasmBinary: other } })
  assert.strictEqual(vm.exports._next(), 41)
  assert.strictEqual((await vm.isReady())._next(), 41)
  vm.dispose()
  const hooks = await glueHost(fixture('capi-modularize.js'), {
    module: {
      instantiateWasm (imports, done) {
        this.hooked = true
        const { WebAssembly } = require('../..')
        hooked = typeof imports.env === 'object' || Object.keys(imports).length > 0
        WebAssembly.instantiate(require('node:fs').readFileSync(fixture('capi-modularize.wasm')), imports).then(({ instance, module }) => done(instance, module))
        return {}
      }
    }
  })
  assert.ok(hooked)
  assert.strictEqual(hooks.exports._add(2, 2), 4)
  hooks.dispose()
})
let hooked = false

test('print, printErr, args, env and stdin reach the program, in each generation', async () => {
  const lines = []
  const print = (line) => lines.push(line)
  const say = async (args, options) => {
    lines.length = 0
    const vm = await open(fixture('program-run.js'), { host: 'glue', print, printErr: (line) => lines.push(`error: ${line}`), args, ...options })
    const first = [...lines]
    lines.length = 0
    await vm.isReady()
    await vm.isReady()
    vm.dispose()
    assert.deepStrictEqual(lines.slice(0, first.length), first)
    return first.slice(2)
  }
  assert.deepStrictEqual(await say(['one', 'two']), ["argv[1] 'one'", "argv[2] 'two'"])
  assert.deepStrictEqual((await say(['env', 'WHO', 'HOME', 'USER'], { env: { WHO: 'mé', HOME: '/there' } })).slice(-3), ['WHO=mé', 'HOME=/there', 'USER=web_user'])
  assert.deepStrictEqual((await say(['stdin'], { stdin: 'typed\nlines\n' })).slice(-2), ["line 'typed'", "line 'lines'"])
  assert.deepStrictEqual((await say(['stderr'])).slice(-1), ['error: to stderr'])
})

test('an option that print was given in both places: the module\'s own counts', async (t) => {
  const { glue } = glueFolder(t)
  const lines = []
  const vm = await open(glue('glue.js', 'commonjs', 'print("hello")'), { host: 'glue', print: () => lines.push('outer'), module: { print: (line) => lines.push(line) } })
  assert.deepStrictEqual(lines, ['hello'])
  vm.dispose()
})

test('a start that never becomes ready is a StartError that says what was waited for', async (t) => {
  const { glue, write } = glueFolder(t)
  const never = (name, text) => glueHost(write(name, text), { timeout: 1000 })
  const cases = {
    'factory.js': ['module.exports = function (Module) { var wasmBinary, engine = WebAssembly; return new Promise(function () {}) }', /the promise of the glue's factory/],
    'await.mjs': ['await new Promise(function () {})\nvar wasmBinary\nexport default 1', /top-level await/],
    'hook.js': [`var wasmBinary; module.exports = function (Module) { Module.calledRun = false; Module.asm = {}; WebAssembly.instantiate(Buffer.from('${BASE64}', 'base64'), { env: { callback () {} } }); return Module }`, /onRuntimeInitialized/],
    'wasm.js': ['var wasmBinary; module.exports = { HEAPU8: null, asm: {} }', /WebAssembly to be instantiated/],
    'ready.js': ['var wasmBinary; module.exports = { HEAPU8: null, ready: new Promise(function () {}) }', /`ready` promise/]
  }
  await Promise.all(Object.entries(cases).map(async ([name, [text, waited]]) => {
    await assert.rejects(never(name, text), (error) => {
      assert.strictEqual(error.code, 'EMVM_ERR_START', `${name}: ${error.message}`)
      assert.match(error.message, waited, name)
      assert.match(error.message, /after 1000 ms/)
      return true
    })
  }))
  await assert.rejects(glueHost(glue('throws.js', 'commonjs', 'throw new TypeError("in the middle")')), (error) => error.code === 'EMVM_ERR_START' && error.cause instanceof TypeError)
  await assert.rejects(never('nothing.js', 'var wasmBinary; module.exports = undefined'), { code: 'EMVM_ERR_START' })
})

test('a start that fails later fails the recycle, and the next one may work', async (t) => {
  const { glue } = glueFolder(t)
  let broken = false
  const vm = await glueHost(glue('glue.js', 'commonjs'), { module: { preRun: () => { if (broken) throw new Error('broken') } } })
  broken = true
  const before = vm.generation
  await assert.rejects((async () => { await vm.isReady(); await vm.isReady() })(), (error) => error.code === 'EMVM_ERR_START' && /broken/.test(error.message))
  assert.ok(vm.generation - before <= 1)
  broken = false
  assert.strictEqual((await vm.isReady())._add(1, 1), 2)
  vm.dispose()
})

test('stack: its depth follows the option', async () => {
  // The small one first: stacks are used again, and one that is larger than asked for may come.
  const { stdout, stderr } = await runScript(`
    const fs = require('fs'), path = require('path'), os = require('os')
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-'))
    const wasm = fs.readFileSync('__test__/fixtures/wat/faults.wasm').toString('base64')
    const file = path.join(folder, 'glue.js')
    fs.writeFileSync(file, \`module.exports = function (Module) { var imports = new Proxy({}, { get: () => new Proxy({}, { get: () => function (x) { return x } }) });
      var wasmBinary; return WebAssembly.instantiate(Buffer.from('\${wasm}', 'base64'), imports).then(function (r) { Module.e = r.instance.exports; Module.calledRun = true; return Module }) }\`)
    async function deepest (stack) {
      const vm = await emvm.open(file, { host: 'glue', stack })
      const { deep } = vm.exports.e
      let [low, high] = [1, 1e8]
      while (high - low > low / 50) {
        const depth = Math.floor((low + high) / 2)
        try { deep(depth); low = depth } catch (error) { if (error.trap !== 'stack-overflow' || !(error instanceof RangeError)) throw error; high = depth }
      }
      vm.dispose()
      return low
    }
    (async () => { console.log(JSON.stringify([await deepest('64kb'), await deepest('1mb'), await deepest('64mb')])); fs.rmSync(folder, { recursive: true }) })()`)
  assert.ok(stdout, stderr)
  const [small, middle, large] = JSON.parse(stdout)
  assert.ok(small > 100 && middle > 8 * small && large > 32 * middle, `${small}, ${middle}, ${large}`)
})

test('fake timers do not stop open', async (t) => {
  const { glue } = glueFolder(t)
  const file = glue('glue.js', 'commonjs')
  const script = glue('script.js', 'script')
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'setImmediate', 'Date'] })
  for (const name of [file, script]) {
    const vm = await glueHost(name)
    assert.strictEqual((await vm.isReady())._add(1, 2), 3)
    vm.dispose()
  }
})

// As jest does, whose fake timers keep what they stand for: before emvm is loaded, or after.
for (const before of [false, true]) {
  test(`a fake process.nextTick that was put there ${before ? 'before' : 'after'} emvm was loaded does not stop open`, async () => {
    const fake = 'process.nextTick = Object.assign(() => {}, { clock: { _nextTick: process.nextTick } })'
    const { stdout, stderr } = await runScript(`
      ${before ? '' : fake};
      (async () => {
        const vm = await emvm.open(${JSON.stringify(fixture('capi-modularize.js'))}, { host: 'glue' })
        await vm.isReady()
        await vm.isReady()
        console.log(vm.stats().recycles, process.nextTick.clock !== undefined)
        vm.dispose()
      })()`, { args: before ? ['--import', `data:text/javascript,${encodeURIComponent(fake)}`] : [], timeout: 20_000 })
    assert.match(stdout, /^[2-9] true/, stdout + stderr)
  })
}
