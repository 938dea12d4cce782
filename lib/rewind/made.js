'use strict'

// The objects that the package's constructors made in this generation. Those of the present turn of the event loop are held, as
// a weak reference would hold them for as long, and then weakly. Their number has a bound: a generation that keeps more of them
// alive is thrown away with its realm.

const { ArrayPrototypePush, SafeWeakRef } = require('../base/primordials')
const { setImmediate, clearImmediate } = require('../base/clock')

const LIMIT = 1 << 19
const SWEEP = 1 << 13

class Made {
  constructor (limit = LIMIT) {
    this.limit = limit
    this.recent = []
    this.refs = []
    this.sweepAt = SWEEP
    this.scheduled = undefined
    // More were alive at once than can be found again.
    this.overflowed = false
  }

  add (object) {
    ArrayPrototypePush(this.recent, object)
    this.scheduled ??= setImmediate(() => this.#letGo()).unref()
    if (this.recent.length > this.limit) {
      this.overflowed = true
      this.recent = []
    }
  }

  #letGo () {
    const { recent, refs } = this
    this.scheduled = undefined
    this.recent = []
    for (let at = 0; at < recent.length; at++) ArrayPrototypePush(refs, new SafeWeakRef(recent[at]))
    if (refs.length >= this.sweepAt) this.#sweep()
  }

  #sweep () {
    this.refs = this.refs.filter((ref) => ref.deref() !== undefined)
    if (this.refs.length >= this.limit) this.overflowed = true
    this.sweepAt = Math.max(SWEEP, this.refs.length * 2)
  }

  // Those that are alive.
  alive () { return [...this.refs.map((ref) => ref.deref()).filter((object) => object !== undefined), ...this.recent] }

  // After `drain`: those of a checkpoint.
  begin (objects) { for (const object of objects) ArrayPrototypePush(this.refs, new SafeWeakRef(object)) }

  // Each that is still alive; afterwards there are none.
  drain (visit) {
    const { recent, refs } = this
    if (recent.length > 0) {
      this.recent = []
      for (let at = 0; at < recent.length; at++) visit(recent[at])
    }
    if (refs.length === 0) return
    this.refs = []
    this.sweepAt = SWEEP
    for (let at = 0; at < refs.length; at++) {
      const object = refs[at].deref()
      if (object !== undefined) visit(object)
    }
  }

  end () {
    clearImmediate(this.scheduled)
    this.recent = this.refs = []
  }
}

module.exports = { Made }
