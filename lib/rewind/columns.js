'use strict'

// Columns in stacks: instrumented files have other columns than the package's own text. V8 asks for a stack's text when somebody looks at it
// first, of `Error.prepareStackTrace`; what stands in there puts the text's own columns into frames of instrumented files, and leaves all
// others as Node writes them. Where the program has such a function itself, or has Node read source maps, nothing is put there.

const { createHash } = require('node:crypto')

const MOST_FILES = 1000
const { toString: textOf } = Error.prototype

// By file: where columns moved, as the addon tells it, how many lines there are before the file's first, and the instrumented text.
const files = new Map()
// The function that Node had there, where it has one; and what its own errors have.
let nodes
let ofNodes

// `columns`: entries of three numbers in order, line and column of the instrumented text, column of the original, all from 0. Line and
// column from 1; gives the column from 1.
function originalColumn (columns, line, column) {
  let [low, high] = [0, columns.length / 3]
  while (low < high) {
    const middle = (low + high) >> 1
    const at = 3 * middle
    if (columns[at] < line - 1 || (columns[at] === line - 1 && columns[at + 1] <= column - 1)) low = middle + 1
    else high = middle
  }
  const at = 3 * (low - 1)
  return low > 0 && columns[at] === line - 1 ? columns[at + 2] + (column - columns[at + 1]) : column
}

// A file is evaluated as `text`, which has `before` lines before the file's first. `first`: where columns moved when the file became a function.
function keepColumns (file, { columns, text }, first, before) {
  if (files.size >= MOST_FILES && !files.has(file)) files.clear()
  files.set(file, { columns, first, before, text, hash: undefined })
  const { prepareStackTrace } = Error
  if (!canPrepare() || !(prepareStackTrace === undefined || isNodes(prepareStackTrace))) return
  nodes = prepareStackTrace
  Error.prepareStackTrace = prepare
}

// Newer ones have the function there that they take themselves.
const isNodes = (prepare) => prepare.name === 'ErrorPrepareStackTrace'

// Other runtimes ask in other ways.
const canPrepare = () => process.versions.bun === undefined && process.versions.deno === undefined && /** @type {any} */ (process).sourceMapsEnabled !== true

function prepare (error, sites) {
  const frames = sites.map((site) => ({ toString: () => frameOf(site) }))
  if (nodes !== undefined) return nodes(error, frames)
  return [headOf(error), ...frames].join('\n    at ')
}

// As Node writes it: its own errors have their code there.
function headOf (error) {
  ofNodes ??= symbolOfNodes()
  return ofNodes !== undefined && ofNodes in error ? `${error.name} [${error.code}]: ${error.message}` : textOf.call(error)
}

function symbolOfNodes () {
  try {
    Buffer.from(/** @type {any} */ (0))
  } catch (error) {
    return Object.getOwnPropertySymbols(error).find(({ description }) => description === 'kIsNodeError')
  }
}

function frameOf (site) {
  const text = site.toString()
  const file = site.getFileName()
  if (files.has(file)) return isInstrumented(site, files.get(file)) ? withColumns(text, file) : text
  // A frame of evaluated text names the place of the `eval`, whose line V8 counts from the beginning of what was compiled.
  const origin = site.isEval() ? site.getEvalOrigin() : undefined
  if (origin === undefined) return text
  return [...files.keys()].reduce((found, name) => origin.includes(name) ? withColumns(found, name, files.get(name).before) : found, text)
}

// The program may have the same file without emvm, too.
function isInstrumented (site, known) {
  if (site.getScriptHash === undefined) return true
  known.hash ??= createHash('sha256').update(known.text).digest('hex')
  return site.getScriptHash() === known.hash
}

// `more`: lines that are counted in it before the file's first.
function withColumns (text, file, more = 0) {
  const { columns, first: earlier, before } = files.get(file)
  const placeOf = (line, column) => `${line}:${originalColumn(earlier, line, originalColumn(columns, line + before, column))}`
  const [first, ...rest] = text.split(`${file}:`)
  return rest.reduce((found, part) => `${found}${file}:${part.replace(/^(\d+):(\d+)/, (_, line, column) => placeOf(Number(line) - more, Number(column)))}`, first)
}

module.exports = { keepColumns, originalColumn }
