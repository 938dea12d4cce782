'use strict'

// Threads that a pool of four runs.

exports.job = (module) => [
  module._sum(3, 1000), module._turns(10), module._locals(3), module._thrown(3), module._futex(3), module._joined(0), module._joined(1),
  module._proxied(21), module._product(2, 64), module._grow(3, 20, 1 << 20), module._many(4), module._count()
]
