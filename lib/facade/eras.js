'use strict'

// Which moments of a sandbox's past the running generation descends from. An era begins with each generation and with each
// checkpoint; what was made in one is good for as long as it is among the ancestors of the running one.

// Ranges of eras that follow each other without a return, the newest first. What two pasts have in common they share, so that a long
// row of checkpoints costs a range each. `jump` is one further back, so that an old era is found in few steps.
class Range {
  constructor (first, last, before) {
    this.first = first
    this.last = last
    this.before = before
    this.depth = depthOf(before) + 1
    const far = before?.jump?.jump
    this.jump = depthOf(before) - depthOf(before?.jump) === depthOf(before?.jump) - depthOf(far) ? far : before
  }
}

const depthOf = (range) => range === undefined ? 0 : range.depth

class Eras {
  #past
  // The range that the running one ends.
  #first = 0
  #last = 0

  get current () { return this.#last }

  has (era) {
    if (era >= this.#first) return era <= this.#last
    let at = this.#past
    while (at !== undefined && at.first > era) at = at.jump !== undefined && at.jump.first > era ? at.jump : at.before
    return at !== undefined && era <= at.last
  }

  // What is made from here on is not of what is given: the past of a checkpoint.
  checkpoint () {
    const past = new Range(this.#first, this.#last, this.#past)
    this.#last++
    return past
  }

  goBack (past) {
    this.#past = past
    this.#first = ++this.#last
  }
}

module.exports = { Eras }
