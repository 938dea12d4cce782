'use strict'

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { openOptions, inspectOptions, sourceOf, parseSize } = require('../../lib/options')
const { OptionError } = require('../../lib/base/errors')

function refused (fn, option, pattern) {
  assert.throws(fn, (error) => {
    assert.ok(error instanceof OptionError)
    assert.strictEqual(error.code, 'EMVM_ERR_OPTION')
    assert.strictEqual(error.option, option)
    assert.strictEqual(typeof error.accepted, 'string')
    if (pattern) assert.match(error.message, pattern)
    return true
  })
}

// Without those that were left out.
const given = (options) => Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
const plain = (object) => ({ ...object })

test('no options give the documented defaults', () => {
  assert.deepStrictEqual(given(openOptions()), {
    host: 'auto', recycle: { __proto__: null, mode: 'always' }, memory: { __proto__: null }, stack: 1048576, mounts: [], env: {}, args: [], realm: 'shared', rewind: false, threads: 8, trackLeaks: false
  })
  assert.deepStrictEqual(openOptions({ host: undefined, timeout: undefined }), openOptions({}))
})

test('sizes are bytes or text with a unit', () => {
  assert.strictEqual(parseSize('512mb'), 512 * 2 ** 20)
  assert.strictEqual(parseSize('1.5 GB'), 1.5 * 2 ** 30)
  assert.strictEqual(parseSize('64KB'), 65536)
  assert.strictEqual(parseSize('100'), 100)
  for (const text of ['', 'mb', '-1mb', '1tb', '1 m b', '0x10']) assert.ok(Number.isNaN(parseSize(text)), text)
  assert.deepStrictEqual(plain(openOptions({ memory: { max: 65536 } }).memory), { max: 65536 })
  assert.deepStrictEqual(plain(openOptions({ memory: { max: '4gb' } }).memory), { max: 2 ** 32 })
})

test('an unknown name is refused, and the nearest known one suggested', () => {
  refused(() => openOptions({ hots: 'native' }), 'hots', /Did you mean 'host'\?/)
  refused(() => openOptions({ warmup () {} }), 'warmup', /Did you mean 'warmUp'\?/)
  refused(() => openOptions({ recycle: { call: 3 } }), 'recycle.call', /Did you mean 'recycle\.calls'\?/)
  refused(() => openOptions({ memory: { maximum: 3 } }), 'memory.maximum')
  refused(() => openOptions({ xyzzyplugh: 1 }), 'xyzzyplugh', /Known options: host, wasm/)
  refused(() => openOptions({ mounts: { '/d': { path: '.', readOnly: true } } }), "mounts['/d'].readOnly", /readonly/)
})

test('a wrong value is refused with the option, the value and what is accepted', () => {
  const wrong = {
    host: [null, 'v8', 1],
    wasm: [null, '', 7, {}],
    recycle: ['sometimes', null, 3, []],
    memory: [null, '512mb', 3],
    timeout: [0, -1, NaN, Infinity, '50'],
    stack: [0, 1000, 1.5, '2tb', 2 ** 40],
    mounts: ['/data', [], null],
    env: [[], 'A=1', null],
    args: ['x', [1], ['a\0b']],
    stdin: [5, {}, null],
    print: ['log', {}],
    printErr: [true],
    imports: [[], () => {}, null],
    realm: ['own', null],
    module: [3, null],
    cache: [true, '', null],
    warmUp: [{}, 'x'],
    trackLeaks: [1, 'yes', null],
    onProgress: [{}],
    onUncaught: [{}, true]
  }
  for (const [option, values] of Object.entries(wrong)) {
    for (const value of values) {
      refused(() => openOptions({ [option]: value }), option, new RegExp(`^Option '${option}' is .*: expected `))
    }
  }
})

test('wrong values inside an option are named with their path', () => {
  refused(() => openOptions({ recycle: { calls: 0 } }), 'recycle.calls')
  refused(() => openOptions({ recycle: { heapBytes: 'lots' } }), 'recycle.heapBytes')
  refused(() => openOptions({ recycle: { ageMs: -5 } }), 'recycle.ageMs')
  refused(() => openOptions({ recycle: { onTrap: 'no' } }), 'recycle.onTrap')
  refused(() => openOptions({ memory: { max: 1 } }), 'memory.max')
  refused(() => openOptions({ memory: { max: '5gb' } }), 'memory.max')
  refused(() => openOptions({ env: { A: 1 } }), 'env.A')
  refused(() => openOptions({ env: { 'A=B': '1' } }), 'env.A=B')
  refused(() => openOptions({ imports: { env: 3 } }), 'imports.env')
  refused(() => openOptions({ imports: { env: { f: 3 } } }), 'imports.env.f')
  for (const at of ['data', '/', '/a/../b', '/a/', '//a']) refused(() => openOptions({ mounts: { [at]: { path: '.' } } }), `mounts['${at}']`)
  refused(() => openOptions({ mounts: { '/d': '.' } }), "mounts['/d']")
  refused(() => openOptions({ mounts: { '/d': { path: 3 } } }), "mounts['/d'].path")
  refused(() => openOptions({ mounts: { '/d': { path: '.', readonly: 1 } } }), "mounts['/d'].readonly")
})

test('options that are no object are refused', () => {
  for (const value of [null, [], 'native', 3, new Uint8Array(1)]) refused(() => openOptions(value), 'options')
})

test('good values come out in one shape', () => {
  const lines = []
  const print = (line) => lines.push(line)
  const options = openOptions({
    recycle: { calls: 5, heapBytes: '1mb' }, mounts: { '/d': { path: 'x' } }, stdin: 'hé', print, cache: false, wasm: 'a.wasm', args: ['-v']
  })
  assert.deepStrictEqual(plain(options.recycle), { mode: 'policy', calls: 5, heapBytes: 1048576, onTrap: true })
  assert.deepStrictEqual(options.mounts, [{ at: '/d', path: path.resolve('x'), readonly: false }])
  assert.deepStrictEqual([...options.stdin], [0x68, 0xc3, 0xa9])
  options.print('line')
  assert.deepStrictEqual(lines, ['line'])
  assert.strictEqual(options.cache, false)
  assert.strictEqual(options.wasm, path.resolve('a.wasm'))
})

test('a source is a path, a file URL or bytes', () => {
  assert.deepStrictEqual(plain(sourceOf('a.js')), { path: path.resolve('a.js') })
  assert.deepStrictEqual(plain(sourceOf(new URL('file:///a.js'))), { path: '/a.js' })
  assert.deepStrictEqual(plain(sourceOf('file:///a%20b.js')), { path: '/a b.js' })
  const bytes = new Uint8Array([1])
  assert.deepStrictEqual(sourceOf(bytes).bytes, bytes)
  assert.notStrictEqual(sourceOf(bytes).bytes.buffer, bytes.buffer, 'a copy, which nobody changes while it is read')
  assert.strictEqual(sourceOf(bytes.buffer).bytes.length, 1)
  for (const value of [undefined, null, '', 3, {}, 'a\0b', new URL('https://example.org/a.js')]) refused(() => sourceOf(value), 'source')
})

test('inspect has fewer options', () => {
  assert.deepStrictEqual(given(inspectOptions()), { host: 'auto' })
  refused(() => inspectOptions({ warmUp () {} }), 'warmUp')
})
