'use strict'

// One factory per shape of signature makes the JavaScript function of a C++ function; opencv.js has three hundred for its fourteen
// hundred functions. They are one script for each program, which V8 compiles once in the process: other threads start from its code.

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

// The text of all factories that a description needs, and which of them each of its functions is made by.
function generate ({ callables, records, checkCounts }) {
  // Only of records that cross in parts: others may hold more than can be written down.
  const shapes = []
  const shape = (one) => typeof one === 'number' ? (shapes[one] ??= shapeOf(records, one)) : one
  const known = new Map()
  const texts = []
  const which = new Uint16Array(callables.length)
  callables.forEach((callable, i) => {
    const kind = kindOf(callable, checkCounts)
    let key = `${takesThis(kind.role)} ${kind.check} ${shape(kind.result)}`
    for (const one of kind.params) key += ` ${shape(one)}`
    let at = known.get(key)
    if (at === undefined) {
      known.set(key, at = texts.length)
      texts.push(factoryText(kind, records))
    }
    which[i] = at
  })
  return { source: `[\n${texts.join(',\n')}\n]`, which }
}

// Within this folder, so that a leak's place is not looked for there.
const FILE = path.join(__dirname, 'generated.js')

const made = new WeakMap()

// `{ factory, keep }`: the factory of each callable of a description by its index; `keep()`, once they have run, leaves V8's code
// for them to other threads.
function factoriesFor (description, program) {
  const mine = made.get(description)
  if (mine !== undefined) return { factory: mine, keep () {} }
  const kept = program?.generated() ?? undefined
  // What was kept may be of the description before `main` registered more, or after.
  const shared = kept !== undefined && kept.which.length === 2 * description.callables.length ? kept : undefined
  const { source, which } = shared === undefined
    ? generate(description)
    : { source: shared.source, which: new Uint16Array(shared.which.buffer, shared.which.byteOffset, shared.which.length / 2) }
  const script = new vm.Script(source, { filename: FILE, ...(shared && { cachedData: shared.code }) })
  const factories = script.runInThisContext()
  const factory = (index) => factories[which[index]]
  made.set(description, factory)
  return {
    factory,
    keep () {
      if (kept === undefined && program) program.keepGenerated(source, Buffer.from(which.buffer), script.createCachedData())
    }
  }
}

module.exports = { factoriesFor }
