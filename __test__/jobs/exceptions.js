'use strict'

const { attempt } = require('../support/outcome')

const textOf = (module, fn, ...args) => attempt(() => module.UTF8ToString(fn(...args)))

// What every kind of C++ exception does alike.
function common (module) {
  const result = {}
  for (let kind = 0; kind < 9; kind++) {
    result[`catch ${kind}`] = textOf(module, module._catcher, kind)
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
  return result
}

exports.job = (module) => {
  const result = common(module)
  for (const depth of [0, 1, 30]) result[`jump ${depth}`] = attempt(() => module._jumping(depth))
  result.often = attempt(() => module._jumping_often(50))
  result.zero = attempt(() => module._jump_zero())
  const jumper = module.addFunction(() => { module._jump(); return 1 }, 'ii')
  result.overJs = attempt(() => module._jump_over_js(jumper))
  result.after = textOf(module, module._catcher, 0)
  return result
}

Object.assign(exports, { common, textOf })
