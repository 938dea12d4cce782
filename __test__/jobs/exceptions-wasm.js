'use strict'

const { attempt } = require('../support/outcome')

exports.job = (module) => {
  const text = (fn, ...args) => attempt(() => module.UTF8ToString(fn(...args)))
  const result = {}
  for (let kind = 0; kind < 9; kind++) {
    result[`catch ${kind}`] = text(module._catcher, kind)
    result[`escape ${kind}`] = attempt(() => module._escape(kind))
  }
  for (const depth of [0, 1, 3, 40]) result[`nested ${depth}`] = attempt(() => module._nested(depth))
  result.rethrown = attempt(() => module._rethrown())
  const fns = {
    plain: (v) => v * 2,
    js: () => { throw new RangeError('from JavaScript') },
    cpp: (v) => { module._escape(v); return 1 }
  }
  for (const [name, fn] of Object.entries(fns)) {
    const index = module.addFunction(fn, 'ii')
    result[`guarded ${name}`] = [0, 1, 3].map((v) => attempt(() => module._guarded(index, v)))
    result[`through ${name}`] = [0, 1, 3].map((v) => attempt(() => module._through(index, v)))
    module.removeFunction(index)
  }
  result.jumps = [0, 1, 30].map((depth) => attempt(() => module._jumping(depth)))
  result.after = text(module._catcher, 0)
  return result
}
