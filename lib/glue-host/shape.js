'use strict'

// From whatever the glue gives (a factory, a promise, an object that will be ready) to the ready module.

const { types } = require('node:util')
const { now, setImmediate, setTimeout } = require('../base/clock')

const isObject = (value) => value !== null && (typeof value === 'object' || typeof value === 'function')
const isClass = (value) => /^class\b/.test(Function.prototype.toString.call(value))

// Names of Emscripten's runtime that every minifier leaves alone: a factory has some of them, and the instantiation.
const RUNTIME = /\b(onRuntimeInitialized|calledRun|preRun|wasmBinary|instantiateWasm|locateFile|HEAPU8)\b/
// Those that a function gives to a factory, as members of an object that it writes: it has no runtime of its own for that.
const GIVEN = /([{,]\s*(?:async\s+)?)(['"]?)(?:onRuntimeInitialized|preRun|wasmBinary|instantiateWasm|locateFile)\2(?=\s*[:(,}])/g

// Whether a function is a factory of Emscripten's: it takes at most its options, and holds the runtime that it starts.
// `wanted`: the `factory` option; 'wrapped' where the file is known to put a function of its own in the factory's place.
function isFactory (value, wanted) {
  if (typeof value !== 'function' || wanted === false || isClass(value)) return false
  if (wanted === true) return true
  const text = Function.prototype.toString.call(value)
  return parameters(text) <= 1 && (wanted === 'wrapped' || (text.includes('WebAssembly') && RUNTIME.test(text.replace(GIVEN, '$1'))))
}

// How many parameters a function declares; those with defaults, which `length` leaves out, count too.
function parameters (text) {
  const head = /^(?:async\b\s*)?(?:function\b\s*\*?\s*[\w$]*\s*)?/.exec(text)[0].length
  if (text[head] !== '(') return 1
  let count = 0
  let depth = 0
  for (let at = head; at < text.length; at++) {
    const char = text[at]
    if ('([{'.includes(char)) depth++
    else if (')]}'.includes(char)) { if (--depth === 0) break } else if (char === ',' && depth === 1) count++
    else if (count === 0 && /\S/.test(char)) count = 1
  }
  return count
}

// What the glue offers: its default export, what it assigned to `module.exports`, its `Module` variable. With
// `factory: false`, what `require` or `import` gives.
function offered ({ module, initial, exported, result }, factory) {
  if (exported) return fromExports(exported, factory)
  const assigned = module.exports
  if (assigned !== initial) {
    if (!isObject(assigned) || !Object.hasOwn(assigned, 'default')) return assigned
    if (typeof assigned === 'object') return fromExports(assigned, factory)
    return !isFactory(assigned, factory) && isFactory(assigned.default, factory) ? assigned.default : assigned
  }
  if (Object.keys(initial).length > 0) return fromExports(initial, factory)
  return result && result.Module
}

// A default export that is a factory is the module's; an object beside other names is one part of an API, and so is a
// function that is no factory or is also exported by a name, among others.
function fromExports (exported, factory) {
  const { default: main } = exported
  const named = Object.keys(exported).filter((key) => key !== 'default' && key !== '__esModule')
  const alone = named.length === 0 && isObject(main)
  if (factory === false) return alone ? main : exported
  const part = named.length > 2 && named.some((key) => exported[key] === main)
  if (alone || (isFactory(main, factory) && !part)) return main
  return only(exported, factory)
}

// `exports.createModule = ...`: an object with a factory and nothing else.
function only (exported, factory) {
  const keys = Object.keys(exported).filter((key) => key !== '__esModule')
  const value = keys.length === 1 ? exported[keys[0]] : undefined
  return isFactory(value, factory) ? value : exported
}

// Waits for the module. `watch.hook.ready` settles when the glue calls `onRuntimeInitialized`; `instances()` and
// `pending()` tell how many instances there are and are under way, `untouched()` whether the options are as they were; `said`
// is told what is waited for; once `ended()`, nobody waits any more.
/**
 * @param {any[]} boxed
 * @param {any} options
 * @param {any} watch
 */
async function settle ([offer], options, watch) {
  let given = offer
  let promised = false
  // Some factories give another factory.
  for (let round = 0; round < 3 && isFactory(given, watch.factory) && !isModule(given, options); round++) {
    watch.said('the promise of the glue\'s factory')
    // Old factories fill the object they were given, and may return nothing.
    given = given(options) ?? options
    promised = types.isPromise(given)
    if (promised) given = (await given) ?? options
  }
  if (types.isPromise(given)) {
    promised = true
    given = (await given) ?? options
  }
  return [await finish(given, options, watch, promised)]
}

// A script may export an interface of its own beside the `Module` that starts in it: that one has to be up too.
/**
 * @param {any} given
 * @param {any[]} settled
 * @param {any} options
 * @param {any} watch
 */
async function settleBeside ({ result }, [offer], options, { hook, pending, instances, ended, said }) {
  const module = result && result.Module
  if (!isObject(module) || module === offer) return
  // What every `Module` has that was given to the glue is no sign that it was used.
  const used = MARKS.some((key) => key !== 'onRuntimeInitialized' && Object.hasOwn(module, key)) || functionsOf(module).some(ofC)
  if (!used) return
  said('the `Module` of the script')
  const done = () => hook.called || Boolean(peek(module, 'calledRun'))
  const patience = now() + DOUBTFUL_MS
  const waits = () => pending() > 0 || (instances() === 0 && now() < patience)
  while (!ended() && !done() && waits()) await Promise.race([hook.ready, turn()])
  for (let turns = 0; !done() && turns < 4; turns++) await Promise.race([hook.ready, turn()])
}

// Properties of assertion-heavy builds abort when read: only data is looked at.
function peek (object, key) {
  const descriptor = Object.getOwnPropertyDescriptor(object, key)
  return descriptor && descriptor.value
}

// How long an object that may be no module is given to instantiate something.
const DOUBTFUL_MS = 500

const MARKS = ['calledRun', 'asm', 'HEAP8', 'HEAPU8', 'onRuntimeInitialized', 'preloadedImages', 'ccall']
// Any API may have these: they tell something beside functions of C only.
const WEAK_MARKS = ['run', 'inspect']

// Whether an object is Emscripten's module, as against an interface that some wrapper built of it.
function isModule (object, options) {
  if (hasMarks(object, options)) return true
  const functions = functionsOf(object)
  return functions.length > 0 && functions.filter(ofC).length * 2 >= functions.length
}

const functionsOf = (object) => Object.keys(object).filter((key) => typeof peek(object, key) === 'function')
// wasm-bindgen's functions for the engine begin so, too.
const ofC = (key) => key[0] === '_' && !/^__wb(g|indgen)_/.test(key)

// A wrapper may well have functions whose names begin with an underscore, but nothing of these.
function hasMarks (object, options) {
  if (object === options || MARKS.some((key) => Object.hasOwn(object, key))) return true
  return WEAK_MARKS.some((key) => Object.hasOwn(object, key)) && functionsOf(object).some(ofC)
}

// `promised`: a promise of the glue's gave this module, so that it is ready unless its wasm is still being compiled.
async function finish (module, options, watch, promised) {
  const { hook, instances, pending, said, ended } = watch
  if (!isObject(module)) return module
  const genuine = isModule(module, options)
  if (typeof peek(module, 'then') === 'function' || (!genuine && typeof module.then === 'function')) {
    // Old modules are thenables that resolve with themselves: asked once, and never handed to a promise.
    said(genuine ? 'the module\'s own then()' : 'a thenable that the glue gave')
    const [value] = await new Promise((resolve, reject) => {
      try {
        module.then((value) => {
          if (genuine) hide(module, 'then')
          resolve([value])
        }, reject)
      } catch (error) {
        reject(error)
      }
    })
    if (isObject(value) && value !== module) return finish(value, options, watch, true)
    return module
  }
  const ready = peek(module, 'ready')
  if (types.isPromise(ready)) {
    said('the module\'s `ready` promise')
    await Promise.race([ready.then(() => {}), hook.ready])
    promised = true
  }
  const done = () => hook.called || Boolean(peek(module, 'calledRun'))
  // A script that leaves the `Module` that it was given alone makes none.
  const certain = hasMarks(module, options) && !(module === options && watch.untouched())
  if (!done() && certain && !hook.installed(module)) {
    said('onRuntimeInitialized')
    hook.install(module)
  }
  // Every module instantiates its wasm at some time; what follows does so within a few turns of the event loop.
  said(genuine ? 'its WebAssembly to be instantiated' : 'the glue')
  const patience = certain ? Infinity : now() + DOUBTFUL_MS
  const waits = () => pending() > 0 || (genuine && instances() === 0 && now() < patience)
  for (let turns = 0; !ended() && !done() && waits(); turns++) {
    await Promise.race([hook.ready, turns < QUICK_TURNS ? immediate() : turn()])
  }
  if (!promised) {
    for (let turns = 0; !done() && turns < 4; turns++) await Promise.race([hook.ready, genuine ? turn() : immediate()])
  }
  if (!done() && Object.hasOwn(module, 'calledRun')) {
    said('onRuntimeInitialized')
    await hook.ready
  }
  return module
}

// A timer costs a millisecond; what is under way for longer than a few turns is a compilation.
const QUICK_TURNS = 50
const immediate = () => new Promise((resolve) => setImmediate(resolve))
const turn = () => new Promise((resolve) => setTimeout(resolve, 0))

function hide (object, key) {
  if (!delete object[key]) object[key] = undefined
}

// Told when the runtime is up, through `onRuntimeInitialized`.
class ReadyHook {
  constructor () {
    this.called = false
    this.ready = new Promise((resolve) => { this.resolve = resolve })
    this.hooks = new WeakMap()
  }

  // What was put here for the start alone is no key of the module.
  remove (module) {
    const own = peek(module, 'onRuntimeInitialized')
    if (typeof own === 'function' && this.hooks.get(own) === false) delete module.onRuntimeInitialized
  }

  install (module) {
    const descriptor = Object.getOwnPropertyDescriptor(module, 'onRuntimeInitialized')
    // Assertion-heavy builds put a trap where an option came too late: the module is past that point.
    if (descriptor && !('value' in descriptor)) return
    const theirs = descriptor && descriptor.value
    const hook = (...args) => {
      const given = typeof theirs === 'function' ? theirs.apply(module, args) : undefined
      this.called = true
      this.resolve()
      return given
    }
    // Whether it stands for one that the user gave.
    this.hooks.set(hook, theirs !== undefined)
    module.onRuntimeInitialized = hook
  }

  installed (module) {
    const own = peek(module, 'onRuntimeInitialized')
    return typeof own === 'function' && this.hooks.has(own)
  }
}

module.exports = { offered, settle, settleBeside, ReadyHook, hide, immediate }
