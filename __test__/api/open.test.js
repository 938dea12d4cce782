'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const diagnostics = require('node:diagnostics_channel')
const emvm = require('../..')
const { scratch } = require('../support/files')
const { exportsOf, MACHINE } = require('../support/wasm')

const { open, inspect } = emvm
const OPENCV = require.resolve('opencv-4.12')
const CALLBACK = { imports: { env: { callback: (x) => x } } }

async function opened (t, source, options) {
  const vm = await open(source, options)
  t.after(() => vm.dispose())
  return vm
}

function works (cv) {
  const mat = new cv.Mat(2, 2, cv.CV_8UC1, new cv.Scalar(7))
  assert.deepStrictEqual(Array.from(mat.data), [7, 7, 7, 7])
  mat.delete()
}

test('a .js file opens on the native host and gives the module', async (t) => {
  const vm = await opened(t, OPENCV)
  assert.strictEqual(vm.host, 'native')
  assert.strictEqual(vm.generation, 1)
  assert.ok(vm instanceof emvm.Sandbox)
  works(vm.exports)
})

test('neither the sandbox nor the module is a thenable', async (t) => {
  const vm = await opened(t, OPENCV)
  assert.strictEqual(vm.then, undefined)
  assert.strictEqual(vm.exports.then, undefined)
  assert.strictEqual(await vm.isReady(), vm.exports)
})

test('a source may be a URL, bytes of JavaScript, a .wasm or its bytes', async (t) => {
  works((await opened(t, pathToFileURL(OPENCV))).exports)
  works((await opened(t, fs.readFileSync(OPENCV))).exports)
  const file = scratch(t).write('machine.wasm', MACHINE)
  assert.strictEqual(exportsOf((await opened(t, file, CALLBACK)).exports).add(40, 2), 42)
  assert.strictEqual(exportsOf((await opened(t, MACHINE, CALLBACK)).exports).add(40, 2), 42)
})

test('a relative path is taken from the working directory', async (t) => {
  works((await opened(t, path.relative(process.cwd(), OPENCV))).exports)
})

test('the wasm beside the glue is found, and the wasm option comes first', async (t) => {
  const glue = require.resolve('opencv-wasm/opencv.js')
  works((await opened(t, glue)).exports)
  const { write } = scratch(t)
  const alone = write('alone.js', fs.readFileSync(glue))
  const wasm = fs.readFileSync(require.resolve('opencv-wasm/opencv.wasm'))
  works((await opened(t, alone, { wasm })).exports)
  works((await opened(t, alone, { wasm: write('other-name.wasm', wasm) })).exports)
})

test('many opens at once share one program and stay apart', async (t) => {
  const all = await Promise.all(Array.from({ length: 8 }, () => opened(t, OPENCV)))
  const mats = all.map(({ exports: cv }, i) => new cv.Mat(1, 1, cv.CV_8UC1, new cv.Scalar(i)))
  assert.deepStrictEqual(mats.map((mat) => mat.data[0]), [0, 1, 2, 3, 4, 5, 6, 7])
  await all[3].isReady()
  assert.strictEqual(mats[4].data[0], 4)
  assert.throws(() => mats[3].rows, { code: 'EMVM_ERR_STALE' })
})

test('an object of one sandbox is refused by another', async (t) => {
  const [one, two] = [await opened(t, OPENCV), await opened(t, OPENCV)]
  const mat = new one.exports.Mat(2, 2, one.exports.CV_8UC1)
  assert.throws(() => two.exports.bitwise_not(mat, new two.exports.Mat()))
  assert.strictEqual(mat.rows, 2)
})

test('print gets what the module writes, line by line', async (t) => {
  const lines = []
  const vm = await opened(t, OPENCV, { print: (line) => lines.push(line), printErr: (line) => lines.push(line) })
  const cv = vm.exports
  try { cv.add(new cv.Mat(1, 1, 0), new cv.Mat(2, 2, 0), new cv.Mat()) } catch {}
  for (const line of lines) assert.ok(typeof line === 'string' && !line.includes('\n'))
})

test('imports of the user\'s come first, and what they throw comes out as it is', async (t) => {
  const boom = new RangeError('mine')
  const vm = await opened(t, MACHINE, { imports: { env: { callback (x) { if (x === 13) throw boom; return x * 2 } } } })
  const machine = exportsOf(vm.exports)
  assert.strictEqual(machine.back(21), 42)
  assert.throws(() => machine.back(13), (error) => error === boom)
  assert.strictEqual(machine.back(4), 8)
})

test('a trap is a TrapError with its kind, and the instance can be replaced', async (t) => {
  const vm = await opened(t, MACHINE, CALLBACK)
  assert.throws(() => exportsOf(vm.exports).trap(), { code: 'EMVM_ERR_TRAP', trap: 'unreachable' })
  assert.throws(() => exportsOf(vm.exports).divide(1, 0), { code: 'EMVM_ERR_TRAP', trap: 'divide' })
  assert.throws(() => exportsOf(vm.exports).load(0x7ffffff0), { code: 'EMVM_ERR_TRAP', trap: 'out-of-bounds' })
  assert.strictEqual(exportsOf(await vm.isReady()).add(1, 1), 2)
  assert.strictEqual(vm.stats().traps, 3)
})

test('memory does not grow beyond the limit', async (t) => {
  const vm = await opened(t, MACHINE, { ...CALLBACK, memory: { max: 3 * 65536 } })
  const machine = exportsOf(vm.exports)
  assert.strictEqual(machine.grow(2), 1)
  assert.strictEqual(machine.grow(1), -1)
})

test('stats are plain numbers of the documented names', async (t) => {
  const vm = await opened(t, OPENCV)
  vm.exports.getOptimalDFTSize(100)
  const stats = vm.stats()
  const { recycleMicros, fromCache, rewind, tier, ...numbers } = stats
  for (const key of ['calls', 'compileMs', 'dirtyBytes', 'generation', 'heapBytes', 'heapPeakBytes', 'liveHandles', 'recycles', 'residentBytes', 'timeouts', 'traps']) assert.ok(key in numbers, key)
  for (const [key, value] of Object.entries(numbers)) assert.ok(Number.isFinite(value) && value >= 0, `${key} is ${value}`)
  assert.deepStrictEqual(Object.keys(recycleMicros).sort(), ['last', 'max', 'p50', 'p99'])
  assert.strictEqual(typeof fromCache, 'boolean')
  assert.ok(['baseline', 'optimised'].includes(tier), tier)
  assert.strictEqual(rewind, 'native')
  assert.ok(numbers.calls >= 1)
})

test('leaks name the classes that were not deleted, and where with trackLeaks', async (t) => {
  const vm = await opened(t, OPENCV, { trackLeaks: true })
  const cv = await vm.isReady()
  for (let i = 0; i < 3; i++) void new cv.Mat(2, 2, cv.CV_8UC1)
  void new cv.MatVector()
  new cv.Mat().delete()
  const leaks = vm.leaks()
  assert.strictEqual(leaks.find(({ className }) => className === 'Mat').count, 3)
  assert.strictEqual(leaks.find(({ className }) => className === 'MatVector').count, 1)
  assert.match(leaks.find(({ className }) => className === 'Mat').stacks.join('\n'), /open\.test\.js/)
  await vm.isReady()
  assert.deepStrictEqual(vm.leaks(), [])
})

test('dispose gives back, may be repeated, and later use says so', async () => {
  const vm = await open(OPENCV)
  const cv = vm.exports
  const mat = new cv.Mat(3, 3, cv.CV_8UC1)
  const { data } = mat
  vm.dispose()
  vm.dispose()
  assert.strictEqual(data.length, 0)
  assert.throws(() => mat.rows, { code: 'EMVM_ERR_DISPOSED' })
  assert.throws(() => vm.recycle(), { code: 'EMVM_ERR_DISPOSED' })
  await assert.rejects(vm.isReady(), { code: 'EMVM_ERR_DISPOSED' })
  await assert.rejects(vm.run(() => 1), { code: 'EMVM_ERR_DISPOSED' })
  assert.throws(() => new cv.Mat(), { code: 'EMVM_ERR_DISPOSED' })
})

test('a sandbox is disposable in the ways of the language', { skip: !Symbol.dispose }, async () => {
  const [one, two] = [await open(MACHINE, CALLBACK), await open(MACHINE, CALLBACK)]
  one[Symbol.dispose]()
  await two[Symbol.asyncDispose]()
  assert.throws(() => one.recycle(), { code: 'EMVM_ERR_DISPOSED' })
  assert.throws(() => two.recycle(), { code: 'EMVM_ERR_DISPOSED' })
})

test('diagnostics channels tell what happens', async (t) => {
  const messages = []
  for (const name of ['open', 'recycle', 'trap', 'dispose']) {
    const listener = (message) => messages.push([name, message])
    diagnostics.subscribe(`emvm:${name}`, listener)
    t.after(() => diagnostics.unsubscribe(`emvm:${name}`, listener))
  }
  const vm = await open(MACHINE, CALLBACK)
  try { exportsOf(vm.exports).trap() } catch {}
  await vm.isReady()
  vm.dispose()
  assert.deepStrictEqual(messages.map(([name]) => name), ['open', 'trap', 'recycle', 'dispose'])
  for (const [, message] of messages) assert.strictEqual(typeof message.generation, 'number')
})

test('capabilities and inspect answer', async () => {
  const found = emvm.capabilities()
  assert.strictEqual(found.version, require('../../package.json').version)
  assert.match(found.engine, /wasmer/)
  assert.strictEqual(typeof found.backend, 'string')
  const inspection = await emvm.inspect(OPENCV)
  assert.strictEqual(inspection.host, 'native')
  assert.ok(Array.isArray(inspection.reasons))
})

test('JavaScript from strings: refused by name, unless the user allows it or the package\'s own JavaScript runs', async () => {
  const file = path.join(__dirname, '..', 'fixtures', 'script.js')
  const { host, reasons } = await inspect(file)
  assert.strictEqual(host, 'glue')
  assert.match(reasons.join(), /JavaScript from strings \(emscripten_run_script_int\)/)
  const refusing = await open(file, { host: 'native' })
  assert.strictEqual(refusing.exports._plain(), 1)
  assert.throws(() => refusing.exports._run(), { code: 'EMVM_ERR_UNSUPPORTED', message: /'6 \* 7'.*`imports`/ })
  refusing.dispose()
  const allowed = await open(file, { imports: { env: { emscripten_run_script_int: () => 43 } } })
  assert.deepStrictEqual([allowed.host, allowed.exports._run()], ['native', 43])
  allowed.dispose()
  const own = await open(file)
  assert.deepStrictEqual([own.host, own.exports._run()], ['glue', 42])
  own.dispose()
})
