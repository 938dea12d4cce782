'use strict'

// Failures that nobody waits for: rejections of the glue's own promises, errors in timers.

const test = require('node:test')
const assert = require('node:assert')
const { execFile } = require('node:child_process')
const path = require('node:path')
const { open } = require('../..')
const { caseNumber } = require('../jobs/timers')
const { glueFolder } = require('../support/glue')
const { until } = require('../support/until')

const ROOT = path.join(__dirname, '..', '..')
const TIMERS = path.join(__dirname, '..', 'fixtures', 'timers.js')
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

// What the process hears of meanwhile.
async function heard (work) {
  const errors = []
  const listener = (error) => { errors.push(error) }
  process.on('unhandledRejection', listener)
  try {
    await work()
    await pause(20)
  } finally {
    process.removeListener('unhandledRejection', listener)
  }
  return errors
}

// Runs a program in a process of its own: { code, out, err }.
function run (program) {
  return new Promise((resolve) => {
    execFile(process.execPath, ['-e', program], { cwd: ROOT, encoding: 'utf8', timeout: 60000 }, (error, out, err) => {
      resolve({ code: error ? error.code ?? error.signal : 0, out, err })
    })
  })
}

const DURING_START = {
  'a promise that is rejected at once': "Promise.reject(new Error('lost'))",
  'an async function': "(async function () { await null; throw new Error('lost') })()",
  'a chain': "Promise.resolve().then(function () { throw new Error('lost') }).then(function () {}).finally(function () {})",
  'process.nextTick': "process.nextTick(function () { throw new Error('lost') })",
  'a microtask': "queueMicrotask(function () { throw new Error('lost') })"
}

for (const realm of ['shared', 'context']) {
  for (const [what, more] of Object.entries(DURING_START)) {
    test(`${what} that fails while the module starts is the start's failure (realm: '${realm}')`, async (t) => {
      const { glue } = glueFolder(t)
      for (const [name, shape] of [['glue.js', 'commonjs'], ['script.js', 'script'], ['glue.mjs', 'esm']]) {
        const file = glue(name, shape, more)
        const errors = await heard(() => assert.rejects(open(file, { host: 'glue', realm }), (error) => {
          assert.strictEqual(error.code, 'EMVM_ERR_START')
          assert.match(error.message, /lost/)
          assert.strictEqual(error.cause.message, 'lost')
          return true
        }))
        assert.deepStrictEqual(errors, [])
      }
    })
  }
}

// Glue from before there was `ready`: nobody has the promise of the instance, and start-up runs in it.
const OLD = `
  var Module = typeof Module !== 'undefined' ? Module : {}
  WebAssembly.instantiate(Module.wasmBinary || require('./machine').bytes, { env: { callback: function (x) { return x } } }).then(function (r) {
    Module._add = r.instance.exports.add
    Module.HEAPU8 = new Uint8Array(r.instance.exports.memory.buffer)
    if (Module.broken && Module.broken()) r.instance.exports[Module.how || 'trap']()
    Module.calledRun = true
    if (Module.onRuntimeInitialized) Module.onRuntimeInitialized()
    if (Module.brokenMain && Module.brokenMain()) r.instance.exports.trap()
  })`

const machine = (write) => write('machine.js', `exports.bytes = Buffer.from('${require('../support/glue').BASE64}', 'base64')`)

test('a trap in start-up code of old glue is an error of open', async (t) => {
  const { write } = glueFolder(t)
  machine(write)
  const file = write('old.js', OLD)
  for (const module of [{ broken: () => true }, { brokenMain: () => true }]) {
    const errors = await heard(() => assert.rejects(open(file, { host: 'glue', module }), { code: 'EMVM_ERR_TRAP', trap: 'unreachable' }))
    assert.deepStrictEqual(errors, [])
  }
  const errors = await heard(() => assert.rejects(open(file, { host: 'glue', timeout: 200, module: { how: 'forever', broken: () => true } }), { code: 'EMVM_ERR_TIMEOUT' }))
  assert.deepStrictEqual(errors, [])
})

test('... and of isReady, after which the next one works again', async (t) => {
  const { write } = glueFolder(t)
  machine(write)
  let broken = false
  const vm = await open(write('old.js', OLD), { host: 'glue', module: { broken: () => broken } })
  broken = true
  const errors = await heard(async () => {
    // One that stood by may have been made before.
    await vm.isReady().then(() => vm.isReady()).then(() => assert.fail('is ready'), (error) => assert.strictEqual(error.code, 'EMVM_ERR_TRAP'))
    await assert.rejects(vm.isReady(), { code: 'EMVM_ERR_TRAP' })
    assert.strictEqual(vm.exports._add(2, 3), 5, 'the current one stays')
  })
  assert.deepStrictEqual(errors, [])
  broken = false
  const module = await vm.isReady()
  assert.strictEqual(module._add(2, 3), 5)
  vm.dispose()
})

test('an instance that fails while it stands by is not used', async (t) => {
  const { glue } = glueFolder(t)
  const file = glue('glue.js', 'commonjs', `
    Module.number = ++Module.count.made
    var wait = require('timers/promises').setTimeout;
    if (Module.number === 2) (async function () { await wait(20); Module.count.failed++; throw new Error('lost') })()`)
  const count = { made: 0, failed: 0 }
  const vm = await open(file, { host: 'glue', module: { count } })
  const errors = await heard(async () => {
    await until(() => count.failed === 1)
    await pause(20)
    assert.strictEqual((await vm.isReady()).number, 3)
  })
  assert.deepStrictEqual(errors, [])
  vm.dispose()
})

test('warmUp: what fails meanwhile is the start\'s failure', async (t) => {
  const { glue } = glueFolder(t)
  const file = glue('glue.js', 'commonjs', "setTimeout(function () { throw new Error('lost') }, 20)")
  await assert.rejects(open(file, { host: 'glue', warmUp: () => pause(5000) }), { code: 'EMVM_ERR_START', message: /lost/ })
})

for (const realm of ['shared', 'context']) {
  test(`onUncaught is told of what fails later (realm: '${realm}')`, async (t) => {
    const { glue } = glueFolder(t)
    const file = glue('glue.js', 'commonjs', `
      var wait = require('timers/promises').setTimeout;
      if (Module.first.pop()) {
        (async function () { await wait(40); throw new Error('promise') })()
        setTimeout(function () { throw new Error('timeout') }, 40)
      }
      Module.onBack = function () { Promise.reject(new Error('called by the module')); return 1 }
      Module.begin = function () { setImmediate(function () { throw new Error('immediate') }) }`)
    const told = []
    const first = [true]
    Object.defineProperty(first, 'pop', { value: () => first.splice(0, 1)[0] })
    const module = { get first () { return { pop: first.pop } } }
    const vm = await open(file, { host: 'glue', realm, module, onUncaught: (error) => { told.push(error.message) } })
    const errors = await heard(async () => {
      vm.exports.begin()
      assert.strictEqual(vm.exports._back(4), 1)
      await until(() => told.length >= 4)
    })
    assert.deepStrictEqual(told.sort(), ['called by the module', 'immediate', 'promise', 'timeout'])
    assert.deepStrictEqual(errors, [])
    vm.dispose()
  })
}

for (const host of ['native', 'glue']) {
  test(`onUncaught is told of a trap in a timer (${host})`, async () => {
    const told = []
    const lines = []
    const vm = await open(TIMERS, { host, print: (line) => lines.push(line), onUncaught: (error) => told.push(error) })
    vm.exports._begin(caseNumber(vm.exports, 'trap_later'))
    await until(() => told.length === 1)
    assert.strictEqual(told[0].code, 'EMVM_ERR_TRAP')
    assert.strictEqual(told[0].trap, 'unreachable')
    await vm.isReady()
    vm.dispose()
  })
}

test('what a caller of the module awaits is the caller\'s, with onUncaught too', async (t) => {
  const { glue } = glueFolder(t)
  const file = glue('glue.js', 'commonjs', "Module.later = async function () { await null; throw new Error('mine') }")
  const { code, out, err } = await run(`
    require('.').open(${JSON.stringify(file)}, { host: 'glue', onUncaught: () => console.log('told') }).then((vm) => { vm.exports.later() })`)
  assert.strictEqual(code, 1)
  assert.strictEqual(out, '')
  assert.match(err, /Error: mine/)
})

test('an error in onUncaught is the process\'s', async (t) => {
  const { glue } = glueFolder(t)
  const file = glue('glue.js', 'commonjs', "setTimeout(function () { throw new Error('theirs') }, 20)")
  const { code, err } = await run(`
    require('.').open(${JSON.stringify(file)}, { host: 'glue', onUncaught: () => { throw new Error('mine') } })`)
  assert.strictEqual(code, 1)
  assert.match(err, /Error: mine/)
})
