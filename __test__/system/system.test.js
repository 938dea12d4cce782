'use strict'

// Time, files in memory, descriptors, the process and its surroundings, as a C program sees them: line for line what Emscripten
// gives it.

const { test } = require('node:test')
const { compare } = require('../support/compare')

const PARTS = ['dates', 'parsed', 'clocks', 'mapping', 'waiting', 'descriptors', 'process', 'network', 'threads', 'logging']

for (const part of PARTS) {
  test(`as in Emscripten: ${part}`, () => compare('system.js', 'system.js', { argument: [part] }))
}
