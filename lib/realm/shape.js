'use strict'

// From whatever the glue gives (a factory, a promise, an object that will be ready) to the ready module.

const { types } = require('node:util')

const isObject = (value) => value !== null && (typeof value === 'object' || typeof value === 'function')
const isClass = (value) => /^class\b/.test(Function.prototype.toString.call(value))

// What the glue offers: its default export, what it assigned to `module.exports`, its `Module` variable.
function offered ({ module, initial, exported, result }) {
  if (exported) {
    if (isObject(exported.default)) return exported.default
    return only(exported)
  }
  const assigned = module.exports
  if (assigned !== initial) return isObject(assigned) && isObject(assigned.default) && !assigned.calledRun ? assigned.default : assigned
  if (Object.keys(initial).length > 0) return isObject(initial.default) ? initial.default : only(initial)
  return result && result.Module
}

// `exports.createModule = ...`: an object whose one function is the factory.
function only (exported) {
  const functions = Object.keys(exported).filter((key) => typeof exported[key] === 'function' && !isClass(exported[key]))
  return functions.length === 1 ? exported[functions[0]] : exported
}

// Waits for `Module`. `hook.ready` settles when the glue calls `onRuntimeInitialized`; `pending()` tells how many
// instantiations are under way; `said` is told what is waited for.
async function settle (offer, options, { hook, pending, said }) {
  let given = offer
  if (typeof given === 'function' && !isClass(given)) {
    said('the promise of the glue\'s factory')
    given = given(options)
    // Old factories fill the object they were given, and return nothing.
    if (given === undefined) given = options
  }
  if (types.isPromise(given)) given = boxed(await given.then((value) => [value])) ?? options
  return finish(given, options, { hook, pending, said })
}

const boxed = ([value]) => value

async function finish (module, options, { hook, pending, said }) {
  if (!isObject(module)) return module
  if (typeof module.then === 'function') {
    // Before 1.39.? a module is a thenable that resolves with itself: it must be asked once, and then forget that.
    const isModule = module.calledRun !== undefined || module === options || 'asm' in module || 'HEAP8' in module || 'run' in module
    said(isModule ? 'the module\'s own then()' : 'a thenable that the glue gave')
    if (!module.calledRun || !isModule) {
      const [value] = await new Promise((resolve, reject) => {
        try {
          module.then((value) => resolve([value]), reject)
        } catch (error) {
          reject(error)
        }
      })
      if (isModule) hide(module, 'then')
      if (isObject(value) && value !== module) return finish(value, options, { hook, pending, said })
    } else {
      hide(module, 'then')
    }
  }
  if (types.isPromise(module.ready)) {
    said('the module\'s `ready` promise')
    await Promise.race([module.ready.then(() => {}), hook.ready])
  }
  if (module.calledRun || hook.called) return module
  if (module === options || 'calledRun' in module || 'onRuntimeInitialized' in module || 'asm' in module) {
    // An Emscripten module that has not run. One that never will (no `main`, all synchronous) has no pending work.
    said('onRuntimeInitialized')
    if (!('onRuntimeInitialized' in module) || !hook.installed(module)) hook.install(module)
    while (!module.calledRun && !hook.called && pending() > 0) await Promise.race([hook.ready, turn()])
    for (let turns = 0; !module.calledRun && !hook.called && turns < 4; turns++) await Promise.race([hook.ready, turn()])
    if (!module.calledRun && !hook.called && 'calledRun' in module) await hook.ready
  } else {
    while (pending() > 0 && !hook.called) await Promise.race([hook.ready, turn()])
  }
  return module
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

function hide (object, key) {
  if (!delete object[key]) object[key] = undefined
}

// Told when the runtime is up, through `onRuntimeInitialized`.
class ReadyHook {
  constructor () {
    this.called = false
    this.ready = new Promise((resolve) => { this.resolve = resolve })
    this.hooks = new WeakSet()
  }

  install (module) {
    const theirs = module.onRuntimeInitialized
    const hook = (...args) => {
      const given = typeof theirs === 'function' ? theirs.apply(module, args) : undefined
      this.called = true
      this.resolve()
      return given
    }
    this.hooks.add(hook)
    module.onRuntimeInitialized = hook
  }

  installed (module) {
    return typeof module.onRuntimeInitialized === 'function' && this.hooks.has(module.onRuntimeInitialized)
  }
}

module.exports = { offered, settle, ReadyHook, hide }
