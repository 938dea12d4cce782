'use strict'

// Workers, ends of processes and garbage, each in a process of its own.

const { test } = require('node:test')
const assert = require('node:assert')
const { runScript } = require('./support/child')

const PRELUDE = `
  const assert = require('node:assert')
  const { Worker, isMainThread } = require('node:worker_threads')
  const { faults, thrown, FAULTS } = require('./__test__/support/faults')
  const inWorker = (body) => new Worker("const { parentPort } = require('node:worker_threads'); const { faults, thrown, FAULTS } = require('./__test__/support/faults');" + body, { eval: true })
  const ended = (worker) => new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve))
  const message = (worker) => new Promise((resolve) => worker.once('message', resolve))
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))`

async function run (body, { args, timeout = 240_000, status = 0, quiet = true } = {}) {
  const { code, signal, stderr, stdout } = await runScript(`${PRELUDE}
    ;(async () => { ${body} })()`, { args, timeout })
  assert.strictEqual(signal, null, `killed by ${signal}: ${stderr}`)
  if (quiet) assert.strictEqual(stderr, '')
  assert.strictEqual(code, status, stderr)
  return stdout
}

test('many workers that open, trap, recycle and end at once', () => run(`
  const body = \`
    const { recycles } = require('node:worker_threads').workerData || {}
    ;(async () => {
      for (let i = 0; i < 5; i++) {
        const { vm, call } = await faults({ timeout: 200 })
        for (let j = 0; j < 50; j++) {
          thrown(() => call[['unreachable', 'recurse', 'abort'][j % 3]](0))
          call.grow(j)
          await vm.isReady()
          if (call.count() !== 1) throw new Error('not fresh')
        }
        if (i % 2) vm.dispose()
      }
    })()\`
  for (let round = 0; round < 3; round++) {
    const codes = await Promise.all(Array.from({ length: 8 }, () => ended(inWorker(body))))
    assert.deepStrictEqual(codes, Array(8).fill(0))
  }
  const { call } = await faults()
  assert.strictEqual(call.add(1, 2), 3)`))

test('worker.terminate() between calls, while opening, and in a callback', () => run(`
  for (let i = 0; i < 12; i++) {
    const opening = inWorker("require('" + process.cwd() + "').open(require.resolve('opencv-4.12'), { cache: false }).catch(() => {}); parentPort.postMessage(1)")
    if (i === 0) { await message(opening); await wait(20); await opening.terminate() } else await opening.terminate()
    const busy = inWorker("faults().then(({ vm, call, on }) => { on(() => { parentPort.postMessage(1); for (;;); }); call.back(1) })")
    await message(busy)
    await busy.terminate()
    const calm = inWorker("faults().then(({ vm, call }) => { parentPort.postMessage(1); setInterval(() => vm.isReady(), 0) })")
    await message(calm)
    await wait(i)
    await calm.terminate()
  }`))

test('worker.terminate() of a call with a timeout ends when the call does', () => run(`
  const worker = inWorker("faults({ timeout: 300 }).then(({ call }) => { parentPort.postMessage(1); call.forever() })")
  await message(worker)
  const start = performance.now()
  await worker.terminate()
  assert.ok(performance.now() - start < 2000)`))

test('process.exit, a thrown error and exit handlers, with the module on the stack', async () => {
  await run('const { call, on } = await faults(); on(() => process.exit(7)); call.back(1)', { status: 7 })
  await run("const { call, on } = await faults(); process.on('exit', () => { if (call.add(1, 2) !== 3) process.exitCode = 9 })")
  await run("const { vm, call } = await faults(); process.on('exit', () => { thrown(() => call.unreachable()); vm.recycle(); vm.dispose() })")
  const died = await runScript(`${PRELUDE}; faults().then(({ call, on }) => { on(() => { throw new Error('nobody catches me') }); setImmediate(() => call.back(1)) })`)
  assert.strictEqual(died.signal, null)
  assert.strictEqual(died.code, 1)
  assert.match(died.stderr, /nobody catches me/)
  await run(`
    const worker = inWorker("faults().then(({ call, on }) => { on(() => process.exit(3)); call.back(1) })")
    assert.strictEqual(await ended(worker), 3)`)
})

test('a sandbox that nobody disposed of does not keep the process, and dropped ones are collected', () => run(`
  await faults({ timeout: 1000 })
  const maps = () => require('node:fs').readFileSync('/proc/self/status', 'utf8').match(/VmSize:\\s+(\\d+)/)[1] / 1024 / 1024
  if (process.platform !== 'linux') return
  const before = maps()
  let held = []
  for (let i = 0; i < 40; i++) held.push(await faults())
  gc()
  // Each has 16 GiB of address space.
  assert.ok(maps() > before + 600, 'they are alive')
  // Whoever has a function of the module has all that it needs.
  const back = held[3].vm.exports._back
  const { FS } = held[4].vm.exports
  held = null
  for (let i = 0; i < 20 && maps() > before + 100; i++) { gc(); await wait(20) }
  assert.ok(maps() < before + 100, maps() + ' GiB of ' + before)
  assert.strictEqual(back(7), 7)
  assert.throws(() => FS.readFile('/nothing'), { name: 'ErrnoError' })
  FS.writeFile('/some', 'thing')
  assert.strictEqual(FS.readFile('/some', { encoding: 'utf8' }), 'thing')`, { args: ['--expose-gc'] }))

test("V8's own WebAssembly traps and works beside emvm's", () => run(`
  const bytes = require('node:fs').readFileSync(FAULTS)
  const env = { callback: (x) => x, emscripten_resize_heap: () => 0, abort () {}, exit () {}, usleep: () => 0 }
  const { exports: own } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env })
  const { vm, call, on } = await faults()
  for (let i = 0; i < 2000; i++) {
    assert.throws(() => own.load(-1), WebAssembly.RuntimeError)
    assert.strictEqual(thrown(() => call.load(-1)).trap, 'out-of-bounds')
    assert.throws(() => own.divide(1, 0), WebAssembly.RuntimeError)
  }
  // One inside the other.
  on(() => { assert.throws(() => own.load(-1), WebAssembly.RuntimeError); return 5 })
  assert.strictEqual(call.back(1), 5)
  assert.throws(() => own.recurse(0), RangeError)
  assert.strictEqual(thrown(() => call.recurse(0)).trap, 'stack-overflow')`))

test('profilers and heap snapshots look at live sandboxes', async () => {
  const os = require('node:os')
  const fs = require('node:fs')
  const path = require('node:path')
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-'))
  try {
    const body = `
      const { vm, call, on } = await faults({ timeout: 1000 })
      require('node:v8').writeHeapSnapshot(${JSON.stringify(path.join(folder, 'one.heapsnapshot'))})
      on((x) => { let sum = 0; for (let i = 0; i < 1e4; i++) sum += i; return x })
      const end = performance.now() + 300
      while (performance.now() < end) { call.deep(2000); call.back(1); await vm.isReady() }`
    await run(body, { args: ['--cpu-prof', `--cpu-prof-dir=${folder}`] })
    await run(body, { args: ['--heap-prof', `--heap-prof-dir=${folder}`] })
    await run(body, { args: ['--inspect=0'], quiet: false })
    const files = fs.readdirSync(folder).map((name) => path.extname(name)).sort()
    assert.deepStrictEqual([...new Set(files)], ['.cpuprofile', '.heapprofile', '.heapsnapshot'])
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
})
