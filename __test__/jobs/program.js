'use strict'

const { attempt } = require('../support/outcome')

exports.job = (m, { argument }) => argument.map((args) => [args, attempt(() => m.callMain(args)), attempt(() => m._runs_so_far())])
