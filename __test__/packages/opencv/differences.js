'use strict'

// Where emvm's module object differs from the package's own on purpose: each with its reason. Nothing else may differ.

const MODULE_KEYS = []

const CLASS_KEYS = []

// What differs in the text of errors only.
const ERROR_TEXT = [
  {
    pattern: /expects one of \((.*)\)!$/s,
    reason: 'embind prints the source text of its generated functions here: the counts are compared, not the sources',
    normalise: (_, list) => `expects one of (${(list.match(/function /g) || []).length} overloads)!`
  }
]

const allowed = (list, key) => list.find(({ keys }) => keys.test(key))

function normaliseErrorText (text) {
  return ERROR_TEXT.reduce((result, { pattern, normalise }) => result.replace(pattern, normalise), text)
}

module.exports = { MODULE_KEYS, CLASS_KEYS, allowed, normaliseErrorText }
