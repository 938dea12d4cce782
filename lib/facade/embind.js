'use strict'

// embind's part of the module object: classes, functions, enums and constants, from what native code describes. Each is made
// once per sandbox, when it is first needed. No state is kept here, so that a recycle has nothing to put back.

const { holding } = require('./holding')
const { Generations } = require('./generations')
const { keep } = require('./keep')
const { defineLazily } = require('../base/lazy')
const { Description } = require('./embind/description')

// The rest is loaded, and made, when the first symbol or object is needed.

const ERRORS = ['BindingError', 'InternalError', 'UnboundTypeError', 'PureVirtualError']
const BUILTIN = { TypeError, RangeError, ReferenceError, Error }

function makeErrors () {
  const errors = {}
  for (const name of ERRORS) {
    errors[name] = { [name]: class extends Error {} }[name]
    Object.defineProperty(errors[name].prototype, 'name', { configurable: true, writable: true, value: name })
  }
  return errors
}

const makesErrorValues = (facts) => Boolean(facts && facts.imports.some(({ name }) => name === '_emval_from_current_cxa_exception'))

// By the facts of a program, then by how much was registered: the same for all its sandboxes, so they share it.
const descriptions = new WeakMap()

function descriptionsOf (facts) {
  if (!facts) return new Map()
  if (!descriptions.has(facts)) descriptions.set(facts, new Map())
  return descriptions.get(facts)
}

// What JavaScript has put on a class that was made before more was registered.
function keepAdditions (from, to) {
  for (const [old, made] of [[from, to], [from.prototype, to.prototype]]) {
    if (old === made || !old || !made) continue
    for (const key of Reflect.ownKeys(old)) {
      if (!Object.hasOwn(made, key)) Object.defineProperty(made, key, Object.getOwnPropertyDescriptor(old, key))
    }
  }
}

// What makes symbols and objects: `{ members, handles, hooks, leaks }`.
function makeParts ({ description, native, errors, trackLeaks, facts, onUncaught, generations, reaches }) {
  const { operations, registers } = native
  // Handles say by it whose they are: users see it, not what it keeps.
  const owner = holding({}, native.owner)
  const { BindingError } = errors
  const { argsSuffix, finalizers, anonymous } = description

  const { leaks, note } = require('./embind/leaks').makeLeaks(operations, generations, trackLeaks)
  const handles = require('./embind/handles').makeHandles({ operations, registers, owner, finalizers, note })
  const { state, NONE, wrap } = handles
  const factories = require('./embind/factories').factoriesFor(description)
  const fields = require('./embind/fields').makeFields({ operations, registers })
  const context = { factories, native: native.call, numbers: native.callWithNumbers, fields, state, NONE, wrap, registers, BindingError, argsSuffix, anonymous }
  /** @type {any[] | undefined} */
  let constants
  const members = require('./embind/members').makeMembers(description, context, handles, () => constants ??= operations.constants())
  handles.classOf = members.classOf
  const once = (make) => {
    let made
    return () => made ??= make()
  }
  const inheriting = once(() => require('./embind/inherit').makeInheriting({ description, operations, handles, errors, argsSuffix, anonymous }))
  const coroutines = once(() => require('./embind/coroutines').makeCoroutines({ generations, operations, makesErrorValues: makesErrorValues(facts), onUncaught }))
  const hooks = [
    (id, key, smart) => handles.make(handles.classOfHandle(id).prototype, id, key, smart),
    (value) => {
      const s = state(value)
      if (s === NONE) return false
      registers[0] = s.id
      registers[1] = s.key
      return true
    },
    (index, value) => members.enumOf(index).values[value],
    (...args) => inheriting()(...args),
    (id, key) => () => operations.delete(id, key),
    () => operations.flush(),
    reaches,
    (...args) => coroutines().suspend(...args),
    () => coroutines().makePromise()
  ]
  return { members, handles, hooks, leaks }
}

// How many of them native code calls.
const HOOKS = 9

// `wants(name)` says whether the package has that helper on its module.
/**
 * @param {any} module
 * @param {any} sandbox
 * @param {(name: string) => boolean} [wants]
 * @param {any} [options]
 */
function attachEmbind (module, sandbox, wants = () => true, { trackLeaks = false, facts, onUncaught, generations = new Generations(), reaches = (value) => value } = {}) {
  const errors = makeErrors()
  sandbox.setScriptError(keep(sandbox, (name, message) => new (errors[name] || BUILTIN[name] || Error)(message)))
  const known = descriptionsOf(facts)
  const registrations = sandbox.embindRegistrations
  const native = sandbox.embind(!known.has(registrations))
  if (!native) return null
  if (!known.has(registrations)) known.set(registrations, new Description(native.description))
  const description = known.get(registrations)
  const { operations } = native

  let parts
  function made () {
    if (parts !== undefined) return parts
    parts = makeParts({ description, native, errors, trackLeaks, facts, onUncaught, generations, reaches: (name) => reaches(module[name]) })
    operations.setHooks(parts.hooks)
    return parts
  }
  operations.setHooks(Array.from({ length: HOOKS }, (_, at) => (...args) => made().hooks[at](...args)))

  // `there`: what had the name before.
  const make = (name, there) => {
    const symbol = description.symbolOf(name)
    const value = made().members.symbolOf(symbol)
    if (symbol.kind === 'c' && typeof there === 'function') keepAdditions(there, value)
    return value
  }
  description.runs.forEach((run, at) => {
    if (at % 2 === 0) defineLazily(module, run, make)
    else for (let i = 0; i < run.length; i += 2) module[run[i]] = run[i + 1]
  })

  const helpers = {
    ...errors,
    count_emval_handles: () => operations.countEmvals(),
    get_first_emval: () => operations.firstEmval(),
    getInheritedInstanceCount: () => operations.inheritedCount(),
    getLiveInheritedInstances: () => operations.inheritedObjects(),
    flushPendingDeletes: () => operations.flush(),
    setDelayFunction: (fn) => operations.setDelay(fn)
  }
  for (const [name, value] of Object.entries(helpers)) if (wants(name) && !(name in module)) module[name] = value
  const owns = (value) => {
    if (typeof value !== 'object' || parts === undefined) return false
    const { state, NONE } = parts.handles
    return state(value) !== NONE
  }
  return { errors, helpers, leaks: () => made().leaks(), owns }
}

module.exports = { attachEmbind }
