'use strict'

// The same fixtures on both hosts, in the main thread and in a worker.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { open } = require('../..')
const { runScript } = require('./child')

const HOSTS = ['native', 'glue']
const quiet = { print () {}, printErr () {} }

// A sandbox of fixtures/faults.js: `{ vm, call, on }`; `call.load(1)` calls the module as it is now.
async function faultsOn (host, options) {
  let callback = (x) => x
  const vm = await open(path.join(__dirname, '..', 'fixtures', 'faults.js'), { host, imports: { env: { callback: (x) => callback(x) } }, ...quiet, ...options })
  const call = new Proxy({}, { get: (_, name) => (...args) => vm.exports[`_${name}`](...args) })
  return { vm, call, on: (fn) => { callback = fn } }
}

const crashOn = (host, options) => open(path.join(__dirname, '..', 'fixtures', 'crash.js'), { host, ...quiet, ...options })

// `body` runs once per host, in a process of its own, so that a crash is seen; and where `worker` says so in a worker of one.
function onBoth (name, body, { worker = false, ...options } = {}) {
  for (const host of HOSTS) {
    for (const where of worker ? ['main thread', 'worker'] : ['main thread']) {
      test(`${name}: ${host} host, ${where}`, async () => {
        const source = `
          const assert = require('node:assert')
          const { thrown } = require('./__test__/support/faults')
          const { faultsOn, crashOn } = require('./__test__/support/hosts')
          const host = ${JSON.stringify(host)}
          const faults = (options) => faultsOn(host, options)
          const crash = (options) => crashOn(host, options)
          ;(${body})().catch((error) => { console.error(error); process.exitCode = 1 })`
        const inWorker = `
          const { Worker } = require('node:worker_threads')
          new Worker(${JSON.stringify(source)}, { eval: true }).on('error', (error) => { console.error(error); process.exitCode = 1 }).on('exit', (code) => { process.exitCode ||= code })`
        const { code, signal, stderr } = await runScript(where === 'worker' ? inWorker : source, { timeout: 120_000, ...options })
        assert.strictEqual(signal, null, `killed by ${signal}: ${stderr}`)
        assert.strictEqual(stderr, '')
        assert.strictEqual(code, 0)
      })
    }
  }
}

module.exports = { HOSTS, faultsOn, crashOn, onBoth }
