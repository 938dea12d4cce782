'use strict'

// What JavaScript of the native host keeps for one generation. It has one owner, which makes it when it is first asked for and
// drops it at the recycle, so that nothing is forgotten. Nothing else in this folder looks at the number of the generation.

class State {
  #owner
  #make
  #imageOf
  #end
  #image
  #value
  #isMade = false

  /**
   * @param {Generations} owner
   * @param {string} name
   * @param {(image?: any) => any} make
   * @param {{ image?: (value: any) => any, end?: (value: any) => void, isEager?: boolean, isShared?: boolean }} options
   */
  constructor (owner, name, make, { image, end, isEager = false }) {
    this.#owner = owner
    this.name = name
    this.#make = make
    this.#imageOf = image
    this.#end = end
    this.isEager = isEager
  }

  // The running generation's.
  get value () {
    if (!this.#isMade) {
      this.#value = this.#make(this.#image)
      this.#isMade = true
      this.#owner.made(this)
    }
    return this.#value
  }

  // What start-up made of it is what each generation begins with.
  seal () {
    if (this.#isMade && this.#imageOf !== undefined) this.#image = this.#imageOf(this.#value)
  }

  adopt (other) {
    if (other !== undefined) this.#image = other.#image
    if (this.#isMade) this.#value = this.#make(this.#image)
  }

  drop () {
    const value = this.#value
    this.#isMade = false
    this.#value = undefined
    if (this.#end !== undefined) this.#end(value)
  }
}

class Generations {
  // The running one's number, for handles and messages. Start-up is part of the first.
  number = 1
  #ids = 0
  isSealed = false
  // The sandbox was disposed of.
  isOver = false
  #states = new Map()
  #made = []

  // A state by its name. `make(image)` gives its value; `image(value)` what the value at the end of start-up leaves for all
  // generations, for those in which start-up counts; `end(value)` is told that it is dropped. `isEager`: module code has the value
  // without asking for it here, so `make` has to bring it back at once. `isShared`: who asks for the same name has the same state.
  /**
   * @param {string} name
   * @param {(image?: any) => any} make
   * @param {{ image?: (value: any) => any, end?: (value: any) => void, isEager?: boolean, isShared?: boolean }} [options]
   */
  perGeneration (name, make, options = {}) {
    const known = this.#states.get(name)
    if (known !== undefined && options.isShared) return known
    if (known !== undefined) throw new Error(`two states are called '${name}'`)
    const state = new State(this, name, make, options)
    this.#states.set(name, state)
    return state
  }

  // A number that nothing else of the sandbox has.
  newId () { return ++this.#ids }

  // Called by states.
  made (state) { this.#made.push(state) }

  // Start-up is over.
  seal () {
    this.isSealed = true
    for (const state of this.#states.values()) state.seal()
  }

  // The instance was replaced.
  next () {
    this.number++
    if (this.#made.length > 0) this.end()
  }

  // All is dropped.
  end () {
    const made = this.#made
    this.#made = []
    for (const state of made) state.drop()
    for (const state of made) if (state.isEager) void state.value
  }

  // What start-up made of another's states is what these begin with.
  continue (other) {
    this.number = other.number
    this.#ids = other.#ids
    this.isSealed = other.isSealed
    for (const [name, state] of this.#states) state.adopt(other.#states.get(name))
    other.end()
  }

  get names () { return [...this.#states.keys()] }
}

module.exports = { Generations }
