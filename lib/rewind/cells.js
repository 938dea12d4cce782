'use strict'

// Objects of the language's and of Node's whose state one function reads and one writes.

const { CellRecord } = require('./records')
const { Unrestorable } = require('./steps')

const { getTime: dateTime, setTime: dateSet } = Date.prototype
const cannot = () => { throw new Unrestorable('an AbortSignal was aborted') }
const expressionOf = (expression) => `/${expression.source}/${expression.flags}`

function compileAgain (expression, text) {
  const end = text.lastIndexOf('/')
  const { lastIndex } = expression
  RegExp.prototype.compile.call(expression, text.slice(1, end), text.slice(end + 1))
  expression.lastIndex = lastIndex
}

function fillAgain (list, text) {
  for (const key of [...list.keys()]) list.delete(key)
  for (const [key, value] of new URLSearchParams(text)) list.append(key, value)
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
    case 'URL': return new CellRecord(object, (url) => url.href, (url, href) => { url.href = href })
    case 'URLSearchParams': return new CellRecord(object, (list) => list.toString(), fillAgain)
    case 'TextDecoder': return decoders.owns(object) && !decoders.isFull(object) ? new CellRecord(object, () => 0, () => {}) : undefined
    case 'AbortSignal': return new CellRecord(object, (signal) => signal.aborted, cannot)
    case 'AbortController': return new CellRecord(object, () => 0, () => {})
    case 'Headers': return new CellRecord(object, (headers) => JSON.stringify([...headers]), fillHeaders)
    default: return undefined
  }
}

module.exports = { cellOf, dateCell, expressionCell }
