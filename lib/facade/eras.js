'use strict'

// Which moments of a sandbox's past the running generation descends from. An era begins with each generation and with each
// checkpoint; what was made in one is good for as long as it is among the ancestors of the running one.

class Eras {
  // Ranges `[first, last]`, in order: eras that follow each other without a return are one. Never changed, but replaced.
  #past = []
  // The range that the running one ends.
  #first = 0
  #last = 0

  get current () { return this.#last }

  has (era) {
    if (era >= this.#first) return era <= this.#last
    return this.#past.some(([first, last]) => era >= first && era <= last)
  }

  // What is made from here on is not of what is given: the past of a checkpoint.
  checkpoint () {
    const past = [...this.#past, [this.#first, this.#last]]
    this.#last++
    return past
  }

  goBack (past) {
    this.#past = past
    this.#first = ++this.#last
  }
}

module.exports = { Eras }
