'use strict'

// Kinds of workers and channels that a package's JavaScript may use: each package runs under plain Node and, in three
// generations, under emvm, and gives the same.

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const { setTimeout: sleep } = require('node:timers/promises')
const { sharedModule } = require('../support/shared-wasm')
const { glueFolder } = require('../support/glue')
const emvm = require('../..')
const native = require('../../lib/webassembly/native')

const WASM = Buffer.from(sharedModule()).toString('base64')
// What each main file begins with: an instance, and what it gives of one that a thread made of the same.
const SHARED = `
  const compiled = new WebAssembly.Module(Buffer.from('${WASM}', 'base64'))
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4, shared: true })
  const wasm = new WebAssembly.Instance(compiled, { env: { memory } }).exports`
const PRELUDE = `
  const { Worker, MessageChannel, BroadcastChannel, receiveMessageOnPort } = require('node:worker_threads')
  const path = require('node:path')
  const { once } = require('node:events')
  ${SHARED}
  exports.version = 1
  exports.load = () => wasm.size()
  const end = async (worker) => [await worker.terminate(), worker.threadId]`
// In a thread: adds to what both have.
const ADD = `
  const kinds = (one) => [one instanceof WebAssembly.Module, one instanceof WebAssembly.Memory, Object.prototype.toString.call(one)]
  const add = ({ compiled, memory }) => {
    const { exports } = new WebAssembly.Instance(compiled, { env: { memory } })
    exports.add(8, 5)
    return [kinds(compiled), kinds(memory), memory.buffer.byteLength, exports.load(8)]
  }`

async function same (t, files, { main = 'main.js', ...options } = {}) {
  const { write } = glueFolder(t)
  for (const [name, text] of Object.entries(files)) write(name, text)
  const file = write(main, files[main])
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--no-warnings', '-e', `
    import(${JSON.stringify(file)}).then(async (m) => { console.log(JSON.stringify(await (m.default?.go ?? m.go)())); process.exit() })`], { encoding: 'utf8', timeout: 60_000 })
  assert.strictEqual(status, 0, stderr)
  const expected = JSON.parse(stdout)
  const vm = await emvm.open(file, { host: 'glue', factory: false, print () {}, printErr () {}, ...options })
  try {
    for (let generation = 0; generation < 3; generation++) {
      assert.deepStrictEqual(JSON.parse(JSON.stringify(await vm.exports.go())), expected, `generation ${generation + 1}`)
      await vm.isReady()
    }
  } finally {
    vm.dispose()
  }
  return expected
}

test('by URL beside an ES module, with transferred ports and memories as data', async (t) => {
  await same(t, {
    'main.mjs': `
      import { Worker, MessageChannel } from 'node:worker_threads'
      ${SHARED}
      export const version = 1
      export function load () { return wasm.size() }
      export async function go () {
        const { port1, port2 } = new MessageChannel()
        const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData: { compiled, memory, port: port2 }, transferList: [port2], name: 'mine', type: 'module' })
        const told = await new Promise((resolve, reject) => { port1.once('message', resolve); worker.on('error', reject) })
        port1.close()
        await worker.terminate()
        const [sum, same] = [wasm.load(8), told.memory.buffer.byteLength]
        wasm.add(8, -5)
        return [told.given, sum, same]
      }`,
    'worker.mjs': `
      import { workerData, isMainThread } from 'worker_threads'
      ${ADD}
      workerData.port.postMessage({ given: [add(workerData), isMainThread, import.meta.url.slice(-11)], memory: workerData.memory })`
  }, { main: 'main.mjs' })
})

test('a class of the package\'s own, names, environment, arguments, output, exit codes', async (t) => {
  await same(t, {
    'main.js': `${PRELUDE}
      class Mine extends Worker {
        constructor (options) { super(path.join(__dirname, 'worker.js'), options); this.mine = true }
        ask (message) { return new Promise((resolve) => { this.once('message', resolve); this.postMessage(message) }) }
      }
      exports.go = async () => {
        const worker = new Mine({ argv: ['a', 'b'], env: { ONLY: 'this' }, execArgv: ['--no-warnings'], stdout: true, stdin: true, workerData: { compiled, memory } })
        const events = []
        worker.on('online', () => events.push('online'))
        let out = ''
        worker.stdout.on('data', (chunk) => { out += chunk })
        const told = await worker.ask({ memory, text: 'hello' })
        worker.stdin.end('input')
        // Both may come at once.
        const [error, code] = await Promise.all(['error', 'exit'].map((event) => new Promise((resolve) => { worker.once(event, resolve) })))
        const other = new Mine({ workerData: 'exit' })
        wasm.add(8, -5)
        return [told, events, error.message, error instanceof RangeError, code, await once(other, 'exit'), out, worker.mine, worker instanceof Worker, worker.ref === undefined, worker.threadId]
      }`,
    'worker.js': `
      const { parentPort, workerData, threadId } = require('node:worker_threads')
      ${ADD}
      if (workerData === 'exit') process.exit(3)
      parentPort.once('message', ({ memory, text }) => {
        parentPort.postMessage([add(workerData), memory instanceof WebAssembly.Memory, text, process.argv.slice(2), Object.keys(process.env), process.execArgv, threadId > 0, require.main === module, __filename.slice(-9)])
        process.stdin.on('data', (input) => {
          console.log('got ' + input)
          setTimeout(() => { throw new RangeError('mine') }, 50)
        })
      })`
  })
})

test('text, a data URL, a web worker in their place; what is no file is refused in Node\'s words', async (t) => {
  await same(t, {
    'main.js': `${PRELUDE}
      const answer = async (...rest) => {
        const worker = new Worker(...rest)
        try {
          worker.postMessage({ compiled, memory })
          const [told] = await once(worker, 'message')
          wasm.add(8, -5)
          return told
        } finally {
          await worker.terminate()
        }
      }
      const refusal = (given, options) => { try { new Worker(given, options) } catch ({ code, name, message }) { return [code, name, message] } }
      const text = ${JSON.stringify(`${ADD}
        const { parentPort } = require('node:worker_threads')
        const path = require('node:path')
        parentPort.on('message', (message) => parentPort.postMessage([add(message), typeof __filename, path.sep]))`)}
      exports.go = async () => [
        await answer(text, { eval: true }),
        await answer(new URL('data:text/javascript,' + encodeURIComponent('import { parentPort } from "node:worker_threads";' + ${JSON.stringify(ADD)} + ';parentPort.on("message", (message) => parentPort.postMessage(add(message)))'))),
        await answer(path.join(__dirname, 'web.js'), { workerData: 'web' }),
        refusal('blob:nodedata:1'), refusal(new URL('blob:nodedata:1')), refusal(new URL('https://example.com/a.js')), refusal('bare.js'), refusal(7), refusal(undefined), refusal('file:///a.js'),
        refusal(path.join(__dirname, 'web.js'), { transferList: [{}] }), refusal(path.join(__dirname, 'web.js'), { workerData: () => {} })
      ]`,
    // As Emscripten's older workers do it.
    'web.js': `
      const { parentPort } = require('worker_threads')
      const fs = require('fs'), path = require('path')
      parentPort.on('message', (data) => onmessage({ data }))
      Object.assign(global, { self: global, require, location: { href: __filename }, performance: global.performance,
        importScripts: (file) => (0, eval)(fs.readFileSync(path.join(__dirname, file), 'utf8') + '//# sourceURL=' + file),
        postMessage: (message) => parentPort.postMessage(message) })
      importScripts('script.js')`,
    'script.js': `${ADD}
      self.onmessage = ({ data }) => postMessage([add(data), typeof location.href])`
  })
})

test('channels carry modules and memories, as ports, by name, and to oneself', async (t) => {
  await same(t, {
    'main.js': `${PRELUDE}
      exports.go = async () => {
        const worker = new Worker(path.join(__dirname, 'worker.js'))
        const { port1, port2 } = new MessageChannel()
        // A port within a message, on which another port comes back.
        worker.postMessage({ port: port2 }, [port2])
        port1.postMessage({ compiled, memory })
        const [first] = await once(port1, 'message')
        first.port.postMessage([compiled, new Map([[1, memory]])])
        const [second] = await once(first.port, 'message')
        // To oneself.
        const own = new MessageChannel()
        own.port1.postMessage({ compiled, memory })
        const received = receiveMessageOnPort(own.port2).message
        const cloned = structuredClone([compiled, memory])
        const heard = new Promise((resolve) => { own.port2.onmessage = ({ data, target }) => resolve([data.memory.buffer.byteLength, target === own.port2]) })
        own.port1.postMessage({ memory })
        // By name.
        const channel = new BroadcastChannel('emvm-test')
        const named = new Promise((resolve) => { channel.onmessage = ({ data }) => resolve(data) })
        worker.postMessage('by name')
        const { list: [again], of } = await named
        const result = [first.told, second, received.memory instanceof WebAssembly.Memory, received.compiled instanceof WebAssembly.Module, cloned[0] instanceof WebAssembly.Module, cloned[1].buffer instanceof SharedArrayBuffer,
          await heard, again instanceof WebAssembly.Memory, of, own.port1 instanceof MessageChannel, own instanceof MessageChannel, receiveMessageOnPort(own.port2) === undefined]
        for (const port of [port1, first.port, own.port1, channel]) port.close()
        wasm.add(8, -10)
        return [...result, ...await end(worker)]
      }`,
    'worker.js': `
      const { parentPort, MessageChannel, BroadcastChannel } = require('node:worker_threads')
      ${ADD}
      let memory
      parentPort.on('message', (message) => {
        if (message === 'by name') {
          const channel = new BroadcastChannel('emvm-test')
          channel.postMessage({ list: [memory], of: structuredClone({ memory }).memory instanceof WebAssembly.Memory })
          return channel.close()
        }
        message.port.once('message', (message2) => {
          memory = message2.memory
          const { port1, port2 } = new MessageChannel()
          port1.on('message', ([compiled, map]) => port1.postMessage([add({ compiled, memory: map.get(1) })]))
          message.port.postMessage({ told: add(message2), port: port2 }, [port2])
        })
      })`
  })
})

test('a worker that posts garbage is heard as under plain Node', async (t) => {
  await same(t, {
    'main.js': `${PRELUDE}
      exports.go = async () => {
        const worker = new Worker(path.join(__dirname, 'worker.js'))
        const told = []
        for await (const [message] of require('node:events').on(worker, 'message')) {
          if (message === 'end') break
          told.push(message)
        }
        await end(worker)
        return told
      }`,
    'worker.js': `
      const { parentPort } = require('node:worker_threads')
      const deep = []
      for (let at = deep, i = 0; i < 500; i++) at = at[0] = []
      const circular = { list: [] }
      circular.list.push(1, [2])
      const sent = [null, 0, -0, '', [], [, 1], {}, { 'emvm:sent': 1 }, { 'emvm:sent': null }, { 'emvm:sent': {} }, { 'emvm:sent': { module: 'x' } }, { 'emvm:sent': { memory: {}, maximum: 1 } },
        { 'emvm:sent': { memory: null } }, { cmd: 'unknown' }, { emvm: { opened: {} } }, deep, circular, { cmd: 'alert', text: 'x' }, Array(100).fill({ a: 1 })]
      for (const one of sent) parentPort.postMessage(one)
      let refused
      try { parentPort.postMessage(() => {}) } catch ({ name }) { refused = name }
      parentPort.postMessage({ refused })
      parentPort.postMessage('end')`
  })
})

test('ports and promises of waitAsync end with their generation', { skip: native.addressSpace() === undefined || Atomics.waitAsync === undefined }, async (t) => {
  const { write } = glueFolder(t)
  const file = write('main.js', `${PRELUDE}
    exports.go = (told) => {
      const { port1, port2 } = new MessageChannel()
      port2.on('message', () => told('a port'))
      new BroadcastChannel('emvm-past').onmessage = () => told('a channel')
      const words = new Int32Array(memory.buffer)
      for (const at of [0, 0, 64]) Atomics.waitAsync(words, at, 0).value.then(() => told('a promise'))
      const late = Atomics.waitAsync(words, 4, 0, 1)
      return [port1, late.async, Atomics.waitAsync(words, 4, 1).value, late.value]
    }`)
  const heard = []
  const vm = await emvm.open(file, { host: 'glue', factory: false })
  const before = native.addressSpace()
  for (let generation = 0; generation < 8; generation++) {
    const [port, isAsync, value, late] = vm.exports.go((what) => heard.push(what))
    assert.deepStrictEqual([isAsync, value, await late], [true, 'not-equal', 'timed-out'])
    await vm.isReady()
    port.postMessage('late')
  }
  const channel = new BroadcastChannel('emvm-past')
  channel.postMessage(1)
  await sleep(50)
  channel.close()
  vm.dispose()
  for (let turn = 0; turn < 100 && native.addressSpace() > before; turn++) {
    globalThis.gc()
    await sleep(20)
  }
  assert.deepStrictEqual(heard, [])
  // Each generation had 8 GiB.
  assert.ok(native.addressSpace() - before < 20 * 2 ** 30, `${(native.addressSpace() - before) / 2 ** 30} GiB`)
})
