'use strict'

// What a module's JavaScript and its workers send each other, and how workers are started.

const { test } = require('node:test')
const assert = require('node:assert')
const { inspect } = require('node:util')
const { runInThisContext } = require('node:vm')
const { sharedModule } = require('../support/shared-wasm')
const { glueFolder } = require('../support/glue')
const emvm = require('../..')

const WASM = Buffer.from(sharedModule()).toString('base64')
// A package of its own: makes a memory and an instance, and starts a worker that is given both.
const MAIN = (start) => `
  const { Worker } = require('node:worker_threads')
  const path = require('node:path')
  const module_ = new WebAssembly.Module(Buffer.from('${WASM}', 'base64'))
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true })
  const { exports: wasm } = new WebAssembly.Instance(module_, { env: { memory } })
  exports.version = 1
  exports.load = () => wasm.size()
  exports.go = () => new Promise((resolve, reject) => {
    const worker = ${start}
    worker.on('error', reject)
    worker.on('message', (told) => { resolve({ told, sum: wasm.load(8), same: told.memory === undefined ? undefined : told.memory === memory, pages: wasm.size() }); worker.terminate() })
    worker.postMessage(new Map([['all', { list: [module_, new Set([memory])], again: module_ }]]))
  })`
const WORKER = `
  const { parentPort, workerData, isMainThread } = require('node:worker_threads')
  parentPort.on('message', (message) => {
    const { list: [module_, set], again } = message.get('all')
    const [memory] = set
    const { exports } = new WebAssembly.Instance(module_, { env: { memory } })
    exports.add(8, 42)
    exports.grow(1)
    parentPort.postMessage({ kinds: [module_ instanceof WebAssembly.Module, memory instanceof WebAssembly.Memory, again === module_, memory.buffer.byteLength], data: workerData, main: isMainThread, memory })
  })`

const expected = (data) => ({ told: { kinds: [true, true, true, 131072], data, main: false }, sum: 42, same: true, pages: 2 })

async function gives (file, data, options) {
  const vm = await emvm.open(file, { host: 'glue', factory: false, ...options })
  for (let generation = 0; generation < 2; generation++) {
    const { told: { memory, ...told }, ...rest } = await vm.exports.go()
    assert.ok(memory)
    assert.deepStrictEqual({ told, ...rest }, expected(data))
    await vm.isReady()
  }
  vm.dispose()
}

test('a CommonJS file, with data of its own', async (t) => {
  const { write } = glueFolder(t)
  write('worker.js', WORKER)
  await gives(write('main.js', MAIN("new Worker(path.join(__dirname, 'worker.js'), { workerData: 'em-pthread' })")), 'em-pthread')
})

test('an ES module, by URL, with its imports', async (t) => {
  const { write } = glueFolder(t)
  write('worker.mjs', WORKER.replace(/const (\{.*\}) = require\((.*)\)/, 'import $1 from $2'))
  await gives(write('main.js', MAIN("new Worker(require('node:url').pathToFileURL(path.join(__dirname, 'worker.mjs')), { workerData: { a: [1] } })")), { a: [1] })
})

test('a thread compiles what is translated first', async (t) => {
  const { write } = glueFolder(t)
  // (module (func try catch_all end))
  const legacy = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 8, 1, 6, 0, 6, 0x40, 0x19, 0x0b, 0x0b]
  write('worker.js', `
    const { parentPort } = require('worker_threads')
    WebAssembly.compile(Uint8Array.from(${JSON.stringify(legacy)})).then((module) => parentPort.postMessage(module instanceof WebAssembly.Module), (error) => parentPort.postMessage(error.message))`)
  const file = write('main.js', `
    const path = require('path')
    const { Worker } = require('worker_threads')
    exports.go = () => new Promise((resolve, reject) => new Worker(path.join(__dirname, 'worker.js')).once('message', resolve).once('error', reject))`)
  const vm = await emvm.open(file, { host: 'glue', factory: false })
  assert.strictEqual(await vm.exports.go(), true)
  vm.dispose()
})

test('text', async (t) => {
  const { write } = glueFolder(t)
  await gives(write('main.js', MAIN(`new Worker(${JSON.stringify(WORKER)}, { eval: true })`)), undefined)
})

test('a file that the worker evaluates, and a worker of the worker\'s', async (t) => {
  const { write } = glueFolder(t)
  write('inner.js', WORKER)
  write('worker.js', `
    const { Worker, parentPort, workerData } = require('worker_threads')
    const inner = new Worker(require('path').join(__dirname, 'inner.js'), { workerData })
    parentPort.on('message', (message) => inner.postMessage(message))
    inner.on('message', (message) => parentPort.postMessage(message))`)
  const file = write('main.js', MAIN("new Worker(path.join(__dirname, 'worker.js'), { workerData: 7 })"))
  await gives(file, 7)
  const vm = await emvm.open(file, { host: 'glue', factory: false, threads: 1 })
  await assert.rejects(vm.exports.go(), (error) => error.code === 'EMVM_ERR_OPTION' || /threads/.test(error.message))
  vm.dispose()
})

test('an error of the worker\'s own is told as in plain Node; what is no file is Node\'s to refuse', async (t) => {
  const { write } = glueFolder(t)
  const file = write('main.js', MAIN("new Worker('throw new RangeError(\"mine\")', { eval: true })"))
  const vm = await emvm.open(file, { host: 'glue', factory: false })
  await assert.rejects(vm.exports.go(), { name: 'RangeError', message: 'mine' })
  assert.strictEqual(vm.exports.load(), 1)
  vm.dispose()
  const other = await emvm.open(write('other.js', MAIN("new Worker('no-path.js')")), { host: 'glue', factory: false })
  await assert.rejects(other.exports.go(), { code: 'ERR_WORKER_PATH' })
  other.dispose()
})

test('structuredClone() of values that say they are something else', async (t) => {
  const TEXT = `
    const holder = new Map([[1, [2]]])
    holder.keys = holder.values = () => { throw new Error('asked') }
    holder[Symbol.iterator] = undefined
    const list = Object.setPrototypeOf([1, , [3]], function () {})
    const set = Object.setPrototypeOf(new Set([new Map([[{ a: 1 }, 2]])]), null)
    const reads = []
    const reader = { get one () { reads.push('one'); return [1] }, two: 2, get three () { reads.push('three'); return 3 } }
    const proto = JSON.parse('{ "__proto__": { "x": [1] } }')
    const proxy = new Proxy({}, { ownKeys () { reads.push('trap'); return [] }, getPrototypeOf () { reads.push('trap'); return null } })
    const around = []; around.push(around)
    const tried = (work) => { try { return work() } catch (e) { return e.name } }
    exports.clones = (inspect) => (reads.length = 0, [holder, list, set, reader, proto, proxy, { proxy }, around, [new Date(5), /x/g], Object.create({ inherited: 1 }, { own: { value: 2, enumerable: true } })]
      .map((value) => inspect(tried(() => structuredClone(value)), { depth: 9 })).concat(reads))
  `
  const plain = { exports: {} }
  runInThisContext(`(function (exports) {${TEXT}\n})`)(plain.exports)
  const wanted = plain.exports.clones(inspect)
  assert.deepStrictEqual(wanted.slice(10), ['one', 'three'])
  const file = glueFolder(t).write('index.js', `new WebAssembly.Instance(new WebAssembly.Module(Buffer.from('${WASM}', 'base64')), { env: { memory: new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true }) } });${TEXT}`)
  const vm = await emvm.open(file, { host: 'glue', factory: false })
  for (let generation = 0; generation < 2; generation++) assert.deepStrictEqual((await vm.isReady()).clones(inspect), wanted)
  vm.dispose()
})
