'use strict'

// JavaScript objects of C++ classes. What they stand for lives in native code; `$$` names it by two numbers.

const { named } = require('./calls')

const CLASS = 2 ** 24

// An own property that neither `Object.keys` nor `for ... in` sees, and that is cheap to make, unlike a non-enumerable
// one. Reading it goes through proxies as reading embind's own `$$` does.
const STATE = Symbol('emvm.handle')

function makeHandles ({ operations, registers, owner, finalizers, note }) {
  class State {
    constructor (id, key, smart) {
      this.id = id
      this.key = key
      this.smart = smart
      this.owner = owner
      // Where its object is, and of which count of changes that is known: see ./fields.js.
      this.at = 0
      this.changes = -1
    }

    [Symbol.for('nodejs.util.inspect.custom')] () { return { ptr: this.ptr } }

    // For those who look into it as embind's own fields.
    get ptr () { return peek(this)?.ptr }
    get smartPtr () { return peek(this)?.smartPtr }
    get deleteScheduled () { return peek(this)?.deleteScheduled }
    get preservePointerOnDelete () { return peek(this)?.preservePointerOnDelete }
    get count () { return { value: peek(this)?.count ?? 0 } }
    get ptrType () {
      const { prototype, name } = classOfHandle(this.id)
      const constructor = prototype.constructor
      return { name: peek(this)?.pointerName ?? name, registeredClass: { name, constructor, instancePrototype: prototype } }
    }

    get smartPtrType () {
      const name = peek(this)?.smartName
      return name === undefined ? undefined : { name }
    }
  }

  const peek = ({ id, key }) => operations.peek(id, key)
  const NONE = new State(-1, -1, false)

  function state (value) {
    if (value === null || value === undefined) return NONE
    const s = value[STATE]
    return s !== undefined && s.owner === owner ? s : NONE
  }

  // A method of ClassHandle on something that is none, as V8 words it.
  function required (value) {
    const s = state(value)
    if (s === NONE) throw new TypeError("Cannot read properties of undefined (reading 'ptr')")
    return s
  }

  // `classOf(index)` is filled in by whoever makes the classes.
  /** @type {{ classOf: (index: number) => any }} */
  const made = { classOf: () => undefined }
  const classOfHandle = (id) => made.classOf(Math.floor(id / CLASS))

  const registry = finalizers && new FinalizationRegistry(({ id, key }) => {
    try {
      operations.finalize(id, key)
    } catch {
      // The sandbox is disposed, or its module broke: there is nobody to tell.
    }
  })

  const attach = (object, s) => {
    if (registry && s.smart) registry.register(object, s, object)
  }
  const detach = (object, s) => {
    if (registry && s.smart) registry.unregister(object)
  }

  const put = (object, s) => { object[STATE] = s }

  function make (prototype, id, key, smart) {
    const s = new State(id, key, smart)
    const object = Object.create(prototype)
    put(object, s)
    attach(object, s)
    if (note) note(id, key, make)
    return object
  }

  // What makes the objects of a class, faster than `Object.create`.
  function maker ({ name, prototype }) {
    function Handle (s) { this[STATE] = s }
    Handle.prototype = prototype
    // Stack traces name it.
    return named(name, Handle)
  }

  // A handle that a native function just returned by its id.
  function wrap (id) {
    const s = new State(id, registers[0], registers[1] === 1)
    const { Handle } = classOfHandle(id)
    const object = new Handle(s)
    if (s.smart) attach(object, s)
    if (note) note(id, s.key, wrap)
    return object
  }

  function ClassHandle () {}

  Object.assign(ClassHandle.prototype, {
    isAliasOf (other) {
      if (!(this instanceof ClassHandle) || !(other instanceof ClassHandle)) return false
      const left = required(this)
      const right = required(other)
      return operations.isAliasOf(left.id, left.key, right.id, right.key)
    },
    clone () {
      const s = required(this)
      const id = operations.clone(s.id, s.key)
      return id === true ? this : make(Object.getPrototypeOf(this), id, registers[0], registers[1] === 1)
    },
    delete () {
      const s = required(this)
      operations.delete(s.id, s.key)
      detach(this, s)
    },
    isDeleted () {
      const s = required(this)
      return operations.isDeleted(s.id, s.key)
    },
    deleteLater () {
      const s = required(this)
      operations.deleteLater(s.id, s.key)
      return this
    }
  })
  Object.defineProperty(ClassHandle.prototype, '$$', { configurable: true, get () { return this[STATE] } })
  if (Symbol.dispose) ClassHandle.prototype[Symbol.dispose] = ClassHandle.prototype.delete

  return Object.assign(made, { ClassHandle, NONE, state, wrap, make, maker, put, attach, detach, classOfHandle })
}

module.exports = { makeHandles }
