'use strict'

const { test } = require('node:test')
const { compare } = require('./support/compare')

for (const fixture of ['exceptions-O2.js', 'exceptions-O1.js']) {
  test(`${fixture}: exceptions and longjmp, inside, out, and through JavaScript`, () => compare(fixture, 'exceptions.js'))
}
