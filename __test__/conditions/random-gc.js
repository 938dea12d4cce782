'use strict'

// Preloaded by `npm run test:gc`: collects garbage at random moments, among them while a module is on the stack.

const { createHook } = require('node:async_hooks')
const path = require('node:path')
const v8 = require('node:v8')
const vm = require('node:vm')

v8.setFlagsFromString('--expose-gc')
const collect = globalThis.gc || vm.runInNewContext('gc')

let state = Number(process.env.EMVM_GC_SEED) || 1
function maybe (of) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  const drawn = state >>> 8
  if (drawn % of === 0) collect({ type: drawn % 3 === 0 ? 'major' : 'minor' })
}

createHook({ init () { maybe(150) }, before () { maybe(80) } }).enable()

// Before and after whatever the module calls.
const around = (fn) => function (...args) {
  maybe(40)
  const value = Reflect.apply(fn, this, args)
  maybe(40)
  return value
}

const lib = path.join(__dirname, '..', '..', 'lib')
const facts = require(path.join(lib, 'options.js'))
const { openOptions } = facts
facts.openOptions = (given) => {
  const options = openOptions(given)
  const imports = options.imports && Object.entries(options.imports).map(([module, functions]) => [module, Object.fromEntries(Object.entries(functions).map(([name, fn]) => [name, around(fn)]))])
  return {
    ...options,
    ...(imports && { imports: Object.fromEntries(imports) }),
    ...(options.print && { print: around(options.print) }),
    ...(options.printErr && { printErr: around(options.printErr) })
  }
}
