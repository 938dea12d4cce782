'use strict'

// Whatever is opened, the answer is an error of emvm's own with a sentence that helps, and the process lives.

const { test, after } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const emvm = require('../..')
const { scratch } = require('../support/files')
const { assemble, exportsOf, MACHINE, OP } = require('../support/wasm')

const { open, EmvmError } = emvm

async function refused (source, code, pattern, options) {
  await assert.rejects(async () => open(source, options), (error) => {
    assert.ok(error instanceof EmvmError, `${error} is no EmvmError`)
    const codes = [].concat(code)
    assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`)
    assert.ok(error.message.length > 15, error.message)
    if (pattern) assert.match(error.message, pattern)
    return true
  })
}

// The process lives: a good module still opens after all of it.
after(async () => {
  const vm = await open(MACHINE, { imports: { env: { callback: (x) => x } } })
  assert.strictEqual(exportsOf(vm.exports).add(2, 3), 5)
  vm.dispose()
})

test('no such file', async (t) => {
  const { folder } = scratch(t)
  await refused(path.join(folder, 'nothing.js'), 'EMVM_ERR_SOURCE', /nothing\.js/)
  await refused(path.join(folder, 'nothing.wasm'), 'EMVM_ERR_SOURCE', /nothing\.wasm/)
  await refused(pathToFileURL(path.join(folder, 'no such.js')), 'EMVM_ERR_SOURCE', /no such\.js/)
  await refused('opencv-4.12', 'EMVM_ERR_SOURCE', /give require\.resolve\('opencv-4\.12'\)/)
  await refused('no-such-package', 'EMVM_ERR_SOURCE', /no-such-package does not exist$/)
  for (const url of ['https://example.org/opencv.js', new URL('https://example.org/opencv.js')]) await refused(url, 'EMVM_ERR_OPTION', /download it first/)
})

test('what is no Emscripten module is named', async (t) => {
  const { folder } = scratch(t)
  const file = path.join(folder, 'plain.js')
  for (const text of ['', 'module.exports = { a: 1 }', 'module.exports = {{']) {
    fs.writeFileSync(file, text)
    await refused(file, 'EMVM_ERR_SOURCE', /plain\.js is (empty|not an Emscripten module)/)
  }
})

test('a directory', async (t) => {
  await refused(scratch(t).folder, 'EMVM_ERR_SOURCE', /director|folder/i)
})

test('what is no file is not read: a device has no end, a pipe may be waited for for ever', { skip: process.platform === 'win32' }, async (t) => {
  const pipe = path.join(scratch(t).folder, 'pipe.wasm')
  require('node:child_process').execFileSync('mkfifo', [pipe])
  for (const source of ['/dev/zero', pipe]) {
    await assert.rejects(open(source), { code: 'EMVM_ERR_SOURCE', message: /not a file/ })
    await assert.rejects(open(path.join(__dirname, '..', 'fixtures', 'calls.js'), { wasm: source }), { code: 'EMVM_ERR_SOURCE', message: /not a file/ })
  }
})

test('a file that may not be read', { skip: process.platform === 'win32' || process.getuid() === 0 }, async (t) => {
  const file = scratch(t).write('locked.js', 'x')
  fs.chmodSync(file, 0)
  await refused(file, 'EMVM_ERR_SOURCE', /locked\.js/)
})

test('an empty file', async (t) => {
  const { write } = scratch(t)
  await refused(write('empty.js', ''), 'EMVM_ERR_SOURCE', /empty/i)
  await refused(write('empty.wasm', ''), ['EMVM_ERR_SOURCE', 'EMVM_ERR_INVALID_WASM'], /empty/i)
  await refused(new Uint8Array(0), ['EMVM_ERR_SOURCE', 'EMVM_ERR_INVALID_WASM'], /empty/i)
})

test('JavaScript that is not Emscripten\'s', async (t) => {
  const { write } = scratch(t)
  await refused(write('other.js', 'module.exports = { hello: 1 }\n'), 'EMVM_ERR_SOURCE')
  await refused(write('library.js', fs.readFileSync(require.resolve('jpeg-js'))), 'EMVM_ERR_SOURCE')
})

test('what does not parse as JavaScript', async (t) => {
  const { write } = scratch(t)
  await refused(write('broken.js', 'var Module = { ; wasmImports = {'), 'EMVM_ERR_SOURCE')
  await refused(write('binary.js', Buffer.from([0xff, 0xfe, 0, 1, 2, 3, 0x80])), 'EMVM_ERR_SOURCE')
  await refused(write('deep.js', '('.repeat(200_000)), 'EMVM_ERR_SOURCE')
  await refused(write('nested.js', `${'['.repeat(100_000)}${']'.repeat(100_000)}`), 'EMVM_ERR_SOURCE')
})

test('glue whose wasm is missing names the file it wants', async (t) => {
  const glue = fs.readFileSync(require.resolve('opencv-wasm/opencv.js'))
  await refused(scratch(t).write('opencv.js', glue), 'EMVM_ERR_SOURCE', /opencv\.wasm/)
})

test('glue cut in the middle', async (t) => {
  const { write } = scratch(t)
  const glue = fs.readFileSync(require.resolve('opencv-4.12'))
  for (const share of [0.01, 0.5, 0.999]) {
    await refused(write('cut.js', glue.subarray(0, Math.floor(glue.length * share))), ['EMVM_ERR_SOURCE', 'EMVM_ERR_INVALID_WASM'])
  }
})

test('a text file named .wasm', async (t) => {
  const { write } = scratch(t)
  await refused(write('text.wasm', 'This is not WebAssembly.\n'), ['EMVM_ERR_SOURCE', 'EMVM_ERR_INVALID_WASM'])
  await refused(write('page.wasm', '<!DOCTYPE html><html></html>'), ['EMVM_ERR_SOURCE', 'EMVM_ERR_INVALID_WASM'])
})

test('small wasm cut at each byte never does more than fail', async () => {
  for (let length = 1; length < MACHINE.length; length++) {
    try {
      const vm = await open(MACHINE.slice(0, length), { cache: false, imports: { env: { callback: (x) => x } } })
      // What ends where a section does may be a whole module with less in it.
      vm.dispose()
    } catch (error) {
      assert.ok(error instanceof EmvmError, `cut at ${length}: ${error}`)
      assert.ok(['EMVM_ERR_SOURCE', 'EMVM_ERR_INVALID_WASM'].includes(error.code), `cut at ${length}: ${error.code} ${error.message}`)
    }
  }
})

test('opencv.wasm cut at many bytes is refused', async (t) => {
  const { write } = scratch(t)
  const whole = fs.readFileSync(require.resolve('opencv-wasm/opencv.wasm'))
  const lengths = [1, 2, 3, 4, 7, 9, 100, 4096, 65537, ...[0.1, 0.37, 0.5, 0.83, 0.95].map((share) => Math.floor(whole.length * share)), whole.length - 1]
  for (const length of lengths) await refused(write('cut.wasm', whole.subarray(0, length)), ['EMVM_ERR_SOURCE', 'EMVM_ERR_INVALID_WASM'])
})

test('wasm with a byte changed opens or is refused, and nothing else', async () => {
  for (let at = 8; at < MACHINE.length; at++) {
    const bytes = MACHINE.slice()
    bytes[at] ^= 0x2a
    try {
      const vm = await open(bytes, { cache: false, imports: { env: { callback: (x) => x } } })
      vm.dispose()
    } catch (error) {
      assert.ok(error instanceof EmvmError, `byte ${at}: ${error.stack}`)
    }
  }
})

test('unresolved imports are all listed with their signatures', async () => {
  const bytes = assemble({
    imports: [{ module: 'env', name: 'launch_rocket', params: 2, result: true }, { module: 'moon', name: 'land', params: 1 }],
    functions: [{ export: 'go', result: true, code: [OP.i32Const, 1, OP.i32Const, 2, OP.call, 0] }]
  })
  await refused(bytes, 'EMVM_ERR_MISSING_IMPORT', /launch_rocket[\s\S]*land|land[\s\S]*launch_rocket/)
  await assert.rejects(open(bytes), /launch_rocket\(ii\)/)
})

test('with the native host, a missing import fails the call that reaches it', async () => {
  const bytes = assemble({
    imports: [{ module: 'env', name: 'launch_rocket', params: 2, result: true }],
    functions: [{ export: 'go', result: true, code: [OP.i32Const, 1, OP.i32Const, 2, OP.call, 0] }, { export: 'five', result: true, code: [OP.i32Const, 5] }]
  })
  const vm = await open(bytes, { host: 'native' })
  assert.strictEqual(exportsOf(vm.exports).five(), 5)
  assert.throws(() => exportsOf(vm.exports).go(), { code: 'EMVM_ERR_MISSING_IMPORT', message: /launch_rocket/ })
  assert.strictEqual(exportsOf(await vm.isReady()).five(), 5)
  vm.dispose()
})

test('wrong options and sources are refused before anything is read', async () => {
  await refused(MACHINE, 'EMVM_ERR_OPTION', /Did you mean 'host'/, { hots: 'native' })
  await refused(MACHINE, 'EMVM_ERR_OPTION', /'auto' or 'native' or 'glue'/, { host: 'v8' })
  await refused(MACHINE, 'EMVM_ERR_OPTION', /memory\.max/, { memory: { max: '5 parsecs' } })
  await refused(42, 'EMVM_ERR_OPTION', /source/)
  await refused(undefined, 'EMVM_ERR_OPTION', /source/)
  await refused(new URL('https://example.org/a.js'), 'EMVM_ERR_OPTION', /file: URL/)
  await refused(MACHINE, 'EMVM_ERR_OPTION', /object/, null)
})

test('the wasm option is checked like a source', async (t) => {
  const { folder, write } = scratch(t)
  const glue = require.resolve('opencv-wasm/opencv.js')
  await refused(glue, 'EMVM_ERR_SOURCE', /gone\.wasm/, { wasm: path.join(folder, 'gone.wasm') })
  await refused(glue, ['EMVM_ERR_SOURCE', 'EMVM_ERR_INVALID_WASM'], undefined, { wasm: write('text.wasm', 'no wasm') })
})
