'use strict'

const { test } = require('node:test')
const { compare } = require('./support/compare')

for (const fixture of ['emasm-O2.js', 'emasm-O0.js', 'emasm-modularize.js']) {
  test(`${fixture}: EM_ASM, EM_JS, library functions, pre- and post-js`, () => compare(fixture, 'emasm.js'))
}
