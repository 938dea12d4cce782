'use strict'

const native = require('./native')
const { TYPES, dictionary, uint32, valueKind, finish } = require('./convert')
const { SafeMap } = require('../base/primordials')

const wrap = Symbol('wrap')
const V128 = 4
const EXNREF = 7

module.exports = function defineException (realm) {
  let isTag, tagNumber, isException, contents
  // Tags are numbered apart from the objects that have an address.
  const tags = new SafeMap()

  class Tag {
    #number

    constructor (descriptor, number) {
      if (descriptor === wrap) {
        this.#number = number
        return
      }
      const where = 'WebAssembly.Tag()'
      dictionary(descriptor, `${where}: Argument 0`)
      const parameters = descriptor.parameters
      if (parameters === null || (typeof parameters !== 'object' && typeof parameters !== 'function')) {
        throw new TypeError(`${where}: Argument 0 must be a tag type with 'parameters'`)
      }
      const kinds = Array.from(parameters, (name) => valueKind(name, where))
      this.#number = native.tagNew(realm.handle, kinds)
      tags.set(this.#number, this)
    }

    static {
      isTag = (value) => typeof value === 'object' && value !== null && #number in value
      tagNumber = (tag) => tag.#number
    }
  }

  const tagOf = (number) => {
    if (!tags.has(number)) tags.set(number, new Tag(wrap, number))
    return tags.get(number)
  }

  class Exception {
    #tag
    #payload

    constructor (tag, payload, options) {
      if (tag === wrap) {
        this.#tag = payload
        this.#payload = options
        return
      }
      const where = 'WebAssembly.Exception()'
      if (!isTag(tag)) throw new TypeError(`${where}: Argument 0 must be a WebAssembly tag`)
      if (tagNumber(tag) === native.jsTag(realm.handle)) {
        throw new TypeError(`${where}: Argument 0 cannot be WebAssembly.JSTag`)
      }
      if (payload === null || payload === undefined || typeof payload[Symbol.iterator] !== 'function') {
        throw new TypeError(`${where}: Argument 1 must be iterable`)
      }
      const values = Array.from(payload)
      const kinds = native.tagType(realm.handle, tagNumber(tag))
      if (values.length !== kinds.length) {
        throw new TypeError(`${where}: Number of exception values does not match signature length`)
      }
      this.#payload = kinds.map((kind, at) => native.convert(realm.handle, kind, values[at]))
      this.#tag = tagNumber(tag)
      if (options !== undefined && options !== null && options.traceStack) Error.captureStackTrace(this, Exception)
      else Object.defineProperty(this, 'stack', { value: undefined, writable: true, configurable: true })
    }

    is (tag) {
      const mine = this.#tag
      if (!isTag(tag)) throw new TypeError('WebAssembly.Exception.is(): Argument 0 must be a WebAssembly tag')
      return tagNumber(tag) === mine
    }

    getArg (tag, index) {
      const where = 'WebAssembly.Exception.getArg()'
      const mine = this.#tag
      if (!isTag(tag)) throw new TypeError(`${where}: Argument 0 must be a WebAssembly tag`)
      if (arguments.length < 2) throw new TypeError(`${where}: Argument 1 is required`)
      const at = uint32(index, `${where}: Argument 1`)
      if (tagNumber(tag) !== mine) throw new TypeError(`${where}: First argument does not match the exception tag`)
      if (at >= this.#payload.length) throw new RangeError(`${where}: Index must be convertible to a valid number`)
      const kind = native.tagType(realm.handle, mine)[at]
      if (kind === V128 || kind === EXNREF) throw new TypeError(`${where}: a value of type '${TYPES[kind]}' cannot be read`)
      return this.#payload[at]
    }

    static {
      isException = (value) => typeof value === 'object' && value !== null && #tag in value
      contents = (exception) => [exception.#tag, ...exception.#payload]
    }
  }

  finish(Tag, 'Tag', 1)
  finish(Exception, 'Exception', 2)
  Object.defineProperty(Exception.prototype.getArg, 'length', { value: 2, configurable: true })

  realm.makeException = (number, payload) => new Exception(wrap, number, payload)
  realm.describeException = (value) => isException(value) ? contents(value) : undefined

  let jsTag
  return {
    Tag,
    Exception,
    isTag,
    numberOf: (tag) => tagNumber(tag),
    of: tagOf,
    jsTag: () => (jsTag ??= tagOf(native.jsTag(realm.handle)))
  }
}
