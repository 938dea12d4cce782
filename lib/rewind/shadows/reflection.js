'use strict'

// `Object` and `Reflect` as files see them where they take a function of theirs: those that change what a comparison of values
// does not show (descriptors, prototypes, extensibility) tell which object of the image they were used on. A property that is
// made constant there could not be taken away again: it stays configurable, and is shown and treated as if it were not.

const { getOwnPropertyDescriptor: describe, defineProperty, ownKeys } = Reflect
const CHANGING = ['freeze', 'seal', 'preventExtensions', 'setPrototypeOf']
const NONE = []
const FIELDS = ['enumerable', 'configurable', 'value', 'writable', 'get', 'set']
const isObject = (value) => value !== null && (typeof value === 'object' || typeof value === 'function')

// `touched(object)` is told, and says whether it is of the image; `assigned(object)` is told of what `Object.assign` writes to.
function reflection (touched, assigned) {
  // By object, the keys of properties that the present generation made constant.
  let layers = [new WeakMap()]
  // Whether this generation made any constant.
  let isUsed = false
  const isConstant = (object, key) => layers.some((constants) => constants.get(object)?.has(key))

  const told = (real) => function (object, ...rest) {
    touched(object)
    return Reflect.apply(real, this, [object, ...rest])
  }
  // Whether it could be defined.
  const define = (object, key, given) => {
    if (!isObject(object) || !isObject(given) || !touched(object)) return undefined
    const descriptor = fieldsOf(given)
    const isKnown = isConstant(object, key)
    // Nothing is asked of what may be a Proxy unless it must be.
    if (descriptor.configurable === true && !isKnown) return undefined
    const was = describe(object, key)
    const constant = was !== undefined && isKnown
    if (was !== undefined && !was.configurable) return undefined
    if (constant && !allows(was, descriptor)) return false
    if (descriptor.configurable === true || (!('configurable' in descriptor) && was !== undefined && !constant)) return undefined
    const done = defineProperty(object, key, { ...descriptor, configurable: true })
    const constants = layers.at(-1)
    isUsed = true
    if (done) constants.set(object, (constants.get(object) ?? new Set()).add(key))
    return done
  }
  const shown = (object, key) => {
    const descriptor = describe(object, key)
    return descriptor !== undefined && isConstant(object, key) ? { ...descriptor, configurable: false } : descriptor
  }
  const keyOf = (key) => typeof key === 'symbol' ? key : `${key}`

  const ofObject = {
    assign (object, ...from) {
      assigned(object)
      return Object.assign(object, ...from)
    },
    defineProperty (object, key, given) {
      const name = isObject(object) ? keyOf(key) : key
      const done = define(object, name, given)
      if (done === undefined) return Object.defineProperty(object, name, given)
      if (!done) throw new TypeError(`Cannot redefine property: ${String(name)}`)
      return object
    },
    defineProperties (object, properties) {
      if (!isObject(object) || !touched(object)) return Object.defineProperties(object, properties)
      const from = Object(properties)
      const list = ownKeys(from).filter((key) => describe(from, key)?.enumerable).map((key) => [key, from[key]])
      for (const [key, given] of list) ofObject.defineProperty(object, key, given)
      return object
    },
    getOwnPropertyDescriptor: (object, key) => isObject(object) ? shown(object, keyOf(key)) : Object.getOwnPropertyDescriptor(object, key)
  }
  const ofReflect = {
    defineProperty (object, key, given) {
      const name = isObject(object) ? keyOf(key) : key
      return define(object, name, given) ?? defineProperty(object, name, given)
    },
    getOwnPropertyDescriptor: (object, key) => isObject(object) ? shown(object, keyOf(key)) : describe(object, key),
    set (object, key, value, ...receiver) {
      assigned(receiver.length > 0 ? receiver[0] : object)
      return Reflect.set(object, key, value, ...receiver)
    },
    deleteProperty (object, key) {
      assigned(object)
      return Reflect.deleteProperty(object, key)
    }
  }
  const over = (base, own) => {
    const facade = Object.create(base)
    const put = (name, made) => {
      const same = (key, value) => Object.defineProperty(made, key, { value, configurable: true })
      same('name', name)
      same('length', base[name].length)
      Object.defineProperty(facade, name, { value: made, writable: true, configurable: true })
    }
    for (const name of CHANGING) if (typeof base[name] === 'function') put(name, told(base[name]))
    for (const [name, made] of Object.entries(own)) put(name, made)
    return facade
  }
  const rewind = (saved = NONE) => {
    if (!isUsed && saved.length === 0 && layers.length === 1) return
    layers = [...saved, new WeakMap()]
    isUsed = false
  }
  // What is constant now; what will be goes into another layer.
  const save = () => {
    const saved = layers
    rewind(saved)
    return saved
  }
  return { Object: over(Object, ofObject), Reflect: over(Reflect, ofReflect), rewind, save }
}

function fieldsOf (given) {
  const descriptor = {}
  for (const field of FIELDS) if (field in given) descriptor[field] = given[field]
  return descriptor
}

// Whether a constant property may be defined so once more.
function allows (was, descriptor) {
  const probe = {}
  defineProperty(probe, 'it', { ...was, configurable: false })
  return defineProperty(probe, 'it', descriptor)
}

module.exports = { reflection }
