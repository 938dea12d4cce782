'use strict'

// What a module can pile up outside of its memory has a bound, whose error names it, or is given back.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { execFileSync } = require('node:child_process')
const { open } = require('../..')
const { runScript } = require('../support/child')
const { scratch } = require('../support/files')
const { assemble, exportsOf, OP } = require('../support/wasm')

// A module that calls one import again and again, as long as that gives anything but `until`.
function again (name, args, { result = true, until, data = [] } = {}) {
  const call = [...args.flatMap((value) => [OP.i32Const, value]), OP.call, 0]
  const round = until === undefined ? [...call, ...(result ? [OP.drop] : []), OP.br, 0] : [...call, OP.i32Const, until, 0x47, 0x0d, 0]
  return assemble({
    imports: [{ module: 'env', name, params: args.length, result }],
    memory: { min: 1 },
    data,
    functions: [{ export: 'go', code: [OP.loop, 0x40, ...round, OP.end] }]
  })
}

const TEXT = [[16, Buffer.from('x'.repeat(100) + '\0')]]
const BOUNDS = [
  ['_emval_new_array', [], {}, /emval handles/],
  ['_emval_new_cstring', [16], { data: TEXT }, /emval handles|strings/],
  ['__cxa_atexit', [0, 0, 0], {}, /atexit/],
  ['atexit', [0], {}, /atexit/],
  ['emscripten_set_immediate', [0, 0], {}, /timers/],
  ['_emscripten_push_main_loop_blocker', [0, 0, 16], { data: TEXT, result: false }, /blockers/],
  ['__cxa_begin_catch', [32], {}, /exceptions/]
]

for (const [name, args, options, names] of BOUNDS) {
  test(`${name}: bounded, and given back`, async () => {
    const vm = await open(again(name, args, options), { cache: false })
    for (let i = 0; i < 2; i++) {
      const started = performance.now()
      assert.throws(() => exportsOf(vm.exports).go(), (error) => error.code === 'EMVM_ERR_MEMORY' && names.test(error.message) && error.limit > 0, name)
      assert.ok(performance.now() - started < 60_000)
      await vm.isReady()
    }
    vm.dispose()
  })
}

test('pthread_key_create: refused as POSIX has it', async () => {
  const EAGAIN = 6
  const vm = await open(again('pthread_key_create', [16, 0], { until: EAGAIN }), { cache: false, timeout: 20_000 })
  exportsOf(vm.exports).go()
  vm.dispose()
})

test('files below a mount: a bound for each sandbox, which leaves descriptors to the process', { skip: process.platform === 'win32' }, async (t) => {
  const { folder, write } = scratch(t)
  write('file', 'x')
  const vm = await open(path.join(__dirname, '../fixtures/program.js'), { mounts: { '/data': { path: folder } }, print () {}, printErr () {} })
  const FS = vm.exports.FS
  const opened = () => { for (let i = 0; ; i++) try { FS.open('/data/file', 'r') } catch (error) { return [i, error.code] } }
  assert.deepStrictEqual(opened(), [256, 'EMFILE'])
  await vm.isReady()
  assert.deepStrictEqual(opened(), [256, 'EMFILE'], 'a recycle gives them back')
  vm.dispose()
})

test('files below mounts of many sandboxes leave half of the descriptors to the process', { skip: process.platform !== 'linux' }, async (t) => {
  const { folder, write } = scratch(t)
  write('file', 'x')
  const script = `
    (async () => {
      const { open } = require(${JSON.stringify(path.join(__dirname, '../..'))})
      const outcomes = {}
      for (let i = 0; i < 4; i++) {
        const vm = await open(${JSON.stringify(path.join(__dirname, '../fixtures/program.js'))}, { mounts: { '/data': { path: ${JSON.stringify(folder)} } }, print () {}, printErr () {} })
        globalThis['vm' + i] = vm
        for (let n = 0; n < 100; n++) {
          let code = 'opened'
          try { vm.exports.FS.open('/data/file', 'r') } catch (error) { code = error.code }
          outcomes[code] = (outcomes[code] || 0) + 1
        }
      }
      require('node:fs').readFileSync('/proc/self/stat')
      console.log(JSON.stringify(outcomes))
    })()`
  const output = execFileSync('sh', ['-c', 'ulimit -n 400; exec "$0" -e "$1"', process.execPath, script], { encoding: 'utf8' })
  assert.deepStrictEqual(JSON.parse(output), { opened: 200, EMFILE: 200 })
})

test('images of other options go with their sandboxes', { skip: process.platform !== 'linux' }, async () => {
  const wasm = assemble({ memory: { min: 40 }, data: [[1000, Buffer.from('hello')]], functions: [{ export: 'f', code: [] }] })
  const kept = await open(wasm, { cache: false })
  const files = () => fs.readdirSync('/proc/self/fd').filter((fd) => { try { return /emvm-image/.test(fs.readlinkSync(`/proc/self/fd/${fd}`)) } catch { return false } }).length
  const before = files()
  for (let i = 0; i < 60; i++) {
    const vm = await open(wasm, { cache: false, env: { REQUEST: String(i) } })
    vm.dispose()
  }
  const end = Date.now() + 5000
  while (files() > before && Date.now() < end) await new Promise((resolve) => setTimeout(resolve, 20))
  assert.ok(files() <= before, `${files()} memory files, were ${before}`)
  kept.dispose()
})

test('addFunction: as many as one likes, at the same price each', async () => {
  const vm = await open(path.join(__dirname, '../fixtures/capi-O0.js'), { print () {}, printErr () {} })
  const m = await vm.isReady()
  const add = (count) => {
    const functions = Array.from({ length: count }, (_, i) => () => i)
    const started = performance.now()
    const indices = functions.map((fn) => m.addFunction(fn, 'i'))
    const ms = performance.now() - started
    assert.strictEqual(new Set(indices).size, count)
    assert.strictEqual(m.addFunction(functions[7], 'i'), indices[7], 'the same function has the same index')
    m.removeFunction(indices[7])
    assert.strictEqual(m.addFunction(functions[7], 'i'), indices[7])
    return ms / count
  }
  add(1000)
  const few = add(1000)
  const many = add(8000)
  assert.ok(many < 5 * few + 0.05, `${few} ms each, then ${many} ms`)
  vm.dispose()
})

test('stacks of calls that nested deep are given back when the outermost is over', { skip: process.platform !== 'linux' }, async () => {
  // (module (import "e" "f" (func $f (param i32) (result i32))) (memory 1) (func (export "go") (param i32) (result i32) (call $f (local.get 0))))
  const { code, stdout, stderr } = await runScript(`
    const fs = require('node:fs')
    const bytes = Buffer.from('AGFzbQEAAAABBgFgAX8BfwIHAQFlAWYAAAMCAQAFAwEAAQcPAgJnbwABBm1lbW9yeQIACggBBgAgABAACw==', 'base64')
    const mappings = () => fs.readFileSync('/proc/self/maps', 'utf8').split('\\n').length
    let go, peak
    const f = (n) => {
      if (n > 0) return go(n - 1)
      peak = mappings()
      return 0
    }
    const nest = (depth) => {
      go(2)
      const before = mappings()
      go(depth)
      return [peak - before > depth, mappings() - before > depth]
    }
    const main = async () => {
      const seen = []
      go = new emvm.WebAssembly.Instance(new emvm.WebAssembly.Module(bytes), { e: { f } }).exports.go
      seen.push(nest(100), nest(1100))
      const vm = await emvm.open(bytes, { imports: { e: { f } } })
      go = vm.exports.go ?? vm.exports._go
      seen.push(nest(100), nest(1100))
      console.log(vm.host, JSON.stringify(seen))
    }
    main()`, { args: ['--stack-size=6500'] })
  // Few of them stay.
  const once = [[true, true], [true, false]]
  assert.deepStrictEqual([code, stdout, stderr], [0, `native ${JSON.stringify([...once, ...once])}\n`, ''])
})
