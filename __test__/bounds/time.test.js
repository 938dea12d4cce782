'use strict'

// Host functions whose work depends on a number or length of the module's end with `timeout`, or are short.

const { test } = require('node:test')
const assert = require('node:assert')
const { open } = require('../..')
const { assemble, exportsOf, OP } = require('../support/wasm')

const GIB = 2 ** 30
const TIMEOUT = 100
// What a machine that does other things may add.
const LATE = 1500

// A module that calls one import, with the arguments that its export `go` is given.
async function caller (name, params, { module = 'env', result = true, pages = 32768, ...options } = {}) {
  const code = [...Array(params).keys()].flatMap((i) => [OP.localGet, i]).concat(OP.call, 0)
  const wasm = assemble({
    imports: [{ module, name, params, result }],
    memory: { min: pages },
    functions: [{ export: 'go', params, result, code }]
  })
  const vm = await open(wasm, { cache: false, timeout: TIMEOUT, print () {}, printErr () {}, ...options })
  return { vm, go: exportsOf(vm.exports).go, bytes: () => vm.exports.HEAPU8, words: () => vm.exports.HEAPU32 }
}

function timed (call) {
  const started = performance.now()
  let code
  try { call() } catch (error) { code = error.code }
  return { code, ms: performance.now() - started }
}

const WASI = { module: 'wasi_snapshot_preview1' }
// A part of `length` bytes at 16, as an iovec at 8.
const oneVector = (length) => ({ words }) => words().set([16, length], 2)
const fill = (text, at, length) => ({ bytes }) => bytes().fill(text, at, at + length)

// Name, arguments, and what the memory holds. Each would go on for seconds.
const LONG = [
  ['random_get', [0, 2 * GIB - 1], WASI],
  ['getentropy', [0, 2 * GIB - 1]],
  ['memset', [0, 1, 2 * GIB - 1]],
  ['emscripten_memcpy_big', [GIB, 0, GIB - 1]],
  ['emscripten_memcpy_big', [1, 0, 2 * GIB - 2]],
  ['poll', [0, 250e6, 0], { name: '__syscall_poll' }],
  ['readv', [0, 0, 250e6], { name: '__syscall146' }, 'writev of parts without bytes'],
  ['fd_write', [1, 0, 250e6, 0], WASI],
  ['fd_read', [0, 0, 250e6, 0], { ...WASI, stdin: 'x'.repeat(100) }],
  ['fd_write', [1, 8, 1, 0], { ...WASI, print: () => {} }, (it) => { oneVector(GIB)(it); fill('\n', 16, 64e6)(it) }],
  ['emscripten_err', [16], { result: false, printErr: (line) => { throw new Error(`${line.length} characters`) } }, fill('\xff', 16, GIB)],
  ['strftime', [1.5 * GIB, GIB / 2, 64, 16], {}, fill('%c', 64, 200e6)],
  ['strptime', [100, 1 * GIB, 16], {}, (it) => { fill(' ', 100, 500e6)(it); fill(' ', GIB, 500e6)(it) }],
  ['_emval_new_u16string', [16], {}, fill('a', 16, GIB)],
  ['_emval_new_u8string', [16], {}, fill('a', 16, GIB / 2 - 100)],
  ['_emval_new_cstring', [16], {}, fill('a', 16, GIB / 2 - 100)],
  ['emscripten_log', [0, 16, 0], { result: false }, fill('%5$', 16, 300e6)]
]

for (const [name, args, { name: spelled = name, ...options } = {}, prepare] of LONG) {
  test(`${spelled}(${args}) ends with the timeout`, async () => {
    const it = await caller(spelled, args.length, options)
    if (typeof prepare === 'function') prepare(it)
    const { code, ms } = timed(() => it.go(...args))
    assert.ok(ms < TIMEOUT + LATE, `${ms} ms`)
    // One that is through in time is right as well.
    if (ms > TIMEOUT + 50) assert.strictEqual(code, 'EMVM_ERR_TIMEOUT')
    await it.vm.isReady()
    it.vm.dispose()
  })
}

const SHORT = [
  ['poll_oneoff', [0, 0, 0xffffffff | 0, 0], WASI],
  ['_emval_get_method_caller', [0xffffffff | 0, 0]],
  ['_emval_get_method_caller', [1e9, 0]],
  ['_emval_create_invoker', [0xffffffff | 0, 0, 0]],
  ['_emval_new', [1, 1e9, 0, 0]],
  ['__syscall142', [1e9, 0, 0, 0, 0]],
  ['emscripten_log', [0, 16, 64], { result: false }, ({ bytes, words }) => { bytes().set(Buffer.from('%*d%*s%.*f\0'), 16); words().fill(0x7fffffff, 16, 32) }]
]

for (const [name, args, options, prepare] of SHORT) {
  test(`${name}(${args}) is short`, async () => {
    const it = await caller(name, args.length, { pages: 16, ...options, timeout: 60_000 })
    prepare?.(it)
    const { ms } = timed(() => it.go(...args))
    assert.ok(ms < LATE, `${ms} ms`)
    it.vm.dispose()
  })
}

test('a function that was told to stop does not return into wasm', async () => {
  // After the call, `after` is called: it never is.
  const wasm = assemble({
    imports: [{ module: 'wasi_snapshot_preview1', name: 'random_get', params: 2, result: true }, { module: 'env', name: 'after', params: 1, result: true }],
    memory: { min: 32768 },
    functions: [{ export: 'go', result: true, code: [OP.i32Const, 0, OP.i32Const, 0xff, 0xff, 0xff, 0xff, 0x07, OP.call, 0, OP.call, 1] }]
  })
  const seen = []
  const vm = await open(wasm, { cache: false, timeout: TIMEOUT, imports: { env: { after: (errno) => { seen.push(errno); return 0 } } } })
  assert.strictEqual(timed(() => exportsOf(vm.exports).go()).code, 'EMVM_ERR_TIMEOUT')
  assert.deepStrictEqual(seen, [])
  vm.dispose()
})

test('a limit that is over does not reach the next call, nor what JavaScript does between calls', async () => {
  const it = await caller('random_get', 2, WASI)
  assert.strictEqual(timed(() => it.go(0, 2 * GIB - 1)).code, 'EMVM_ERR_TIMEOUT')
  assert.strictEqual(it.go(0, 1000), 0)
  it.vm.dispose()
})

test('what JavaScript asks of the file system is limited as well', async () => {
  const vm = await open(require.resolve('../fixtures/program.js'), { host: 'native', timeout: TIMEOUT, print () {}, printErr () {} })
  const { FS } = vm.exports
  const stream = FS.open('/dev/urandom', 'r')
  const { code, ms } = timed(() => FS.read(stream, new Uint8Array(2 * GIB - 1), 0, 2 * GIB - 1))
  assert.strictEqual(code, 'EMVM_ERR_TIMEOUT')
  assert.ok(ms < TIMEOUT + LATE, `${ms} ms`)
  await vm.isReady()
  vm.exports.FS.writeFile('/tmp/small', 'x')
  vm.dispose()
})
