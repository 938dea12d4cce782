'use strict'

const { attempt } = require('../support/outcome')
const { common, textOf } = require('./exceptions')

exports.job = (module) => {
  const result = common(module)
  result.jumps = [0, 1, 30].map((depth) => attempt(() => module._jumping(depth)))
  result.after = textOf(module, module._catcher, 0)
  return result
}
