'use strict'

// A function of native code keeps what it belongs to, and so does what stands for a sandbox in its handles, where nobody can
// look: in a private field, which the constructor puts on whatever its base class gives back.

class Given {
  constructor (value) {
    return value
  }
}

class Holding extends Given {
  // eslint-disable-next-line no-unused-private-class-members
  #held

  constructor (value, held) {
    super(value)
    this.#held = held
  }
}

const holding = (value, held) => new Holding(value, held)

module.exports = { holding }
