'use strict'

// Small files that would take the compiler minutes or the process its memory are refused before, with the bound's name.

const { test } = require('node:test')
const assert = require('node:assert')
const { runScript } = require('../support/child')
const bombs = require('../support/bombs')
const { open, WebAssembly } = require('../..')

const options = { cache: false, host: 'native', memory: { max: '64mb' } }

// Module, what the error names, and a smaller one that must do.
const BOMBS = [
  ['nested loops that share locals', bombs.nestedLoops(1000, 1000), /too much to compile/, bombs.nestedLoops(20, 200)],
  ['wide branches', bombs.wideBranches(100, 1000, 10), /too much to compile/, bombs.wideBranches(20, 50, 10)],
  ['wide calls', bombs.wideCalls(5000, 1000), /too much to compile/, bombs.wideCalls(10, 100)],
  ['branches times locals', bombs.branchesAndLocals(40_000, 1000), /too much to compile/, bombs.branchesAndLocals(500, 100)],
  ['blocks', bombs.branches(150_000), /more than 250000 blocks/, bombs.branches(1000)],
  ['parameters', bombs.manyParameters(499_000, 1000), /the module is too much/, bombs.manyParameters(100, 1000)],
  ['imports', bombs.imports(100_001), /100001 imports: at most 100000/, null],
  ['exports', bombs.exports(100_001), /100001 exports: at most 100000/, bombs.exports(100)],
  ['tables', bombs.tables(11, 1), /11 tables: at most 10/, bombs.tables(10, 100)],
  ['entries of all tables', bombs.tables(2, 6_000_000), /table entries: at most 10000000/, null],
  ['memories', bombs.memories(9), /9 memories: at most 8/, bombs.memories(2)]
]

for (const [name, bomb, pattern, small] of BOMBS) {
  test(`${name}: refused at once, by both hosts; less of it compiles`, async () => {
    const before = process.cpuUsage()
    await assert.rejects(open(bomb, options), (error) => {
      assert.strictEqual(error.code, 'EMVM_ERR_INVALID_WASM')
      assert.match(error.message, pattern)
      return true
    })
    assert.throws(() => new WebAssembly.Module(bomb), (error) => error instanceof WebAssembly.CompileError && pattern.test(error.message))
    const { user, system } = process.cpuUsage(before)
    assert.ok(user + system < 5e6, `${(user + system) / 1e6} s of processor time`)
    if (small) (await open(small, options)).dispose()
  })
}

test('what is just within the bounds ends, in bounded memory', async () => {
  const { code, stdout, stderr } = await runScript(`
    const bombs = require('./__test__/support/bombs')
    const within = [bombs.nestedLoops(40, 1000), bombs.wideCalls(60, 1000), bombs.branchesAndLocals(3000, 1000), bombs.branches(20_000), bombs.manyLocals(1000, 10_000), bombs.tables(10, 1_000_000)]
    ;(async () => {
      for (const bytes of within) (await emvm.open(bytes, { cache: false, host: 'native', memory: { max: '64mb' } })).dispose()
      console.log(process.resourceUsage().maxRSS >> 10)
    })()`, { timeout: 120_000 })
  assert.strictEqual(code, 0, stderr)
  assert.ok(Number(stdout) < 1500, `${stdout} MB`)
})
