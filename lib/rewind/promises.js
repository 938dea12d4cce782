'use strict'

// What a promise is, without waiting for it.

const { inspect } = require('node:util')
const native = require('../webassembly/native')

const { then } = Promise.prototype
const PENDING = /^[^{]*\{\s*<pending>/

// `inspect` is the one public function that knows.
const isPending = (promise) => PENDING.test(inspect(promise, { depth: 0, customInspect: false, breakLength: Infinity, maxStringLength: 0 }))

// What a settled promise has: a value or a reason.
function valueOf (promise) {
  return new Promise((resolve) => {
    // Boxed: it may be a thenable.
    const box = (value) => resolve([value])
    Reflect.apply(then, promise, [box, box])
  })
}

// The same now: `[value]`; undefined where this V8 does not tell.
const promiseValue = (promise) => native.promiseValue(promise)

module.exports = { isPending, valueOf, promiseValue }
