'use strict'

// JavaScript subclasses of C++ classes: what a wrapper's `extend` gives.

const { named } = require('./calls')

function makeInheriting ({ description, operations, handles, errors, argsSuffix, anonymous }) {
  const quoted = argsSuffix ? "'this'" : '"this"'

  return function inheriting (name, index, properties) {
    const wrapper = handles.classOf(index).prototype
    const { base } = description.classes.at(index)
    const parent = handles.classOf(base).prototype
    const { pureVirtual } = description.classes.at(base)

    const constructor = named(anonymous ? '' : name, function (...args) {
      for (const method of pureVirtual) {
        if (this[method] === parent[method]) {
          throw new errors.PureVirtualError(`Pure virtual function ${method} must be implemented in JavaScript`)
        }
      }
      Object.defineProperty(this, '__parent', { value: wrapper })
      this.__construct(...args)
    })

    wrapper.__construct = function __construct (...args) {
      if (this === wrapper) throw new errors.BindingError(`Pass correct ${quoted} to __construct`)
      const inner = parent.constructor.implement(this, ...args)
      const s = inner.$$
      handles.detach(inner, s)
      inner.notifyOnDestruction()
      handles.put(this, s)
      handles.attach(this, s)
      operations.registerInherited(index, s.id, s.key, this)
    }

    wrapper.__destruct = function __destruct () {
      if (this === wrapper) throw new errors.BindingError(`Pass correct ${quoted} to __destruct`)
      const s = this.$$
      handles.detach(this, s)
      operations.unregisterInherited(index, s.id, s.key)
    }

    constructor.prototype = Object.create(wrapper)
    Object.assign(constructor.prototype, properties)
    return constructor
  }
}

module.exports = { makeInheriting }
