'use strict'

// The JavaScript function of each C++ function. It checks the number of arguments, takes class handles apart into the
// two numbers that name them, and crosses into native code once.

const legal = (name) => name.replace(/[^a-zA-Z0-9_]/g, '$').replace(/^(?=\d)/, '_')

function named (name, fn) {
  Object.defineProperty(fn, 'name', { configurable: true, value: name })
  return fn
}

// The same for a function that does nothing, at a tenth of the time.
const idle = (name) => ({ __proto__: null, [name]: function () {} })[name]

// `[human, role, argc, required, ...]` as native code describes it.
function makeCall ([human, , argc, required], index, context) {
  const { factories, native, numbers, fields, state, NONE, wrap, registers, BindingError, argsSuffix, anonymous } = context
  const wrong = (count) => {
    const expected = required === argc ? argc : `${required} to ${argc}`
    throw new BindingError(`function ${human} called with ${count} arguments, expected ${expected}${argsSuffix ? ' args!' : ''}`)
  }
  // Older generations make functions from text, which needs an identifier.
  const name = anonymous ? '' : argsSuffix ? legal(human) : human
  const fn = factories.of(index)(name, index, native, state, NONE, wrap, wrong, required, registers, numbers, fields)
  fn.argCount = argc
  return fn
}

// Overloads of one name, by the number of arguments: `[human, argc, callable, argc, callable, ...]`.
function makeOverloads ([human, ...entries], callOf, BindingError) {
  const overloadTable = []
  for (let i = 0; i < entries.length; i += 2) overloadTable[entries[i]] = callOf(entries[i + 1])
  const dispatch = /** @type {any} */ ({ '': function () {
    const chosen = overloadTable[arguments.length]
    if (chosen === undefined) {
      throw new BindingError(`Function '${human}' called with an invalid number of arguments (${arguments.length}) - expects one of (${Object.keys(overloadTable)})!`)
    }
    return chosen.apply(this, arguments)
  } }[''])
  dispatch.overloadTable = overloadTable
  return dispatch
}

module.exports = { makeCall, makeOverloads, legal, named, idle }
