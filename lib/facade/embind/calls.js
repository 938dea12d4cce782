'use strict'

// The JavaScript function of each C++ function. It checks the number of arguments, takes class handles apart into the
// two numbers that name them, and crosses into native code once.

const { takeText, makeText, take, make, countLeaves, shapeOf } = require('./records')

const CONSTRUCTOR = 2
const METHOD = 1
const GETTER = 3
const SETTER = 4

const takesThis = (role) => role === METHOD || role === GETTER || role === SETTER

// One factory per shape of signature; opencv has a few dozen for its thousand functions.
const factories = new Map()

function bodyOf ({ role, params, check, result, records }) {
  const names = params.map((_, i) => `a${i}`)
  const passed = ['index']
  let lines = ''
  if (check) lines += `if (arguments.length < required || arguments.length > ${names.length}) wrong(arguments.length)\n`
  if (takesThis(role)) {
    lines += 'const s = state(this)\n'
    passed.push('s.id', 's === NONE ? this : s.key')
  }
  names.forEach((name, i) => {
    const kind = params[i]
    if (kind === 'v') {
      passed.push(name)
    } else if (kind === 'h') {
      lines += `const s${i} = state(${name})\n`
      passed.push(`s${i}.id`, `s${i} === NONE ? ${name} : s${i}.key`)
    } else {
      const { test, leaves } = takeText(records, kind, name)
      lines += `const t${i} = ${test}\n`
      passed.push(`t${i} ? 1 : 0`, ...leaves.map((leaf, at) => `t${i} ? ${leaf} : ${at === 0 ? name : 0}`))
    }
  })
  const call = `native(${passed.join(', ')})`
  if (result === 'v') lines += `return ${call}`
  else if (result === 'h') lines += `const r = ${call}\nreturn typeof r === 'number' ? wrap(r) : r`
  else if (result === 'e') lines += `const r = ${call}\nreturn r === registers ? wrap(registers[2]) : r`
  else lines += `${call}\nreturn ${makeText(records, result)}`
  // Named as it is made: renaming a function afterwards costs four times its memory. With `__proto__` the object is a dictionary;
  // otherwise each name makes a hidden class of its own, which takes most of the time of making the function.
  return `return { __proto__: null, [name]: function (${names.join(', ')}) {\n${lines}\n} }[name]`
}

const PARAMETERS = ['name', 'index', 'native', 'state', 'NONE', 'wrap', 'wrong', 'required', 'registers']

// Fields of records by name, so that two programs share the factories of what looks the same.
const shapes = new WeakMap()

function shapeIn (records, kind) {
  if (typeof kind !== 'number') return kind
  let known = shapes.get(records)
  if (known === undefined) shapes.set(records, known = [])
  return known[kind] ??= shapeOf(records, kind)
}

function factoryOf (kind) {
  const { role, params, check, result, records } = kind
  let key = `${takesThis(role)} ${check} ${shapeIn(records, result)}`
  for (const one of params) key += ` ${shapeIn(records, one)}`
  const known = factories.get(key)
  if (known !== undefined) return known
  let made
  try {
    // eslint-disable-next-line no-new-func
    made = new Function(...PARAMETERS, bodyOf(kind))
  } catch {
    // Code generation from strings is disallowed.
    return plainFactory(kind)
  }
  factories.set(key, made)
  return made
}

// The same without generating code.
function plainFactory ({ role, params, check, result, records }) {
  return (name, index, native, state, NONE, wrap, wrong, required, registers) => ({ __proto__: null, [name]: function (...args) {
    if (check && (args.length < required || args.length > params.length)) wrong(args.length)
    const passed = [index]
    const handle = (value) => {
      const s = state(value)
      passed.push(s.id, s === NONE ? value : s.key)
    }
    if (takesThis(role)) handle(this)
    params.forEach((kind, i) => {
      if (kind === 'v') return passed.push(args[i])
      if (kind === 'h') return handle(args[i])
      const leaves = []
      if (take(records, kind, args[i], leaves)) passed.push(1, ...leaves)
      else passed.push(0, args[i], ...Array(countLeaves(records, kind) - 1).fill(0))
    })
    const value = native(...passed)
    if (result === 'v') return value
    if (result === 'h') return typeof value === 'number' ? wrap(value) : value
    if (result === 'e') return value === registers ? wrap(registers[2]) : value
    return make(records, result, registers)
  } })[name]
}

const legal = (name) => name.replace(/[^a-zA-Z0-9_]/g, '$').replace(/^(?=\d)/, '_')

function named (name, fn) {
  Object.defineProperty(fn, 'name', { configurable: true, value: name })
  return fn
}

// The same for a function that does nothing, at a tenth of the time.
const idle = (name) => ({ __proto__: null, [name]: function () {} })[name]

// `[human, role, argc, required, params, result]` as native code describes it.
function makeCall ([human, role, argc, required, params, result], index, context) {
  const { native, state, NONE, wrap, registers, records, BindingError, checkCounts, argsSuffix, anonymous, generate } = context
  const accessor = role !== METHOD && role !== CONSTRUCTOR && role !== 0
  const check = checkCounts && required >= 0 && !accessor
  const wrong = (count) => {
    const expected = required === argc ? argc : `${required} to ${argc}`
    throw new BindingError(`function ${human} called with ${count} arguments, expected ${expected}${argsSuffix ? ' args!' : ''}`)
  }
  const factory = (generate ? factoryOf : plainFactory)({ role, params, check, result, records })
  // Older generations make functions from text, which needs an identifier.
  const name = anonymous ? '' : argsSuffix ? legal(human) : human
  const fn = factory(name, index, native, state, NONE, wrap, wrong, required, registers)
  fn.argCount = argc
  return fn
}

// Overloads of one name, by the number of arguments: `[human, argc, callable, argc, callable, ...]`.
function makeOverloads ([human, ...entries], calls, BindingError) {
  const overloadTable = []
  for (let i = 0; i < entries.length; i += 2) overloadTable[entries[i]] = calls[entries[i + 1]]
  const dispatch = { '': function () {
    const chosen = overloadTable[arguments.length]
    if (chosen === undefined) {
      throw new BindingError(`Function '${human}' called with an invalid number of arguments (${arguments.length}) - expects one of (${Object.keys(overloadTable)})!`)
    }
    return chosen.apply(this, arguments)
  } }['']
  dispatch.overloadTable = overloadTable
  return dispatch
}

module.exports = { makeCall, makeOverloads, legal, named, idle }
