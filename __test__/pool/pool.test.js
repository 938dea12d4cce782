'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { once } = require('node:events')
const { setTimeout: sleep } = require('node:timers/promises')
const { pathToFileURL } = require('node:url')
const { CppException, open, Pool } = require('../..')
const { MACHINE } = require('../support/wasm')
const { runScript } = require('../support/child')

const OPENCV = require.resolve('opencv-4.12')
const UNRAR = require.resolve('node-unrar-js/dist/js/unrar.js')
const BLUR = path.join(__dirname, '..', 'pool', 'blur.js')
const SETUP = path.join(__dirname, '..', 'pool', 'setup.js')

function made (t, source = MACHINE, options) {
  const pool = new Pool(source, { setup: source === MACHINE ? SETUP : undefined, ...options })
  t.after(() => pool.destroy())
  return pool
}

const rejects = async (promise, expected) => {
  const error = await promise.then(() => assert.fail('it did not reject'), (error) => error)
  for (const [key, value] of Object.entries(expected)) {
    if (value instanceof RegExp) assert.match(String(error[key]), value)
    else assert.strictEqual(error[key], value, `${key}: ${error.stack}`)
  }
  return error
}

test('tasks as a file, a URL, an ES module, a named export and a function', async (t) => {
  const pool = made(t, OPENCV, { threads: 1 })
  const { digest } = await pool.run(BLUR, { size: 40, value: 9 })
  assert.match(digest, /^[0-9a-f]{64}$/)
  assert.strictEqual((await pool.run(pathToFileURL(BLUR), { size: 40, value: 9 })).digest, digest)
  assert.strictEqual(await pool.run(BLUR, undefined, { name: 'named' }), 24)
  assert.strictEqual(await pool.run((cv, n) => new cv.Mat(n, 2, cv.CV_8UC1).rows, 5), 5)
  assert.strictEqual(await pool.run(async function (cv) { return new cv.Mat(3, 2, cv.CV_8UC1).cols }), 2)
  const holder = { method (cv, n) { return n + 1 }, async 'odd name' (cv, n) { return n + 2 } }
  assert.strictEqual(await pool.run(holder.method, 1), 2)
  assert.strictEqual(await pool.run(() => require('node:worker_threads').isMainThread), false)
  const numbers = made(t, MACHINE, { threads: 1 })
  assert.strictEqual(await numbers.run(path.join(__dirname, '..', 'pool', 'sum.mjs'), [1, 2, 3]), 6)
})

test('what a task may not be', async (t) => {
  const pool = made(t, MACHINE, { threads: 1 })
  await rejects(pool.run(42), { code: 'EMVM_ERR_OPTION', message: /number/ })
  await rejects(pool.run((() => {}).bind(null)), { code: 'EMVM_ERR_OPTION', message: /bound/ })
  await rejects(pool.run(class A {}), { code: 'EMVM_ERR_OPTION', message: /class/ })
  await rejects(pool.run('./not-there.js'), { code: 'EMVM_ERR_OPTION', message: /not-there.js' does not exist/ })
  await rejects(pool.run(BLUR, null, { name: 'nobody' }), { code: 'EMVM_ERR_OPTION', message: /nobody/ })
  await rejects(pool.run(BLUR, { f () {} }), { name: 'DataCloneError' })
  await rejects(pool.run(BLUR, null, { timeout: -1 }), { code: 'EMVM_ERR_OPTION' })
  assert.strictEqual(await pool.run((m) => m._add(1, 2)), 3)
})

test('bad options are told at once, and where they belong', () => {
  for (const [options, pattern] of [
    [{ threds: 1 }, /Unknown option 'threds' of Pool/],
    [{ memory: { max: '1mb' } }, /go into `open`/],
    [{ threads: 0 }, /'threads' is 0/],
    [{ maxQueue: -1 }, /maxQueue/],
    [{ open: { print () {} } }, /'open.print'.*setup/],
    [{ open: { memory: { max: 3 } } }, /memory.max/]
  ]) {
    assert.throws(() => new Pool(MACHINE, options), { code: 'EMVM_ERR_OPTION', message: pattern })
  }
  assert.throws(() => new Pool(7), { code: 'EMVM_ERR_OPTION' })
})

test('each task has a fresh instance, in the worker as in the main thread', async (t) => {
  const pool = made(t, OPENCV, { threads: 2 })
  const results = await Promise.all(Array.from({ length: 12 }, () => pool.run(BLUR, { size: 100, value: 3 })))
  assert.strictEqual(new Set(results.map(({ digest }) => digest)).size, 1)
  const perThread = Map.groupBy ? Map.groupBy(results, ({ thread }) => thread) : new Map([[0, results]])
  for (const all of perThread.values()) assert.ok(Math.max(...all.map(({ generation }) => generation)) >= all.length / 2)
  const numbers = made(t, MACHINE, { threads: 1 })
  for (let i = 0; i < 3; i++) {
    assert.deepStrictEqual(await numbers.run((m) => [m._next(), m._next(), m._load(4096), m._store(4096, 5), m._load(4096)]), [8, 9, 0, undefined, 5])
  }
})

test('a recycle policy is kept', async (t) => {
  const pool = made(t, MACHINE, { threads: 1, open: { recycle: 'never' } })
  assert.deepStrictEqual([await pool.run((m) => m._next()), await pool.run((m) => m._next())], [8, 9])
})

test('setup gives options that cannot be sent', async (t) => {
  const pool = made(t, MACHINE, { threads: 1 })
  assert.deepStrictEqual(await pool.run((m) => [m._back(21), m._load(2048)]), [42, 77])
  const broken = made(t, MACHINE, { threads: 1, setup: BLUR })
  await rejects(broken.run(() => 1), { name: 'TypeError' })
})

test('results: views are copied, buffers moved, live objects and functions refused', async (t) => {
  const pool = made(t, OPENCV, { threads: 1 })
  const data = await pool.run((cv) => {
    const mat = new cv.Mat(2, 2, cv.CV_8UC1, new cv.Scalar(5))
    return { plain: 1, list: [mat.data], map: new Map([['data', mat.data]]), text: 'x' }
  })
  assert.deepStrictEqual(data, { plain: 1, list: [Uint8Array.of(5, 5, 5, 5)], map: new Map([['data', Uint8Array.of(5, 5, 5, 5)]]), text: 'x' })
  const cyclic = await pool.run((cv) => { const o = { data: new cv.Mat(1, 2, cv.CV_8UC1, new cv.Scalar(1)).data }; o.self = o; return o })
  assert.strictEqual(cyclic.self, cyclic)
  assert.deepStrictEqual([...cyclic.data], [1, 1])
  const seen = await pool.run((cv) => {
    const { data } = new cv.Mat(1, 4, cv.CV_8UC1, new cv.Scalar(9))
    return new DataView(data.buffer, data.byteOffset + 1, 2)
  })
  assert.deepStrictEqual([seen.byteLength, seen.getUint8(1), seen.buffer.byteLength], [2, 9, 2])
  const big = new Uint8Array(1 << 20).fill(3)
  const [moved, left] = await pool.run((cv, bytes, { move }) => {
    globalThis.kept = bytes
    return [move(bytes), new Date(0)]
  }, big, { transferList: [big.buffer] })
  assert.strictEqual(big.length, 0)
  assert.strictEqual(moved.length, 1 << 20)
  assert.strictEqual(left.getTime(), 0)
  assert.strictEqual(await pool.run(() => globalThis.kept.length), 0)
  await rejects(pool.run((cv) => new cv.Mat()), { code: 'EMVM_ERR_STALE', message: /live Mat/ })
  await rejects(pool.run((cv) => ({ deep: [new cv.Mat()] })), { code: 'EMVM_ERR_STALE' })
  await rejects(pool.run(() => ({ f () {} })), { name: 'DataCloneError' })
  await rejects(pool.run(() => [new WeakMap()]), { name: 'DataCloneError' })
  await rejects(pool.run((cv, p, { move }) => move('text')), { name: 'TypeError' })
  assert.strictEqual(pool.stats().workersLost, 0)
})

test('errors come out as what they were', async (t) => {
  const pool = made(t, MACHINE, { threads: 1 })
  const trap = await rejects(pool.run((m) => m._trap()), { code: 'EMVM_ERR_TRAP', name: 'TrapError' })
  assert.strictEqual(trap.trap, 'unreachable')
  assert.ok(trap instanceof require('../..').TrapError)
  assert.ok(Array.isArray(trap.wasmStack))
  const error = await rejects(pool.run(() => { throw Object.assign(new RangeError('too far', { cause: new Error('inner') }), { distance: 3, code: 'E_FAR' }) }), {
    name: 'RangeError', message: 'too far', distance: 3, code: 'E_FAR', stack: /emvm-task/
  })
  assert.ok(error instanceof RangeError)
  assert.strictEqual(error.cause.message, 'inner')
  assert.strictEqual(await pool.run(() => { throw 42 }).catch((thrown) => thrown), 42) // eslint-disable-line no-throw-literal
  assert.strictEqual(await pool.run((m) => m._add(1, 2)), 3)
})

test('whatever a task throws rejects it, and its thread goes on', async (t) => {
  const pool = made(t, MACHINE, { threads: 1 })
  const { threadId } = await pool.run(() => ({ threadId: require('node:worker_threads').threadId }))
  const odd = [
    () => { throw Object.defineProperty(new Error('e'), 'message', { get () { throw new Error('no') } }) },
    () => { throw Object.defineProperty(new Error('e'), 'stack', { get () { throw new Error('no') } }) },
    () => { throw Object.defineProperty(new Error('e'), 'code', { get () { throw new Error('no') }, enumerable: true }) },
    () => { throw Object.defineProperty(new Error('e'), 'name', { value: Symbol('s') }) },
    () => { throw Object.assign(new Error('e'), { cause: new Proxy({}, { get () { throw new Error('no') } }) }) },
    () => { throw new Proxy(new Error('e'), { get () { throw new Error('no') }, getPrototypeOf () { throw new Error('no') }, ownKeys () { throw new Error('no') } }) },
    () => { throw new Proxy(() => {}, { get () { throw new Error('no') } }) },
    () => { throw Object.create(null) },
    () => { throw { message: Symbol('s') } }, // eslint-disable-line no-throw-literal
    () => { throw Symbol('s') }
  ]
  for (const task of odd) {
    const thrown = await pool.run(task).then(() => assert.fail('it did not reject'), (error) => error)
    assert.notEqual(thrown?.code, 'EMVM_ERR_WORKER', String(task))
  }
  assert.deepEqual(await pool.run(() => ({ threadId: require('node:worker_threads').threadId })), { threadId })
})

test('a source that cannot be opened rejects tasks, and does so without threads dying', async (t) => {
  const pool = made(t, path.join(__dirname, '..', 'nothing-here.js'), { threads: 1 })
  await rejects(pool.ready(), { code: 'EMVM_ERR_SOURCE' })
  await rejects(pool.run(() => 1), { code: 'EMVM_ERR_SOURCE' })
  const unanswered = made(t, MACHINE, { threads: 1, setup: undefined })
  await rejects(unanswered.run(() => 1), { code: 'EMVM_ERR_MISSING_IMPORT' })
  assert.strictEqual(unanswered.stats().workersLost, 0)
})

test('timeout stops the wasm and leaves the worker alive', async (t) => {
  const pool = made(t, MACHINE, { threads: 1 })
  const thread = await pool.run(() => require('node:worker_threads').threadId)
  for (let i = 0; i < 3; i++) {
    const error = await rejects(pool.run((m) => m._forever(), null, { timeout: 60 }), { code: 'EMVM_ERR_TIMEOUT', limit: 60 })
    assert.ok(error.elapsed >= 60 && error.elapsed < 2000, String(error.elapsed))
  }
  await rejects(pool.run((m) => { for (;;) { try { m._forever() } catch { return 1 } } }, null, { timeout: 60 }), { code: 'EMVM_ERR_TIMEOUT' })
  assert.strictEqual(await pool.run(() => require('node:worker_threads').threadId), thread)
  assert.deepStrictEqual(await pool.run((m) => [m._next(), m._add(1, 1)]), [8, 2])
  const { timeouts, workersLost } = pool.stats()
  assert.deepStrictEqual({ timeouts, workersLost }, { timeouts: 4, workersLost: 0 })
})

test('a time-out that comes as the task ends does not hit the next one', async (t) => {
  const pool = made(t, MACHINE, { threads: 1 })
  await pool.run(() => 1)
  for (let i = 0; i < 60; i++) {
    const until = 3 + (i % 7) * 0.2
    await pool.run((m, ms) => { const end = performance.now() + ms; while (performance.now() < end) m._add(1, 1) }, until, { timeout: 4 }).catch((error) => {
      assert.strictEqual(error.code, 'EMVM_ERR_TIMEOUT')
    })
    assert.strictEqual(await pool.run((m) => { let sum = 0; for (let k = 0; k < 50; k++) sum = m._add(sum, 1); return sum }), 50)
  }
  assert.strictEqual(pool.stats().workersLost, 0)
})

test('a task that loops in JavaScript, or waits for ever, loses its worker after the grace', async (t) => {
  const pool = made(t, MACHINE, { threads: 1, grace: 100 })
  await rejects(pool.run(() => { for (;;); }, null, { timeout: 50 }), { code: 'EMVM_ERR_TIMEOUT' })
  await rejects(pool.run(() => new Promise(() => {}), null, { timeout: 50 }), { code: 'EMVM_ERR_TIMEOUT' })
  assert.strictEqual(await pool.run((m) => m._add(1, 2)), 3)
  assert.strictEqual(pool.stats().workersLost, 2)
})

test('AbortSignal: before, while waiting, while running', async (t) => {
  const pool = made(t, MACHINE, { threads: 1 })
  const thread = await pool.run(() => require('node:worker_threads').threadId)
  await rejects(pool.run(() => 1, null, { signal: AbortSignal.abort(new Error('never')) }), { message: 'never' })
  const long = new AbortController()
  const running = pool.run((m) => m._forever(), null, { signal: long.signal })
  const waiting = new AbortController()
  const queued = pool.run(() => 1, null, { signal: waiting.signal })
  const after = pool.run((m) => m._next())
  assert.strictEqual(pool.queueSize, 2)
  waiting.abort()
  await rejects(queued, { name: 'AbortError' })
  assert.strictEqual(pool.queueSize, 1)
  await sleep(50)
  const reason = new Error('enough')
  long.abort(reason)
  assert.strictEqual(await running.catch((error) => error), reason)
  assert.strictEqual(await after, 8)
  const told = await pool.run(async (m, p, { signal }) => {
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    globalThis.told = signal.aborted
  }, null, { signal: AbortSignal.timeout(50) }).catch((error) => error)
  assert.strictEqual(told.name, 'TimeoutError')
  assert.strictEqual(await pool.run(() => globalThis.told), true)
  assert.strictEqual(await pool.run(() => require('node:worker_threads').threadId), thread)
})

test('queue limit and back pressure', async (t) => {
  const pool = made(t, MACHINE, { threads: 1, maxQueue: 2 })
  const events = []
  for (const name of ['needsDrain', 'drain']) pool.on(name, () => events.push(name))
  const task = async () => { await new Promise((resolve) => setTimeout(resolve, 20)); return 1 }
  const accepted = [pool.run(task), pool.run(task), pool.run(task)]
  assert.strictEqual(pool.needsDrain, true)
  await rejects(pool.run(task), { code: 'EMVM_ERR_QUEUE_FULL', queued: 2, maxQueue: 2 })
  const drained = once(pool, 'drain')
  assert.deepStrictEqual(await Promise.all(accepted), [1, 1, 1])
  await drained
  assert.deepStrictEqual(events, ['needsDrain', 'drain'])
  assert.strictEqual(pool.needsDrain, false)
  assert.strictEqual(await pool.run(task), 1)
  const none = made(t, MACHINE, { threads: 1, maxQueue: 0 })
  const only = none.run(task)
  await rejects(none.run(task), { code: 'EMVM_ERR_QUEUE_FULL' })
  assert.strictEqual(await only, 1)
})

test('tasks begin in the order in which they came', async (t) => {
  const pool = made(t, MACHINE, { threads: 1 })
  const began = []
  await Promise.all(Array.from({ length: 30 }, (_, i) => pool.run((m, i) => [i, performance.now()], i).then((row) => began.push(row))))
  assert.deepStrictEqual(began.sort((a, b) => a[1] - b[1]).map(([i]) => i), Array.from({ length: 30 }, (_, i) => i))
})

test('close() waits for the thread of a task that has its answer already', async () => {
  // Waiting wrongly would keep its event loop from ever turning again.
  const { code, stdout, stderr } = await runScript(`
    const pool = new emvm.Pool(OPENCV, { threads: 1, grace: 300 })
    async function main () {
      await pool.ready()
      const waits = () => new Promise((resolve) => setTimeout(resolve, 1e6))
      await pool.run(waits, undefined, { timeout: 20 }).catch(({ code }) => console.log(code))
      await pool.close()
      console.log('closed')
    }
    main()`, { timeout: 20_000 })
  assert.deepStrictEqual([code, stdout, stderr], [0, 'EMVM_ERR_TIMEOUT\nclosed\n', ''])
})

test('a worker that dies is replaced, its task rejected, the others not', async (t) => {
  const pool = made(t, MACHINE, { threads: 2 })
  const slow = pool.run(async (m) => { await new Promise((resolve) => setTimeout(resolve, 150)); return m._add(2, 3) })
  const dead = pool.run(() => process.exit(3))
  const next = pool.run((m) => m._add(1, 2))
  await rejects(dead, { code: 'EMVM_ERR_WORKER', message: /code: 3/ })
  assert.deepStrictEqual(await Promise.all([slow, next]), [5, 3])
  await rejects(pool.run(() => new Promise(() => { setTimeout(() => { throw new Error('stray') }, 1) })), { code: 'EMVM_ERR_WORKER', message: /stray/ })
  const hungry = made(t, MACHINE, { threads: 1, resourceLimits: { maxOldGenerationSizeMb: 16 } })
  const hoard = async () => {
    // In steps: V8 may notice too late that it should end a loop that does nothing but allocate.
    for (const all = []; ; await new Promise(setImmediate)) for (let i = 0; i < 50; i++) all.push(new Array(1000).fill(all.length))
  }
  await rejects(hungry.run(hoard), { code: 'EMVM_ERR_WORKER', message: /memory/i })
  assert.strictEqual(await hungry.run((m) => m._add(1, 2)), 3)
  assert.strictEqual(pool.stats().workersLost, 2)
})

test('the glue host in a pool', async (t) => {
  const pool = made(t, UNRAR, { threads: 1, open: { host: 'glue' } })
  const kinds = []
  for (let i = 0; i < 4; i++) kinds.push(await pool.run((module) => typeof module.RarArchive))
  assert.strictEqual(new Set(kinds).size, 1)
  const { recycleMicros, workersLost } = pool.stats()
  assert.ok(recycleMicros.count >= 3)
  assert.strictEqual(workersLost, 0)
})

test('figures', async (t) => {
  const pool = made(t, MACHINE, { threads: 1 })
  await Promise.allSettled([pool.run(() => 1), pool.run(() => { throw new Error('x') }), pool.run(() => { const end = Date.now() + 30; while (Date.now() < end); })])
  const stats = pool.stats()
  assert.deepStrictEqual([stats.completed, stats.failed, stats.running, stats.queued, stats.threads], [2, 1, 0, 0, 1])
  assert.strictEqual(stats.waitMs.count, 3)
  assert.ok(stats.runMs.max >= 29, String(stats.runMs.max))
  assert.ok(stats.waitMs.max >= stats.waitMs.p50 && stats.recycleMicros.count >= 2 && stats.openMs.count === 1)
})

test('destroy rejects what waits or runs; close lets it end', async (t) => {
  const pool = made(t, MACHINE, { threads: 1 })
  await pool.ready()
  const running = pool.run((m) => m._forever())
  const waiting = pool.run(() => 1)
  const both = Promise.all([rejects(running, { code: 'EMVM_ERR_DISPOSED' }), rejects(waiting, { code: 'EMVM_ERR_DISPOSED' })])
  await sleep(80)
  await pool.destroy()
  await both
  await rejects(pool.run(() => 1), { code: 'EMVM_ERR_DISPOSED' })
  const other = new Pool(MACHINE, { threads: 1, setup: SETUP })
  const results = Promise.all([other.run((m) => m._add(1, 1)), other.run((m) => m._add(2, 2))])
  await other[Symbol.asyncDispose]()
  assert.deepStrictEqual(await results, [2, 4])
})

test('a pool that has nothing to do keeps no process alive', async () => {
  const { code, signal, stderr, stdout } = await runScript(`
    const pool = new emvm.Pool(OPENCV, { threads: 2 })
    pool.run((cv) => cv.CV_8UC4).then((value) => console.log(value))`)
  assert.deepStrictEqual({ code, signal, stderr, stdout }, { code: 0, signal: null, stderr: '', stdout: '24\n' })
})

test('a second thread opens without reading or compiling again', async (t) => {
  const vm = await open(OPENCV)
  t.after(() => vm.dispose())
  const pool = made(t, OPENCV, { threads: 2 })
  await Promise.all([1, 2, 3, 4].map(() => pool.run(async () => { await new Promise((resolve) => setTimeout(resolve, 100)) })))
  const { openMs } = pool.stats()
  t.diagnostic(`openMs ${JSON.stringify(openMs)}`)
  assert.strictEqual(openMs.count, 2)
})

// V8 counts the whole length of an ArrayBuffer over the module's memory: making one for each task kept its collector busy.
test('a task that asks for no view of the memory has none made for it', async (t) => {
  const pool = made(t, OPENCV, { threads: 1 })
  const collections = await pool.run(() => {
    globalThis.collections = 0
    const { PerformanceObserver, constants } = require('node:perf_hooks')
    globalThis.observer = new PerformanceObserver((list) => {
      for (const { detail } of list.getEntries()) if (detail.kind !== constants.NODE_PERFORMANCE_GC_MINOR) globalThis.collections++
    })
    globalThis.observer.observe({ entryTypes: ['gc'] })
    return globalThis.collections
  })
  for (let i = 0; i < 60; i++) await pool.run((cv) => [new cv.Mat(8, 8, cv.CV_8UC1).rows, new Uint8Array(8)])
  await sleep(100)
  const after = await pool.run(() => globalThis.collections)
  assert.ok(after - collections < 5, `${after - collections} major collections in 60 tasks`)
})

test('a C++ exception keeps its class, type and text on the way from a thread', async () => {
  const source = path.join(__dirname, '..', 'fixtures', 'exceptions-O2.js')
  const pool = new Pool(source, { maxThreads: 1 })
  try {
    await assert.rejects(pool.run((module) => module._escape(1)), (error) => {
      assert.ok(error instanceof CppException)
      const { name, code, type, message } = error
      assert.deepStrictEqual({ name, code, type, message }, { name: 'CppException', code: 'EMVM_ERR_CPP_EXCEPTION', type: 'std::runtime_error', message: 'runtime error text' })
      return true
    })
  } finally {
    await pool.destroy()
  }
})
