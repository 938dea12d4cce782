'use strict'

// `Function(...)`: its text is instrumented as a file's is. It sees global names only, and `$rw`.

const RealFunction = Function

function functions (registry, known) {
  const make = (args) => {
    if (args.length === 0) return RealFunction()
    const body = `${args.at(-1)}`
    const parameters = args.slice(0, -1).map(String).join(',')
    // What has no function in it hides nothing, and what V8 refuses it refuses in its own words.
    const plain = RealFunction(...args)
    if (!/=>|\bfunction\b|\bclass\b|\beval\b|\bawait\b|\bthen\b|\bbind\b|#/.test(body) && !/=>|\bfunction\b|\bclass\b/.test(parameters)) return plain
    const text = registry.instrument(`return function anonymous(${parameters}\n) {\n${body}\n}`, 'function')
    const made = RealFunction('$rw', text)(registry.$rw)
    known.add(made)
    return made
  }
  return new Proxy(RealFunction, { construct: (Real, args) => make(args), apply: (Real, self, args) => make(args) })
}

module.exports = { functions }
