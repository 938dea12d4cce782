'use strict'

// What a module leaves to the event loop runs as under its own JavaScript, and ends with its generation.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { setTimeout: sleep } = require('node:timers/promises')
const { open, inspect } = require('../..')
const { compare, fixtures } = require('../support/compare')
const { runScript } = require('../support/child')
const { exportsOf } = require('../support/wasm')
const { caseNumber } = require('../jobs/timers')
const { until } = require('../support/until')

const CASES = [
  'order', 'immediates', 'interval', 'timeout_loop', 'immediate_loop', 'frames', 'main_loop', 'main_loop_frames', 'main_loop_forever',
  'main_loop_pause', 'main_loop_blockers'
]

for (const name of CASES) {
  test(`as in Emscripten: ${name}`, async () => {
    const { result } = await compare('timers.js', 'timers.js', { argument: [name] })
    assert.strictEqual(result[name].done, 1)
    assert.ok(result[name].printed.length >= 2)
  })
}

test('as in Emscripten: alarm reaches the signal handler', async () => {
  const { result } = await compare('timers.js', 'timers.js', { argument: ['alarm'] })
  assert.deepStrictEqual(result.alarm.printed, ['out signal 14'])
})

test('a second main loop is refused, and stops the first', () => using('timers.js', async (vm, m, lines) => {
  assert.throws(() => m._begin(caseNumber(m, 'two_loops')), { code: 'EMVM_ERR_ABORT', message: /only be one main loop/ })
  await sleep(30)
  assert.deepStrictEqual(lines, [])
  await vm.isReady()
}))

test('every import of the timers is answered by the native host', async () => {
  const { imports, host } = await inspect(path.join(fixtures, 'timers.js'))
  assert.strictEqual(host, 'native')
  assert.deepStrictEqual(imports.filter(({ by }) => by !== 'native').map(({ name }) => name), [])
})

async function using (fixture, run, options) {
  const lines = []
  const vm = await open(path.join(fixtures, fixture), { host: 'native', print: (line) => lines.push(line), ...options })
  try {
    return await run(vm, vm.exports, lines)
  } finally {
    vm.dispose()
  }
}

test('a recycle cancels what waits', () => using('timers.js', async (vm, m, lines) => {
  m._begin(caseNumber(m, 'order'))
  m._begin(caseNumber(m, 'immediates'))
  m._begin(caseNumber(m, 'forever'))
  m._begin(caseNumber(m, 'main_loop'))
  lines.length = 0
  await vm.isReady()
  await sleep(90)
  assert.deepStrictEqual(lines, [])
  assert.strictEqual(m._count(), 0)
}))

test('the lease of another does not see the timers of this one', () => using('timers.js', async (vm, m) => {
  await vm.run(async (m) => {
    m._begin(caseNumber(m, 'forever'))
    await until(() => m._count() > 2)
  })
  await vm.run(async (m) => {
    await sleep(20)
    assert.strictEqual(m._count(), 0)
  })
}))

test('timers of start-up run in every generation', () => using('timers-main.js', async (vm, m, lines) => {
  for (let generation = 0; generation < 3; generation++) {
    assert.strictEqual(m._count(), 0)
    await until(() => m._count() > 2 && lines.some((line) => line.startsWith('15 ms')))
    await vm.isReady()
    lines.length = 0
  }
}))

test('so do those of a warm-up', () => using('timers.js', async (vm, m) => {
  for (let generation = 0; generation < 3; generation++) {
    const before = m._count()
    await until(() => m._count() > before + 2)
    await vm.isReady()
  }
}, { warmUp: (m) => { m._begin(caseNumber(m, 'forever')) } }))

test('a program with EXIT_RUNTIME ends when nothing waits any more', () => using('timers-ending.js', async (vm, m, lines) => {
  for (let generation = 0; generation < 2; generation++) {
    await until(() => lines.includes('atexit'))
    assert.deepStrictEqual(lines.slice(-2), ['interval is cleared', 'atexit'])
    lines.length = 0
    await vm.isReady()
  }
}))

test('the main loop can be paused and resumed from outside', () => using('timers.js', async (vm, m, lines) => {
  m._begin(caseNumber(m, 'main_loop'))
  m.pauseMainLoop()
  const at = lines.length
  await sleep(40)
  assert.strictEqual(lines.length, at)
  m.resumeMainLoop()
  await until(() => m._is_done() === 1)
}))

test('a failing callback is an uncaught exception, and the next timer still runs', async () => {
  const file = JSON.stringify(path.join(fixtures, 'timers.js'))
  const { code, stdout, stderr } = await runScript(`
    const { caseNumber } = require('./__test__/jobs/timers')
    process.on('uncaughtException', (error) => console.log(error.code, error.trap))
    emvm.open(${file}, { host: 'native' }).then((vm) => { vm.exports._begin(caseNumber(vm.exports, 'trap_later')) })`)
  assert.strictEqual(stderr, '')
  assert.strictEqual(code, 0)
  assert.strictEqual(stdout, 'EMVM_ERR_TRAP unreachable\nafter the trap\n')
})

for (const [name, output] of [['abort_later', 'EMVM_ERR_ABORT\n'], ['exit_later', '']]) {
  test(`nothing runs after ${name}`, async () => {
    const file = JSON.stringify(path.join(fixtures, 'timers.js'))
    const { code, stdout, stderr } = await runScript(`
      const { caseNumber } = require('./__test__/jobs/timers')
      process.on('uncaughtException', (error) => console.log(error.code))
      emvm.open(${file}, { host: 'native' }).then((vm) => { vm.exports._begin(caseNumber(vm.exports, '${name}')) })`)
    assert.deepStrictEqual([code, stdout, stderr], [0, output, ''])
  })
}

test('timers keep the process alive, dispose() lets it go', async () => {
  const file = JSON.stringify(path.join(fixtures, 'timers-main.js'))
  const { code, stdout } = await runScript(`
    emvm.open(${file}, { host: 'native', print: () => {} }).then((vm) => {
      const look = setInterval(() => {
        if (vm.exports._count() <= 3) return
        clearInterval(look)
        console.log('counted')
        // Nothing but the module's own timers is left now.
        setTimeout(() => { console.log('alive'); vm.dispose() }, 30).unref()
      }, 5)
    })`)
  assert.deepStrictEqual([code, stdout], [0, 'counted\nalive\n'])
})

test('microtasks, setitimer and the keep-alive count of newer builds', () => using('wat/timers.wasm', async (vm, m) => {
  const call = exportsOf(m)
  call.soon(1, 5)
  assert.strictEqual(call.ran(), 0)
  await null
  assert.strictEqual(call.ran(), 5)
  assert.strictEqual(call.arm(1, 20), 0)
  assert.strictEqual(call.arm(1, 1), 0, 'in the place of the first')
  assert.strictEqual(call.arm(0, 1), 0)
  assert.strictEqual(call.arm(0, 0), 0)
  await until(() => call.which() === 1)
  await sleep(30)
  assert.strictEqual(call.ran(), 6)
  assert.strictEqual(call.alive(), 1)
  call.push()
  call.pop()
  call.soon(1, 5)
  call.arm(1, 1)
  await vm.isReady()
  await sleep(20)
  assert.strictEqual(call.ran(), 0)
}))

test('callbacks of another type than their pointer promises are called as JavaScript would call them', () => using('wat/timers.wasm', async (vm, m) => {
  const call = exportsOf(m)
  call.later(2, 100)
  call.later(3, 4)
  call.later(4, 1000)
  await until(() => call.ran() === 1100)
  assert.ok(Number.isNaN(call.sum()))
}))

test('callbacks that cannot be called are errors with a code', async () => {
  const file = JSON.stringify(path.join(fixtures, 'wat', 'timers.wasm'))
  const { code, stdout, stderr } = await runScript(`
    const seen = []
    process.on('uncaughtException', (error) => seen.push(error.code || error.name))
    process.on('exit', () => console.log(seen.join()))
    emvm.open(${file}, { host: 'native' }).then(({ exports: m }) => { for (const pointer of [5, 6, 7, 0, 100000]) (m._later || m.later)(pointer, 1) })`)
  assert.deepStrictEqual([code, stdout, stderr], [0, 'TypeError,EMVM_ERR_TRAP,EMVM_ERR_TRAP,EMVM_ERR_TRAP,EMVM_ERR_TRAP\n', ''])
})

test('emscripten_sleep is refused by name, at open and at the call', async () => {
  const file = path.join(fixtures, 'wat', 'timers.wasm')
  await assert.rejects(open(file), { code: 'EMVM_ERR_UNSUPPORTED', message: /Asyncify \(emscripten_sleep\)/ })
  await using('wat/timers.wasm', (vm, m) => {
    assert.throws(() => exportsOf(m).sleep(), { code: 'EMVM_ERR_UNSUPPORTED', message: /emscripten_sleep.*host: 'glue'/ })
  })
})
