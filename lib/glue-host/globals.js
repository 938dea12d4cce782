'use strict'

// The global names that a generation's files use, as properties of one object (see `src/program/outer`): what the
// package defined comes first, whichever way it did, then the caller's.

// Nothing of its own has a public name: each is a name that a package may use.
class Globals {
  #own
  #outer

  // `own`: where what the package defined is kept; `outer`: the caller's global object.
  constructor (own, outer) {
    this.#own = own
    this.#outer = outer
  }

  static reader (name) {
    return function () {
      if (name in this.#own) return this.#own[name]
      if (name in this.#outer) return this.#outer[name]
      throw new ReferenceError(`${name} is not defined`)
    }
  }

  // For `typeof`.
  static seeker (name) {
    return function () { return name in this.#own ? this.#own[name] : this.#outer[name] }
  }

  static writer (name) {
    return function (value) { this.#own[name] = value }
  }

  // For strict code.
  static changer (name) {
    return function (value) {
      if (!(name in this.#own || name in this.#outer)) throw new ReferenceError(`${name} is not defined`)
      this.#own[name] = value
    }
  }

  static forget (globals, name) { return delete globals.#own[name] }

  // Names that text of a direct `eval` may have declared beside it; `read` reads that variable, or else the caller's global.

  // Whether it has.
  static isDeclared (globals, name, read) {
    try {
      const value = read()
      return !(name in globals.#outer && globals.#outer[name] === value)
    } catch {
      return false
    }
  }

  // The variable's value, or the global's. `isAsked`: for `typeof`, undefined where there is none.
  static declared (globals, name, read, isAsked) {
    const isDeclared = Globals.isDeclared(globals, name, read)
    if (!isDeclared && name in globals.#own) return globals.#own[name]
    return isDeclared || name in globals.#outer || !isAsked ? read() : undefined
  }

  // What is assigned: the variable, or the property `key`.
  static variable (globals, name, read, write, key) {
    const isDeclared = Globals.isDeclared(globals, name, read)
    return {
      get value () { return isDeclared ? read() : globals[name] },
      set value (value) {
        if (isDeclared) write(value)
        else globals[key] = value
      }
    }
  }
}

// A class with accessors for those names that the files of one program use: they are made once, not for each generation.
function globalsClass () {
  const known = new Set()
  class Named extends Globals {
    static add (names) {
      for (const name of names) {
        if (known.has(name)) continue
        known.add(name)
        Object.defineProperties(Named.prototype, {
          [name]: { get: Globals.reader(name), set: Globals.writer(name) },
          [`${name}?`]: { get: Globals.seeker(name) },
          [`${name}!`]: { get: Globals.reader(name), set: Globals.changer(name) }
        })
      }
    }
  }
  return Named
}

module.exports = { Globals, globalsClass }
