'use strict'

// Runs the parts of system.c by name; what they print is what counts.

const { attempt } = require('../support/outcome')

exports.job = (m, { argument }) => argument.map((name) => [name, attempt(() => m[`_${name}`]())])
