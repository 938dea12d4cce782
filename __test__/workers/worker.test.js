'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { once } = require('node:events')
const { Worker } = require('node:worker_threads')
const { open } = require('../..')
const { runScript } = require('../support/child')

const OPENCV = require.resolve('opencv-4.12')

const BODY = `
  const { parentPort, workerData } = require('node:worker_threads')
  const { open } = require(workerData.emvm)
  const { createHash } = require('node:crypto')
  ;(async () => {
    const vm = await open(workerData.file)
    let digest
    for (let i = 0; i < workerData.rounds; i++) {
      const cv = await vm.isReady()
      const source = new cv.Mat(120, 160, cv.CV_8UC1)
      source.data.set(Uint8Array.from({ length: 120 * 160 }, (_, k) => (k * 7919) % 251))
      const result = new cv.Mat()
      cv.GaussianBlur(source, result, new cv.Size(5, 5), 1.2)
      digest = createHash('sha256').update(result.data).digest('hex')
    }
    parentPort.postMessage({ digest, generation: vm.generation })
    if (workerData.dispose) vm.dispose()
    if (workerData.wait) setInterval(() => {}, 1000)
  })()
`

function start (options) {
  return new Worker(BODY, { eval: true, workerData: { emvm: path.join(__dirname, '..', '..'), file: OPENCV, rounds: 50, dispose: true, ...options } })
}

async function finish (worker) {
  const exit = once(worker, 'exit')
  const [message] = await once(worker, 'message')
  const [code] = await exit
  assert.strictEqual(code, 0)
  return message
}

test('one worker', async () => {
  const { digest, generation } = await finish(start())
  assert.match(digest, /^[0-9a-f]{64}$/)
  assert.strictEqual(generation, 51)
})

test('two workers at once, and the main thread beside them, agree', async () => {
  const workers = [start(), start({ dispose: false })]
  const vm = await open(OPENCV)
  const done = Promise.all(workers.map(finish))
  let spins = 0
  let going = true
  done.finally(() => { going = false })
  while (going) {
    const cv = await vm.isReady()
    void new cv.Mat(100, 100, cv.CV_8UC4)
    spins++
    await new Promise((resolve) => setImmediate(resolve))
  }
  const [one, two] = await done
  assert.strictEqual(one.digest, two.digest)
  assert.ok(spins > 0)
  vm.dispose()
})

test('a worker that is terminated takes nobody with it', async () => {
  const worker = start({ wait: true, dispose: false })
  await once(worker, 'message')
  await worker.terminate()
  const busy = start({ rounds: 1e9 })
  await new Promise((resolve) => setTimeout(resolve, 300))
  await busy.terminate()
  const vm = await open(OPENCV)
  assert.strictEqual(new vm.exports.Mat(3, 3, 0).rows, 3)
  vm.dispose()
})

test('workers that come and go', async () => {
  const digests = new Set()
  for (let i = 0; i < 6; i++) digests.add((await finish(start({ rounds: 2, dispose: i % 2 === 0 }))).digest)
  assert.strictEqual(digests.size, 1)
})

test('a process whose workers alone use emvm ends cleanly', async () => {
  const { code, signal, stderr } = await runScript(`
    const { Worker } = require('node:worker_threads')
    const body = ${JSON.stringify(BODY)}
    for (let i = 0; i < 2; i++) new Worker(body, { eval: true, workerData: { emvm: ${JSON.stringify(path.join(__dirname, '..', '..'))}, file: OPENCV, rounds: 5, dispose: i === 0 } })`)
  assert.strictEqual(stderr, '')
  assert.strictEqual(signal, null)
  assert.strictEqual(code, 0)
})

test('two workers trap at the same time', async () => {
  const { code, signal, stderr } = await runScript(`
    const { Worker, isMainThread } = require('node:worker_threads')
    const body = \`
      const { open } = require(\${JSON.stringify(${JSON.stringify(path.join(__dirname, '..', '..'))})})
      const { MACHINE } = require(\${JSON.stringify(${JSON.stringify(path.join(__dirname, '..', 'support', 'wasm.js'))})})
      open(MACHINE, { imports: { env: { callback: (x) => x } } }).then((vm) => {
        for (let i = 0; i < 2000; i++) { try { (vm.exports._trap || vm.exports.trap)() } catch (error) { if (error.code !== 'EMVM_ERR_TRAP') throw error } vm.recycle() }
        vm.dispose()
      })\`
    for (let i = 0; i < 2; i++) new Worker(body, { eval: true })`)
  assert.strictEqual(stderr, '')
  assert.strictEqual(signal, null)
  assert.strictEqual(code, 0)
})
