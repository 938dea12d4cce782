'use strict'

// The addon's raw functions. Wasm objects are named by numbers; the classes in this folder give them their shape.
module.exports = require('../base/binding').load().webassembly()
