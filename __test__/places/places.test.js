'use strict'

// What the places where programs run ask of the package itself.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { open, Sandbox } = require('../..')
const { VARIABLES } = require('../../lib/variables')
const { fitted } = require('../../lib/cli/output')
const { MACHINE } = require('../support/wasm')
const { runScript } = require('../support/child')

const ROOT = path.join(__dirname, '..', '..')
const machine = (options) => open(MACHINE, { imports: { env: { callback: (x) => x } }, ...options })

test('the binary of every platform is required by its literal name', () => {
  const text = fs.readFileSync(path.join(ROOT, 'lib', 'platform-packages.js'), 'utf8')
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
