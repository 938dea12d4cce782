'use strict'

// What jobs of compatibility cases work on; other numbers make other bytes.

const text = (n, length = 4000) => Buffer.from(Array.from({ length }, (_, i) => 32 + (i * n * 31 + (i >> 3)) % 90))
const pixels = (n, width = 16, height = 16) => ({ data: Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) => i % 4 === 3 ? 255 : (i * 7 * n + (i >> 4)) & 255), width, height })

// An archive with one file of `n` bytes.
function tar (n) {
  const bytes = Buffer.alloc(2048)
  const put = (text, at) => bytes.write(text, at)
  put('hello.txt', 0)
  put('0000644\0', 100)
  put('0000000\0', 108)
  put('0000000\0', 116)
  put(`${n.toString(8).padStart(11, '0')}\0`, 124)
  put('00000000000\0', 136)
  put('        ', 148)
  put('0', 156)
  put('ustar\x0000', 257)
  put(`${bytes.subarray(0, 512).reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, '0')}\0 `, 148)
  put('abcdefgh'.slice(0, n), 512)
  return bytes
}

module.exports = { text, pixels, tar }
