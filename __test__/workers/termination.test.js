'use strict'

// How threads and processes end, on both hosts: workers that end at any time, exits and errors in callbacks, sandboxes
// that nobody disposes of, profilers. Each in a process of its own, so that a crash is seen.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { runScript } = require('../support/child')
const { HOSTS } = require('../support/hosts')

const prelude = (host) => `
  const assert = require('node:assert')
  const { Worker } = require('node:worker_threads')
  const { thrown } = require('./__test__/support/faults')
  const { faultsOn } = require('./__test__/support/hosts')
  const host = '${host}'
  const faults = (options) => faultsOn(host, options)
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))`

const inWorker = (host) => `
  const inWorker = (body) => new Worker(${JSON.stringify(`const { parentPort } = require('node:worker_threads');${prelude(host)};`)} + '(async () => {' + body + '\\n})()', { eval: true })
  const ended = (worker) => new Promise((resolve, reject) => worker.on('error', reject).on('exit', resolve))
  const message = (worker) => new Promise((resolve) => worker.once('message', resolve))`

const start = (host, body, { args } = {}) => runScript(`${prelude(host)}${inWorker(host)}\n;(async () => { ${body}\n})()`, { args, timeout: 240_000 })

async function run (host, body, { args, status = 0, quiet = true } = {}) {
  const { code, signal, stderr, stdout } = await start(host, body, { args })
  assert.strictEqual(signal, null, `killed by ${signal}: ${stderr}`)
  if (quiet) assert.strictEqual(stderr, '')
  assert.strictEqual(code, status, stderr)
  return stdout
}

for (const host of HOSTS) {
  test(`many workers that open, trap, recycle and end at once (${host})`, () => run(host, `
    const body = \`
      for (let i = 0; i < 3; i++) {
        const { vm, call } = await faults({ timeout: 500 })
        for (let j = 0; j < 20; j++) {
          thrown(() => call[['unreachable', 'overflow', 'fail'][j % 3]](0))
          await vm.isReady()
          if (call.count() !== 1) throw new Error('not fresh')
        }
        if (i % 2) vm.dispose()
      }\`
    for (let round = 0; round < 2; round++) {
      const codes = await Promise.all(Array.from({ length: 6 }, () => ended(inWorker(body))))
      assert.deepStrictEqual(codes, Array(6).fill(0))
    }
    const { call } = await faults()
    assert.strictEqual(call.add(1, 2), 3)`))

  test(`worker.terminate() while opening, while compiling, in a callback and between calls (${host})`, () => run(host, `
    for (let i = 0; i < 6; i++) {
      const opening = inWorker('parentPort.postMessage(1); await faults({ cache: false })')
      await message(opening)
      await wait(2 * i)
      await opening.terminate()
      const compiling = inWorker("parentPort.postMessage(1); await require('.').open(require.resolve('opencv-4.12'), { host, cache: false })")
      if (i === 0) { await message(compiling); await wait(50) }
      await compiling.terminate()
      const busy = inWorker('const { call, on } = await faults(); on(() => { parentPort.postMessage(1); for (;;); }); call.back(1)')
      await message(busy)
      await busy.terminate()
      const recycling = inWorker('const { vm } = await faults(); parentPort.postMessage(1); for (;;) await vm.isReady()')
      await message(recycling)
      await wait(3 * i)
      await recycling.terminate()
    }
    const { call } = await faults()
    assert.strictEqual(call.add(1, 2), 3)`))

  test(`worker.terminate() in the middle of a call: at its timeout, or when it is interrupted (${host})`, () => run(host, `
    const limited = inWorker('const { call } = await faults({ timeout: 300 }); parentPort.postMessage(1); call.forever()')
    await message(limited)
    await wait(20)
    let began = performance.now()
    await limited.terminate()
    assert.ok(performance.now() - began < 5000)
    const endless = inWorker('const { vm, call } = await faults(); parentPort.postMessage(vm.interruptHandle); call.forever()')
    const handle = await message(endless)
    await wait(20)
    const gone = endless.terminate()
    const again = setInterval(() => emvm.interrupt(handle), 20)
    await gone
    clearInterval(again)`))

  test(`process.exit and errors with the module on the stack (${host})`, async () => {
    await run(host, 'const { call, on } = await faults(); on(() => process.exit(7)); call.back(1)', { status: 7 })
    await run(host, "const { call } = await faults(); process.on('exit', () => { if (call.add(1, 2) !== 3) process.exitCode = 9 })")
    await run(host, "const { vm, call } = await faults(); process.on('exit', () => { thrown(() => call.unreachable()); vm.dispose() })")
    await run(host, `
      assert.strictEqual(await ended(inWorker('const { call, on } = await faults(); on(() => process.exit(3)); call.back(1)')), 3)
      const failing = inWorker("const { call, on } = await faults(); on(() => { throw new Error('nobody catches me') }); setImmediate(() => call.back(1))")
      await assert.rejects(ended(failing), /nobody catches me/)
      const { call } = await faults()
      assert.strictEqual(call.add(1, 2), 3)`)
    for (const body of ["on(() => { throw new Error('nobody catches me') }); setImmediate(() => call.back(1))", "on(() => { throw new Error('nobody catches me') }); call.back(1)"]) {
      const died = await start(host, `const { call, on } = await faults(); ${body}`)
      assert.strictEqual(died.signal, null)
      assert.strictEqual(died.code, 1)
      assert.match(died.stderr, /nobody catches me/)
    }
    await run(host, `
      const { vm, call, on } = await faults()
      process.on('uncaughtException', (error) => { process.exitCode = error.message === 'caught' && call.add(1, 2) === 3 ? 0 : 9; vm.dispose() })
      on(() => { throw new Error('caught') })
      setImmediate(() => call.back(1))`)
  })

  test(`a sandbox that nobody disposes of does not keep the process, nor a worker (${host})`, () => run(host, `
    const { vm, call } = await faults()
    await vm.isReady()
    assert.strictEqual(call.add(1, 2), 3)
    assert.strictEqual(await ended(inWorker('const { vm, call } = await faults(); call.count(); await vm.isReady()')), 0)`))

  test(`hot reload: what a module of the program opened goes with it (${host})`, { skip: process.platform !== 'linux' }, async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-'))
    try {
      const file = path.join(folder, 'service.js')
      fs.writeFileSync(file, `
        const { faultsOn } = require(${JSON.stringify(path.join(__dirname, '..', 'support', 'hosts'))})
        const ready = faultsOn(process.env.EMVM_TEST_HOST)
        exports.work = async () => { const { vm, call } = await ready; await vm.isReady(); return call.hoard(65536) }`)
      await run(host, `
        process.env.EMVM_TEST_HOST = host
        const gib = () => Number(/VmSize:\\s+(\\d+)/.exec(require('node:fs').readFileSync('/proc/self/status', 'utf8'))[1]) / 2 ** 20
        const file = ${JSON.stringify(file)}
        const Module = require('node:module')
        const loader = new Module('loader')
        loader.filename = file
        const reload = async () => {
          const blocks = await loader.require(file).work()
          assert.ok(blocks > 10, String(blocks))
          // As hot reloaders do.
          delete require.cache[file]
          loader.children.length = 0
        }
        await reload()
        const before = gib()
        for (let i = 0; i < 30; i++) {
          await reload()
          if (i % 5 === 4) { gc(); await wait(5) }
        }
        // Without anybody asking for it: the memory is reported to the collector.
        for (let i = 0; i < 200 && gib() > before + 50; i++) { gc(); await wait(10) }
        assert.ok(gib() < before + 50, gib() + ' of ' + before + ' GiB')`, { args: ['--expose-gc'] })
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  })

  test(`V8's own WebAssembly traps and works beside emvm's (${host})`, () => run(host, `
    const { MACHINE } = require('./__test__/support/wasm')
    let inner = (x) => x
    const { exports: own } = new WebAssembly.Instance(new WebAssembly.Module(MACHINE), { env: { callback: (x) => inner(x) } })
    const { vm, call, on } = await faults()
    for (let i = 0; i < 300; i++) {
      assert.throws(() => own.load(-8), WebAssembly.RuntimeError)
      assert.strictEqual(thrown(() => call.load(-4)).trap, 'out-of-bounds')
      assert.throws(() => own.divide(1, 0), WebAssembly.RuntimeError)
      assert.strictEqual(thrown(() => call.divide(1, 0)).trap, 'divide')
      if (i % 50 === 0) await vm.isReady()
    }
    // One inside the other, both ways.
    on(() => { assert.throws(() => own.load(-8), WebAssembly.RuntimeError); return 5 })
    assert.strictEqual(call.back(1), 5)
    inner = () => { assert.strictEqual(thrown(() => call.load(-4)).trap, 'out-of-bounds'); return own.add(3, 4) }
    assert.strictEqual(own.back(1), 7)
    inner = () => call.back(1)
    on(() => own.load(-8))
    assert.throws(() => own.back(1), WebAssembly.RuntimeError)
    await vm.isReady()
    assert.strictEqual(call.add(1, 2), 3)`))

  test(`profilers, the inspector and heap snapshots look at live sandboxes (${host})`, async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-'))
    try {
      const body = `
        const { vm, call, on } = await faults({ timeout: 5000 })
        require('node:v8').writeHeapSnapshot(${JSON.stringify(path.join(folder, 'one.heapsnapshot'))})
        on((x) => { let sum = 0; for (let i = 0; i < 1e4; i++) sum += i; return x })
        const end = performance.now() + 200
        while (performance.now() < end) { call.count(); call.back(1); thrown(() => call.unreachable()); await vm.isReady() }`
      await run(host, body, { args: ['--cpu-prof', `--cpu-prof-dir=${folder}`] })
      await run(host, body, { args: ['--heap-prof', `--heap-prof-dir=${folder}`] })
      await run(host, `
        const { Session } = require('node:inspector')
        const session = new Session()
        session.connect()
        const post = (method, more) => new Promise((resolve, reject) => session.post(method, more, (error, given) => error ? reject(error) : resolve(given)))
        await post('Profiler.enable')
        await post('Profiler.start')
        await post('Debugger.enable')
        ${body}
        const { result } = await post('Runtime.evaluate', { expression: '1 + 1' })
        assert.strictEqual(result.value, 2)
        assert.ok((await post('Profiler.stop')).profile.nodes.length > 0)`, { args: ['--inspect=0'], quiet: false })
      const kinds = new Set(fs.readdirSync(folder).map((name) => path.extname(name)))
      assert.deepStrictEqual([...kinds].sort(), ['.cpuprofile', '.heapprofile', '.heapsnapshot'])
    } finally {
      fs.rmSync(folder, { recursive: true })
    }
  })
}
