'use strict'

// Folders that modules may write, and what must not lie there or know of them.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { execFileSync } = require('node:child_process')
const { open } = require('../..')
const { scratch } = require('../support/files')
const { runScript } = require('../support/child')
const { MACHINE, assemble, OP } = require('../support/wasm')

const FILES = path.join(__dirname, '../fixtures/program.js')
const quiet = { print () {}, printErr () {} }
const imports = { env: { callback: (x) => x } }

test('a writable mount around, at or in the cache folder is refused, links followed', async (t) => {
  const { folder } = scratch(t)
  const cache = path.join(folder, 'user', 'cache')
  fs.mkdirSync(path.join(folder, 'user'))
  fs.symlinkSync(path.join(folder, 'user'), path.join(folder, 'link'), 'junction')
  const refused = (at) => assert.rejects(open(MACHINE, { imports, cache, mounts: { '/data': { path: at } } }), { code: 'EMVM_ERR_OPTION', message: /compiled code is kept/ }, at)
  // The cache folder is still to be made for the first.
  for (const at of [folder, path.join(folder, 'user'), path.join(folder, 'link')]) await refused(at)
  fs.mkdirSync(path.join(cache, 'deeper'), { recursive: true, mode: 0o700 })
  for (const at of [cache, path.join(cache, 'deeper'), path.join(folder, 'link', 'cache')]) await refused(at)
  const vm = await open(MACHINE, { imports, cache, mounts: { '/data': { path: folder, readonly: true } } })
  vm.dispose()
})

test('the user\'s own cache folder counts whatever `cache` says', async (t) => {
  const { folder } = scratch(t)
  const { stdout } = await runScript(`
    const { MACHINE } = require('./__test__/support/wasm')
    emvm.open(MACHINE, { cache: false, imports: { env: { callback: (x) => x } }, mounts: { '/data': { path: ${JSON.stringify(folder)} } } }).then(() => 'opened', (error) => error.code).then(console.log)`,
  { env: { EMVM_CACHE_DIR: path.join(folder, 'emvm') } })
  assert.strictEqual(stdout.trim(), 'EMVM_ERR_OPTION')
})

test('a cache folder that comes into a writable mount is not used', async (t) => {
  const { folder, write } = scratch(t)
  const cache = path.join(folder, 'mounted', 'cache')
  fs.mkdirSync(path.join(folder, 'mounted'))
  const file = write('machine.wasm', MACHINE)
  const { stdout, stderr } = await runScript(`
    (async () => {
      const options = { imports: { env: { callback: (x) => x } } }
      const first = await emvm.open(${JSON.stringify(FILES)}, { mounts: { '/data': { path: ${JSON.stringify(path.dirname(cache))} } }, print () {}, printErr () {} })
      const second = await emvm.open(${JSON.stringify(file)}, { ...options, cache: ${JSON.stringify(cache)} })
      console.log(second.stats().fromCache, require('node:fs').existsSync(${JSON.stringify(cache)}))
    })()`)
  assert.match(stderr, /EMVM_WARN_CACHE.*a module may write to the cache folder/)
  assert.strictEqual(stdout.trim(), 'false false')
})

test('compiled code that has another name is not trusted', { skip: process.platform === 'win32' }, async (t) => {
  const { folder, write } = scratch(t)
  const [file, cache] = [write('machine.wasm', MACHINE), path.join(folder, 'cache')]
  const once = async () => {
    const { stdout } = await runScript(`emvm.open(${JSON.stringify(file)}, { cache: ${JSON.stringify(cache)}, imports: { env: { callback: (x) => x } } }).then((vm) => console.log(vm.stats().fromCache))`)
    return stdout.trim()
  }
  assert.deepStrictEqual([await once(), await once()], ['false', 'true'])
  const code = fs.readdirSync(cache).find((name) => name.endsWith('.code'))
  fs.linkSync(path.join(cache, code), path.join(folder, 'other-name'))
  assert.deepStrictEqual([await once(), await once()], ['false', 'true'])
})

test('the system\'s own files are not to be written', { skip: process.platform !== 'linux' }, async () => {
  for (const at of ['/proc', '/proc/self', '/sys']) {
    await assert.rejects(open(FILES, { ...quiet, mounts: { '/data': { path: at } } }), { code: 'EMVM_ERR_OPTION', message: /readonly: true/ }, at)
  }
})

test('a pipe under the name of a file is not waited for', { skip: process.platform === 'win32', timeout: 20_000 }, async (t) => {
  const { folder } = scratch(t)
  execFileSync('mkfifo', [path.join(folder, 'pipe')])
  const vm = await open(FILES, { ...quiet, mounts: { '/data': { path: folder } } })
  const { FS } = vm.exports
  for (const flags of ['r', 'w', 'r+', 'a']) assert.throws(() => FS.open('/data/pipe', flags), { name: 'ErrnoError' })
  assert.throws(() => FS.truncate('/data/pipe', 1), { name: 'ErrnoError' })
  vm.dispose()
})

// A module whose start-up reads `/data/number` into its memory: open, read, close.
const READER = assemble({
  imports: [
    { module: 'env', name: '__syscall_open', params: 3, result: true },
    { module: 'env', name: '__syscall_read', params: 3, result: true }
  ],
  memory: { min: 1 },
  data: [[64, Buffer.from('/data/number\0')]],
  functions: [
    { export: '__wasm_call_ctors', code: [OP.i32Const, 0xc0, 0, OP.i32Const, 0, OP.i32Const, 0, OP.call, 0, OP.i32Const, 0x80, 1, OP.i32Const, 4, OP.call, 1, OP.drop] },
    { export: 'number', result: true, code: [OP.i32Const, 0x80, 1, OP.i32Load, 2, 0] }
  ]
})

test('an image whose start-up looked at a mount is not shared', async (t) => {
  const { folder, write } = scratch(t)
  const number = (vm) => (vm.exports._number || vm.exports.number)()
  const options = { cache: false, mounts: { '/data': { path: folder } } }
  write('number', Buffer.from([1, 0, 0, 0]))
  const first = await open(READER, options)
  assert.strictEqual(number(first), 1)
  write('number', Buffer.from([2, 0, 0, 0]))
  const second = await open(READER, options)
  assert.strictEqual(number(second), 2)
  await first.isReady()
  assert.strictEqual(number(first), 1, 'its own generations are as its start-up was')
  first.dispose()
  second.dispose()
})

test('a path through very many real folders ends with the timeout', { skip: process.platform === 'win32' }, async (t) => {
  const { folder } = scratch(t)
  let below = folder
  for (let depth = 0; depth < 1200; depth++) below = path.join(below, 'd')
  fs.mkdirSync(below, { recursive: true })
  const vm = await open(FILES, { ...quiet, timeout: 50, mounts: { '/data': { path: folder, readonly: true } } })
  const { FS } = vm.exports
  const started = performance.now()
  let code
  try { FS.stat('/data' + '/d'.repeat(1200)) } catch (error) { code = error.code }
  const ms = performance.now() - started
  assert.ok(ms < 1500, `${ms} ms`)
  if (ms > 100) assert.strictEqual(code, 'EMVM_ERR_TIMEOUT')
  vm.dispose()
})
