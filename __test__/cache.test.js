'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { scratch } = require('./support/files')
const { runScript } = require('./support/child')
const { MACHINE } = require('./support/wasm')

// The process keeps its programs, so each open has a process of its own.
async function openOnce (file, cache) {
  const { code, stdout, stderr } = await runScript(`
    emvm.open(${JSON.stringify(file)}, { cache: ${JSON.stringify(cache)}, imports: { env: { callback: (x) => x } } }).then((vm) => {
      const add = vm.exports._add || vm.exports.add
      console.log(JSON.stringify({ sum: add(2, 3), fromCache: vm.stats().fromCache }))
    })`)
  assert.strictEqual(stderr, '')
  assert.strictEqual(code, 0)
  return JSON.parse(stdout)
}

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
  assert.deepStrictEqual(await openOnce(file, path.join(blocked, 'cache')), { sum: 5, fromCache: false })
  assert.ok(fs.statSync(folder).isDirectory())
})
