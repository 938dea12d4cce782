'use strict'

// What JavaScript of the native host keeps for one generation. It has one owner, which makes it when it is first asked for and
// drops it at the recycle, so that nothing is forgotten. Nothing else in this folder looks at the number of the generation.

const { isDeepStrictEqual } = require('node:util')
const { Eras } = require('./eras')

class State {
  #owner
  #make
  #imageOf
  #end
  #suspended
  // What start-up made of it.
  #start
  // What the running generation began with.
  #image
  #value
  #isMade = false

  /**
   * @param {Generations} owner
   * @param {string} name
   * @param {(image?: any) => any} make
   * @param {StateOptions} options
   */
  constructor (owner, name, make, { image, end, suspended, isEager = false, stays = true, isCache = false }) {
    this.#owner = owner
    this.name = name
    this.#make = make
    this.#imageOf = image
    this.#end = end
    this.#suspended = suspended
    this.isEager = isEager
    this.stays = stays
    this.isCache = isCache
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
    if (this.#isMade && this.#imageOf !== undefined && this.stays) this.#start = this.#image = this.#imageOf(this.#value)
  }

  // What it is now, for a checkpoint.
  save () { return this.#isMade && this.#imageOf !== undefined ? this.#imageOf(this.#value) : this.#image }

  // It is as start-up left it.
  isStart (saved) { return this.isSame(saved, this.#start) }

  // One that was not made is as it would be.
  isSame (saved, other) {
    const whole = (image) => image !== undefined || this.#imageOf === undefined ? image : this.#imageOf(this.#make())
    return isDeepStrictEqual(whole(saved), whole(other))
  }

  // Why it cannot be saved now.
  get suspended () { return this.#isMade && this.#suspended !== undefined ? this.#suspended(this.#value) : undefined }

  // The next generation begins with what was saved, or with start-up's.
  begin (saved) { this.#image = saved === undefined ? this.#start : saved }

  adopt (other) {
    if (other !== undefined) this.#start = this.#image = other.#start
    if (this.#isMade) this.#value = this.#make(this.#image)
  }

  drop () {
    const value = this.#value
    this.#isMade = false
    this.#value = undefined
    if (this.#end !== undefined) this.#end(value)
  }
}

/**
 * `image(value)`: what the value at the end of start-up, or at a checkpoint, leaves for generations that begin there; with
 * `stays: false`, at a checkpoint only. `end(value)` is told that it is dropped. `suspended(value)`: why no checkpoint can be
 * taken now. `isEager`: module code has the value without asking for it here, so `make` has to bring it back at once.
 * `isShared`: who asks for the same name has the same state. `isCache`: it can be found out anew.
 * @typedef {{ image?: (value: any) => any, end?: (value: any) => void, suspended?: (value: any) => string | undefined, isEager?: boolean, isShared?: boolean, stays?: boolean, isCache?: boolean }} StateOptions
 */

class Generations {
  // The running one's number, for messages. Start-up is part of the first.
  number = 1
  eras = new Eras()
  #ids = 0
  isSealed = false
  // The sandbox was disposed of.
  isOver = false
  #states = new Map()
  #made = []
  // What the generation began with; `undefined`: what start-up left.
  #at
  // The states that module code has then.
  #eager = []
  // The past of start-up.
  #start

  // A state by its name. `make(image)` gives its value from what start-up or a checkpoint left.
  /**
   * @param {string} name
   * @param {(image?: any) => any} make
   * @param {StateOptions} [options]
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
    this.#start = this.eras.checkpoint()
  }

  // Why no checkpoint can be taken now.
  get suspended () {
    for (const state of this.#made) if (state.suspended !== undefined) return state.suspended
    return undefined
  }

  // All as it is now, for `next`.
  save () {
    const states = new Map()
    for (const state of this.#states.values()) {
      const saved = state.save()
      if (saved !== undefined) states.set(state.name, saved)
    }
    return { states, past: this.eras.checkpoint() }
  }

  // All as it is now, for `changedSince`.
  mark () { return new Map([...this.#states.values()].map((state) => [state, state.save()])) }

  // The name of a state that is another one now.
  changedSince (mark) {
    for (const state of this.#states.values()) {
      if (!state.isCache && !state.isSame(state.save(), mark.get(state))) return state.name
    }
    return undefined
  }

  // The name of a state that is not as start-up left it, among what was saved.
  changed ({ states }) {
    for (const [name, saved] of states) {
      const state = this.#states.get(name)
      if (!state.isCache && !state.isStart(saved)) return name
    }
    return undefined
  }

  // The instance was replaced: by what it was when `point` was saved, or after start-up.
  next (point) {
    this.number++
    this.eras.goBack(point === undefined ? this.#start : point.past)
    if (point === this.#at) {
      if (this.#made.length > 0) this.end()
    } else {
      const eager = this.#drop()
      for (const state of this.#states.values()) state.begin(point?.states.get(state.name))
      this.#at = point
      this.#eager = [...this.#states.values()].filter(({ name, isEager }) => isEager && point !== undefined && point.states.has(name))
      for (const state of eager) void state.value
    }
    for (const state of this.#eager) void state.value
  }

  // All is dropped.
  end () { for (const state of this.#drop()) void state.value }

  // Those of them that module code has.
  #drop () {
    const made = this.#made
    this.#made = []
    for (const state of made) state.drop()
    return new Set(made.filter(({ isEager }) => isEager))
  }

  // What start-up made of another's states is what these begin with.
  continue (other) {
    this.number = other.number
    this.eras = other.eras
    this.#ids = other.#ids
    this.isSealed = other.isSealed
    this.#start = other.#start
    for (const [name, state] of this.#states) state.adopt(other.#states.get(name))
    other.end()
  }

  get names () { return [...this.#states.keys()] }
}

module.exports = { Generations }
