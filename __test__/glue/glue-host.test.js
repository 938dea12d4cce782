'use strict'

const test = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { execFileSync } = require('node:child_process')
const { open } = require('../..')

const fixture = (name) => path.join(__dirname, '..', 'fixtures', name)
const quiet = { print () {}, printErr () {} }
const glue = (name, options) => open(fixture(name), { host: 'glue', ...quiet, ...options })

for (const name of ['capi-O0.js', 'capi-O2.js', 'capi-bigint.js', 'capi-embedded.js', 'capi-modularize.js', 'embind.js', 'exceptions-O2.js']) {
  test(`${name}: fresh after each recycle`, async () => {
    const vm = await glue(name)
    try {
      assert.strictEqual(vm.host, 'glue')
      const first = vm.exports
      const keys = Object.keys(first).length
      assert.ok(keys > 0)
      for (let generation = 2; generation < 5; generation++) {
        const module = await vm.isReady()
        assert.strictEqual(module, vm.exports)
        assert.notStrictEqual(module, first)
        assert.strictEqual(vm.generation, generation)
        assert.strictEqual(typeof module.then, 'undefined')
      }
      const entry = Object.keys(first).find((key) => key[0] === '_' && typeof first[key] === 'function' && key !== '_main')
      if (entry && name !== 'embind.js') assert.throws(() => first[entry](), { code: 'EMVM_ERR_STALE' })
    } finally {
      vm.dispose()
    }
  })
}

test('memory and listeners do not pile up', async () => {
  const vm = await glue('capi-modularize.js')
  const listeners = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)
  for (let i = 0; i < 50; i++) await vm.isReady()
  const after = process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)
  assert.strictEqual(after, listeners)
  assert.strictEqual(vm.stats().recycles, 50)
  vm.dispose()
  assert.throws(() => vm.exports, { code: 'EMVM_ERR_DISPOSED' })
})

test('a standby makes recycle() synchronous', async () => {
  const vm = await glue('capi-modularize.js')
  for (let tries = 0; tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    try {
      vm.recycle()
      break
    } catch (error) {
      assert.strictEqual(error.code, 'EMVM_ERR_NOT_READY')
    }
  }
  assert.strictEqual(vm.generation, 2)
  vm.dispose()
})

test('a sandbox does not keep the process alive', () => {
  const program = `require(${JSON.stringify(path.join(__dirname, '..', '..'))})
    .open(${JSON.stringify(fixture('capi-modularize.js'))}, { host: 'glue' }).then((vm) => vm.isReady()).then(() => console.log('done'))`
  const said = execFileSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 30000 })
  assert.match(said, /done/)
})

test('warmUp runs in each generation', async () => {
  let runs = 0
  const vm = await glue('capi-modularize.js', { warmUp: () => { runs++ } })
  await vm.isReady()
  assert.ok(runs >= 2)
  vm.dispose()
})

test('a wrapper that starts its module when asked to is ready as it is', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-wrapper-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const text = fs.readFileSync(fixture('capi-modularize.js'), 'utf8')
  fs.copyFileSync(fixture('capi-modularize.wasm'), path.join(folder, 'capi-modularize.wasm'))
  fs.writeFileSync(path.join(folder, 'wrapper.js'), `${text}\nmodule.exports = { _check () { return 1 }, load: () => createCapi() }\n`)
  const vm = await open(path.join(folder, 'wrapper.js'), { host: 'glue', ...quiet, timeout: 20000 })
  t.after(() => vm.dispose())
  assert.deepStrictEqual(Object.keys(vm.exports), ['_check', 'load'])
  assert.strictEqual(typeof (await vm.exports.load())._malloc, 'function')
})

const INTERFACES = {
  'beside its Module': (text) => `${text}\nmodule.exports = { isUp: () => Boolean(Module.calledRun) }\n`,
  'around a Module of its own': (text) => `module.exports = (function (module, exports) { var Module = {}
    ${text}
    return { isUp: () => Boolean(Module.calledRun) } })()\n`
}

for (const [where, make] of Object.entries(INTERFACES)) {
  test(`an interface that a script exports ${where} is given when the module is up`, async (t) => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-interface-'))
    t.after(() => fs.rmSync(folder, { recursive: true }))
    fs.copyFileSync(fixture('capi-O2.wasm'), path.join(folder, 'capi-O2.wasm'))
    fs.writeFileSync(path.join(folder, 'interface.js'), make(fs.readFileSync(fixture('capi-O2.js'), 'utf8')))
    const vm = await open(path.join(folder, 'interface.js'), { host: 'glue', ...quiet, timeout: 20000 })
    t.after(() => vm.dispose())
    assert.deepStrictEqual(Object.keys(vm.exports), ['isUp'])
    assert.strictEqual(vm.exports.isUp(), true)
    assert.strictEqual((await vm.isReady()).isUp(), true)
  })
}

test('mounts are refused by name', async () => {
  await assert.rejects(glue('capi-modularize.js', { mounts: { '/data': { path: __dirname } } }), { code: 'EMVM_ERR_UNSUPPORTED' })
})
