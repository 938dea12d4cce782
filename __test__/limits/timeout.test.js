'use strict'

// In processes of their own: where a timeout does not work, the call never returns.

const { test } = require('node:test')
const assert = require('node:assert')
const { runScript } = require('../support/child')

const LOOP = `
  const { MACHINE } = require('./__test__/support/wasm')
  const call = (vm, name, ...args) => (vm.exports['_' + name] || vm.exports[name])(...args)`

async function outputOf (body) {
  const { code, signal, stdout, stderr } = await runScript(`${LOOP}\n${body}`, { timeout: 20_000 })
  assert.strictEqual(signal, null, 'the call did not return')
  assert.strictEqual(stderr, '')
  assert.strictEqual(code, 0)
  return JSON.parse(stdout)
}

test('an endless loop ends within 50 ms of the timeout, and the next instance works', async () => {
  const result = await outputOf(`
    emvm.open(MACHINE, { timeout: 100, imports: { env: { callback: (x) => x } } }).then(async (vm) => {
      const start = performance.now()
      let error
      try { call(vm, 'forever') } catch (caught) { error = caught }
      const spent = performance.now() - start
      await vm.isReady()
      console.log(JSON.stringify({ code: error.code, limit: error.limit, elapsed: error.elapsed, spent, sum: call(vm, 'add', 1, 2), timeouts: vm.stats().timeouts }))
      vm.dispose()
    })`)
  assert.strictEqual(result.code, 'EMVM_ERR_TIMEOUT')
  assert.strictEqual(result.limit, 100)
  assert.ok(result.elapsed >= 100 && result.spent < 250, `${result.elapsed} ms, ${result.spent} ms`)
  assert.strictEqual(result.sum, 3)
  assert.strictEqual(result.timeouts, 1)
})

test('calls that end in time are not touched, however many', async () => {
  const { sum } = await outputOf(`
    emvm.open(MACHINE, { timeout: 400, imports: { env: { callback: (x) => x } } }).then((vm) => {
      const end = performance.now() + 1000
      let sum = 0
      while (performance.now() < end) sum = call(vm, 'add', sum, 1)
      console.log(JSON.stringify({ sum }))
      vm.dispose()
    })`)
  assert.ok(sum > 1000)
})

// fill(at, value, len) and copy(to, from, len), by bulk memory operations, on either host.
const BULK = `
  const { assemble, OP } = require('./__test__/support/wasm')
  const { createNamespace } = require('./lib/webassembly')
  const get = (local) => [OP.localGet, local]
  const bulk = (pages) => assemble({
    memory: { min: pages, max: 65536 },
    functions: [
      { export: 'fill', params: 3, code: [...get(0), ...get(1), ...get(2), 0xfc, 0x0b, 0] },
      { export: 'copy', params: 3, code: [...get(0), ...get(1), ...get(2), 0xfc, 0x0a, 0, 0] }
    ]
  })
  async function on (host, pages, options) {
    if (host === 'v8') return new WebAssembly.Instance(new WebAssembly.Module(bulk(pages))).exports
    if (host === 'glue') {
      const space = createNamespace(options)
      return new space.WebAssembly.Instance(new space.WebAssembly.Module(bulk(pages))).exports
    }
    const vm = await emvm.open(bulk(pages), { cache: false, ...options })
    return { memory: vm.exports.memory ?? vm.exports.HEAPU8, ...Object.fromEntries(['fill', 'copy'].map((name) => [name, (...args) => call(vm, name, ...args)])) }
  }`

for (const host of ['native', 'glue']) {
  test(`a long bulk memory operation ends soon after the timeout: ${host} host`, async () => {
    const { codes, spent } = await outputOf(`${BULK}
      on('${host}', 32768, { timeout: 20 }).then(({ fill, copy }) => {
        const codes = []
        let spent = 0
        for (const work of [() => fill(0, 7, 0x7fff0000), () => copy(0x100000, 0, 0x7fe00000)]) {
          const start = performance.now()
          try { work(); codes.push('done') } catch (error) { codes.push(error.code) }
          spent = Math.max(spent, performance.now() - start)
        }
        console.log(JSON.stringify({ codes, spent }))
      })`)
    assert.ok(codes.includes('EMVM_ERR_TIMEOUT') && spent < 300, `${codes}, ${spent} ms`)
  })

  test(`long bulk memory operations do what they do in V8: ${host} host`, async () => {
    const { same, trapped } = await outputOf(`${BULK}
      const MB = 2 ** 20
      Promise.all([on('${host}', 1024, {}), on('v8', 1024)]).then((sides) => {
        const random = (max) => Math.floor(Math.random() * max)
        const bytes = sides.map(({ memory }) => ArrayBuffer.isView(memory) ? memory : new Uint8Array(memory.buffer))
        const noise = require('node:crypto').randomBytes(64 * MB)
        for (const memory of bytes) memory.set(noise)
        let same = 0
        let trapped = 0
        for (let i = 0; i < 24; i++) {
          const name = i % 3 === 0 ? 'fill' : 'copy'
          // Around the length of a piece, and far longer; some overlap, some do not fit.
          const len = i % 2 === 0 ? 4 * MB - 2 + random(4) : random(40 * MB)
          const args = [random(32 * MB), i % 4 === 1 ? random(100) : random(32 * MB), i === 5 ? 2 ** 32 - 1 : len]
          const ends = sides.map((side) => { try { side[name](...args); return 'done' } catch { return 'trap' } })
          if (ends[0] !== ends[1] || Buffer.compare(...bytes) !== 0) throw new Error(name + ' ' + args + ' ' + ends)
          same++
          if (ends[0] === 'trap') trapped++
        }
        console.log(JSON.stringify({ same, trapped }))
      })`)
    assert.strictEqual(same, 24)
    assert.ok(trapped > 0)
  })
}
