'use strict'

// `Object` and `Reflect` as files see them where they take a function of theirs: those that change what a comparison of values
// does not show (descriptors, prototypes, extensibility) tell which object of the image they were used on.

const CHANGING = ['defineProperty', 'defineProperties', 'freeze', 'seal', 'preventExtensions', 'setPrototypeOf']

// `touched(object)` is told.
function reflection (touched) {
  const told = (real) => {
    const tell = {
      [real.name]: function (object, ...rest) {
        touched(object)
        return Reflect.apply(real, this, [object, ...rest])
      }
    }[real.name]
    return Object.defineProperty(tell, 'length', { value: real.length, configurable: true })
  }
  const over = (base) => {
    const facade = Object.create(base)
    for (const name of CHANGING) {
      if (typeof base[name] === 'function') Object.defineProperty(facade, name, { value: told(base[name]), writable: true, configurable: true })
    }
    return facade
  }
  return { Object: over(Object), Reflect: over(Reflect) }
}

module.exports = { reflection }
