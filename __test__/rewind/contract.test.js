'use strict'

// What `rewind` promises: the same module object, what warmUp made, staleness, policies, leases, figures.

const test = require('node:test')
const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const { subscribe, unsubscribe } = require('node:diagnostics_channel')
const path = require('node:path')
const { open } = require('../..')
const { openFile } = require('./support')

// A class with methods, one that hands out others, a view, and asynchronous work.
const TEXT = `
  const memory = new WebAssembly.Memory({ initial: 1 })
  let HEAPU8 = new Uint8Array(memory.buffer)
  const update = () => { HEAPU8 = exports.HEAPU8 = new Uint8Array(memory.buffer) }
  let made = 0
  class Handle { constructor (n) { this.n = n; made++ } value () { return ++this.n } other () { return new Handle(this.n) } arrow = () => this.n }
  function Old (n) { this.n = n }
  Old.prototype.value = function () { return ++this.n }
  exports.Handle = Handle
  exports.Old = Old
  exports.wrap = (n) => Object.create(Handle.prototype, { n: { value: n, writable: true } })
  exports.made = () => made
  exports.view = () => HEAPU8.subarray(0, 16)
  exports.later = async (n) => { await new Promise((resolve) => setTimeout(resolve, 20)); made += n; return made }
  exports.call = (fn) => fn()
  update()`

async function withFile (options, work) {
  const file = await openFile(TEXT, { rewind: true, ...options })
  try {
    await work(file.vm)
  } finally {
    file.close()
  }
}

test('the module is the same object, and recycle() needs no standby', () => withFile({}, async (vm) => {
  const module = vm.exports
  new module.Handle(1)
  module.extra = 1
  assert.equal(vm.recycle(), module)
  assert.equal(await vm.isReady(), module)
  assert.equal(module.extra, undefined)
  assert.equal(module.made(), 0)
  assert.equal(vm.generation, 3)
}))

test('what warmUp made is there in every generation, the same objects, put back', async () => {
  let handle
  let runs = 0
  const warmUp = (module) => { runs++; handle = new module.Handle(10); module.HEAPU8[3] = 7 }
  await withFile({ warmUp }, async (vm) => {
    for (let generation = 0; generation < 4; generation++) {
      assert.equal(handle.value(), 11)
      assert.equal(vm.exports.made(), 1)
      assert.equal(vm.exports.HEAPU8[3], 7)
      vm.exports.HEAPU8[3] = 9
      await vm.isReady()
    }
    assert.equal(runs, 1)
  })
})

test('what warmUp gives is put back as well, whatever it is', async () => {
  const kept = { list: [1], map: new Map() }
  await withFile({ warmUp: () => kept }, async (vm) => {
    kept.list.push(2)
    kept.map.set(1, 1)
    vm.recycle()
    assert.deepEqual(kept.list, [1])
    assert.equal(kept.map.size, 0)
  })
})

test('objects of a past generation say so at their first use', () => withFile({}, async (vm) => {
  const { Handle, Old, wrap } = vm.exports
  const all = [new Handle(1), new Old(1), wrap(1), new Handle(1).other(), new (class Mine extends Handle {})(1)]
  const views = [vm.exports.view(), vm.exports.HEAPU8]
  vm.recycle()
  for (const object of all) {
    assert.throws(() => object.value(), (error) => {
      assert.equal(error.code, 'EMVM_ERR_STALE')
      assert.match(error.message, /belongs to generation 1; the current one is 2/)
      return true
    })
    // To look at it is no use.
    assert.equal(typeof require('node:util').inspect(object), 'string')
    await object
  }
  assert.throws(() => all[0].arrow(), { code: 'EMVM_ERR_STALE' })
  assert.deepEqual(views.map((view) => view.length), [0, 0])
  assert.equal(new Handle(4).value(), 5)
}))

test('what is under way at a recycle does not go on', () => withFile({}, async (vm) => {
  const { later } = vm.exports
  let settled = 0
  let dropped
  const listen = ({ sandbox, dropped: count }) => { if (sandbox === vm) dropped = count }
  subscribe('emvm:recycle', listen)
  let told
  later(5).then(() => settled++, ({ code }) => { told = code })
  vm.recycle()
  unsubscribe('emvm:recycle', listen)
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.equal(settled, 0)
  assert.equal(told, 'EMVM_ERR_STALE')
  assert.equal(dropped, 1)
  assert.equal(vm.exports.made(), 0)
  assert.equal(await later(5), 5)
}))

test('a recycle from within the package is refused', () => withFile({}, async (vm) => {
  assert.throws(() => vm.exports.call(() => vm.recycle()), { code: 'EMVM_ERR_BUSY' })
  await assert.rejects(vm.exports.call(() => vm.isReady()), { code: 'EMVM_ERR_BUSY' })
  vm.recycle()
}))

test('leases, policies and figures', async () => {
  await withFile({ recycle: { ageMs: 1e6 } }, async (vm) => {
    const module = vm.exports
    assert.equal(await vm.isReady(), module)
    assert.equal(vm.generation, 1)
    await vm.run((inside) => { assert.equal(inside, module); new inside.Handle(1) })
    assert.equal(module.made(), 0)
    const { rewinds, evaluations, rewind, recycles, generation, recycleMicros } = vm.stats()
    assert.deepEqual({ rewinds, evaluations, rewind, recycles, generation }, { rewinds: 2, evaluations: 1, rewind: 'on', recycles: 2, generation: 3 })
    assert.ok(recycleMicros.last > 0)
    await assert.rejects(vm.run((inside) => { throw new Error('mine') }), { message: 'mine' })
  })
  const never = await openFile(TEXT, { rewind: false })
  assert.equal(never.vm.stats().rewind, 'off')
  never.close()
})

test('bad values of the option', async () => {
  await assert.rejects(openFile(TEXT, { rewind: 'yes' }), { code: 'EMVM_ERR_OPTION' })
})

test('a disposed sandbox ends what is armed', async () => {
  const file = await openFile('let n = 0; exports.n = () => n; setInterval(() => n++, 1); exports.step = () => 0', { rewind: true })
  const { n } = file.vm.exports
  file.vm.recycle()
  file.close()
  const before = n()
  await new Promise((resolve) => setTimeout(resolve, 20))
  assert.equal(n(), before)
})

test('EMVM_REWIND_VERIFY=1 throws at the first difference', () => {
  const script = `
    const { openFile } = require(${JSON.stringify(path.join(__dirname, 'support.js'))})
    openFile('exports.o = { n: 0 }; exports.step = () => 0', { rewind: true }).then((file) => {
      for (let i = 0; i < 20; i++) file.vm.recycle()
      Object.defineProperty(file.vm.exports.o, 'n', { writable: false })
      try { file.vm.recycle(); console.log('nothing') } catch (error) { console.log(error.code, error.message) }
      file.close()
    })`
  const said = execFileSync(process.execPath, ['-e', script], { env: { ...process.env, EMVM_REWIND_VERIFY: '1' }, encoding: 'utf8' })
  assert.match(said, /EMVM_ERR_UNSUPPORTED .*self-test.*descriptor/)
})

test('V8 compiles an instrumented file once in a process', async () => {
  const vm = require('node:vm')
  const { compileFunction } = vm
  const seen = []
  vm.compileFunction = (...args) => {
    const made = compileFunction(...args)
    seen.push([args[2].cachedData !== undefined, made.cachedDataRejected])
    return made
  }
  try {
    const { vm, folder, close } = await openFile('let n = 0; exports.step = () => { n++; return n }; exports.where = () => new Error().stack', { rewind: true })
    const again = await open(path.join(folder, 'index.js'), { host: 'glue', rewind: true })
    // In another file it is another code, which has that file's name.
    const other = await openFile('let n = 0; exports.step = () => { n++; return n }; exports.where = () => new Error().stack', { rewind: true })
    assert.equal(again.exports.step(), 1)
    assert.ok(vm.exports.where().includes(folder) && again.exports.where().includes(folder) && other.vm.exports.where().includes(other.folder))
    again.dispose()
    other.close()
    close()
  } finally {
    vm.compileFunction = compileFunction
  }
  assert.deepEqual(seen, [[false, undefined], [true, false], [false, undefined]])
})
