'use strict'

// What a module's own JavaScript leaves to the event loop and to the garbage collector belongs to its generation: it works as long as
// that lasts, its failures go to `onUncaught`, and afterwards nothing of it runs or fails. The same on both hosts.

const { test } = require('node:test')
const assert = require('node:assert')
const { HOSTS } = require('../support/hosts')
const { packageWith } = require('../support/package')
const { scratch } = require('../support/files')
const { runScript } = require('../support/child')

// `begin(way)` leaves something that calls the module and tells of it; `later` is what settles its promises.
const POST = `
var told = Module.told || function () {};
function work (way) { told(way + ' ' + Module._t_add(1, 2)); throw new Error('late ' + way) }
var settle = [];
function promise () { return new Promise(function (resolve, reject) { settle.push(resolve) }) }
Module.settle = function () { settle.splice(0).forEach(function (resolve) { resolve(1) }) };
var ways = {
  timeout: function () { setTimeout(work, 20, 'timeout') },
  interval: function () { var timer = setInterval(function () { clearInterval(timer); work('interval') }, 20) },
  immediate: function () { setImmediate(function () { setImmediate(work, 'immediate') }) },
  tick: function () { setImmediate(function () { process.nextTick(work, 'tick') }) },
  microtask: function () { setImmediate(function () { queueMicrotask(function () { work('microtask') }) }) },
  required: function () { require('timers').setTimeout(work, 20, 'required') },
  global: function () { globalThis.setTimeout(work, 20, 'global') },
  then: function () { promise().then(function () { work('then') }) },
  caught: function () { promise().then(function () { throw 1 }).catch(function () { work('caught') }) },
  finally: function () { promise().finally(function () { work('finally') }) },
  awaited: function () { (async function () { await promise(); work('awaited') })() },
  loop: function () { (async function () { for (var i = 0; i < 3; i++) await promise; await promise(); work('loop') })() },
  all: function () { Promise.all([promise(), 2]).then(function () { work('all') }) }
};
Module.ways = Object.keys(ways);
Module.begin = function (way) { ways[way]() };
var registry = new FinalizationRegistry(function (way) { work(way) });
Module.drop = function () { for (var i = 0; i < 100; i++) registry.register({}, 'finalizer') };
Module.weak = function () { var ref = new WeakRef(Module); return function () { return ref.deref() === Module } };
`

const SETUP = `
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const said = []
const uncaught = []
let pending
const start = (file, host, more) => emvm.open(file, { host, print () {}, printErr () {}, module: { told: (text) => said.push(text) }, ...more })`

async function scenario (file, host, body, options) {
  const { code, stderr, stdout } = await runScript(`${SETUP}
    const [file, host] = ${JSON.stringify([file, host])}
    ;(async () => {${body}})().catch((error) => { console.error(error); process.exitCode = 1 })`, options)
  assert.strictEqual(stderr, '')
  assert.strictEqual(code, 0)
  return JSON.parse(stdout)
}

for (const host of HOSTS) {
  test(`in the living generation it runs, and its failures go to onUncaught: ${host} host`, async (t) => {
    const file = packageWith(scratch(t).write, { post: POST })
    const { said, uncaught, ways } = await scenario(file, host, `
      const vm = await start(file, host, { onUncaught: (error) => uncaught.push(error.message) })
      const { ways } = vm.exports
      await sleep(30)
      const settles = setInterval(() => vm.exports.settle(), 10)
      // What the program itself waits for is its own: these are begun where the module is called from the event loop.
      for (const way of ways) {
        vm.exports.begin(way)
        await sleep(60)
      }
      clearInterval(settles)
      vm.dispose()
      console.log(JSON.stringify({ said, uncaught, ways }))
      process.exit()`.replace('const vm', "process.on('unhandledRejection', (error) => uncaught.push(error.message))\n      const vm"))
    assert.deepStrictEqual(said, ways.map((way) => `${way} 3`))
    assert.deepStrictEqual(uncaught, ways.map((way) => `late ${way}`))
  })

  test(`after a recycle, and after dispose(), nothing of it runs or fails: ${host} host`, async (t) => {
    const file = packageWith(scratch(t).write, { state: 'ways[Module.which](); return 0', post: POST })
    // Without the option the glue host takes promises for those of whoever called the module.
    for (const told of host === 'glue' ? ['onUncaught: (error) => uncaught.push(error.message)'] : ['onUncaught: (error) => uncaught.push(error.message)', '']) {
      const { said, uncaught, weak } = await scenario(file, host, `
        const vm = await start(file, host, { ${told} })
        const kept = []
        for (let round = 0; round < 3; round++) {
          const module = vm.exports
          const { settle } = module
          kept.push(module, module.weak())
          for (const way of module.ways) {
            module.which = way
            module._t_state()
          }
          module.drop()
          if (round < 2) await vm.isReady()
          else vm.dispose()
          // What ran while the next instance was made was not too late.
          said.length = uncaught.length = 0
          try { settle() } catch (error) { if (!error.code.startsWith('EMVM_ERR')) throw error }
          await sleep(60)
          for (let i = 0; i < 5; i++) { gc(); await sleep(5) }
        }
        const weak = kept.filter((value) => typeof value === 'function').map((deref) => { try { return deref() } catch (error) { return error.code } })
        console.log(JSON.stringify({ said, uncaught, weak }))`, { args: ['--expose-gc'] })
      assert.deepStrictEqual(said, [])
      assert.deepStrictEqual(uncaught, [])
      assert.ok(weak.every((value) => value !== true), `${weak}`)
    }
  })

  test(`finalizers run in the living generation: ${host} host`, async (t) => {
    const file = packageWith(scratch(t).write, { post: POST })
    const { said, uncaught } = await scenario(file, host, `
      const vm = await start(file, host, { onUncaught: (error) => uncaught.push(error.message) })
      vm.exports.drop()
      for (let i = 0; i < 10 && said.length === 0; i++) { gc(); await sleep(10) }
      vm.dispose()
      console.log(JSON.stringify({ said, uncaught }))`, { args: ['--expose-gc'] })
    assert.ok(said.length > 0)
    assert.strictEqual(said[0], 'finalizer 3')
    assert.strictEqual(uncaught[0], 'late finalizer')
  })
}

test("timers of start-up are each generation's, on the native host too", async (t) => {
  const file = packageWith(scratch(t).write, { post: 'var ticks = 0; setInterval(function () { Module.tick && Module.tick(Module._t_add(1, 1)) }, 5);' })
  for (const host of HOSTS) {
    const { counts } = await scenario(file, host, `
      const vm = await start(file, host)
      const counts = []
      for (let round = 0; round < 3; round++) {
        let count = 0
        vm.exports.tick = () => { count++ }
        await sleep(60)
        counts.push(count)
        await vm.isReady()
      }
      vm.dispose()
      console.log(JSON.stringify({ counts }))`)
    assert.ok(counts.every((count) => count > 1 && count < 30), `${host}: ${counts}`)
  }
})
