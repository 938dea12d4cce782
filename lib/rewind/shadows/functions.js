'use strict'

// `Function(...)` and its kin: their text is instrumented as a file's is. It sees global names only, and `$rw`.

const KINDS = [
  ['function', Function],
  ['async function', (async () => {}).constructor],
  ['function *', function * () {}.constructor],
  ['async function *', async function * () {}.constructor]
]
const HIDES = /=>|\bfunction\b|\bclass\b|\beval\b|\bawait\b|\byield\b|\bthen\b|\bbind\b|\bconstructor\b|#/

// Gives `Function`; the registry knows the others by those of the language.
function functions (registry) {
  const own = KINDS.map(([head, Real]) => maker(head, Real))
  KINDS.forEach(([, Real], at) => registry.makers.set(Real, own[at]))
  return own[0]

  function maker (head, Real) {
    const make = (args) => {
      if (args.length === 0) return Real()
      const body = `${args.at(-1)}`
      const parameters = args.slice(0, -1).map(String).join(',')
      // What has no function in it hides nothing, and what V8 refuses it refuses in its own words.
      const plain = Real(...args)
      if (head === 'function' && !HIDES.test(body) && !/=>|\bfunction\b|\bclass\b/.test(parameters)) return registry.plain(plain, args.map(String))
      const text = registry.instrument(`return ${head} anonymous(${parameters}\n) {\n${body}\n}`, 'function')
      return Function('$rw', text)(registry.$rw)
    }
    const shadow = new Proxy(Real, {
      // A class that extends it.
      construct: (Real, args, newTarget) => newTarget === shadow || newTarget === Real ? make(args) : Object.setPrototypeOf(make(args), newTarget.prototype),
      apply: (Real, self, args) => make(args)
    })
    return shadow
  }
}

module.exports = { functions }
