'use strict'

// LLVM's intrinsics that fastcomp left to the host, beside what JavaScript reckons.

const { test } = require('node:test')
const assert = require('node:assert')
const path = require('node:path')
const { open } = require('../..')
const { fixtures } = require('../support/compare')

const VALUES = [0, 1, -1, 2, 0x80000000 | 0, 0x7fffffff, 0x00ff00ff, 0x12345678, 0xf0f0 - 0x10000]
const ones = (value) => (value >>> 0).toString(2).replaceAll('0', '').length
const trailing = (value) => value === 0 ? 32 : 31 - Math.clz32(value & -value)
const swapped = (value) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32LE(value)
  return bytes.readInt32BE()
}

test('bits are counted and bytes are swapped', async () => {
  const vm = await open(path.join(fixtures, 'wat', 'intrinsics.wasm'), { host: 'native' })
  try {
    for (let i = 0; i < 2; i++) {
      const { exports: m } = vm
      for (const value of VALUES) {
        assert.strictEqual(m._cttz_i32(value), trailing(value), `cttz_i32(${value})`)
        assert.strictEqual(m._ctpop_i32(value), ones(value), `ctpop_i32(${value})`)
        assert.strictEqual(m._bswap_i32(value), swapped(value), `bswap_i32(${value})`)
        assert.strictEqual(m._bswap_i16(value), ((value & 0xff) << 8) | ((value >> 8) & 0xff), `bswap_i16(${value})`)
        assert.strictEqual(m._expect_i32(value, 1), value)
        for (const high of VALUES) {
          const bits = BigInt.asUintN(64, (BigInt(high) << 32n) | BigInt(value >>> 0)).toString(2).padStart(64, '0')
          const zeros = (text) => text.length - text.replace(/^0+/, '').length
          assert.strictEqual(m._ctlz_i64(value, high), zeros(bits), `ctlz_i64(${bits})`)
          assert.strictEqual(m._high(), 0)
          assert.strictEqual(m._cttz_i64(value, high), zeros([...bits].reverse().join('')), `cttz_i64(${bits})`)
        }
      }
      assert.strictEqual(m._flt_rounds(), -1)
      assert.strictEqual(m._objectsize(64), -1)
      const before = m.stackSave()
      assert.strictEqual(m._scratch(100), 0)
      assert.strictEqual(m.stackSave(), before)
      m.HEAP32[64 >> 2] = 1234
      m._copy_arguments(128, 64)
      assert.strictEqual(m.HEAP32[128 >> 2], 1234)
      await vm.isReady()
    }
  } finally {
    vm.dispose()
  }
})
