'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { open } = require('../..')
const { load } = require('../../lib/base/binding')
const { compare, fixtures } = require('../support/compare')

test('FS does what Emscripten\'s does', () => compare('program.js', 'fs.js'))

async function using (options, run) {
  const vm = await open(path.join(fixtures, 'program.js'), { host: 'native', ...options })
  try {
    return await run(vm.exports.FS, vm, vm.exports)
  } finally {
    vm.dispose()
  }
}

async function withFolder (run) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'emvm-fs-'))
  try {
    return await run(folder)
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

test('a recycle brings back files, folders, devices, descriptors and the working folder', () => using({
  warmUp: ({ FS }) => { FS.writeFile('/kept', 'as it was'); FS.mkdir('/kept-dir') }
}, async (FS, vm) => {
  for (let i = 0; i < 3; i++) {
    FS.writeFile('/kept', 'changed')
    FS.rmdir('/kept-dir')
    FS.writeFile('/new', 'new')
    FS.chdir('/tmp')
    FS.createDevice('/dev', 'mine', () => null, () => {})
    const stream = FS.open('/new', 'r')
    await vm.isReady()
    assert.strictEqual(FS.readFile('/kept', { encoding: 'utf8' }), 'as it was')
    assert.ok(FS.analyzePath('/kept-dir').exists)
    assert.ok(!FS.analyzePath('/new').exists)
    assert.ok(!FS.analyzePath('/dev/mine').exists)
    assert.strictEqual(FS.cwd(), '/')
    assert.strictEqual(FS.streams.length, 3)
    assert.throws(() => FS.read(stream, new Uint8Array(1), 0, 1), { code: 'EMVM_ERR_STALE' })
  }
}))

test('devices and lazy files of a warm-up work in every generation', () => {
  let loads = 0
  const bytes = []
  return using({
    warmUp: ({ FS }) => {
      FS.createDevice('/dev', 'mine', null, (byte) => bytes.push(byte))
      FS.createLazyFile('/', 'lazy', () => { loads++; return new Uint8Array([1, 2, 3]) }, true, false)
    }
  }, async (FS, vm) => {
    for (let i = 1; i < 4; i++) {
      FS.writeFile('/dev/mine', 'x')
      assert.strictEqual(bytes.length, i)
      assert.deepStrictEqual([...FS.readFile('/lazy')], [1, 2, 3])
      FS.readFile('/lazy')
      assert.strictEqual(loads, i)
      await vm.isReady()
    }
  })
})

test('FS.init gives standard streams of one\'s own', () => using({}, (FS, vm, m) => {
  const out = []
  const input = [...Buffer.from('typed\n')]
  FS.init(() => input.length ? input.shift() : null, (byte) => out.push(byte))
  m.callMain(['stdin'])
  assert.match(Buffer.from(out).toString(), /line 'typed'/)
}))

test('mounts show real folders, and nothing else of the disk', () => withFolder((folder) => {
  fs.writeFileSync(path.join(folder, 'in.txt'), 'from the disk')
  return using({ mounts: { '/data': { path: folder }, '/fixed': { path: folder, readonly: true } } }, async (FS, vm, m) => {
    for (let i = 0; i < 2; i++) {
      assert.strictEqual(FS.readFile('/data/in.txt', { encoding: 'utf8' }), 'from the disk')
      FS.writeFile(`/data/out${i}.txt`, `generation ${i}`)
      assert.strictEqual(fs.readFileSync(path.join(folder, `out${i}.txt`), 'utf8'), `generation ${i}`)
      assert.ok(FS.readdir('/fixed').includes(`out${i}.txt`))
      assert.throws(() => FS.writeFile('/fixed/no', 'x'), { name: 'ErrnoError', code: 'EROFS' })
      assert.throws(() => FS.readFile('/data/../../etc/passwd'), { code: 'ENOENT' })
      assert.strictEqual(m.callMain(['read', '/data/in.txt']), 0)
      await vm.isReady()
    }
  })
}))

test('a mount of no folder is a bad option', async () => {
  await assert.rejects(using({ mounts: { '/data': { path: '/does/not/exist' } } }, () => {}), { code: 'EMVM_ERR_OPTION', message: /mounts\['\/data'\]/ })
})

test('what is left out is refused by name', () => using({}, (FS) => {
  assert.throws(() => FS.mount(FS.filesystems.NODEFS, { root: '.' }, '/tmp'), { code: 'EMVM_ERR_UNSUPPORTED', message: /NODEFS.*mounts/ })
  assert.throws(() => { FS.trackingDelegate.onOpenFile = () => {} }, { code: 'EMVM_ERR_UNSUPPORTED' })
  assert.throws(() => FS.createPreloadedFile('/', 'x', 'http://example.org/x', true, true), { code: 'EMVM_ERR_UNSUPPORTED' })
}))

test('MEMFS may be mounted and unmounted, syncfs has nothing to do', () => using({}, (FS) => {
  FS.mkdir('/m')
  FS.mount(FS.filesystems.MEMFS, {}, '/m')
  FS.writeFile('/m/x', 'x')
  assert.throws(() => FS.mount(FS.filesystems.MEMFS, {}, '/m'), { code: 'EBUSY' })
  FS.unmount('/m')
  assert.deepStrictEqual(FS.readdir('/m'), ['.', '..'])
  let called
  FS.syncfs(true, (error) => { called = error })
  assert.strictEqual(called, null)
}))

test('FS.mmap reads a file into memory, FS.msync writes memory into a file', () => using({}, async (FS, vm, m) => {
  FS.writeFile('/mapped', 'The quick brown fox')
  const stream = FS.open('/mapped', 'r+')
  const [PROT_RW, MAP_SHARED, MAP_PRIVATE] = [3, 1, 2]
  const { ptr, allocated } = FS.mmap(stream, 0, 9, 4, PROT_RW, MAP_SHARED)
  assert.ok(allocated && ptr > 0)
  assert.strictEqual(m.UTF8ArrayToString(await memory(m, ptr, 9), 0), 'quick bro')
  assert.strictEqual(FS.msync(stream, Buffer.from('QUICK BRO'), 4, 9, MAP_SHARED), 0)
  assert.strictEqual(FS.readFile('/mapped', { encoding: 'utf8' }), 'The QUICK BROwn fox')
  FS.msync(stream, Buffer.from('never'), 0, 5, MAP_PRIVATE)
  assert.strictEqual(FS.readFile('/mapped', { encoding: 'utf8' }), 'The QUICK BROwn fox')
  // Past the end there are zeroes, and newer builds give no address.
  const short = FS.mmap(stream, 30, 15, PROT_RW, MAP_PRIVATE)
  assert.deepStrictEqual(Array.from(await memory(m, short.ptr, 6)), [...Buffer.from(' fox'), 0, 0])
  assert.strictEqual(FS.munmap(stream), 0)
  const readOnly = FS.open('/mapped', 'r')
  assert.throws(() => FS.mmap(readOnly, 0, 5, 0, PROT_RW, MAP_SHARED), { errno: 2 })
  assert.ok(FS.mmap(readOnly, 0, 5, 0, PROT_RW, MAP_PRIVATE).ptr > 0)
  assert.throws(() => FS.mmap(FS.open('/mapped', 'w'), 0, 5, 0, 1, MAP_SHARED), { errno: 2 })
  assert.throws(() => FS.mmap(FS.open('/dev/null', 'r+'), 0, 5, 0, 1, MAP_SHARED), { errno: 43 })
}))

// The fixture shows no view of its memory, and nothing that users hold leads to the native sandbox: it is met as it is made.
let opened
const native = load()
native.Sandbox = class extends native.Sandbox {
  constructor (...args) {
    super(...args)
    opened = this
  }
}

async function memory (m, ptr, length) {
  return new Uint8Array(opened.buffer(), ptr, length).slice()
}

test('FS.createStream makes another stream of a file, and refuses functions by name', () => using({}, (FS) => {
  FS.writeFile('/file', 'abcdef')
  const stream = FS.open('/file', 'r')
  const at = FS.createStream(stream, 9)
  assert.strictEqual(at.fd, 9)
  const bytes = new Uint8Array(3)
  FS.read(stream, bytes, 0, 3)
  FS.read(at, bytes, 0, 3)
  assert.strictEqual(Buffer.from(bytes).toString(), 'def', 'they share their position')
  const own = FS.createStream({ node: FS.lookupPath('/file').node, flags: 0 }, 12)
  assert.strictEqual(own.fd, 12)
  FS.read(own, bytes, 0, 3)
  assert.strictEqual(Buffer.from(bytes).toString(), 'abc')
  assert.throws(() => FS.createStream({ stream_ops: {} }), { code: 'EMVM_ERR_UNSUPPORTED', message: /registerDevice/ })
}))

test('FS.createPreloadedFile takes bytes and files beside the package', () => using({}, (FS) => {
  let loaded = 0
  let failed = 0
  FS.createPreloadedFile('/', 'bytes', new Uint8Array([1, 2]), true, true, () => { loaded++ })
  FS.createPreloadedFile('/tmp', 'source', 'src/post.js', true, true, () => { loaded++ })
  FS.createPreloadedFile('/tmp', 'absent', 'src/no-such-file', true, true, () => { loaded++ }, () => { failed++ })
  assert.deepStrictEqual([loaded, failed], [2, 1])
  assert.deepStrictEqual(FS.readFile('/tmp/source'), new Uint8Array(fs.readFileSync(path.join(fixtures, 'src/post.js'))))
  assert.throws(() => FS.createPreloadedFile('/', 'x', 'https://example.org/x', true, true), { code: 'EMVM_ERR_UNSUPPORTED' })
}))

test('a mount of NODEFS is refused by name, with the way out', () => using({}, (FS) => {
  assert.throws(() => FS.mount(FS.filesystems.NODEFS, { root: '.' }, '/tmp'), { code: 'EMVM_ERR_UNSUPPORTED', message: /NODEFS.*`mounts`/ })
}))
