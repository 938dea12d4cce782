'use strict'

// What views and buffers are, asked of the language itself: a package may have given them properties of these names, or another
// prototype.

const { types } = require('node:util')

const getter = (prototype, key) => {
  const { get } = Reflect.getOwnPropertyDescriptor(prototype, key)
  return (object) => Reflect.apply(get, object, [])
}

const TypedArray = Object.getPrototypeOf(Int8Array.prototype)
const either = (key) => {
  const ofArray = getter(TypedArray, key)
  const ofData = getter(DataView.prototype, key)
  return (view) => types.isDataView(view) ? ofData(view) : ofArray(view)
}

// Of a view. Out of bounds, those of a DataView are 0, too, where the language would throw.
const bufferOf = either('buffer')
const offsetOf = quiet(either('byteOffset'))
const bytesOf = quiet(either('byteLength'))
const ofTyped = getter(TypedArray, 'length')
// Of a DataView it is 0.
const lengthOf = (view) => types.isDataView(view) ? 0 : ofTyped(view)

const ofBuffer = getter(ArrayBuffer.prototype, 'byteLength')
const ofShared = getter(SharedArrayBuffer.prototype, 'byteLength')
// Of a buffer.
const sizeOf = (buffer) => types.isSharedArrayBuffer(buffer) ? ofShared(buffer) : ofBuffer(buffer)

function quiet (get) {
  return (view) => {
    try {
      return get(view)
    } catch {
      return 0
    }
  }
}

module.exports = { bufferOf, offsetOf, bytesOf, lengthOf, sizeOf }
