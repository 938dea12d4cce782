'use strict'

exports.job = (module) => module.callMain([])
