'use strict'

const { outline } = require('./pipeline')

module.exports = (cv, picture) => outline(cv, picture)
