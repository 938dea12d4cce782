'use strict'

// What the file system calls back may do anything: end the sandbox, replace its instance, take the caller's buffer away.

const { onBoth } = require('../support/hosts')

onBoth('dispose() and recycle() from within the functions that the file system calls', async () => {
  const path = require('node:path')
  let during = () => {}
  const options = { host, print: () => during('print'), printErr: () => during('printErr') }
  const vm = await emvm.open(path.resolve('__test__/fixtures/program.js'), options)
  const seen = {}
  const meddle = (where) => {
    const codes = seen[where] ??= new Set()
    for (const action of [() => vm.dispose(), () => vm.recycle()]) {
      const error = thrown(action)
      codes.add(error ? error.code : 'done')
    }
    vm.isReady().then(() => {}, () => {})
    vm.exports.FS.writeFile('/within', where)
    vm.exports.FS.readFile('/within')
  }
  for (let round = 0; round < 3; round++) {
    await vm.isReady()
    const { FS } = vm.exports
    if (host === 'native') during = meddle
    FS.createDevice('/dev', 'byte', () => { during('input'); return 65 }, () => { during('output') })
    const ops = {
      open: () => during('open'),
      close: () => during('close'),
      read: (stream, buffer, offset, length) => { during('read'); buffer.fill(66, offset, offset + length); return length },
      write: (stream, buffer, offset, length) => { during('write'); return length }
    }
    const dev = FS.makedev(70, round)
    FS.registerDevice(dev, ops)
    FS.mkdev('/dev/own', 0o666, dev)
    for (const name of ['/dev/byte', '/dev/own']) {
      const stream = FS.open(name, 'r+')
      const bytes = new Uint8Array(4)
      assert.strictEqual(FS.read(stream, bytes, 0, 4), 4)
      assert.deepStrictEqual([...bytes], Array(4).fill(name === '/dev/own' ? 66 : 65))
      assert.strictEqual(FS.write(stream, Buffer.from('ab\n'), 0, 3), 3)
      FS.close(stream)
    }
    FS.write(FS.getStream(1), Buffer.from('a line\n'), 0, 7)
    FS.write(FS.getStream(2), Buffer.from('a line\n'), 0, 7)
    during = () => {}
  }
  if (host === 'native') {
    for (const where of ['print', 'printErr', 'input', 'output', 'open', 'close', 'read', 'write']) {
      assert.deepStrictEqual([...seen[where]], ['EMVM_ERR_BUSY'], where)
    }
  }
  vm.dispose()
  assert.strictEqual(thrown(() => vm.exports).code, 'EMVM_ERR_DISPOSED')
}, { worker: true })

onBoth('a lazy file that ends its sandbox while it is read', async () => {
  const path = require('node:path')
  if (host !== 'native') return
  const vm = await emvm.open(path.resolve('__test__/fixtures/program.js'), { host, print () {}, printErr () {} })
  const { FS } = vm.exports
  const codes = []
  FS.createLazyFile('/', 'lazy', () => {
    for (const action of [() => vm.dispose(), () => vm.recycle()]) codes.push(thrown(action)?.code)
    return Buffer.from('contents')
  }, true, false)
  const bytes = new Uint8Array(8)
  const stream = FS.open('/lazy', 'r')
  assert.strictEqual(FS.read(stream, bytes, 0, 8, 0), 8)
  assert.strictEqual(Buffer.from(bytes).toString(), 'contents')
  assert.deepStrictEqual(codes, ['EMVM_ERR_BUSY', 'EMVM_ERR_BUSY'])
  vm.dispose()
}, { worker: true })

onBoth('a caller\'s buffer that goes while a file function uses it', async () => {
  const path = require('node:path')
  const vm = await emvm.open(path.resolve('__test__/fixtures/program.js'), { host, print () {}, printErr () {} })
  const { FS } = vm.exports
  const kinds = {
    shrunk: () => {
      const buffer = new ArrayBuffer(1 << 20, { maxByteLength: 1 << 20 })
      return { buffer, take: () => buffer.resize(0) }
    },
    transferred: () => {
      const buffer = new ArrayBuffer(1 << 20)
      return { buffer, take: () => { structuredClone(buffer, { transfer: [buffer] }) } }
    }
  }
  // What was freed is used again, so that a write to it is seen.
  const churn = () => { for (let i = 0; i < 8; i++) new Uint8Array(1 << 20).fill(1) }
  let n = 0
  for (const [kind, make] of Object.entries(kinds)) {
    const { buffer, take } = make()
    const gone = () => { take(); churn() }
    const name = `d${n++}`
    FS.createDevice('/dev', name, () => { if (buffer.byteLength) gone(); return 67 }, () => { if (buffer.byteLength) gone() })
    const stream = FS.open(`/dev/${name}`, 'r+')
    const outcome = (run) => { try { return run() } catch (error) { return error.message } }
    assert.ok(outcome(() => FS.read(stream, new Uint8Array(buffer), 0, 1 << 20)) !== undefined, kind)
    assert.strictEqual(buffer.byteLength, 0, `${kind}: it went meanwhile`)
    const second = make()
    FS.createDevice('/dev', `w${n}`, () => 0, () => { if (second.buffer.byteLength) { second.take(); churn() } })
    const bytes = new Uint8Array(second.buffer).fill(68)
    outcome(() => FS.writeFile(`/dev/w${n}`, bytes))
    const third = make()
    const writer = FS.open(`/dev/w${n}`, 'w')
    outcome(() => FS.write(writer, new Uint8Array(third.buffer), { valueOf () { if (third.buffer.byteLength) third.take(); return 0 } }, 64))
    if (host === 'native') {
      const fourth = make()
      FS.createLazyFile('/', `lazy${n}`, () => { fourth.take(); churn(); return new Uint8Array(1 << 20).fill(69) }, true, false)
      const lazy = FS.open(`/lazy${n}`, 'r')
      assert.strictEqual(outcome(() => FS.read(lazy, new Uint8Array(fourth.buffer), 0, 1 << 20, 0)), 1 << 20)
      FS.createLazyFile('/', `again${n}`, () => new Uint8Array(16).fill(70), true, false)
      const all = new Uint8Array(16)
      assert.strictEqual(FS.read(FS.open(`/again${n}`, 'r'), all, 0, 16, 0), 16)
      assert.deepStrictEqual([...all], Array(16).fill(70))
    }
  }
  vm.dispose()
}, { worker: true })

onBoth('what the file system calls, called again from within', async () => {
  const path = require('node:path')
  let depth = 0
  let lines = 0
  let FS
  const print = () => {
    lines++
    if (FS === undefined || depth > 3) return
    depth++
    FS.write(FS.getStream(1), Buffer.from('within\n'), 0, 7)
    FS.unlink('/victim')
    FS.writeFile('/victim', new Uint8Array(4096).fill(depth))
    depth--
  }
  const vm = await emvm.open(path.resolve('__test__/fixtures/program.js'), { host, print, printErr () {} })
  FS = vm.exports.FS
  FS.writeFile('/victim', new Uint8Array(100))
  FS.write(FS.getStream(1), Buffer.from('one\ntwo\n'), 0, 8)
  assert.ok(lines >= 2)
  assert.strictEqual(FS.readFile('/victim').length, 4096)
  FS = undefined
  vm.dispose()
}, { worker: true })
