'use strict'

// What an old generation may still do: nothing. Timers, listeners, promises, handles.

const test = require('node:test')
const assert = require('node:assert')
const { execFile } = require('node:child_process')
const { PerformanceObserver } = require('node:perf_hooks')
const path = require('node:path')
const { open } = require('../..')
const { glueFolder } = require('../support/glue')

const ROOT = path.join(__dirname, '..', '..')
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const listeners = () => process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0)

// Runs a program in a process of its own: { code, out, err }.
function run (program, args = []) {
  return new Promise((resolve) => {
    execFile(process.execPath, [...args, '-e', program], { cwd: ROOT, encoding: 'utf8', timeout: 60000 }, (error, out, err) => {
      resolve({ code: error ? error.code ?? error.signal : 0, out, err })
    })
  })
}

test('timers, intervals, immediates and microtasks of an old generation never fire', async (t) => {
  const { glue } = glueFolder(t)
  const file = glue('glue.js', 'commonjs', `
    Module.begin = function (tell) {
      setTimeout(tell, 20, 'timeout'); setInterval(tell, 5, 'interval'); setImmediate(tell, 'immediate')
      process.nextTick(tell, 'tick'); queueMicrotask(function () { tell('microtask') })
    }`)
  const vm = await open(file, { host: 'glue', realm: 'shared' })
  const lively = []
  vm.exports.begin((what) => lively.push(what))
  await pause(60)
  for (const what of ['tick', 'microtask', 'immediate', 'timeout', 'interval']) assert.ok(lively.includes(what), what)
  const late = []
  await vm.isReady()
  vm.exports.begin((what) => late.push(what))
  const made = vm.exports
  for (let tries = 0; vm.exports === made; tries++) {
    try { vm.recycle() } catch (error) { assert.ok(error.code === 'EMVM_ERR_NOT_READY' && tries < 100); late.length = 0; await pause(5) }
  }
  const soFar = late.length
  await pause(60)
  assert.strictEqual(late.length, soFar)
  vm.dispose()
})

test('a timer that was cleared or has fired is forgotten', async (t) => {
  const { glue } = glueFolder(t)
  const file = glue('glue.js', 'commonjs', `
    Module.timers = { setTimeout: setTimeout, clearTimeout: clearTimeout, setInterval: setInterval, clearInterval: clearInterval }`)
  const vm = await open(file, { host: 'glue' })
  const { timers } = vm.exports
  let fired = 0
  await new Promise((resolve) => {
    timers.clearTimeout(timers.setTimeout(() => { fired += 100 }, 1))
    const interval = timers.setInterval(() => {
      if (++fired < 3) return
      timers.clearInterval(interval)
      resolve()
    }, 1)
  })
  await pause(10)
  assert.strictEqual(fired, 3)
  vm.dispose()
})

test('listeners on process are the generation\'s own', async (t) => {
  const { glue } = glueFolder(t)
  const file = glue('glue.js', 'commonjs', `
    ['uncaughtException', 'unhandledRejection', 'exit', 'SIGWINCH'].forEach(function (name) { process.on(name, function () { Module.heard = name }) })
    Module.heardOf = function (name) { process.emit(name, {}); return Module.heard }`)
  const before = listeners()
  const vm = await open(file, { host: 'glue' })
  for (let i = 0; i < 20; i++) await vm.isReady()
  process.emit('SIGWINCH')
  assert.strictEqual(vm.exports.heard, undefined)
  assert.strictEqual(vm.exports.heardOf('SIGWINCH'), 'SIGWINCH')
  assert.strictEqual(listeners() - before, 0)
  vm.dispose()
})

test('promises of an old generation do not go on', async (t) => {
  const { glue, write } = glueFolder(t)
  write('data.bin', 'data')
  const file = glue('glue.js', 'commonjs', `
    Module.later = function (tell) {
      fetch('data.bin').then(function () { tell('fetch') }, function () { tell('fetch failed') })
      fetch('none.bin').then(function () { tell('none') }, function () { tell('none failed') })
      WebAssembly.compile(bytes).then(function () { tell('compile') })
    }`)
  const vm = await open(file, { host: 'glue' })
  const lively = []
  vm.exports.later((what) => lively.push(what))
  for (let tries = 0; lively.length < 3 && tries < 100; tries++) await pause(10)
  assert.deepStrictEqual(lively.sort(), ['compile', 'fetch', 'none failed'])
  const late = []
  const past = vm.exports
  await vm.isReady()
  past.later?.((what) => late.push(what))
  vm.exports.later((what) => late.push(what))
  await vm.isReady()
  const soFar = [...late]
  await pause(100)
  assert.deepStrictEqual(late, soFar)
  vm.dispose()
})

const ORPHAN = `
  const { open } = require('.')
  const file = process.argv[1]
  async function main () {
    const vm = await open(file, { host: 'glue', print () {}, module: { rejectAfter: 400 } })
    if (process.env.RECYCLE) { await vm.isReady(); vm.dispose() }
    setTimeout(() => console.log('went on'), 900)
  }
  process.on('uncaughtException', process.env.CATCH ? (error, origin) => console.log(origin, error.message) : undefined ?? (() => {}))
  if (!process.env.CATCH) process.removeAllListeners('uncaughtException')
  main()`

const REJECTS = `
  var wait = require('timers/promises').setTimeout;
  (async function () { await wait(Module.rejectAfter || 30); throw new Error('nobody sees this') })()`

test('a rejection of a generation that has ended does not end the process', async (t) => {
  const { glue } = glueFolder(t)
  const file = glue('glue.js', 'commonjs', REJECTS)
  const { code, out, err } = await run(`process.env.RECYCLE = '1'; process.argv[1] = ${JSON.stringify(file)}; ${ORPHAN}`)
  assert.strictEqual(out, 'went on\n', err)
  assert.strictEqual(code, 0)
})

test('a rejection of the living generation ends the process, as under plain Node', async (t) => {
  const { glue } = glueFolder(t)
  const file = glue('glue.js', 'commonjs', REJECTS)
  const { code, out, err } = await run(`process.argv[1] = ${JSON.stringify(file)}; ${ORPHAN}`)
  assert.strictEqual(out, '')
  assert.match(err, /nobody sees this/)
  assert.strictEqual(code, 1)
})

test('other rejections of the process are what they were, with generations that have ended', async () => {
  const program = (listen, mode = '') => `
    const { open } = require('.')
    ${listen}
    open('__test__/fixtures/capi-modularize.js', { host: 'glue', print () {} }).then(async (vm) => {
      for (let i = 0; i < 3; i++) await vm.isReady()
      setTimeout(() => console.log('went on'), 100)
      Promise.reject(${mode || "new Error('mine')"})
    })`
  const plain = await run(program(''))
  assert.strictEqual(plain.code, 1)
  assert.strictEqual(plain.out, '')
  assert.match(plain.err, /Error: mine/)
  const number = await run(program('', '42'))
  assert.strictEqual(number.code, 1)
  assert.match(number.err, /ERR_UNHANDLED_REJECTION/)
  const caught = await run(program("process.on('uncaughtException', (error, origin) => console.log(origin, error.message))"))
  assert.strictEqual(caught.out, 'unhandledRejection mine\nwent on\n')
  const handled = await run(program("process.on('unhandledRejection', (error) => console.log('seen', error.message))"))
  assert.strictEqual(handled.out, 'seen mine\nwent on\n')
  const warned = await run(program(''), ['--unhandled-rejections=warn'])
  assert.strictEqual(warned.out, 'went on\n')
  assert.match(warned.err, /mine/)
})

test('five hundred generations: the process stays small, and its event loop ends', async () => {
  const { code, out, err } = await run(`
    const { open } = require('.')
    const before = process.getActiveResourcesInfo().length
    open('__test__/fixtures/capi-modularize.js', { host: 'glue', print () {} }).then(async (vm) => {
      const rss = []
      const heap = []
      for (let i = 0; i < 500; i++) {
        const module = await vm.isReady()
        const at = module._malloc(1 << 20)
        module.HEAPU8.fill(1, at, at + (1 << 20))
        if (i % 50 === 49) { gc(); rss.push(process.memoryUsage.rss() / 1048576); heap.push(process.memoryUsage().heapUsed / 1048576); await new Promise(setImmediate) }
      }
      vm.dispose()
      gc()
      await new Promise((resolve) => setTimeout(resolve, 50))
      const left = process.getActiveResourcesInfo().filter((name) => name !== 'Immediate' && name !== 'Timeout').length
      console.log(JSON.stringify({ rss, heap, left: left - before }))
    })`, ['--expose-gc'])
  assert.strictEqual(code, 0, err)
  const { rss, heap, left } = JSON.parse(out)
  assert.ok(left <= 0, `${left} handles left`)
  assert.ok(heap.at(-1) - heap[2] < 1, `${heap.map((mb) => mb.toFixed(2))} MB of JavaScript`)
  // Half a gigabyte was dirtied in all.
  assert.ok(rss.at(-1) - rss[2] < 24, `${rss.map((mb) => mb.toFixed(0))} MB`)
})

test('a large memory is given back, and the recycle does not wait for it', async () => {
  const { code, out, err } = await run(`
    const { open } = require('.')
    const rss = () => process.memoryUsage.rss() / 1048576
    open('__test__/fixtures/capi-growth.js', { host: 'glue', print () {} }).then(async (vm) => {
      const before = rss()
      const at = vm.exports._malloc(200 << 20)
      vm.exports.HEAPU8.fill(1, at, at + (200 << 20))
      const full = rss()
      await vm.isReady()
      let after = rss()
      for (let tries = 0; after > before + 60 && tries < 500; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 10))
        after = rss()
      }
      console.log(JSON.stringify({ grown: full - before, left: after - before }))
      vm.dispose()
    })`)
  assert.strictEqual(code, 0, err)
  const { grown, left } = JSON.parse(out)
  assert.ok(grown > 150, `${grown} MB`)
  assert.ok(left < 60, `${left} MB left of ${grown}`)
})

// V8 would take each generation's memory for bytes that were allocated now, and collect at the next ArrayBuffer.
test('generations that are evaluated anew do not keep the collector busy', async (t) => {
  const { glue } = glueFolder(t)
  const vm = await open(glue('glue.js', 'commonjs', `
    Module.wide = new Uint8Array(new WebAssembly.Memory({ initial: 256 }).buffer)
    Module.list = new Uint8Array(1000)`), { host: 'glue' })
  let collections = 0
  const observer = new PerformanceObserver((list) => { collections += list.getEntries().length })
  observer.observe({ entryTypes: ['gc'] })
  for (let i = 0; i < 100; i++) {
    const { wide } = await vm.isReady()
    assert.strictEqual(wide.length, 256 * 65536)
    if (i % 20 === 0) await pause(1)
  }
  await pause(50)
  observer.disconnect()
  assert.ok(collections < 50, `${collections} collections in 100 generations`)
  vm.dispose()
})
