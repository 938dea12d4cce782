'use strict'

// Calls that nest through callbacks end with an error when the stack does, not before, on either host.

const test = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { Worker } = require('node:worker_threads')
const { open } = require('../..')
const { MACHINE } = require('../support/wasm')

async function deepest (host) {
  let depth = 0
  let vm
  const callback = (n) => {
    depth = n
    return vm.exports._back(n + 1)
  }
  vm = await open(MACHINE, { imports: { env: { callback } }, ...(host && { host }) })
  let error
  try {
    vm.exports._back(0)
  } catch (thrown) {
    error = thrown
  }
  const nested = depth
  // The instance works as before.
  depth = 0
  const sum = vm.exports._add(20, 22)
  vm.dispose()
  return { nested, name: error && (error.trap ?? error.name), sum }
}

module.exports = { deepest }

const here = JSON.stringify(path.resolve(__filename))
const ends = ['RangeError', 'stack-overflow']

if (process.env.EMVM_TEST_NESTING === undefined) {
  // JavaScript among the calls ends where V8 has its limit: with a higher one, calls nest deeper.
  test('as deep as the stack goes', () => {
    const script = `require(${here}).deepest().then((result) => console.log(JSON.stringify(result)))`
    const nested = [984, 3900].map((size) => {
      const { stdout, stderr } = spawnSync(process.execPath, [`--stack-size=${size}`, '-e', script], { encoding: 'utf8', env: { ...process.env, EMVM_TEST_NESTING: '1' } })
      const { nested, name, sum } = JSON.parse(stdout || `{ "name": ${JSON.stringify(stderr)} }`)
      assert.ok(ends.includes(name), name)
      assert.strictEqual(sum, 42)
      return nested
    })
    assert.ok(nested[0] > 100 && nested[1] > 3 * nested[0], String(nested))
  })

  test('in a worker with a small stack', async () => {
    const script = `require(${here}).deepest().then((result) => require('node:worker_threads').parentPort.postMessage(result))`
    const worker = new Worker(script, { eval: true, env: { ...process.env, EMVM_TEST_NESTING: '1' }, resourceLimits: { stackSizeMb: 1 } })
    const { nested, name, sum } = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    assert.ok(nested > 20, `only ${nested} levels`)
    assert.ok(ends.includes(name), name)
    assert.strictEqual(sum, 42)
    await worker.terminate()
  })
}
