'use strict'

// The list of native entry points and of a generation's native state, as read from the sources, against the addon and
// against what is asked of each.

const { test } = require('node:test')
const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const { load } = require('../../lib/base/binding')
const { entryPoints, nativeState, nodeApiCalls, rustFiles, blank } = require('../../scripts/entry-points')
const { onBoth } = require('../support/hosts')

const native = load()
const entries = entryPoints()
const of = (owner) => entries.filter((entry) => entry.of === owner)
const names = (list) => list.map(({ name }) => name).sort()

// These do not touch the state of an instance: hooks of the JavaScript side, and questions about the gate or a buffer.
const WITHOUT_STATE = ['new', 'setFaultHook', 'setExplainer', 'setTimers', 'setScriptError', 'setErrnoError', 'ownsBuffer', 'lends']

test('the list is the addon\'s own', () => {
  const methods = (Class) => Reflect.ownKeys(Class.prototype).filter((key) => key !== 'constructor').sort()
  assert.deepStrictEqual(names(of('Sandbox').filter(({ kind }) => kind !== 'constructor')), methods(native.Sandbox))
  assert.deepStrictEqual(names(of('Program')), methods(native.Program))
  assert.deepStrictEqual(names(of('Point')), methods(native.Point))
  assert.deepStrictEqual(names(of('ObjectScan').filter(({ kind }) => kind !== 'constructor')), methods(native.ObjectScan))
  assert.deepStrictEqual(names(of('BufferPages')), methods(native.BufferPages))
  const classes = ['Sandbox', 'Program', 'Point', 'ObjectScan', 'BufferPages']
  assert.deepStrictEqual(names(of('binding')), Object.keys(native).filter((key) => !classes.includes(key)).sort())
  assert.deepStrictEqual(names(of('webassembly')), Object.keys(native.webassembly()).sort())
})

test('every function of a sandbox goes through its gate', () => {
  const without = names(of('Sandbox').filter(({ gate }) => gate === 'none'))
  assert.deepStrictEqual(without, [...WITHOUT_STATE].sort())
  assert.deepStrictEqual(names(of('callback').filter(({ from, gate }) => from === 'JavaScript' && gate === 'none')), [])
})

test('no panic leaves a native function', () => {
  const through = entries.filter(({ from, panics, kind }) => panics !== 'caught' && kind !== 'constructor' && from === 'JavaScript')
  assert.deepStrictEqual(through.map(({ of, name, at }) => `${of}.${name} ${at}`), [])
})

test('only the checked layer calls Node-API, and only the gate has the state', () => {
  const outside = nodeApiCalls().filter(({ at }) => !at.startsWith('src/binding/node_api/'))
  assert.deepStrictEqual(outside, [])
  const root = path.join(__dirname, '..', '..')
  const cells = [...rustFiles(path.join(root, 'src', 'binding'))].filter((file) => /\bUnsafeCell\b/.test(blank(fs.readFileSync(file, 'utf8'))))
  assert.deepStrictEqual(cells.map((file) => path.basename(file)), ['gate.rs'])
})

// Never changed by a generation, or a handle of something that has an owner of its own.
const CONSTANT = {
  js_imports: 'set by the sandbox when it starts and when its fragment is made anew',
  missing: 'what the program lacks',
  user_imports: 'how many of js_imports the user gave',
  _shared: 'a marker of the type'
}

test('every field of a native runtime has an owner that puts it back', () => {
  const state = nativeState()
  assert.ok(state.length > 10, 'the fields were found')
  const without = state.filter(({ owners }) => owners.length === 0).map(({ field }) => field)
  assert.deepStrictEqual(without.sort(), Object.keys(CONSTANT).sort())
})

// Every method of the native sandbox, called with numbers, texts, arrays and objects: before it starts, while its module is on
// the stack, after it is gone. `native.Sandbox` is met as it is made.
onBoth('every native method in every state of a sandbox', async () => {
  if (host !== 'native') return
  const path = require('node:path')
  const { load } = require('./lib/base/binding')
  const { entryPoints } = require('./scripts/entry-points')
  const binding = load()
  let sandbox
  const early = []
  const values = [0, 1, -1, 2 ** 31, 2 ** 53, NaN, '', '/', '/dev/tty', true, null, undefined, [], ['a'], new Uint8Array(8), {}, () => 0]
  let at = 0
  const any = () => values[at++ % values.length]
  // What ends a sandbox or asks for the user's own, and what reads a random amount.
  const spared = new Set(['dispose', 'instantiate', 'start', 'runMain', 'takeImage', 'setFsHost', 'setImports', 'setScriptError', 'setErrnoError', 'setTimers', 'setFaultHook', 'record', 'tableGrow', 'growMemory', 'fsAllocate', 'fsTruncate', 'fsFtruncate'])
  const methods = entryPoints().filter((entry) => entry.of === 'Sandbox' && entry.kind !== 'constructor')
  const sweep = (all) => {
    for (const { name, kind } of methods) {
      if (!all && spared.has(name)) continue
      for (let round = 0; round < 4; round++) {
        try {
          if (kind === 'getter') sandbox[name]
          else sandbox[name](any(), any(), any(), any())
        } catch (error) {
          assert.ok(error instanceof Error, `${name} threw ${error}`)
        }
      }
    }
  }
  binding.Sandbox = class extends binding.Sandbox {
    constructor (...args) {
      super(...args)
      sandbox = this
      sweep(false)
      early.push(this)
    }
  }
  let nested = 0
  const print = () => { if (nested++ === 0) sweep(false) }
  const vm = await emvm.open(path.resolve('__test__/fixtures/program.js'), { host, print, printErr () {} })
  nested = 0
  vm.exports.FS.write(vm.exports.FS.getStream(1), Buffer.from('a line\n'), 0, 7)
  assert.ok(nested > 0, 'they were called from within')
  await vm.isReady()
  vm.dispose()
  sweep(true)
  assert.strictEqual(sandbox.generation, 0)
}, { worker: true })
