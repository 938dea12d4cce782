'use strict'

// A text with the registrations that the image needs.

const { load } = require('../base/binding')

const known = new Map()
const MOST_KNOWN = 500
const SHORT = 20000

// `kind`: 'function' (the body of one, with `params`), 'async function', 'eval'; `firstLine`: the number of the text's first line.
// Gives { text, columns, uncovered, codeOf, keep }: what of it the image cannot know; `codeOf(file)`: V8's code for it, where the process has
// that from another thread or realm; `keep(file, code)`, where it has not.
function instrument (text, kind, params = [], firstLine = 1) {
  const key = `${kind} ${params}\n${text}`
  const before = known.get(key)
  if (before !== undefined) return before
  const made = load().instrument(text, { kind, params, made: true })
  const uncovered = JSON.parse(made.facts)
    .filter(({ uncovered }) => uncovered)
    .map(({ what, name, line, column }) => `${what}${name ? ` (${name})` : ''} in line ${line - 1 + firstLine}, column ${column}`)
  // It has the name of the file in it.
  let kept = made.v8
  const result = {
    text: made.code,
    // For lib/rewind/columns.js.
    columns: made.columns,
    uncovered,
    codeOf (file) {
      const head = `${file}\0`
      const size = Buffer.byteLength(head)
      return kept && kept.toString('utf8', 0, size) === head ? kept.subarray(size) : undefined
    },
    keep (file, code) {
      if (kept) return
      kept = Buffer.concat([Buffer.from(`${file}\0`), code])
      load().keepCode(made.key, kept)
    }
  }
  if (text.length < SHORT) {
    if (known.size >= MOST_KNOWN) known.clear()
    known.set(key, result)
  }
  return result
}

module.exports = { instrument }
