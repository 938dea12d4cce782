'use strict'

// One factory per shape of signature makes the JavaScript function of a C++ function; opencv.js has three hundred for its fourteen
// hundred functions. Each is compiled when the first of them is needed: a program uses few.

const path = require('node:path')
const vm = require('node:vm')
const { takeText, makeText, shapeOf } = require('./records')

const CONSTRUCTOR = 2
const METHOD = 1
const GETTER = 3
const SETTER = 4

const takesThis = (role) => role === METHOD || role === GETTER || role === SETTER

const PARAMETERS = ['name', 'index', 'native', 'state', 'NONE', 'wrap', 'wrong', 'required', 'registers', 'numbers', 'fields']

// What a result that is no more than a number is made of it.
const NUMBERS = { u: 'undefined', i: 'registers[0] | 0', n: 'registers[0]', b: 'registers[0] !== 0' }

// A property that only reads a field is read here: see ./fields.js.
function fieldText (result) {
  return `if (field && s.changes === registers[32] && s.id >= field.first && s.id < field.end) {
const place = fields.words[field.context]
const at = s.at + place
if (place !== undefined && (at & field.mask) === 0) {
const v = fields.views[field.view][at >> field.shift]
if (v !== undefined) return ${result === 'b' ? 'v !== 0' : 'v'}
}
}`
}

// Numbers cross in the registers, in a fifth of the time that Node-API takes to read and make them.
function numbersText (role, passed, names, result) {
  const tests = names.map((name) => `typeof ${name} === 'number'`)
  if (takesThis(role)) tests.push('s !== NONE')
  const writes = passed.map((value, at) => `registers[${at}] = ${value === 's === NONE ? this : s.key' ? 's.key' : value}`)
  if (role === GETTER) return `if (s !== NONE) {\n${fieldText(result)}\n${writes.join('\n')}\nif (numbers() !== undefined) return undefined\nconst r = ${NUMBERS[result]}\nfield = fields.note(field, index, s)\nreturn r\n}\n`
  const body = `${writes.join('\n')}\nreturn numbers() === undefined ? ${NUMBERS[result]} : undefined`
  return tests.length === 0 ? `${body}\n` : `if (${tests.join(' && ')}) {\n${body}\n}\n`
}

function factoryText ({ role, params, check, result }, records) {
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
    if (kind === 'v' || kind === 'n') {
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
  if (result in NUMBERS) lines += numbersText(role, passed, names, result)
  if (result === 'v' || result in NUMBERS) lines += `return ${call}`
  else if (result === 'h') lines += `const r = ${call}\nreturn typeof r === 'number' ? wrap(r) : r`
  else if (result === 'e') lines += `const r = ${call}\nreturn r === registers ? wrap(registers[2]) : r`
  else lines += `${call}\nreturn ${makeText(records, result)}`
  // Named as it is made: renaming a function afterwards costs four times its memory. With `__proto__` the object is a dictionary;
  // otherwise each name makes a hidden class of its own, which takes most of the time of making the function.
  const made = `({ __proto__: null, [name]: function (${names.join(', ')}) {\n${lines}\n} })[name]`
  const head = `(${PARAMETERS.join(', ')}) =>`
  return role === GETTER && result in NUMBERS ? `${head} { let field; return ${made} }` : `${head} ${made}`
}

// `[human, role, argc, required, params, result]` as native code describes it.
function kindOf ([, role, , required, params, result], checkCounts) {
  const accessor = role !== METHOD && role !== CONSTRUCTOR && role !== 0
  return { role, params, result, check: checkCounts && required >= 0 && !accessor }
}

// Within this folder, so that a leak's place is not looked for there.
const FILE = path.join(__dirname, 'generated.js')

class Factories {
  #description
  // Of records that cross in parts: others may hold more than can be written down.
  #shapes = []
  #made = new Map()
  #keys = []

  constructor (description) {
    this.#description = description
  }

  #shape (one) {
    return typeof one === 'number' ? (this.#shapes[one] ??= shapeOf(this.#description.records, one)) : one
  }

  #keyOf (index) {
    if (this.#keys[index] !== undefined) return this.#keys[index]
    const kind = this.#kindOf(index)
    let key = `${takesThis(kind.role)} ${kind.check} ${this.#shape(kind.result)}`
    for (const one of kind.params) key += ` ${this.#shape(one)}`
    return (this.#keys[index] = key)
  }

  #kindOf (index) {
    const { callables, checkCounts } = this.#description
    return kindOf(callables.at(index), checkCounts)
  }

  // The factory of a callable by its index.
  of (index) {
    const key = this.#keyOf(index)
    if (!this.#made.has(key)) this.prepare([index])
    return this.#made.get(key)
  }

  // Those of several are compiled at once.
  prepare (indices) {
    const texts = new Map()
    for (const index of indices) {
      const key = this.#keyOf(index)
      if (!this.#made.has(key) && !texts.has(key)) texts.set(key, factoryText(this.#kindOf(index), this.#description.records))
    }
    if (texts.size === 0) return
    const made = new vm.Script(`[\n${[...texts.values()].join(',\n')}\n]`, { filename: FILE }).runInThisContext()
    let at = 0
    for (const key of texts.keys()) this.#made.set(key, made[at++])
  }
}

const made = new WeakMap()

// The same for all sandboxes of a thread.
function factoriesFor (description) {
  let factories = made.get(description)
  if (factories === undefined) made.set(description, factories = new Factories(description))
  return factories
}

module.exports = { factoriesFor }
