'use strict'

// Objects of the language's and of Node's whose state one function reads and one writes.

const { URL, URLSearchParams } = require('node:url')
const { CellRecord } = require('./records')
const { Unrestorable } = require('./steps')

const { getTime: dateTime, setTime: dateSet } = Date.prototype
const cannot = () => { throw new Unrestorable('an AbortSignal was aborted') }
const getter = (Class, key) => Reflect.getOwnPropertyDescriptor(Class.prototype, key).get
const sourceOf = getter(RegExp, 'source')
const flagsOf = getter(RegExp, 'flags')
const hrefOf = getter(URL, 'href')
const isAborted = getter(AbortSignal, 'aborted')
const { toString: listText, keys: listKeys, delete: listDelete, append: listAppend } = URLSearchParams.prototype
const expressionOf = (expression) => `/${sourceOf.call(expression)}/${flagsOf.call(expression)}`

function compileAgain (expression, text) {
  const end = text.lastIndexOf('/')
  const { lastIndex } = expression
  RegExp.prototype.compile.call(expression, text.slice(1, end), text.slice(end + 1))
  expression.lastIndex = lastIndex
}

function fillAgain (list, text) {
  for (const key of [...listKeys.call(list)]) listDelete.call(list, key)
  for (const [key, value] of new URLSearchParams(text)) listAppend.call(list, key, value)
}

function fillHeaders (headers, text) {
  for (const [key] of [...headers]) headers.delete(key)
  for (const [key, value] of JSON.parse(text)) headers.append(key, value)
}

const dateCell = (date) => new CellRecord(date, (date) => dateTime.call(date), (date, time) => dateSet.call(date, time))
const expressionCell = (expression) => new CellRecord(expression, expressionOf, compileAgain)

// Of an instance of one of Node's classes, `kind`; undefined where it has no such state. `decoders`: those that files see.
function cellOf (object, kind, decoders) {
  switch (kind) {
    case 'URL': return new CellRecord(object, (url) => hrefOf.call(url), (url, href) => { url.href = href })
    case 'URLSearchParams': return new CellRecord(object, (list) => listText.call(list), fillAgain)
    case 'TextDecoder': return decoders.owns(object) && !decoders.isFull(object) ? new CellRecord(object, () => 0, () => {}) : undefined
    case 'AbortSignal': return new CellRecord(object, (signal) => isAborted.call(signal), cannot)
    case 'AbortController': return new CellRecord(object, () => 0, () => {})
    case 'Headers': return new CellRecord(object, (headers) => JSON.stringify([...headers]), fillHeaders)
    default: return undefined
  }
}

module.exports = { cellOf, dateCell, expressionCell }
