'use strict'

module.exports = require('./lib/metrics')
