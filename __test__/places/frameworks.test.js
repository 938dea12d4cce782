'use strict'

// emvm in the tests of jest and vitest, in each of the ways in which these start their workers.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { scratch } = require('../support/files')
const { install, missing, tool } = require('../support/installed')

const FIXTURES = path.join(__dirname, '..', 'fixtures')

// What a program's tests do with emvm. `fake`: the framework's timers of its own.
const TESTS = (fake) => `
const path = require('path')
const { open, Pool, WebAssembly: own } = require('emvm')
const source = path.join(__dirname, 'capi-O2.js')
const vms = []
let pool

for (const options of [{ host: 'native' }, { host: 'glue' }, { host: 'glue', rewind: true }]) {
  test('open and recycle: ' + JSON.stringify(options), async () => {
    const vm = await open(source, { ...options, cache: false })
    vms.push(vm)
    for (let round = 1; round < 4; round++) {
      const module = await vm.isReady()
      expect(module._malloc(64)).toBeGreaterThan(0)
      expect(vm.generation).toBe(round + 1)
    }
    expect(await vm.run((module) => typeof module._free)).toBe('function')
    await expect(open('/nowhere.js')).rejects.toMatchObject({ code: 'EMVM_ERR_SOURCE' })
  })
}

test('fake timers stop nothing', async () => {
  ${fake}.useFakeTimers()
  try {
    const vm = await open(source, { host: 'glue', cache: false })
    vms.push(vm)
    await vm.isReady()
    expect(vm.generation).toBe(2)
  } finally {
    ${fake}.useRealTimers()
  }
})

test('a pool', async () => {
  pool = new Pool(source, { maxThreads: 1, open: { cache: false } })
  expect(await pool.run((module) => typeof module._malloc)).toBe('function')
})

test('a module with threads', async () => {
  const vm = await open(path.join(__dirname, 'pthreads-new.js'), { cache: false, threads: 8, print () {}, printErr () {} })
  vms.push(vm)
  expect(vm.exports._sum(3, 1000)).toBe(1501500)
  await vm.isReady()
  expect(vm.exports._sum(2, 10)).toBeGreaterThan(0)
})

test('errors have their codes, and memory its views', async () => {
  const memory = new own.Memory({ initial: 1 })
  new Uint8Array(memory.buffer)[0] = 7
  expect(new Uint8Array(memory.buffer)[0]).toBe(7)
  memory.dispose()
  vms[0].dispose()
  expect(() => vms[0].exports).toThrow(expect.objectContaining({ code: 'EMVM_ERR_DISPOSED' }))
})

afterAll(async () => {
  for (const vm of vms) vm.dispose()
  await pool?.destroy()
})
`

const VITEST = (pool) => ({
  needs: 'vitest/vitest.mjs',
  fake: 'vi',
  args: (folder) => ['run', '--root', folder, '--globals', '--pool', pool, '--testTimeout', '60000', '--hookTimeout', '60000']
})
const JEST = (...more) => ({ needs: 'jest/bin/jest.js', fake: 'jest', args: (folder) => ['--rootDir', folder, '--testTimeout', '60000', ...more] })

const WAYS = {
  'jest, one process': JEST('--runInBand'),
  'jest, processes': JEST('--maxWorkers', '2'),
  'jest, threads': JEST('--maxWorkers', '2', '--workerThreads'),
  'vitest, threads': VITEST('threads'),
  'vitest, forks': VITEST('forks'),
  'vitest, vmThreads': VITEST('vmThreads'),
  'vitest, vmForks': VITEST('vmForks')
}

for (const [name, { needs, fake, args }] of Object.entries(WAYS)) {
  test(name, { skip: missing(needs) }, (t) => {
    const { folder, write } = scratch(t)
    install(folder)
    for (const file of ['capi-O2.js', 'capi-O2.wasm', 'pthreads-new.js', 'pthreads-new.wasm']) fs.copyFileSync(path.join(FIXTURES, file), path.join(folder, file))
    write('package.json', '{ "name": "program", "type": "commonjs" }')
    // Two files, so that there are workers.
    for (const file of ['one.test.js', 'two.test.js']) write(file, TESTS(fake))
    const { status, stdout, stderr } = spawnSync(process.execPath, [tool(needs), ...args(folder)], { encoding: 'utf8', timeout: 240_000, cwd: folder, env: { ...process.env, NODE_TEST_CONTEXT: undefined, CI: '1', NO_COLOR: '1' } })
    assert.strictEqual(status, 0, `${stdout}\n${stderr}`)
    assert.match(stdout + stderr, /Tests:? +14 passed/)
  })
}
