'use strict'

// Arguments of wrong types give what Emscripten's own JavaScript gives, never a text of the addon's machinery.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { inspect, open } = require('../..')
const { compare, fixtures } = require('../support/compare')

const VALUES = [undefined, null, -1, 1.5, NaN, Infinity, 10n, 'x', '', {}, [], true, Symbol('s'), () => 1, new Date(5), new Uint8Array(2), 1e10, -(2 ** 40)]
const MACHINERY = /napi|rust|Failed to (convert|get)|invalid arg/i

test('FS: wrong paths, descriptors, modes and lengths', async () => {
  const { result } = await compare('program.js', 'arguments.js')
  assert.ok(Object.keys(result).length > 150)
})

// Every function of `object` with every value in each of its first two places.
function everywhere (object, names, again) {
  for (const name of names) {
    for (const first of VALUES) {
      for (const second of [undefined, 2, 'i', ...VALUES.slice(6, 10)]) {
        try {
          object[name](first, second)
        } catch (error) {
          if (typeof error === 'object' && error !== null) {
            assert.doesNotMatch(String(error.message), MACHINERY, `${name}(${typeof first} ${String(first)}, ${String(second)})`)
            assert.doesNotMatch(String(error.code), /Expected|InvalidArg|GenericFailure/, `${name}(${String(first)}, ${String(second)})`)
          }
        }
        again()
      }
    }
  }
}

test('no function of the module says how the addon converts', async () => {
  const vm = await open(path.join(fixtures, 'capi-O2.js'), { host: 'native', print: () => {}, printErr: () => {} })
  const files = await open(path.join(fixtures, 'program.js'), { host: 'native', print: () => {}, printErr: () => {} })
  const bare = await open(path.join(fixtures, 'standalone.wasm'), { host: 'native' })
  try {
    const { exports: m } = vm
    everywhere(m, ['addFunction', 'removeFunction', 'ccall', 'cwrap', 'getValue', 'setValue', 'stackRestore', 'UTF8ToString', '_add'], () => vm.recycle())
    const { exports: b } = bare
    everywhere(b, ['stackRestore', 'getWasmTableEntry', 'removeFunction', 'setTempRet0', 'dynCall'], () => bare.recycle())
    everywhere(b.wasmTable, ['get', 'set'], () => bare.recycle())
    everywhere(files.exports, ['callMain'], () => files.recycle())
    const names = Object.keys(files.exports.FS).filter((name) => typeof files.exports.FS[name] === 'function' && !/^(init|quit|ErrnoError|FSNode)$/.test(name))
    everywhere(files.exports.FS, names, () => files.recycle())
  } finally {
    for (const sandbox of [vm, files, bare]) sandbox.dispose()
  }
})

test('a source that is none is a bad option, whatever it is', async () => {
  for (const source of [...VALUES.slice(0, 13), [Symbol('s')], { toString: null }]) {
    if (typeof source === 'string' && source) continue
    await assert.rejects(open(source), { code: 'EMVM_ERR_OPTION' })
    await assert.rejects(inspect(source), { code: 'EMVM_ERR_OPTION' })
  }
})

test('indices of the table and sizes are checked as V8 checks them', async () => {
  const vm = await open(path.join(fixtures, 'standalone.wasm'), { host: 'native' })
  try {
    const { wasmTable, wasmMemory, removeFunction } = vm.exports
    const table = new WebAssembly.Table({ element: 'anyfunc', initial: wasmTable.length })
    const said = (run) => {
      try {
        run()
        return 'nothing'
      } catch (error) {
        // V8 also writes the value, and newer ones the address in words.
        return `${error.name}: ${error.message.replace(/ (in|: ).*$/, '')}`
      }
    }
    for (const index of [undefined, 'x', -1, 1.5, 2 ** 33, {}, Symbol('s')]) {
      assert.strictEqual(said(() => wasmTable.get(index)).split(':')[0], said(() => table.get(index)).split(':')[0], String(index))
    }
    assert.throws(() => removeFunction(), { name: 'TypeError', message: 'WebAssembly.Table.get(): Argument 0 must be convertible to a valid number' })
    assert.throws(() => removeFunction(1e6), { name: 'RangeError', message: /invalid address 1000000 in funcref table of size/ })
    assert.throws(() => wasmMemory.grow('x'), { name: 'TypeError' })
    assert.throws(() => wasmTable.grow(2 ** 32 - 1), { name: 'RangeError' })
  } finally {
    vm.dispose()
  }
})
