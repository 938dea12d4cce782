'use strict'

const path = require('node:path')

const OWN = path.join(__dirname, '..') + path.sep

// The frames of a stack trace that are the user's, innermost first: `{ name, file, line, column }`.
function framesOf (stack) {
  return stack.split('\n').map(parse).filter((frame) => frame && !frame.file.startsWith('node:') && !frame.file.includes(OWN) && !frame.file.startsWith('<'))
}

function parse (text) {
  const found = /^\s*at (?:(.*?) \()?(?:async )?(.*?):(\d+):(\d+)\)?$/.exec(text)
  if (!found) return null
  const [, name, file, line, column] = found
  const where = file.startsWith('file://') ? require('node:url').fileURLToPath(file) : file
  return { name: (name || '(top level)').replace(/^async /, ''), file: where, line: Number(line), column: Number(column) }
}

function placeOf (frame, from = process.cwd()) {
  if (!frame) return '(unknown)'
  const relative = path.relative(from, frame.file)
  return `${relative.startsWith('..') ? frame.file : relative}:${frame.line}`
}

module.exports = { framesOf, placeOf }
