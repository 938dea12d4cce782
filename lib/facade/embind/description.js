'use strict'

// What native code says of a program's C++ side, as text: a line of JSON with what is the same for all, and the names; then a line for
// each function, overload, class and enum, which is read when it is asked for.

class Description {
  constructor (text) {
    const end = text.indexOf('\n')
    const { counts: [callables, tables, classes, enums], ...head } = JSON.parse(text.slice(0, end))
    this.checkCounts = head.checkCounts
    this.argsSuffix = head.argsSuffix
    this.finalizers = head.finalizers
    this.anonymous = head.anonymous
    this.records = head.records
    this.names = head.names
    this.kinds = head.kinds
    this.indices = head.indices
    /** @type {string[] | undefined} */
    let lines
    const line = (at) => (lines ??= text.slice(end + 1).split('\n'))[at]
    let from = 0
    const next = (count) => new Lines(line, from, (from += count))
    this.callables = next(callables)
    this.tables = next(tables)
    this.classes = next(classes)
    this.enums = next(enums)
  }

  // `[name, kind, index]`.
  get symbols () {
    return this.names.map((name, at) => [name, this.kinds[at], this.indices[at]])
  }
}

class Lines {
  #line
  #from
  #read = new Map()

  constructor (line, from, end) {
    this.#line = line
    this.#from = from
    this.length = end - from
  }

  at (index) {
    let read = this.#read.get(index)
    if (read === undefined) this.#read.set(index, read = JSON.parse(this.#line(this.#from + index)))
    return read
  }

  all () { return Array.from({ length: this.length }, (_, index) => this.at(index)) }
}

module.exports = { Description }
