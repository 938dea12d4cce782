'use strict'

// What the places where programs run ask of the package itself.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { open, Sandbox } = require('../..')
const { VARIABLES } = require('../../lib/variables')
const { fitted } = require('../../lib/cli/output')
const { MACHINE, OP, assemble } = require('../support/wasm')
const { runScript } = require('../support/child')

const ROOT = path.join(__dirname, '..', '..')
const machine = (options) => open(MACHINE, { imports: { env: { callback: (x) => x } }, ...options })

test('the binary of every platform is required by its literal name', () => {
  const text = fs.readFileSync(path.join(ROOT, 'lib', 'base', 'platform-packages.js'), 'utf8')
  for (const name of fs.readdirSync(path.join(ROOT, 'npm'))) {
    if (fs.existsSync(path.join(ROOT, 'npm', name, 'package.json'))) assert.ok(text.includes(`require('emvm-${name}')`), name)
  }
})

test('a wrong value of an environment variable is an error that names it, and all are documented', async () => {
  for (const [name, value] of [['EMVM_LARGE_PAGES', 'yes'], ['EMVM_MEMORY_BACKEND', 'portible'], ['EMVM_CACHE_MAX_MB', '1gb'], ['EMVM_INTERRUPTION_POINTS', 'none']]) {
    const { code, stderr } = await runScript('', { env: { [name]: value } })
    assert.notStrictEqual(code, 0)
    assert.match(stderr, new RegExp(`${name} is '${value}': expected`))
  }
  for (const value of ['', 'portable']) assert.strictEqual((await runScript('', { env: { EMVM_MEMORY_BACKEND: value } })).code, 0)
  const documented = fs.readFileSync(path.join(ROOT, 'docs', 'places.md'), 'utf8')
  for (const name of Object.keys(VARIABLES)) assert.ok(documented.includes(`\`${name}\``), name)
})

test('unknown options of a call are refused as those of open are', async () => {
  const vm = await machine()
  for (const call of [() => vm.isReady({ sginal: undefined }), () => vm.run(() => 1, { timeout: 5 }), () => vm.isReady(7)]) {
    await assert.rejects(call(), { code: 'EMVM_ERR_OPTION' })
  }
  await vm.isReady({ signal: new AbortController().signal })
  await vm.isReady(undefined)
  vm.dispose()
})

test('console.log of a sandbox says what it is', async () => {
  const vm = await machine()
  assert.match(require('node:util').inspect(vm), /^Sandbox \{\s+name: '.*',\s+host: 'native',\s+generation: 1,\s+disposed: false,\s+heapBytes: 65536\s+\}$/)
  assert.ok(vm instanceof Sandbox)
  vm.dispose()
  assert.match(require('node:util').inspect(vm), /disposed: true/)
})

test('emvm compile fails where nothing can be kept', { skip: process.platform === 'win32' }, async (t) => {
  const { scratch } = require('../support/files')
  const { folder, write } = scratch(t)
  const file = write('machine.wasm', MACHINE)
  const everybodys = path.join(folder, 'everybodys')
  fs.mkdirSync(everybodys)
  fs.chmodSync(everybodys, 0o777)
  const run = (cache) => new Promise((resolve) => {
    const child = require('node:child_process').spawn(process.execPath, [path.join(ROOT, 'bin', 'emvm.js'), 'compile', path.join(ROOT, '__test__', 'fixtures', 'capi-O2.js'), '--cache', cache])
    let stderr = ''
    child.stderr.on('data', (chunk) => { stderr += chunk })
    child.on('close', (code) => resolve({ code, stderr }))
  })
  const refused = await run(everybodys)
  assert.strictEqual(refused.code, 1)
  assert.match(refused.stderr, /could not be kept/)
  assert.strictEqual((await run(path.join(folder, 'own'))).code, 0)
  assert.ok(file)
})

test('a line of progress fits the terminal', () => {
  assert.strictEqual(fitted('short', 80), 'short')
  assert.ok(fitted('x'.repeat(200), 80).length < 80)
})

test('emvm/preload: the namespace of the program and of its workers is emvm\'s', async (t) => {
  const { scratch } = require('../support/files')
  const { write } = scratch(t)
  write('machine.wasm', MACHINE)
  const work = `WebAssembly.instantiate(require('fs').readFileSync(${JSON.stringify(path.join(path.dirname(write('x', '')), 'machine.wasm'))}), { env: { callback: (x) => x } }).then(({ instance, module }) => [instance.exports.add(2, 3), typeof instance.exports.memory.dispose])`
  write('worker.js', `const { parentPort } = require('worker_threads'); ${work}.then((answer) => parentPort.postMessage(answer))`)
  const file = write('main.js', `${work}.then(async (answer) => {
    const { Worker } = require('worker_threads')
    const worker = new Worker(__dirname + '/worker.js')
    const other = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))
    const fetched = await (await fetch('data:text/plain,text')).text()
    console.log(JSON.stringify([answer, other, fetched]))
  })`)
  const { spawnSync } = require('node:child_process')
  const { stdout, stderr } = spawnSync(process.execPath, ['--require', path.join(ROOT, 'preload.js'), file], { encoding: 'utf8' })
  assert.strictEqual(stdout, '[[5,"function"],[5,"function"],"text"]\n', stderr)
})

test('emvm/preload: Python in a worker of the program, and its end in an endless loop', async (t) => {
  const { scratch } = require('../support/files')
  const { write } = scratch(t)
  const pyodide = path.join(ROOT, 'node_modules', 'pyodide', 'pyodide.js')
  write('worker.js', `const { parentPort } = require('worker_threads')
    require(${JSON.stringify(pyodide)}).loadPyodide().then(async (python) => {
      parentPort.postMessage([python.runPython('sum(range(100))'), await python.runPythonAsync('import asyncio\\nawait asyncio.sleep(0.01)\\n"slept"'), typeof WebAssembly.Memory.prototype.dispose])
      python.runPython('while True: pass')
    })`)
  const file = write('main.js', `const { Worker } = require('worker_threads')
    const worker = new Worker(__dirname + '/worker.js')
    worker.once('error', (error) => { throw error })
    worker.once('message', (given) => setTimeout(async () => {
      const started = performance.now()
      await worker.terminate()
      console.log(JSON.stringify([...given, performance.now() - started < 5000]))
    }, 300))`)
  const { spawnSync } = require('node:child_process')
  const { stdout, stderr } = spawnSync(process.execPath, ['--require', path.join(ROOT, 'preload.js'), file], { encoding: 'utf8', timeout: 120_000 })
  assert.strictEqual(stdout, '[4950,"slept","function",true]\n', stderr)
})

for (const host of ['native', 'glue']) {
  test(`memory from 2 to 4 GB: ${host} host`, async (t) => {
    const wasm = assemble({
      imports: [{ module: 'env', name: 'callback', params: 1, result: true }],
      memory: { min: 1, max: 65536 },
      functions: [
        { export: 'store', params: 2, code: [OP.localGet, 0, OP.localGet, 1, OP.i32Store, 2, 0] },
        { export: 'load', params: 1, result: true, code: [OP.localGet, 0, OP.i32Load, 2, 0] },
        { export: 'grow', params: 1, result: true, code: [OP.localGet, 0, OP.memoryGrow, 0] }
      ]
    })
    const { glueFolder } = require('../support/glue')
    const { write } = glueFolder(t)
    write('large.wasm', wasm)
    const source = host === 'native' ? wasm : write('large.js', `module.exports = async (Module = {}) => { const wasmBinary = Module.wasmBinary || require('fs').readFileSync(__dirname + '/large.wasm')
      const { exports } = (await WebAssembly.instantiate(wasmBinary, { env: { callback: (x) => x } })).instance
      return Object.assign(Module, { _store: exports.store, _load: exports.load, _grow: exports.grow, memory: exports.memory, calledRun: true }) }`)
    const vm = await open(source, { imports: { env: { callback: (x) => x } }, ...(host === 'glue' && { host }) })
    for (let round = 0; round < 2; round++) {
      const module = vm.exports
      assert.strictEqual(module._grow(65535), 1)
      assert.strictEqual(module._grow(1), -1)
      for (const at of [0, 2 ** 31 - 4, 2 ** 31, 3 * 2 ** 30, 2 ** 32 - 4]) {
        assert.strictEqual(module._load(at | 0), 0, `${at} in round ${round}`)
        module._store(at | 0, 42)
        assert.strictEqual(module._load(at | 0), 42)
      }
      assert.throws(() => module._load(-2), { code: 'EMVM_ERR_TRAP', trap: 'out-of-bounds' })
      assert.strictEqual(vm.stats().heapBytes, 2 ** 32)
      await vm.isReady()
    }
    vm.dispose()
  })
}
