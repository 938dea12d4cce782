'use strict'

// Streams of zlib keep what they were given over several turns, and without a request while nobody reads what they have made.
// A view that was emptied meanwhile would end the process. Therefore they get copies of what shows a module's memory: that costs
// a hundredth of what compressing does.

const { Buffer } = require('node:buffer')

// `isLent(value)`: whether a value is a buffer of emvm's. Once per thread, before the first such buffer is given.
function keepChunks (isLent) {
  const zlib = require('node:zlib')
  const { Transform } = require('node:stream')
  const copied = (chunk) => ArrayBuffer.isView(chunk) && chunk.byteLength > 0 && isLent(chunk.buffer)
    ? Buffer.copyBytesFrom(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength))
    : chunk
  // What all of them have in common; streams have both methods by way of it.
  let base = zlib.Deflate.prototype
  while (Object.getPrototypeOf(base) !== Transform.prototype) base = Object.getPrototypeOf(base)
  for (const name of ['write', 'end']) {
    const { [name]: method } = {
      [name] (chunk, ...rest) { return Object.getPrototypeOf(base)[name].call(this, copied(chunk), ...rest) }
    }
    Object.defineProperty(base, name, { configurable: true, enumerable: true, writable: true, value: method })
  }
}

module.exports = { keepChunks }
