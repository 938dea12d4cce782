'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { open } = require('../..')
const { compare, plain, fixtures } = require('../support/compare')

const RUNS = [
  [],
  ['one', 'two words', 'ünï'],
  ['return', '7'],
  ['return', '-1'],
  ['env', 'USER', 'HOME', 'LANG', 'PATH', 'ABSENT'],
  ['part'],
  ['stderr'],
  ['write', '/tmp/file', 'a', 'b'],
  ['read', '/tmp/file'],
  ['read', '/tmp/absent'],
  ['exit', '5'],
  ['stdin']
]

// With EXIT_RUNTIME the first return ends the program for good, so each of these is a module of its own.
const ENDINGS = [['exit', '5'], ['return', '3'], ['part'], ['exit', '0']]

test('main with arguments, environment, files and status, as often as one likes', () => compare('program.js', 'program.js', { argument: RUNS }))

for (const args of ENDINGS) {
  test(`EXIT_RUNTIME: ${args.join(' ')}`, () => compare('program-exit.js', 'program.js', { argument: [args] }))
}

test('main runs at start, once', async () => {
  const { start } = await compare('program-run.js', 'start.js')
  assert.deepStrictEqual(start, ['out constructor', 'out run 1 argc 1'])
})

async function program (options, run, fixture = 'program.js') {
  const lines = []
  const print = (line) => lines.push(line)
  const vm = await open(path.join(fixtures, fixture), { host: 'native', print, printErr: print, ...options })
  try {
    return await run(vm.exports, lines, vm)
  } finally {
    vm.dispose()
  }
}

test('each sandbox sees the output of its own start', async () => {
  for (let i = 0; i < 2; i++) {
    await program({}, (m, lines) => assert.deepStrictEqual(lines, ['constructor', 'run 1 argc 1']), 'program-run.js')
  }
})

test('`args` are what main gets at start', () => program({ args: ['x', 'y z'] }, (m, lines) => {
  assert.deepStrictEqual(lines, ['constructor', 'run 1 argc 3', "argv[1] 'x'", "argv[2] 'y z'"])
}, 'program-run.js'))

test('`module: { noInitialRun: true }` takes the image before main', () => program({ module: { noInitialRun: true } }, async (m, lines, vm) => {
  for (let i = 0; i < 2; i++) {
    lines.length = 0
    m._main(1, 0)
    // In every generation it is the first run.
    assert.deepStrictEqual(lines, ['run 1 argc 1'])
    await vm.isReady()
  }
}, 'program-run.js'))

// Only as it starts does a sandbox know that it cannot begin with the image that others of the program have.
test('a sandbox that starts in another way than its sibling has the data of the module', () => program({}, async () => {
  await program({ module: { noInitialRun: true } }, async (m, lines) => {
    lines.length = 0
    m._main(1, 0)
    assert.deepStrictEqual(lines, ['run 1 argc 1'])
  }, 'program-run.js')
}, 'program-run.js'))

test('`env` is laid over Emscripten\'s environment', () => program({ env: { USER: 'me', MINE: 'a=b' } }, async (m, lines, vm) => {
  for (let i = 0; i < 2; i++) {
    lines.length = 0
    m.callMain(['env', 'USER', 'MINE', 'HOME'])
    assert.deepStrictEqual(lines.slice(-3), ['USER=me', 'MINE=a=b', 'HOME=/home/web_user'])
    await vm.isReady()
  }
}))

test('`stdin` is read from its start in every generation', () => program({ stdin: 'first\nzweité\nlast' }, async (m, lines, vm) => {
  for (let i = 0; i < 3; i++) {
    lines.length = 0
    m.callMain(['stdin'])
    assert.deepStrictEqual(lines.slice(-3), ["line 'first'", "line 'zweité'", "line 'last'"])
    await vm.isReady()
  }
}))

test('static data of main starts anew with each generation', () => program({}, async (m, lines, vm) => {
  m.callMain([])
  m.callMain([])
  assert.strictEqual(m._runs_so_far(), 2)
  await vm.isReady()
  assert.strictEqual(m._runs_so_far(), 0)
  assert.strictEqual(m.callMain(['return', '9']), 9)
}))

test('a print function that throws is an I/O error to the module, as in Emscripten', () => program({ print: () => { throw new Error('mine') } }, (m) => {
  assert.strictEqual(m.callMain(['part']), 0)
}))

test('pre-js may give the arguments and what prints, without a file system too', async (t) => {
  const expected = ['constructor', 'run 1 argc 3', "argv[1] 'from'", "argv[2] 'pre-js'"].map((line) => `pre-js prints: ${line}`)
  const { start } = plain('program-pre.js', 'start.js')
  assert.deepStrictEqual(start, expected.map((line) => `out ${line}`))
  const log = t.mock.method(console, 'log', () => {})
  const vm = await open(path.join(fixtures, 'program-pre.js'), { host: 'native' })
  assert.deepStrictEqual(log.mock.calls.map(({ arguments: [line] }) => line), expected)
  vm.dispose()
})

test('what the user gives comes before what pre-js does', () => program({ args: ['mine'] }, (m, lines) => {
  assert.deepStrictEqual(lines, ['constructor', 'run 1 argc 2', "argv[1] 'mine'"])
}, 'program-pre.js'))
