'use strict'

// What native code says of a program's C++ side: what is the same for all at once, and each function, overload, class and enum when it is
// asked for. All sandboxes of a program in a thread share it.

class Description {
  #symbol
  #symbols

  constructor ({ head, one, symbol, symbols }) {
    const { counts, runs, checkCounts, argsSuffix, finalizers, anonymous, records } = JSON.parse(head)
    // Names of symbols in their order: of those that are made when they are asked for, and of constants with their values, in turn.
    this.runs = runs
    this.checkCounts = checkCounts
    this.argsSuffix = argsSuffix
    this.finalizers = finalizers
    this.anonymous = anonymous
    this.records = records
    const [callables, tables, classes, enums] = counts.map((count, list) => new Described((index) => one(list, index), count))
    this.callables = callables
    this.tables = tables
    this.classes = classes
    this.enums = enums
    this.#symbol = symbol
    this.#symbols = symbols
  }

  // What has that name, as `{ kind, index }`.
  symbolOf (name) { return read(this.#symbol(name)) }

  // All of them, as `[name, kind, index]`.
  get symbols () {
    const flat = this.#symbols()
    return Array.from({ length: flat.length / 2 }, (_, at) => {
      const { kind, index } = read(flat[2 * at + 1])
      return [flat[2 * at], kind, index]
    })
  }
}

const read = (symbol) => ({ kind: symbol[0], index: Number(symbol.slice(1)) })

class Described {
  #one
  #read = new Map()

  constructor (one, length) {
    this.#one = one
    this.length = length
  }

  at (index) {
    let read = this.#read.get(index)
    if (read === undefined) this.#read.set(index, read = JSON.parse(this.#one(index)))
    return read
  }

  all () { return Array.from({ length: this.length }, (_, index) => this.at(index)) }
}

module.exports = { Description }
