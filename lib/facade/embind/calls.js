'use strict'

// The JavaScript function of each C++ function. It checks the number of arguments, takes class handles apart into the
// two numbers that name them, and crosses into native code once.

const CONSTRUCTOR = 2
const METHOD = 1
const GETTER = 3
const SETTER = 4

const takesThis = (role) => role === METHOD || role === GETTER || role === SETTER

// One factory per shape of signature; opencv has a few dozen for its thousand functions.
const factories = new Map()

function bodyOf ({ role, shape, check, handle }) {
  const names = Array.from(shape, (_, i) => `a${i}`)
  const passed = []
  let lines = ''
  if (check) lines += `if (arguments.length < required || arguments.length > ${names.length}) wrong(arguments.length)\n`
  if (takesThis(role)) {
    lines += 'const s = state(this)\n'
    passed.push('s.id', 's === NONE ? this : s.key')
  }
  names.forEach((name, i) => {
    if (shape[i] !== 'h') return passed.push(name)
    lines += `const s${i} = state(${name})\n`
    passed.push(`s${i}.id`, `s${i} === NONE ? ${name} : s${i}.key`)
  })
  const call = `native(${passed.join(', ')})`
  lines += handle ? `const r = ${call}\nreturn typeof r === 'number' ? wrap(r) : r` : `return ${call}`
  return `return function (${names.join(', ')}) {\n${lines}\n}`
}

const PARAMETERS = ['native', 'state', 'NONE', 'wrap', 'wrong', 'required']

function factoryOf (kind) {
  const key = `${takesThis(kind.role)} ${kind.shape} ${kind.check} ${kind.handle}`
  const known = factories.get(key)
  if (known !== undefined) return known
  let made
  try {
    // eslint-disable-next-line no-new-func
    made = new Function(...PARAMETERS, bodyOf(kind))
  } catch {
    // Code generation from strings is disallowed.
    made = plainFactory(kind)
  }
  factories.set(key, made)
  return made
}

// The same without generating code.
function plainFactory ({ role, shape, check, handle }) {
  return (native, state, NONE, wrap, wrong, required) => function (...args) {
    if (check && (args.length < required || args.length > shape.length)) wrong(args.length)
    const passed = []
    const take = (value) => {
      const s = state(value)
      passed.push(s.id, s === NONE ? value : s.key)
    }
    if (takesThis(role)) take(this)
    for (let i = 0; i < shape.length; i++) {
      if (shape[i] === 'h') take(args[i])
      else passed.push(args[i])
    }
    const result = native(...passed)
    return handle && typeof result === 'number' ? wrap(result) : result
  }
}

const legal = (name) => name.replace(/[^a-zA-Z0-9_]/g, '$').replace(/^(?=\d)/, '_')

function named (name, fn) {
  Object.defineProperty(fn, 'name', { configurable: true, value: name })
  return fn
}

// `[human, role, argc, required, shape, handle]` as native code describes it.
function makeCall ([human, role, argc, required, shape, handle], native, { state, NONE, wrap, BindingError, checkCounts, argsSuffix }) {
  const accessor = role !== METHOD && role !== CONSTRUCTOR && role !== 0
  const check = checkCounts && required >= 0 && !accessor
  const wrong = (count) => {
    const expected = required === argc ? argc : `${required} to ${argc}`
    throw new BindingError(`function ${human} called with ${count} arguments, expected ${expected}${argsSuffix ? ' args!' : ''}`)
  }
  const fn = factoryOf({ role, shape, check, handle: handle === 1 })(native, state, NONE, wrap, wrong, required)
  fn.argCount = argc
  // Older generations make functions from text, which needs an identifier.
  return named(argsSuffix ? legal(human) : human, fn)
}

// Overloads of one name, by the number of arguments: `[human, argc, callable, argc, callable, ...]`.
function makeOverloads ([human, ...entries], calls, BindingError) {
  const overloadTable = []
  for (let i = 0; i < entries.length; i += 2) overloadTable[entries[i]] = calls[entries[i + 1]]
  const dispatch = function () {
    const chosen = overloadTable[arguments.length]
    if (chosen === undefined) {
      throw new BindingError(`Function '${human}' called with an invalid number of arguments (${arguments.length}) - expects one of (${Object.keys(overloadTable)})!`)
    }
    return chosen.apply(this, arguments)
  }
  dispatch.overloadTable = overloadTable
  return named(human, dispatch)
}

module.exports = { makeCall, makeOverloads, legal, named, plainFactory }
