'use strict'

exports.job = (m) => { m._files() }
