'use strict'

// `worker.terminate()` and `process.exit()` end wasm as they end JavaScript, and so does the `timeout` of node:vm.

const { test } = require('node:test')
const assert = require('node:assert')
const vm = require('node:vm')
const { Worker } = require('node:worker_threads')
const { HOSTS, faultsOn } = require('../support/hosts')
const { runScript } = require('../support/child')

const ROOT = JSON.stringify(require('node:path').join(__dirname, '..', '..'))

const SPINS = {
  forever: 'call.forever()',
  counted: 'call.spin_counted()',
  recursion: 'call.spin_recursion(0)',
  'through JavaScript': 'call.alternate()',
  asleep: 'call.sleep_(60_000_000)',
  'JavaScript in a call': 'on(() => { for (;;); }); call.back(1)',
  'again after it was stopped': 'for (;;) { try { call.forever() } catch {} }'
}

const script = (host, spin) => `
  const { faultsOn } = require('./__test__/support/hosts')
  const { parentPort } = require('node:worker_threads')
  faultsOn('${host}').then(({ call, on }) => {
    parentPort.postMessage('ready')
    setTimeout(() => { ${spin} }, 1)
  })`

async function spinning (host, spin) {
  const worker = new Worker(script(host, spin), { eval: true, stdout: true, stderr: true })
  let said = ''
  for (const stream of [worker.stdout, worker.stderr]) stream.on('data', (chunk) => { said += chunk })
  worker.on('error', (error) => { said += error })
  await new Promise((resolve) => worker.once('message', resolve))
  // Longer than the watchdog takes to fall asleep, for one of them.
  await new Promise((resolve) => setTimeout(resolve, 300))
  return { worker, said: () => said }
}

for (const host of HOSTS) {
  for (const [what, spin] of Object.entries(SPINS)) {
    test(`terminate(): ${what}, ${host} host`, async () => {
      const times = []
      for (let i = 0; i < 3; i++) {
        const { worker, said } = await spinning(host, spin)
        const started = performance.now()
        const code = await worker.terminate()
        times.push(performance.now() - started)
        assert.strictEqual(code, 1)
        assert.strictEqual(said(), '')
      }
      // One of three, since other processes take their share of the machine.
      assert.ok(Math.min(...times) < 100, `${times.map(Math.round)} ms`)
    })
  }

  test(`process.exit() in the main thread, ${host} host`, async () => {
    const body = `
      const { Worker } = require('node:worker_threads')
      const worker = new Worker(${JSON.stringify(script(host, SPINS.forever))}, { eval: true })
      worker.once('message', () => setTimeout(() => process.exit(7), 200))`
    const { code, signal, stderr } = await runScript(body, { timeout: 30_000 })
    assert.deepStrictEqual([code, signal, stderr], [7, null, ''])
  })

  test(`the timeout of node:vm ends a call and nothing else, ${host} host`, async () => {
    const { vm: sandbox, call } = await faultsOn(host)
    const run = (spin) => vm.runInNewContext('spin()', { spin }, { timeout: 50 })
    for (let i = 0; i < 3; i++) {
      assert.throws(() => run(() => call.forever()), { code: 'ERR_SCRIPT_EXECUTION_TIMEOUT' })
      assert.strictEqual(call.add(i, 2), i + 2)
      assert.strictEqual(run(() => call.add(i, 3)), i + 3)
    }
    await sandbox.isReady()
    assert.strictEqual(call.count(), 1)
    sandbox.dispose()
  })
}

test('a thread whose calls are short, and one that was long at rest', async () => {
  const body = `
    const { Worker } = require('node:worker_threads')
    const source = \`
      const { faultsOn } = require('./__test__/support/hosts')
      const { parentPort } = require('node:worker_threads')
      faultsOn('native').then(({ call }) => {
        for (let i = 0; i < 100_000; i++) call.add(i, 1)
        setTimeout(() => { parentPort.postMessage(1); call.forever() }, 2500)
      })\`
    const worker = new Worker(source, { eval: true })
    worker.once('message', () => setTimeout(async () => {
      const started = performance.now()
      await worker.terminate()
      console.log(Math.round(performance.now() - started))
    }, 100))`
  const { code, stdout, stderr } = await runScript(`require(${ROOT});${body}`, { timeout: 30_000 })
  assert.deepStrictEqual([code, stderr], [0, ''])
  assert.ok(Number(stdout) < 500, stdout)
})
