'use strict'

// Requests under way keep raw addresses of the memory they were given: nobody else may have it until they are over, and what
// they were to do they do.

const { test } = require('node:test')
const assert = require('node:assert')
const { HOSTS, faultsOn, onBoth } = require('../support/hosts')

const SKIPS = {
  // Growth empties the views at once, as in V8: Node's own JavaScript, which takes what it was given piece by piece, then
  // fails.
  growth: ['promisedWrite', 'writeStream', 'socketWrites', 'http2', 'pipelinedResponse', 'connecting', 'clientRequest']
}

for (const backend of ['', 'portable']) {
  for (const end of ['recycle', 'growth', 'dispose']) {
    onBoth(`files, thread pool and sockets: ${end}, ${backend || 'own'} backend`, new Function(`return async () => {
      const { requests } = require('./__test__/support/in-flight')
      for (const [name, request] of Object.entries(requests)) {
        if (${JSON.stringify(SKIPS[end] || [])}.includes(name)) continue
        await request(faults, '${end}').catch((cause) => { throw new Error(name, { cause }) })
      }
    }`)(), { worker: true, timeout: 60_000, env: { EMVM_MEMORY_BACKEND: backend } })
  }
}

// Some request is always under way, of files as well as of the thread pool.
onBoth('a busy thread neither starves nor grows', async () => {
  const { lend, MB } = require('./__test__/support/in-flight')
  const { vm } = await faults()
  let busy = true
  const fill = () => { if (busy) require('node:crypto').randomFill(Buffer.alloc(MB), fill) }
  const read = () => { if (busy) require('node:fs').readFile('package.json', read) }
  for (let i = 0; i < 3; i++) { fill(); read() }
  let most = 0
  for (let i = 0; i < 60; i++) {
    lend(vm, 4 * MB, 7)
    await vm.isReady()
    most = Math.max(most, vm.stats().regionsInFlight)
  }
  busy = false
  assert.ok(most > 1 && most <= 9, `${most} regions of 4 MB where 32 MB may wait`)
  for (let i = 0; vm.stats().regionsInFlight > 0; i++) {
    assert.ok(i < 500)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  vm.dispose()
}, { worker: true, env: { EMVM_IN_FLIGHT_MB: '32' } })

onBoth('at the bound recycle() is refused, isReady() and open() wait', async () => {
  const { lend, fifo, sleep, MB } = require('./__test__/support/in-flight')
  const fs = require('node:fs')
  const { vm } = await faults()
  const name = fifo()
  const fd = fs.openSync(name, 'r+')
  // Two generations whose memory a request has: one may always wait.
  const reads = []
  for (let i = 0; i < 2; i++) {
    const view = lend(vm, 2 * MB, 7)
    reads.push(new Promise((resolve) => fs.read(fd, view, 0, 1, null, resolve)))
    if (i === 0) await vm.isReady()
  }
  await sleep(50)
  const code = thrown(() => vm.recycle()).code
  assert.ok(code === 'EMVM_ERR_BUSY' || (code === 'EMVM_ERR_NOT_READY' && host === 'glue'), code)
  const { generation } = vm
  const ready = vm.isReady()
  await sleep(100)
  assert.strictEqual(vm.generation, generation)
  // The call that is waited for is not in the way of others.
  assert.ok(vm.exports._malloc(16) > 0)
  fs.writeSync(fd, 'ab')
  await Promise.all(reads)
  await ready
  assert.strictEqual(vm.generation, generation + 1)
  fs.closeSync(fd)
  vm.dispose()
}, { env: { EMVM_IN_FLIGHT_MB: '1' } })

onBoth('a response that is written in the turn in which its generation ends', async () => {
  const { writtenInTheTurn } = require('./__test__/support/in-flight')
  const { vm } = await faults()
  await writtenInTheTurn(vm, async (write) => { write(); await vm.isReady() })
  await writtenInTheTurn(vm, (write) => vm.run((module) => { write() }))
  // The glue host's next instance is there after a while.
  if (host === 'glue') await new Promise((resolve) => setTimeout(resolve, 500))
  await writtenInTheTurn(vm, (write) => { write(); vm.recycle() })
  vm.dispose()
}, { worker: true })

onBoth('a worker that ends under its requests', async () => {
  const { Worker } = require('node:worker_threads')
  const source = `
    const { faultsOn } = require('./__test__/support/hosts')
    const { lend, MB } = require('./__test__/support/in-flight')
    const crypto = require('node:crypto')
    faultsOn('${host}').then(async ({ vm }) => {
      for (let i = 0; i < 6; i++) {
        crypto.randomFill(lend(vm, 8 * MB, 7), () => {})
        require('node:zlib').deflate(lend(vm, 8 * MB, 7), () => {})
        if (i < 5) await vm.isReady()
      }
      require('node:worker_threads').parentPort.postMessage('begun')
    })`
  for (let i = 0; i < 3; i++) {
    const worker = new Worker(source, { eval: true })
    await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    await worker.terminate()
  }
})

for (const host of HOSTS) {
  const without = typeof ArrayBuffer.prototype.transfer === 'function' ? false : 'this Node.js has no ArrayBuffer.prototype.transfer'
  test(`a buffer that was taken away keeps its memory to itself: ${host} host`, { skip: without }, async () => {
    const { vm } = await faultsOn(host)
    const at = vm.exports._malloc(100)
    vm.exports.HEAPU8.fill(5, at, at + 100)
    const taken = new Uint8Array(vm.exports.HEAPU8.buffer.transfer())
    assert.strictEqual(taken[at], 5)
    for (let i = 0; i < 3; i++) {
      await vm.isReady()
      assert.strictEqual(vm.exports._malloc(100), at)
      vm.exports.HEAPU8.fill(9, at, at + 100)
      taken.fill(6, at, at + 100)
      assert.deepStrictEqual([vm.exports.HEAPU8[at], taken[at]], [9, 6])
    }
    vm.dispose()
    assert.strictEqual(taken[at], 6)
  })

  test(`a view that is held keeps the memory of a sandbox that nobody has: ${host} host`, { skip: typeof gc !== 'function' && 'needs --expose-gc' }, async () => {
    const view = await (async () => {
      const { vm } = await faultsOn(host)
      const { HEAPU8 } = vm.exports
      HEAPU8[1000] = 77
      return HEAPU8
    })()
    for (let i = 0; i < 10; i++) {
      gc()
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    assert.strictEqual(view[1000], 77)
    view.fill(1)
  })
}
