'use strict'

// Thousands of checkpoints: memory, descriptors and maps of the process are what differs, and all of it is given back.

const { test } = require('node:test')
const assert = require('node:assert')
const { runScript } = require('../support/child')

const HEAD = `
  const assert = require('node:assert')
  const fs = require('node:fs')
  const { setImmediate: turn } = require('node:timers/promises')
  const { open } = require('.')
  const status = (key) => Number(new RegExp('^' + key + ':\\\\s+(\\\\d+)', 'm').exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]) / 1024
  const descriptors = () => fs.readdirSync('/proc/self/fd').length
  const maps = () => fs.readFileSync('/proc/self/maps', 'utf8').split('\\n').length
  const quiet = { print () {}, printErr () {} }
`

function inChild (name, body, options = {}) {
  test(name, { skip: process.platform !== 'linux' }, async () => {
    const { code, signal, stderr } = await runScript(`${HEAD};(async () => {${body}})().catch((error) => { console.error(error); process.exitCode = 1 })`, { timeout: 180_000, ...options })
    assert.strictEqual(signal, null)
    assert.strictEqual(stderr, '')
    assert.strictEqual(code, 0)
  })
}

inChild('a search that goes back thousands of times takes what differs', `
  const vm = await open(OPENCV, quiet)
  const cv = vm.exports
  const board = new cv.Mat(64, 64, cv.CV_8UC1, new cv.Scalar(0))
  const known = new Map()
  let returns = 0
  // Depth first, three moves at each node: a checkpoint before each, and back to it after.
  const search = (depth, sum) => {
    assert.strictEqual(board.data.reduce((a, b) => a + b), sum)
    if (depth === 0) return
    const point = vm.checkpoint()
    for (let move = 1; move <= 3; move++) {
      board.data[depth * 64 + move] = move
      void new cv.Mat(40, 40, cv.CV_8UC1)
      search(depth - 1, sum + move)
      vm.recycle({ from: point })
      returns++
    }
    point.dispose()
  }
  search(5, 0)
  const before = { rss: status('VmRSS'), shared: status('RssShmem'), fds: descriptors(), maps: maps() }
  search(6, 0)
  search(6, 0)
  assert.ok(returns > 2000, String(returns))
  assert.ok(status('VmRSS') - before.rss < 40, 'MiB more: ' + (status('VmRSS') - before.rss))
  assert.ok(descriptors() <= before.fds + 1)
  assert.ok(maps() <= before.maps + 60, maps() + ' maps, were ' + before.maps)
  assert.strictEqual(vm.stats().checkpoints, 0)
`)

inChild('thousands of checkpoints at once, each of a few pages', `
  const vm = await open(OPENCV, quiet)
  const cv = vm.exports
  const at = cv._malloc(8 << 20)
  const points = []
  const before = { fds: descriptors(), maps: maps() }
  for (let i = 0; i < 3000; i++) {
    cv.HEAPU8[at + i * 2000] = i
    points.push(vm.checkpoint())
  }
  assert.strictEqual(vm.stats().checkpoints, 3000)
  assert.ok(descriptors() <= before.fds + 2, 'descriptors')
  assert.ok(maps() <= before.maps + 1200, maps() + ' maps, were ' + before.maps)
  const own = points.reduce((sum, { bytes }) => sum + bytes, 0)
  assert.ok(own < 400 << 20, own + ' bytes')
  for (const i of [2999, 0, 1500, 7, 2998]) {
    vm.recycle({ from: points[i] })
    assert.deepStrictEqual(vm[Symbol.for('emvm.compareWithImage')](points[i]), [])
    assert.deepStrictEqual([cv.HEAPU8[at + i * 2000], cv.HEAPU8[at + (i + 1) * 2000]], [i & 255, 0])
  }
  const held = status('RssShmem')
  for (const point of points.splice(0)) point.dispose()
  vm.recycle()
  assert.ok(status('RssShmem') <= held)
  assert.strictEqual(vm.stats().checkpoints, 0)
  vm.dispose()
`)

inChild('a checkpoint that nobody has is collected', `
  const vm = await open(OPENCV, quiet)
  const at = vm.exports._malloc(1 << 20)
  for (let i = 0; i < 300; i++) {
    vm.exports.HEAPU8.fill(i, at, at + (1 << 20))
    vm.checkpoint()
    if (i % 50 === 49) { await turn(); global.gc(); await turn(); await turn() }
  }
  for (let i = 0; i < 50 && vm.stats().checkpoints > 0; i++) { global.gc(); await turn() }
  assert.ok(vm.stats().checkpoints <= 1, vm.stats().checkpoints + ' left')
  vm.recycle()
`, { args: ['--expose-gc'] })

inChild('JavaScript values of checkpoints go with them', `
  const vm = await open(require.resolve('./__test__/fixtures/embind.js'), { host: 'native', ...quiet })
  const m = vm.exports
  let collected = 0
  const registry = new FinalizationRegistry(() => { collected++ })
  for (let i = 0; i < 50; i++) {
    const value = { big: new Array(1000).fill(i) }
    registry.register(value, i)
    m.store(value)
    const point = vm.checkpoint()
    vm.recycle()
    vm.recycle({ from: point })
    vm.recycle()
    point.dispose()
  }
  for (let i = 0; i < 50 && collected < 49; i++) { global.gc(); await turn() }
  assert.ok(collected >= 49, collected + ' of 50')
`, { args: ['--expose-gc'] })

inChild('a worker that ends with checkpoints of its own leaves nothing', `
  const { Worker } = require('node:worker_threads')
  const { once } = require('node:events')
  const source = \`
    const { open } = require('.')
    open(require.resolve('opencv-4.12'), { print () {}, printErr () {} }).then((vm) => {
      const points = []
      const at = vm.exports._malloc(4 << 20)
      for (let i = 0; i < 20; i++) { vm.exports.HEAPU8.fill(i, at, at + (4 << 20)); points.push(vm.checkpoint()) }
      void points[3].handle
      process.exit(0)
    })\`
  const run = async () => { await once(new Worker(source, { eval: true }), 'exit') }
  await run()
  const before = { shared: status('RssShmem'), fds: descriptors(), rss: status('VmRSS') }
  for (let i = 0; i < 4; i++) await run()
  assert.ok(descriptors() <= before.fds + 2)
  assert.ok(status('VmRSS') < before.rss + 150, status('VmRSS') + ' MiB, was ' + before.rss)
`)

inChild('four sandboxes from one checkpoint of 50 MB share it', `
  const vm = await open(OPENCV, quiet)
  const at = vm.exports._malloc(50 << 20)
  vm.exports.HEAPU8.fill(7, at, at + (50 << 20))
  const point = vm.checkpoint()
  assert.ok(point.bytes >= 50 << 20 && point.bytes < 56 << 20, String(point.bytes))
  vm.dispose()
  const before = status('RssAnon')
  const twins = []
  for (let i = 0; i < 4; i++) twins.push(await open(OPENCV, { from: point, ...quiet }))
  for (const twin of twins) {
    twin.exports.HEAPU8.fill(1, at, at + (1 << 20))
    assert.strictEqual(twin.exports.HEAPU8[at + (40 << 20)], 7)
  }
  const grown = status('RssAnon') - before
  assert.ok(grown < 100, grown + ' MiB of their own')
`)

inChild('a long row of checkpoints, each taken after a return to the one before', `
  const vm = await open('__test__/fixtures/calls.js', { host: 'native', ...quiet })
  const first = new vm.exports.Counter()
  const steps = async (count) => {
    for (let i = 0; i < count; i++) {
      const point = vm.checkpoint()
      const lost = new vm.exports.Counter()
      first.value = first.value + 1
      await vm.isReady({ from: point })
      if (i % 500 === 0) assert.throws(() => lost.value, { code: 'EMVM_ERR_STALE' })
    }
    for (let i = 0; i < 5; i++) {
      global.gc()
      await turn()
    }
    return status('VmRSS')
  }
  const before = await steps(500)
  assert.strictEqual(first.value, 0)
  const after = await steps(3000)
  assert.strictEqual(first.value, 0)
  assert.ok(after - before < 25, 'MiB more: ' + (after - before))
`, { args: ['--expose-gc'] })
