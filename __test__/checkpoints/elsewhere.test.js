'use strict'

// Other sandboxes, threads and processes that start from a checkpoint, and what is refused.

const { test } = require('node:test')
const assert = require('node:assert')
const { spawnSync } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const { open } = require('../..')
const { exportsOf, MACHINE } = require('../support/wasm')
const { packageWith } = require('../support/package')
const { scratch } = require('../support/files')

const ROOT = path.join(__dirname, '..', '..')
const OPENCV = require.resolve('opencv-4.12')
const COMPARE = Symbol.for('emvm.compareWithImage')
const fixture = (name) => path.join(__dirname, '..', 'fixtures', name)
const quiet = { print () {}, printErr () {} }
const imports = { env: { callback: (x) => x } }

async function opened (t, source, options) {
  const vm = await open(source, { ...quiet, ...options })
  t.after(() => vm.dispose())
  return vm
}

test('another sandbox of opencv.js starts from a checkpoint, with its files, memory and classes', async (t) => {
  const vm = await opened(t, OPENCV)
  const { exports: cv } = vm
  cv.FS_createDataFile('/', 'model', 'trained', true, true)
  const at = cv._malloc(1 << 20)
  cv.HEAPU8.fill(7, at, at + (1 << 20))
  const mat = new cv.Mat(4, 4, cv.CV_8UC1)
  mat.delete()
  const point = vm.checkpoint()
  let warmed = 0
  const twin = await opened(t, OPENCV, { from: point, warmUp: () => { warmed++ } })
  assert.strictEqual(warmed, 0)
  assert.strictEqual(twin.generation, 1)
  for (let round = 0; round < 3; round++) {
    assert.deepStrictEqual(twin[COMPARE](), [])
    assert.strictEqual(twin.exports.HEAPU8[at + 5], 7)
    twin.exports.HEAPU8[at + 5] = round
    const own = new twin.exports.Mat(3, 3, twin.exports.CV_8UC1, new twin.exports.Scalar(9))
    assert.strictEqual(own.data[0], 9)
    assert.throws(() => twin.exports.FS_createDataFile('/', 'model', 'x', true, true), { code: 'EEXIST' })
    await twin.isReady()
    assert.throws(() => own.rows, { code: 'EMVM_ERR_STALE' })
  }
  assert.strictEqual(cv.HEAPU8[at + 5], 7)
  vm.dispose()
  point.dispose()
  assert.strictEqual(twin.recycle().HEAPU8[at + 5], 7)
})

test('other threads start from its handle, and go on when it is gone', async (t) => {
  const vm = await opened(t, OPENCV)
  const at = vm.exports._malloc(64)
  vm.exports.HEAPU8[at] = 42
  const point = vm.checkpoint()
  const source = `
    const { parentPort, workerData: { handle, at, source } } = require('node:worker_threads')
    const { open } = require(${JSON.stringify(ROOT)})
    open(source, { from: handle, print () {}, printErr () {} }).then(async (vm) => {
      parentPort.postMessage(vm.exports.HEAPU8[at])
      vm.exports.HEAPU8[at] = 1
      parentPort.once('message', () => {
        parentPort.postMessage(vm.recycle().HEAPU8[at])
        const mat = new vm.exports.Mat(2, 2, vm.exports.CV_8UC1)
        parentPort.postMessage(mat.rows)
        vm.dispose()
        parentPort.close()
      })
    })`
  const workers = [1, 2].map(() => new Worker(source, { eval: true, workerData: { handle: point.handle, at, source: OPENCV } }))
  assert.deepStrictEqual(await Promise.all(workers.map((worker) => once(worker, 'message'))), [[42], [42]])
  const { handle } = point
  point.dispose()
  await assert.rejects(open(OPENCV, { from: handle }), { code: 'EMVM_ERR_OPTION' })
  for (const worker of workers) {
    const answers = []
    worker.on('message', (answer) => answers.push(answer))
    worker.postMessage('go on')
    await once(worker, 'exit')
    assert.deepStrictEqual(answers, [42, 2])
  }
})

test('what holds a JavaScript value is refused by name', async (t) => {
  const { write } = scratch(t)
  const refused = async (vm, reason) => {
    const point = vm.checkpoint()
    assert.throws(() => point.handle, { code: 'EMVM_ERR_UNSUPPORTED', message: reason })
    await assert.rejects(open(fixture('capi-O2.js'), { from: point }), { code: 'EMVM_ERR_UNSUPPORTED', message: reason })
    await assert.rejects(point.save(path.join(scratch(t).folder, 'x')), { code: 'EMVM_ERR_UNSUPPORTED', message: reason })
    point.dispose()
    vm.recycle()
    assert.ok(vm.checkpoint().handle > 0)
  }
  const cv = await opened(t, OPENCV)
  void new cv.exports.Mat(2, 2, cv.exports.CV_8UC1)
  await refused(cv, /C\+\+ object \(Mat\)/)
  const capi = await opened(t, fixture('capi-O2.js'), { host: 'native' })
  capi.exports.addFunction((x) => x, 'ii')
  await refused(capi, /addFunction/)
  const embind = await opened(t, fixture('embind.js'), { host: 'native' })
  embind.exports.store({})
  await refused(embind, /JavaScript value/)
  const changed = await opened(t, packageWith(write, { fixture: 'capi-O2', post: 'Module.change = function () { Module.changed = 1 }' }), { host: 'native' })
  changed.exports.change()
  await refused(changed, /changed its module object/)
  const program = await opened(t, fixture('program.js'), { host: 'native' })
  program.exports.FS.createDevice('/dev', 'own', () => null, () => {})
  await refused(program, /devices/)
})

test('a checkpoint of another source, or of other options, does not fit', async (t) => {
  const vm = await opened(t, MACHINE, { imports, env: { A: '1' } })
  const point = vm.checkpoint()
  const misfit = (reason) => ({ code: 'EMVM_ERR_OPTION', option: 'from', message: reason })
  await assert.rejects(open(OPENCV, { from: point }), misfit(/another source/))
  await assert.rejects(open(MACHINE, { imports, from: point }), misfit(/another env/))
  await assert.rejects(open(MACHINE, { imports, env: { A: '1' }, args: ['x'], from: point }), misfit(/another args/))
  await assert.rejects(open(MACHINE, { imports, env: { A: '1' }, memory: { max: 1 << 20 }, from: point }), misfit(/another memory\.max/))
  for (const from of [0, -1, 1.5, 1e9, '1', {}, null]) await assert.rejects(open(MACHINE, { imports, from }), { code: 'EMVM_ERR_OPTION' })
  await assert.rejects(open(MACHINE, { imports, from: point, image: 'x' }), { code: 'EMVM_ERR_OPTION', option: 'image' })
  await assert.rejects(open(fixture('capi-O2.js'), { host: 'glue', from: point }), { code: 'EMVM_ERR_UNSUPPORTED', message: /native host/ })
  point.dispose()
  await assert.rejects(open(MACHINE, { imports, env: { A: '1' }, from: point }), { code: 'EMVM_ERR_DISPOSED' })
})

test('a file of a checkpoint is where another process starts', async (t) => {
  const { folder } = scratch(t)
  const file = path.join(folder, 'image')
  const vm = await opened(t, OPENCV)
  const at = vm.exports._malloc(4 << 20)
  vm.exports.HEAPU8.fill(3, at, at + (4 << 20))
  vm.exports.FS_createDataFile('/', 'model', 'trained', true, true)
  await vm.checkpoint().save(file)
  assert.strictEqual(fs.statSync(file).mode & 0o077, 0)
  assert.deepStrictEqual(fs.readdirSync(folder), ['image'], 'nothing is left beside it')
  const script = `
    const { open } = require(${JSON.stringify(ROOT)})
    open(${JSON.stringify(OPENCV)}, { image: process.argv[1], warmUp () { throw new Error('ran') } }).then((vm) => {
      const cv = vm.exports
      const seen = []
      for (let round = 0; round < 2; round++) {
        seen.push(cv.HEAPU8[${at}], cv.HEAPU8[${at} + (4 << 20) - 1], new cv.Mat(5, 5, cv.CV_8UC1).rows, vm.stats().recycles)
        cv.HEAPU8.fill(9, ${at}, ${at} + 100000)
        vm.recycle()
        seen.push(vm[Symbol.for('emvm.compareWithImage')]().length)
      }
      console.log(JSON.stringify(seen))
    })`
  for (const backend of ['', 'portable']) {
    const { stdout, stderr } = spawnSync(process.execPath, ['-e', script, file], { encoding: 'utf8', env: { ...process.env, EMVM_MEMORY_BACKEND: backend } })
    assert.strictEqual(stderr, '')
    assert.deepStrictEqual(JSON.parse(stdout), [3, 3, 5, 0, 0, 3, 3, 5, 1, 0])
  }
  const elsewhere = spawnSync(process.execPath, ['-e', script, file], { encoding: 'utf8', env: { ...process.env, TZ: 'Asia/Tokyo' } })
  assert.match(elsewhere.stderr, /EMVM_ERR_OPTION/)
  assert.match(elsewhere.stderr, /time zone/)
})

test('a file that is damaged, foreign, or anybody could write to is refused with its reason', async (t) => {
  const { folder } = scratch(t)
  const file = path.join(folder, 'image')
  const vm = await opened(t, MACHINE, { imports })
  exportsOf(vm.exports).store(4096, 5)
  await vm.checkpoint().save(file)
  const whole = fs.readFileSync(file)
  const refused = (image, message) => assert.rejects(open(MACHINE, { imports, image }), { code: 'EMVM_ERR_OPTION', option: 'image', message })
  const write = (name, bytes) => {
    const target = path.join(folder, name)
    fs.writeFileSync(target, bytes, { mode: 0o600 })
    return target
  }
  let count = 0
  const rest = 65536 + 8192
  for (const place of [20, 40, 100, 5000, 65535, 65536, 65536 + 4097, rest, rest + 9, whole.length - 1]) {
    if (place >= whole.length) continue
    const bad = Buffer.from(whole)
    bad[place] ^= 1
    await refused(write(`bad${count++}`, bad), /damaged|version|another size/)
  }
  for (const length of [0, 10, 16, 200, 65535, 65536, 70000, whole.length - 1]) await refused(write(`cut${length}`, whole.subarray(0, length)), /cut short|no image|fill whole buffer/)
  await refused(write('longer', Buffer.concat([whole, Buffer.alloc(1)])), /damaged/)
  await refused(write('text', 'hello '.repeat(20000)), /no image/)
  await refused(path.join(folder, 'missing'), /No such file/)
  await refused(folder, /only its owner/)
  const open666 = write('open', whole)
  fs.chmodSync(open666, 0o666)
  await refused(open666, /only its owner/)
  const mounted = await opened(t, fixture('program.js'), { host: 'native', mounts: { '/m': { path: folder } } })
  await refused(file, /mounts/)
  mounted.dispose()
  await assert.rejects(open(OPENCV, { image: file }), { code: 'EMVM_ERR_OPTION', option: 'image', message: /another source/ })
  await assert.rejects(open(MACHINE, { imports, env: { A: '2' }, image: file }), { code: 'EMVM_ERR_OPTION', message: /another env/ })
  const good = await opened(t, MACHINE, { imports, image: file })
  assert.strictEqual(exportsOf(good.exports).load(4096), 5)
  await assert.rejects(vm.checkpoint().save(path.join(folder, 'no', 'such')), { code: 'EMVM_ERR_OPTION' })
  const pipe = path.join(folder, 'pipe')
  require('node:child_process').execFileSync('mkfifo', [pipe])
  await assert.rejects(vm.checkpoint().save(pipe), { code: 'EMVM_ERR_OPTION', message: /something else than a file/ })
  assert.ok(fs.statSync(pipe).isFIFO())
  for (const bad of [undefined, 5, '', 'a\0b']) await assert.rejects(vm.checkpoint().save(bad), { code: 'EMVM_ERR_OPTION' })
})

test('a file that was found right is known again, and refused once it was changed', async (t) => {
  const { folder } = scratch(t)
  const [file, cache] = [path.join(folder, 'image'), path.join(folder, 'cache')]
  const vm = await opened(t, MACHINE, { imports })
  exportsOf(vm.exports).store(4096, 5)
  await vm.checkpoint().save(file)
  const noted = () => fs.existsSync(cache) ? fs.readdirSync(cache).filter((name) => name.endsWith('.kept')).length : 0
  const options = JSON.stringify({ cache, image: file }).slice(1)
  const script = `require(${JSON.stringify(ROOT)}).open(Buffer.from('${Buffer.from(MACHINE).toString('base64')}', 'base64'), { imports: { env: { callback: (x) => x } }, ${options}).then((vm) => vm.dispose(), ({ code }) => { process.exitCode = 3; console.log(code) })`
  const elsewhere = () => spawnSync(process.execPath, ['-e', script], { encoding: 'utf8' })
  const here = async () => (await open(MACHINE, { imports, cache, image: file })).dispose()
  // What was written just now might be changed without another time.
  await here()
  assert.strictEqual(noted(), 0)
  await new Promise((resolve) => setTimeout(resolve, 3500))
  await (await open(MACHINE, { imports, cache: false, image: file })).dispose()
  assert.strictEqual(noted(), 0)
  for (let round = 0; round < 3; round++) await here()
  assert.strictEqual(noted(), 0, 'the process knows it')
  const first = elsewhere()
  assert.strictEqual(first.status, 0, first.stderr + first.stdout)
  assert.strictEqual(noted(), 1)
  assert.strictEqual(elsewhere().status, 0)
  // In place, of the same length, and with the old time put back.
  const before = fs.statSync(file)
  const whole = fs.readFileSync(file)
  whole[65536 + 4097] ^= 1
  fs.writeFileSync(file, whole)
  fs.utimesSync(file, before.atime, before.mtime)
  await assert.rejects(here(), { code: 'EMVM_ERR_OPTION', message: /damaged/ })
  assert.deepStrictEqual([elsewhere().status, elsewhere().stdout], [3, 'EMVM_ERR_OPTION\n'])
  whole[65536 + 4097] ^= 1
  fs.writeFileSync(file, whole)
  await here()
  assert.strictEqual(elsewhere().status, 0)
})

test('`emvm compile --image` writes the state after a warm-up', async (t) => {
  const { folder, write } = scratch(t)
  const file = path.join(folder, 'image')
  const own = write('own.js', "module.exports = () => ({ warmUp: (cv) => cv.FS_createDataFile('/', 'model', 'trained', true, true) })")
  const cli = (...args) => spawnSync(process.execPath, [path.join(ROOT, 'bin', 'emvm.js'), 'compile', ...args], { encoding: 'utf8' })
  const { status, stderr, stdout } = cli(OPENCV, '--image', file, '--options', own, '--json')
  assert.strictEqual(status, 0, stderr)
  assert.strictEqual(JSON.parse(stdout).results[0].imageBytes, fs.statSync(file).size)
  const vm = await opened(t, OPENCV, { image: file })
  assert.throws(() => vm.exports.FS_createDataFile('/', 'model', 'x', true, true), { code: 'EEXIST' })
  assert.strictEqual(cli(OPENCV, MACHINE.length.toString(), '--image', file).status, 2)
  assert.strictEqual(cli(OPENCV, '--options', own).status, 2)
})

test('a file that is written anew while it is open leaves those who have it alone', async (t) => {
  const { folder } = scratch(t)
  const file = path.join(folder, 'image')
  const vm = await opened(t, MACHINE, { imports })
  const machine = exportsOf(vm.exports)
  machine.store(4096, 1)
  await vm.checkpoint().save(file)
  const first = await opened(t, MACHINE, { imports, image: file })
  machine.store(4096, 2)
  await vm.checkpoint().save(file)
  const second = await opened(t, MACHINE, { imports, image: file })
  for (let round = 0; round < 2; round++) {
    assert.deepStrictEqual([first, second].map((vm) => exportsOf(vm.exports).load(4096)), [1, 2])
    first.recycle()
    second.recycle()
  }
})
