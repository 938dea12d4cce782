'use strict'

// The global names that a generation's files use, as properties of one object (see `src/program/outer`): what the
// package defined comes first, whichever way it did, then the caller's.

class Globals {
  // `own`: where what the package defines is kept; `outer`: the caller's global object.
  constructor (own, outer) {
    this.own = own
    this.outer = outer
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
        Object.defineProperties(Named.prototype, { [name]: { get: reader(name), set: writer(name) }, [`${name}?`]: { get: seeker(name) }, [`${name}!`]: { get: reader(name), set: changer(name) } })
      }
    }
  }
  return Named
}

function reader (name) {
  return function () {
    if (name in this.own) return this.own[name]
    if (name in this.outer) return this.outer[name]
    throw new ReferenceError(`${name} is not defined`)
  }
}

// For `typeof`.
function seeker (name) {
  return function () { return name in this.own ? this.own[name] : this.outer[name] }
}

function writer (name) {
  return function (value) { this.own[name] = value }
}

// For strict code.
function changer (name) {
  return function (value) {
    if (!(name in this.own || name in this.outer)) throw new ReferenceError(`${name} is not defined`)
    this.own[name] = value
  }
}

module.exports = { globalsClass }
