'use strict'

// A process that opens, works and ends does so cleanly: no hanging handle, no crash, nothing on standard error.

const { test } = require('node:test')
const assert = require('node:assert')
const { runScript } = require('../support/child')

async function endsCleanly (body, { code = 0, stdout, ...options } = {}) {
  const result = await runScript(body, { timeout: 60_000, ...options })
  assert.strictEqual(result.signal, null, `killed by ${result.signal}: ${result.stderr}`)
  assert.strictEqual(result.stderr, '')
  assert.strictEqual(result.code, code)
  if (stdout !== undefined) assert.strictEqual(result.stdout, stdout)
}

const WORK = 'const use = (cv) => { const m = new cv.Mat(50, 50, cv.CV_8UC4); const d = new cv.Mat(); cv.cvtColor(m, d, cv.COLOR_RGBA2GRAY); return d.rows };'

test('requiring emvm alone', () => endsCleanly(''))

test('open, work, dispose', () => endsCleanly(`${WORK} emvm.open(OPENCV).then((vm) => { console.log(use(vm.exports)); vm.dispose() })`, { stdout: '50\n' }))

test('open, work, and no dispose', () => endsCleanly(`${WORK} emvm.open(OPENCV).then(async (vm) => { for (let i = 0; i < 100; i++) use(await vm.isReady()); console.log('done') })`, { stdout: 'done\n' }))

test('open, and never used', () => endsCleanly('emvm.open(OPENCV)'))

test('process.exit while opening', () => endsCleanly('emvm.open(OPENCV); process.exit(3)', { code: 3 }))

test('process.exit while opening, a moment later', () => endsCleanly('emvm.open(OPENCV).catch(() => {}); setTimeout(() => process.exit(4), 5)', { code: 4 }))

test('process.exit right after a recycle, when memory is still being cleaned', () => endsCleanly(`
  emvm.open(OPENCV).then(async (vm) => {
    for (let i = 0; i < 50; i++) { const cv = await vm.isReady(); void new cv.Mat(5000, 5000, cv.CV_8UC1, new cv.Scalar(1)) }
    await vm.isReady()
    process.exit(5)
  })`, { code: 5 }))

test('process.exit from inside a callback of the module', () => endsCleanly(`
  const { MACHINE } = require('./__test__/support/wasm')
  emvm.open(MACHINE, { imports: { env: { callback () { process.exit(6) } } } }).then((vm) => { (vm.exports._back || vm.exports.back)(1) })`, { code: 6 }))

test('many sandboxes collected at the end', () => endsCleanly(`${WORK}
  (async () => {
    for (let i = 0; i < 30; i++) use((await emvm.open(OPENCV)).exports)
    global.gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
    console.log('done')
  })()`, { args: ['--expose-gc'], stdout: 'done\n' }))

test('a sandbox does not keep the process alive while a timer of another waits', async () => {
  const start = performance.now()
  await endsCleanly('emvm.open(OPENCV).then(() => setTimeout(() => console.log("end"), 50))', { stdout: 'end\n' })
  assert.ok(performance.now() - start < 30_000)
})

test('an error that is not caught ends the process as in any program', async () => {
  const { code, stderr } = await runScript('emvm.open("nothing-here.js")')
  assert.strictEqual(code, 1)
  assert.match(stderr, /SourceError/)
  assert.match(stderr, /EMVM_ERR_SOURCE/)
})

test('a trap that is caught leaves nothing behind', () => endsCleanly(`
  const { MACHINE } = require('./__test__/support/wasm')
  emvm.open(MACHINE, { imports: { env: { callback: (x) => x } } }).then((vm) => {
    for (let i = 0; i < 100; i++) { try { (vm.exports._trap || vm.exports.trap)() } catch (error) { if (error.code !== 'EMVM_ERR_TRAP') throw error } vm.recycle() }
    console.log('done')
  })`, { stdout: 'done\n' }))
