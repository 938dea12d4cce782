'use strict'

// The ladder: why a package is evaluated anew instead of rewound. A step's name is what `stats().rewind`, `inspect()` and
// the docs say; its sentence explains it to whoever asked for `rewind: true`.

const STEPS = {
  construct: 'its code has a construct that cannot be followed',
  suspended: 'something of it was suspended when the image was to be taken',
  pending: 'something that it asked of Node was under way when the image was to be taken',
  'host-object': 'it holds an object of Node\'s whose state cannot be put back',
  foreign: 'it holds an object whose state is kept out of sight, by code that is not rewound',
  'shared-memory': 'it holds shared memory, which other threads change',
  'memory-view': 'it holds a view of its wasm memory in a place that cannot be set',
  wasm: 'the state of its wasm cannot be put back',
  cost: 'to put it back would take as long as to evaluate it anew',
  restore: 'something that it changed cannot be put back',
  'self-test': 'a comparison after a recycle found a difference',
  growth: 'a generation made more than can be thrown away',
  realm: "it runs in a context of its own (realm: 'context')"
}
// Steps that a generation comes to, not the package: the next one is rewound again.
const PASSING = new Set(['growth'])

// Why something is not rewound: `where` tells the places, as paths from the module or from a variable.
class Refusal {
  constructor (step, what, where) {
    this.step = step
    this.what = what
    this.where = where
  }

  get passing () { return PASSING.has(this.step) }

  toString () {
    return `${STEPS[this.step]} (${this.step}): ${this.what}${this.where ? `, at ${this.where}` : ''}`
  }
}

// Thrown where a restoration finds out that it cannot be done.
class Unrestorable extends Error {
  constructor (what, step = 'restore') {
    super(what)
    this.step = step
  }
}

module.exports = { STEPS, Refusal, Unrestorable }
