'use strict'

// `node --require emvm/preload`: the thread's `WebAssembly` is emvm's, in the program and in every worker that it or its packages start.

const { WebAssembly } = require('./index')
const { hide } = require('./lib/webassembly/promising')

// Nobody knows which packages ask it for JSPI: see there.
const value = Object.create(Object.prototype, Object.getOwnPropertyDescriptors(WebAssembly))
hide(value)

Object.defineProperty(globalThis, 'WebAssembly', { value, writable: true, configurable: true, enumerable: false })
