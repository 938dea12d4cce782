'use strict'

// What is under way at a rewind does not go on; who waits for it is told by EMVM_ERR_STALE, and nobody else is.

const test = require('node:test')
const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const { promisify } = require('node:util')
const { openFile } = require('./support')

const TEXT = `
  let seen = []
  const pause = () => new Promise((resolve) => setTimeout(resolve, 15))
  const steps = async function * () { try { for (let n = 0; ; n++) { await pause(); yield n } } catch (e) { seen.push('caught in a generator') } finally { seen.push('left a generator') } }
  exports.seen = () => seen.join()
  exports.plain = async () => { await pause(); seen.push('went on') }
  exports.direct = pause
  exports.tried = async () => { try { await pause(); seen.push('went on') } catch (e) { seen.push('caught'); return 'caught' } finally { seen.push('finally') } }
  exports.nested = async () => { try { return await exports.tried() } catch { return 'caught outside' } }
  exports.chain = () => pause().then(() => seen.push('then'), () => seen.push('rejected')).catch(() => seen.push('catch')).finally(() => seen.push('finally'))
  exports.all = () => Promise.all([pause(), exports.tried(), 1])
  exports.arrow = async (list) => { for (const x of list) try { await pause() } finally { seen.push(x) } }
  exports.loop = async () => { for await (const n of steps()) seen.push(n) }
  exports.custom = async () => { for await (const n of { [Symbol.asyncIterator]: () => ({ next: async () => ({ value: 1, done: false }), return: async () => { seen.push('returned'); return {} } }) }) await pause() }
  exports.callback = async (fn) => { try { return await fn() } finally { seen.push('after the callback') } }
  exports.steps = steps
  exports.sync = function * () { let n = 0; try { for (;;) yield n++ } catch (e) { seen.push('caught'); yield 'caught' } finally { seen.push('finally') } }
  exports.handle = (n) => ({ n, up: async () => { seen.push('up'); return ++n }, get twice () { return 2 * n }, inner: { down () { return --n } }, list: [1] })
  exports.data = () => ({ rows: [{ a: 1 }] })
`

async function withFile (work) {
  const file = await openFile(TEXT, { rewind: true })
  const unhandled = []
  const listen = (error) => { unhandled.push(error) }
  process.on('unhandledRejection', listen)
  try {
    await work(file.vm)
    await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal(file.vm.exports.seen(), '', 'nothing of a past generation ran')
    assert.deepEqual(unhandled, [])
  } finally {
    process.off('unhandledRejection', listen)
    file.close()
  }
}

const stale = (error) => {
  assert.equal(error.code, 'EMVM_ERR_STALE')
  assert.match(error.message, /under way when generation \d+ ended/)
  return true
}

for (const name of ['plain', 'direct', 'tried', 'nested', 'chain', 'all', 'loop', 'custom']) {
  test(`who waits is told: ${name}`, () => withFile(async (vm) => {
    const [one, two] = [vm.exports[name](), vm.exports[name]()]
    await new Promise((resolve) => setImmediate(resolve))
    vm.recycle()
    await assert.rejects(one, stale)
    // Later, too.
    vm.recycle()
    await assert.rejects(two, stale)
    assert.equal(vm.exports.seen(), '')
  }))
}

test('who waits is told: arguments, callbacks of the caller\'s, iterators', () => withFile(async (vm) => {
  const work = vm.exports.arrow([1, 2])
  const outer = vm.exports.callback(async () => { await vm.exports.direct() })
  const steps = vm.exports.steps()
  const next = steps.next()
  await vm.isReady()
  await assert.rejects(work, stale)
  await assert.rejects(outer, stale)
  await assert.rejects(next, stale)
}))

test('nobody need wait', () => withFile(async (vm) => {
  for (const name of ['plain', 'direct', 'tried', 'nested', 'chain', 'all', 'loop', 'custom']) vm.exports[name]()
  vm.recycle()
}))

test('what is not under way is as ever', () => withFile(async (vm) => {
  const { exports } = vm
  assert.equal(await exports.callback(async () => 5), 5)
  await exports.direct()
  await assert.rejects(exports.callback(() => { throw new Error('mine') }), { message: 'mine' })
  assert.equal(exports.seen(), 'after the callback,after the callback')
  vm.recycle()
}))

test('a generator of a past generation, with code to catch what ends it', () => withFile(async (vm) => {
  const it = vm.exports.sync()
  const other = vm.exports.sync()
  assert.deepEqual([it.next().value, it.next().value, other.next().value], [0, 1, 0])
  vm.recycle()
  assert.throws(() => it.next(), { code: 'EMVM_ERR_STALE' })
  assert.throws(() => other.return(), { code: 'EMVM_ERR_STALE' })
}))

test('plain objects with functions', () => withFile(async (vm) => {
  const handle = vm.exports.handle(1)
  const { inner } = handle
  const data = vm.exports.data()
  assert.equal(await handle.up(), 2)
  vm.recycle()
  assert.throws(() => handle.up(), { code: 'EMVM_ERR_STALE' })
  assert.throws(() => handle.twice, { code: 'EMVM_ERR_STALE' })
  assert.throws(() => inner.down(), { code: 'EMVM_ERR_STALE' })
  assert.deepEqual([handle.n, handle.list, data], [1, [1], { rows: [{ a: 1 }] }])
}))

test('what Node was asked for in a past generation', async () => {
  const file = await openFile(`
    const fs = require('fs'), { readFile } = require('node:fs'), { exec } = require('child_process'), { promisify } = require('util')
    let n = 0
    exports.n = () => n
    exports.ask = () => {
      fs.readFile(__filename, () => { n++ })
      readFile(__filename, 'utf8', () => { n++ })
      fs.stat(__filename, () => { n++ })
      require('zlib').gzip('text', () => { n++ })
      require('crypto').randomBytes(4, () => { n++ })
      exec('exit 0', () => { n++ })
      promisify(fs.readFile)(__filename).then(() => { n++ }, () => {})
      promisify(exec)('echo 1').then(({ stdout }) => { n += Number(stdout) }, () => {})
      fs.promises.readFile(__filename).then(() => { n++ }, () => {})
      return fs.readFileSync(__filename).length > 0 && fs.statSync(__filename) instanceof fs.Stats && typeof fs.realpathSync.native === 'function' && fs.existsSync(__dirname)
    }`, { rewind: true })
  const { vm } = file
  assert.equal(vm.exports.ask(), true)
  vm.recycle()
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.equal(vm.exports.n(), 0)
  assert.equal(vm.exports.ask(), true)
  for (let wait = 0; wait < 100 && vm.exports.n() < 9; wait++) await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(vm.exports.n(), 9)
  file.close()
})

test('a file with a Promise of its own', async () => {
  const file = await openFile('exports.mine = (Promise) => new Promise(() => {})', { rewind: true })
  class Other { constructor (f) { this.f = f } }
  assert.ok(file.vm.exports.mine(Other) instanceof Other)
  file.close()
})

test('an image that is taken while requests of others are under way, which may have the memory', async () => {
  // The views of the package are over the memory that its wasm has, whatever becomes of the one that requests may have.
  const text = `
    const memory = new WebAssembly.Memory({ initial: 300 })
    let bytes = new Uint8Array(memory.buffer)
    const kept = { part: new Uint32Array(memory.buffer, 64, 4) }
    exports.step = () => { bytes[7]++; kept.part[1]++; const now = new Uint8Array(memory.buffer); return [now[7], now[68], bytes.length, kept.part.length] }`
  const before = promisify(crypto.pbkdf2)('a', 'b', 3_000_000, 32, 'sha512')
  const file = await openFile(text, { rewind: true })
  for (let generation = 0; generation < 4; generation++) {
    assert.deepEqual(file.vm.exports.step(), [1, 1, 300 * 65536, 4])
    assert.deepEqual(file.vm.exports.step(), [2, 2, 300 * 65536, 4])
    assert.equal(file.vm.stats().rewind, 'on')
    await file.vm.isReady()
    if (generation === 1) await before
  }
  file.close()
})
