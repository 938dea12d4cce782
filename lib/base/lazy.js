'use strict'

// Members of module objects and of exports that are made when they are first asked for: a package has hundreds, of which a program uses twenty.
// To JavaScript they are data properties from the start (src/binding/lazy.rs); where V8 has no such properties they are made at once.

const { load } = require('./binding')

// So few are made as fast. Tests want all of them to be made later.
const FEW = process.env.EMVM_TEST_ALL_LAZY ? 1 : 48

const isIndex = (name) => name.charCodeAt(0) < 58 && /^\d+$/.test(name)

// V8 gives an object of fixed shape another shape for each such property, which takes as long as the object has properties. One that is a
// table, as any becomes from which not the last property is deleted, just has an entry more. It would become one with the first use of
// such a property anyway.
function makeTable (object) {
  const [first, last] = [Symbol('first'), Symbol('last')]
  object[first] = undefined
  object[last] = undefined
  delete object[first]
  delete object[last]
}

// Whether so many members of an object are better made later.
const isWorthwhile = (object, count) => count >= FEW && Object.isExtensible(object)

// Gives `object` a property for each name, in order, as an assignment of `make(name, there)` would, but later where it can; `there` is
// what the object has under that name.
function defineLazily (object, names, make) {
  const assign = (name) => { object[name] = make(name, object[name]) }
  let at = 0
  if (isWorthwhile(object, names.length)) {
    makeTable(object)
    const isNew = (name) => !(name in object) && !isIndex(name)
    while (at < names.length) {
      const from = at
      while (at < names.length && isNew(names[at])) at++
      if (at > from && !load().defineLazily(object, from === 0 && at === names.length ? names : names.slice(from, at), make)) {
        at = from
        break
      }
      if (at < names.length) assign(names[at++])
    }
  }
  for (; at < names.length; at++) assign(names[at])
}

// The same for names that the object has not, however few they are.
function defineAllLater (object, names, make) {
  makeTable(object)
  if (load().defineLazily(object, names, make)) return
  for (const name of names) object[name] = make(name)
}

module.exports = { defineAllLater, defineLazily, isWorthwhile }
