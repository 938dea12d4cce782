'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { scratch } = require('../support/files')
const { runScript } = require('../support/child')
const { MACHINE, OP, assemble } = require('../support/wasm')

// The process keeps its programs, so each open has a process of its own.
async function openOnce (file, cache, env = {}) {
  const { code, stdout, stderr } = await runScript(`
    const warned = []
    process.on('warning', ({ code }) => warned.push(code))
    emvm.open(${JSON.stringify(file)}, { cache: ${JSON.stringify(cache)}, imports: { env: { callback: (x) => x } } }).then((vm) => {
      const add = vm.exports._add || vm.exports.add
      const result = { sum: add(2, 3), fromCache: vm.stats().fromCache }
      setImmediate(() => console.log(JSON.stringify(warned.length > 0 ? { ...result, warned } : result)))
    })`, { env, args: ['--no-warnings'] })
  assert.strictEqual(stderr, '')
  assert.strictEqual(code, 0)
  return JSON.parse(stdout)
}

// The folder is not to be trusted, or is none.
const notKept = { sum: 5, fromCache: false, warned: ['EMVM_WARN_CACHE'] }

const filesIn = (folder) => fs.readdirSync(folder, { recursive: true }).map((name) => path.join(folder, name)).filter((file) => fs.statSync(file).isFile())

test('the second process finds what the first compiled', async (t) => {
  const { folder, write } = scratch(t)
  const [file, cache] = [write('machine.wasm', MACHINE), path.join(folder, 'cache')]
  assert.deepStrictEqual(await openOnce(file, cache), { sum: 5, fromCache: false })
  assert.deepStrictEqual(await openOnce(file, cache), { sum: 5, fromCache: true })
  if (process.platform !== 'win32') assert.strictEqual(fs.statSync(cache).mode & 0o077, 0)
})

test('a damaged, foreign or truncated artefact is replaced', async (t) => {
  const { folder, write } = scratch(t)
  const [file, cache] = [write('machine.wasm', MACHINE), path.join(folder, 'cache')]
  await openOnce(file, cache)
  const damages = [
    (bytes) => { bytes[bytes.length >> 1] ^= 0xff; return bytes },
    (bytes) => { bytes[bytes.length - 1] ^= 1; return bytes },
    (bytes) => bytes.subarray(0, bytes.length >> 1),
    () => Buffer.alloc(0),
    () => Buffer.from('something else altogether')
  ]
  for (const damage of damages) {
    const artefacts = filesIn(cache)
    assert.ok(artefacts.length >= 1)
    for (const artefact of artefacts) fs.writeFileSync(artefact, damage(fs.readFileSync(artefact)))
    assert.deepStrictEqual(await openOnce(file, cache), { sum: 5, fromCache: false })
    assert.deepStrictEqual(await openOnce(file, cache), { sum: 5, fromCache: true })
  }
})

test('processes that start at once do not harm each other', async (t) => {
  const { folder, write } = scratch(t)
  const [file, cache] = [write('machine.wasm', MACHINE), path.join(folder, 'cache')]
  const results = await Promise.all(Array.from({ length: 4 }, () => openOnce(file, cache)))
  assert.deepStrictEqual(results.map(({ sum }) => sum), [5, 5, 5, 5])
  assert.strictEqual((await openOnce(file, cache)).fromCache, true)
  assert.deepStrictEqual(filesIn(cache).filter((name) => /tmp/.test(path.basename(name))), [])
})

test('without a cache, or with a folder that cannot be written, it still opens', async (t) => {
  const { folder, write } = scratch(t)
  const file = write('machine.wasm', MACHINE)
  assert.deepStrictEqual(await openOnce(file, false), { sum: 5, fromCache: false })
  const blocked = write('blocked', 'a file stands where the folder should be')
  assert.deepStrictEqual(await openOnce(file, path.join(blocked, 'cache')), notKept)
  assert.ok(fs.statSync(folder).isDirectory())
})

const unix = process.platform !== 'win32'
const isRoot = unix && process.getuid() === 0
const SOMEBODY = 12345

async function warm (t) {
  const { folder, write } = scratch(t)
  const [file, cache] = [write('machine.wasm', MACHINE), path.join(folder, 'cache')]
  await openOnce(file, cache)
  return { folder, file, cache, code: filesIn(cache).find((name) => name.endsWith('.code')), seal: filesIn(cache).find((name) => name.endsWith('.seal')) }
}

test('that code cannot be kept is said once in a process, also where better code comes later', async (t) => {
  const { write } = scratch(t)
  const cache = path.join(write('blocked', 'a file stands where the folder should be'), 'cache')
  const { stdout, stderr } = await runScript(`
    process.on('warning', ({ code, message }) => console.log(code, message.includes(${JSON.stringify(cache)})))
    process.emitWarning = new Proxy(process.emitWarning, {})
    ;(async () => {
      for (const [source, host] of [['calls', 'native'], ['embind', 'native'], ['embind', 'glue']]) {
        const vm = await emvm.open('./__test__/fixtures/' + source + '.js', { host, cache: ${JSON.stringify(cache)}, print () {}, printErr () {} })
        await vm.isReady()
        vm.dispose()
      }
      process.emitWarning = () => { throw new Error('replaced') }
      const { tellUnkept } = require('./lib/unkept')
      tellUnkept({})
    })()`, { args: ['--no-warnings'] })
  assert.strictEqual(stderr, '')
  assert.strictEqual(stdout, 'EMVM_WARN_CACHE true\n')
})

const compiledAnew = { sum: 5, fromCache: false }
const fromCache = { sum: 5, fromCache: true }

test('a file that links elsewhere is not followed, neither for reading nor for writing', { skip: !unix }, async (t) => {
  for (const which of ['code', 'seal']) {
    const { folder, file, cache, [which]: artefact } = await warm(t)
    const elsewhere = path.join(folder, 'elsewhere')
    fs.renameSync(artefact, elsewhere)
    const before = fs.readFileSync(elsewhere)
    fs.symlinkSync(elsewhere, artefact)
    assert.deepStrictEqual(await openOnce(file, cache), compiledAnew)
    assert.ok(fs.lstatSync(artefact).isFile(), 'the link was replaced')
    assert.ok(before.equals(fs.readFileSync(elsewhere)), 'what it led to was left alone')
    assert.deepStrictEqual(await openOnce(file, cache), fromCache)
  }
})

test('a link to nothing, a folder or a pipe in the place of a file', { skip: !unix }, async (t) => {
  const { file, cache, code, seal } = await warm(t)
  fs.rmSync(code)
  fs.symlinkSync('/nonexistent/anything', code)
  assert.deepStrictEqual(await openOnce(file, cache), compiledAnew)
  assert.deepStrictEqual(await openOnce(file, cache), fromCache)
  fs.rmSync(seal)
  fs.mkdirSync(seal)
  assert.strictEqual((await openOnce(file, cache)).sum, 5)
  fs.rmSync(seal, { recursive: true })
  const { status } = require('node:child_process').spawnSync('mkfifo', [seal])
  if (status === 0) assert.strictEqual((await openOnce(file, cache)).sum, 5)
})

test('the artefact of another module under this one\'s name', async (t) => {
  const { folder, file, cache, code, seal } = await warm(t)
  const otherCache = path.join(folder, 'other')
  const other = path.join(folder, 'other.wasm')
  // The same module with one more custom section: other bytes, other code.
  fs.writeFileSync(other, Buffer.concat([MACHINE, Buffer.from([0, 2, 1, 0x61])]))
  await openOnce(other, otherCache)
  for (const artefact of filesIn(otherCache).filter((name) => !name.endsWith('.hint'))) fs.copyFileSync(artefact, artefact.endsWith('.code') ? code : seal)
  assert.deepStrictEqual(await openOnce(file, cache), compiledAnew)
  assert.deepStrictEqual(await openOnce(file, cache), fromCache)
})

// Code is loaded while the source is read, by what the source of this name led to the last time.
test('another module of the same length in the place of one, and a hint to other code', async (t) => {
  const { file, cache } = await warm(t)
  const [hint] = filesIn(cache).filter((name) => name.endsWith('.hint'))
  const before = fs.readFileSync(hint, 'utf8')
  const other = Buffer.from(MACHINE)
  const at = other.indexOf(Buffer.from([OP.localGet, 0, OP.localGet, 1, OP.i32Add]))
  assert.ok(at > 0)
  // i32.sub
  other[at + 4] = 0x6b
  fs.writeFileSync(file, other)
  assert.deepStrictEqual(await openOnce(file, cache), { sum: -1, fromCache: false })
  assert.notStrictEqual(fs.readFileSync(hint, 'utf8'), before)
  assert.deepStrictEqual(await openOnce(file, cache), { sum: -1, fromCache: true })
  fs.writeFileSync(hint, before)
  assert.deepStrictEqual(await openOnce(file, cache), { sum: -1, fromCache: true })
  fs.writeFileSync(hint, 'f'.repeat(64))
  assert.deepStrictEqual(await openOnce(file, cache), { sum: -1, fromCache: true })
})

test('files and folders that others may write to are not trusted', { skip: !unix }, async (t) => {
  for (const mode of [0o620, 0o602, 0o666]) {
    const { file, cache, code } = await warm(t)
    fs.chmodSync(code, mode)
    assert.deepStrictEqual(await openOnce(file, cache), compiledAnew)
    assert.strictEqual(fs.statSync(code).mode & 0o077, 0)
  }
  const { file, cache } = await warm(t)
  fs.chmodSync(cache, 0o777)
  assert.deepStrictEqual(await openOnce(file, cache), notKept)
  assert.deepStrictEqual(await openOnce(file, cache), notKept, 'nothing is kept there either')
})

test('files and folders of somebody else are not trusted', { skip: isRoot ? false : 'giving files away needs root' }, async (t) => {
  for (const which of ['code', 'seal']) {
    const { file, cache, [which]: artefact } = await warm(t)
    fs.chownSync(artefact, SOMEBODY, SOMEBODY)
    assert.deepStrictEqual(await openOnce(file, cache), compiledAnew)
    assert.strictEqual(fs.statSync(artefact).uid, process.getuid())
    assert.deepStrictEqual(await openOnce(file, cache), fromCache)
  }
  const { file, cache } = await warm(t)
  fs.chownSync(cache, SOMEBODY, SOMEBODY)
  const before = filesIn(cache).length
  assert.deepStrictEqual(await openOnce(file, cache), notKept)
  assert.ok(filesIn(cache).length <= before, 'nothing new is kept there')
})

test('code that is replaced under a process that runs it', async (t) => {
  const { folder, file, cache } = await warm(t)
  const { code, stdout, stderr } = await runScript(`
    const fs = require('node:fs'), path = require('node:path')
    emvm.open(${JSON.stringify(file)}, { cache: ${JSON.stringify(cache)}, imports: { env: { callback: (x) => x } } }).then(async (vm) => {
      const add = vm.exports._add || vm.exports.add
      for (const name of fs.readdirSync(${JSON.stringify(cache)})) {
        const file = path.join(${JSON.stringify(cache)}, name)
        fs.writeFileSync(file + '.new', 'junk')
        fs.renameSync(file + '.new', file)
      }
      await vm.isReady()
      console.log(JSON.stringify([vm.stats().fromCache, add(2, 3)]))
    })`)
  assert.deepStrictEqual([code, stderr, stdout.trim()], [0, '', '[true,5]'])
  assert.ok(fs.statSync(folder).isDirectory())
  assert.deepStrictEqual(await openOnce(file, cache), compiledAnew)
})

test('a folder that is full loses what was not used for longest', async (t) => {
  const { folder, write } = scratch(t)
  const cache = path.join(folder, 'cache')
  const files = [0, 1, 2].map((i) => write(`machine${i}.wasm`, Buffer.concat([MACHINE, Buffer.from([0, 2, 1, 65 + i])])))
  const keys = () => fs.readdirSync(cache).filter((name) => name.endsWith('.code'))
  await openOnce(files[0], cache)
  const [first] = keys()
  await openOnce(files[1], cache)
  assert.strictEqual(keys().length, 2)
  process.env.EMVM_CACHE_MAX_MB = '0'
  t.after(() => { delete process.env.EMVM_CACHE_MAX_MB })
  assert.deepStrictEqual(await openOnce(files[2], cache), { sum: 5, fromCache: false })
  assert.strictEqual(keys().length, 1)
  assert.ok(!keys().includes(first))
  assert.deepStrictEqual(await openOnce(files[2], cache), { sum: 5, fromCache: true })
  assert.deepStrictEqual(await openOnce(files[0], cache), { sum: 5, fromCache: false })
})

test('of several processes with a cold cache one compiles, and what a crash leaves holds nobody up', async (t) => {
  const { folder, write } = scratch(t)
  // Large enough to be under way when the others come.
  const body = Array.from({ length: 60000 }, () => [OP.localGet, 0, OP.localGet, 1, OP.i32Add, OP.drop]).flat()
  const large = assemble({ functions: Array.from({ length: 8 }, (_, at) => ({ export: at === 0 ? 'add' : `f${at}`, params: 2, result: true, code: [...body, OP.localGet, 0, OP.localGet, 1, OP.i32Add] })) })
  const [file, cache] = [write('large.wasm', large), path.join(folder, 'cache')]
  // Baseline code waits for nobody.
  const answers = await Promise.all(Array.from({ length: 4 }, () => openOnce(file, cache, { EMVM_TIER: 'optimised' })))
  assert.deepStrictEqual(answers.map(({ sum }) => sum), [5, 5, 5, 5])
  assert.strictEqual(answers.filter(({ fromCache }) => !fromCache).length, 1)
  assert.deepStrictEqual(filesIn(cache).filter((name) => name.endsWith('.lock')), [])
  // As a process that was killed leaves it.
  const [seal] = filesIn(cache).filter((name) => name.endsWith('.seal'))
  fs.writeFileSync(seal.replace(/\.seal$/, '.lock'), '', { mode: 0o600 })
  fs.rmSync(seal)
  assert.deepStrictEqual(await openOnce(file, cache), { sum: 5, fromCache: false })
})

// Each way in has a process of its own, and the same folder.
test('what one way in has compiled, the others find: a file, the namespace, glue that unpacks its wasm itself', async (t) => {
  const { folder, write } = scratch(t)
  const body = Array.from({ length: 30000 }, () => [OP.localGet, 0, OP.localGet, 1, OP.i32Add, OP.drop]).flat()
  const bytes = assemble({ memory: { min: 1, max: 2 }, functions: [{ export: 'add', params: 2, result: true, code: [...body, OP.localGet, 0, OP.localGet, 1, OP.i32Add] }] })
  const file = write('large.wasm', bytes)
  const hides = write('hides.js', `const packed = require('zlib').inflateSync(Buffer.from('${require('node:zlib').deflateSync(bytes).toString('base64')}', 'base64'))
    exports.add = new WebAssembly.Instance(new WebAssembly.Module(packed)).exports.add
    exports.version = 1`)
  const ways = {
    file: `emvm.open(${JSON.stringify(file)}, { recycle: 'never' }).then((vm) => [(vm.exports._add ?? vm.exports.add)(2, 3), vm.stats().fromCache])`,
    namespace: `emvm.WebAssembly.instantiate(require('fs').readFileSync(${JSON.stringify(file)})).then(({ instance }) => [instance.exports.add(2, 3), undefined])`,
    glue: `emvm.open(${JSON.stringify(hides)}, { host: 'glue' }).then((vm) => [vm.exports.add(2, 3), vm.stats().fromCache])`
  }
  for (const [first, ...others] of [['file', 'namespace', 'glue'], ['namespace', 'file', 'glue'], ['glue', 'file', 'namespace']]) {
    const cache = path.join(folder, first)
    const run = async (way) => {
      const { code, stdout, stderr } = await runScript(`${ways[way]}.then((given) => { console.log(JSON.stringify(given)); process.exit() })`, { env: { EMVM_CACHE_DIR: cache } })
      assert.strictEqual(code, 0, stderr)
      return JSON.parse(stdout)
    }
    const kept = () => filesIn(cache).filter((name) => name.endsWith('.code')).map((name) => [name, fs.statSync(name).mtimeMs])
    const [sum, fromCache] = await run(first)
    assert.deepStrictEqual([sum, fromCache ?? false, kept().length], [5, false, 1], first)
    const before = kept()
    for (const other of others) {
      const [again, found] = await run(other)
      assert.deepStrictEqual([again, found ?? true], [5, true], `${first}, then ${other}`)
      assert.deepStrictEqual(kept(), before, `${first}, then ${other}`)
    }
  }
})
