'use strict'

// `node --require emvm/preload`: the thread's `WebAssembly` is emvm's, in the program and in every worker that it or its packages start.

const { WebAssembly } = require('./index')

Object.defineProperty(globalThis, 'WebAssembly', { value: WebAssembly, writable: true, configurable: true, enumerable: false })
