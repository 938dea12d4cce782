'use strict'

// What a package's own JavaScript does around its module: it looks at classes while constructors run, exports what are
// options elsewhere, asks what memory is an instance of, wraps the factory. The same on both hosts as in plain Node.

const test = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { open, inspect } = require('../..')
const { scratch } = require('../support/files')

const fixture = (name) => path.join(__dirname, '..', 'fixtures', name)
const quiet = { print () {}, printErr () {} }

const WRAPPER = `
createEarly = (function () {
  var first = createEarly;
  return function (options) {
    return first(options).then(function (Module) { return { count: function () { return Module.Counter.of().next(); } }; });
  };
})();
module.exports = createEarly;
`

for (const host of ['native', 'glue']) {
  test(`classes in constructors, exported options and instances: ${host} host`, async () => {
    const plain = await require(fixture('early.js'))({ ...quiet, wasmBinary: fs.readFileSync(fixture('early.wasm')) })
    const vm = await open(fixture('early.js'), { host, ...quiet })
    assert.strictEqual(vm.host, host)
    for (let round = 0; round < 2; round++) {
      const module = vm.exports
      assert.strictEqual(module.Counter.of().twice(), 2)
      assert.strictEqual(new module.Other().id(), 7)
      assert.deepStrictEqual(module.kinds(), plain.kinds())
      assert.deepStrictEqual(module.kinds(), [true, true, 3])
      assert.strictEqual(module.wasmMemory.buffer, module.HEAPU8.buffer)
      module.FS_writeFile('/note', 'text')
      assert.strictEqual(module.FS_readFile('/note', { encoding: 'utf8' }), 'text')
      await vm.isReady()
    }
    vm.dispose()
  })

  test(`a program without room for arguments: ${host} host`, async () => {
    const lines = []
    const vm = await open(fixture('roomless.js'), { host, args: ['one', 'two'], print: (line) => lines.push(line), printErr () {} })
    assert.strictEqual(vm.host, host)
    assert.deepStrictEqual(lines, ['ran'])
    vm.dispose()
  })
}

for (const host of ['native', 'glue']) {
  test(`emulated function pointer casts, exported data: ${host} host`, async () => {
    const work = (module) => {
      const sum = new module.Sum(2.5)
      const doubles = new module.Doubles()
      doubles.push_back(1.5)
      return [
        sum.add(1.5, 3), sum.name(), sum.total, new module.Sum().total, module.twice(4), doubles.get(0),
        module._cast_call(5), module._caught(0), module._caught(2), module._answers, module.HEAP32[module._answers / 4 + 1]
      ]
    }
    const plain = work(await require(fixture('casts.js'))({ ...quiet, wasmBinary: fs.readFileSync(fixture('casts.wasm')) }))
    const vm = await open(fixture('casts.js'), { host, ...quiet })
    for (let round = 0; round < 2; round++) {
      assert.deepStrictEqual(work(vm.exports), plain)
      await vm.isReady()
    }
    assert.strictEqual(plain.at(-1), 42)
    vm.dispose()
  })
}

test('both run on the native host by themselves', async () => {
  for (const name of ['early.js', 'roomless.js', 'casts.js']) assert.strictEqual((await inspect(fixture(name))).host, 'native', name)
})

test('a factory that the file wraps gives what the wrapper gives, on the glue host', async (t) => {
  const { write } = scratch(t)
  write('early.wasm', fs.readFileSync(fixture('early.wasm')))
  const file = write('early.js', fs.readFileSync(fixture('early.js'), 'utf8') + WRAPPER)
  const { host, reasons } = await inspect(file)
  assert.strictEqual(host, 'glue')
  assert.match(reasons.join(), /wraps the factory/)
  const vm = await open(file, { ...quiet })
  for (let round = 0; round < 2; round++) {
    assert.deepStrictEqual(Object.keys(vm.exports), ['count'])
    assert.strictEqual(vm.exports.count(), 1)
    await vm.isReady()
  }
  vm.dispose()
})

test('files that the wasm has itself (WasmFS): the glue host by itself, refused on the native host', async () => {
  const work = (module) => {
    module.FS.writeFile('/note', 'text')
    return ['/note', '/none'].map((name) => module.ccall('first_byte', 'number', ['string'], [name]))
  }
  const plain = work(await require(fixture('wasmfs.js'))({ ...quiet, wasmBinary: fs.readFileSync(fixture('wasmfs.wasm')) }))
  const vm = await open(fixture('wasmfs.js'), { ...quiet })
  assert.strictEqual(vm.host, 'glue')
  for (let round = 0; round < 2; round++) assert.deepStrictEqual(work(await vm.isReady()), plain)
  assert.ok(plain[0] >= 0 && plain[1] === -1)
  vm.dispose()
  await assert.rejects(open(fixture('wasmfs.js'), { ...quiet, host: 'native' }), { code: 'EMVM_ERR_UNSUPPORTED', message: /WasmFS/ })
})

test('the native host refuses a module that needs JSPI, by name', async (t) => {
  const { write } = scratch(t)
  write('early.wasm', fs.readFileSync(fixture('early.wasm')))
  const file = write('early.js', fs.readFileSync(fixture('early.js'), 'utf8').replace('var asm = createWasm();', 'new WebAssembly.Suspending(function () {}); var asm = createWasm();'))
  await assert.rejects(open(file, { ...quiet, host: 'native' }), { code: 'EMVM_ERR_UNSUPPORTED', message: /JSPI/ })
})
