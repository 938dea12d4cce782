'use strict'

// embind's part of the module object: classes, functions, enums and constants, from what native code describes. Each is made
// once per sandbox, when it is first needed. No state is kept here, so that a recycle has nothing to put back.

const { holding } = require('./holding')
const { Generations } = require('./generations')
const { keep } = require('./keep')
const { defineLazily } = require('../base/lazy')
const { Description } = require('./embind/description')
const { factoriesFor } = require('./embind/factories')
const { makeFields } = require('./embind/fields')
const { makeHandles } = require('./embind/handles')
const { indexOf, makeMembers } = require('./embind/members')
const { makeLeaks } = require('./embind/leaks')
const { makeInheriting } = require('./embind/inherit')
const { makeCoroutines } = require('./embind/coroutines')

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
  if (!known.has(registrations)) {
    const description = new Description(native.description)
    known.set(registrations, { description, symbols: indexOf(description) })
  }
  const { description, symbols } = known.get(registrations)
  const { operations, registers } = native
  // Handles say by it whose they are: users see it, not what it keeps.
  const owner = holding({}, native.owner)
  const { BindingError } = errors
  const { argsSuffix, finalizers, anonymous } = description

  const { leaks, note } = makeLeaks(operations, generations, trackLeaks)
  const handles = makeHandles({ operations, registers, owner, finalizers, note })
  const { state, NONE, wrap } = handles
  const context = { factories: factoriesFor(description), native: native.call, numbers: native.callWithNumbers, fields: makeFields({ operations, registers }), state, NONE, wrap, registers, BindingError, argsSuffix, anonymous }
  const members = makeMembers(description, context, handles, operations.constants())
  handles.classOf = members.classOf

  const coroutines = makeCoroutines({ generations, operations, makesErrorValues: makesErrorValues(facts), onUncaught })
  operations.setHooks([
    (id, key, smart) => handles.make(handles.classOfHandle(id).prototype, id, key, smart),
    (value) => {
      const s = state(value)
      if (s === NONE) return false
      registers[0] = s.id
      registers[1] = s.key
      return true
    },
    (index, value) => members.enumOf(index).values[value],
    makeInheriting({ description, operations, handles, errors, argsSuffix, anonymous }),
    (id, key) => () => operations.delete(id, key),
    () => operations.flush(),
    (name) => reaches(module[name]),
    coroutines.suspend,
    coroutines.makePromise
  ])

  // `there`: what had the name before.
  const make = (name, there) => {
    const symbol = symbols.of(name)
    const made = members.symbolOf(symbol)
    if (symbol.kind === 'c' && typeof there === 'function') keepAdditions(there, made)
    return made
  }
  for (const { isPlain, names } of symbols.runs) {
    if (isPlain) for (const name of names) module[name] = make(name)
    else defineLazily(module, names, make)
  }

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
  return { errors, helpers, leaks, owns: (value) => typeof value === 'object' && state(value) !== NONE }
}

module.exports = { attachEmbind }
