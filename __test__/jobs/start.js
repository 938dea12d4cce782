'use strict'

exports.job = (m) => typeof m._main
