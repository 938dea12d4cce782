'use strict'

// Value objects and arrays of nothing but numbers and booleans cross as those: no object is touched in native code.
// A record is `[isArray, name, leaf, name, leaf, ...]`; a leaf is 'n', 'b', or the index of a record.

const fieldsOf = ([isArray, ...entries]) => {
  const fields = []
  for (let i = 0; i < entries.length; i += 2) fields.push({ key: isArray ? i / 2 : entries[i], leaf: entries[i + 1] })
  return fields
}

const shapeOf = (records, index) => JSON.stringify(records[index], (key, value) => Number(key) > 1 && typeof value === 'number' ? records[value] : value)

const access = (object, key) => `${object}[${JSON.stringify(key)}]`

// JavaScript text that takes the value named `value` apart: `test` says whether it has the record's form, `leaves` are
// the expressions of its leaves.
function takeText (records, index, value) {
  const [isArray] = records[index]
  const fields = fieldsOf(records[index])
  const tests = [`typeof ${value} === 'object' && ${value} !== null`]
  if (isArray) tests.push(`${value}.length === ${fields.length}`)
  else for (const { key } of fields) tests.push(`${JSON.stringify(key)} in ${value}`)
  const leaves = []
  for (const { key, leaf } of fields) {
    if (typeof leaf !== 'number') {
      leaves.push(access(value, key))
      continue
    }
    const inner = takeText(records, leaf, access(value, key))
    tests.push(inner.test)
    leaves.push(...inner.leaves)
  }
  return { test: tests.join(' && '), leaves }
}

// JavaScript text that makes a record's value of the registers from `next.at` on.
function makeText (records, index, next = { at: 0 }) {
  const [isArray] = records[index]
  const parts = fieldsOf(records[index]).map(({ key, leaf }) => {
    const value = typeof leaf === 'number'
      ? makeText(records, leaf, next)
      : leaf === 'b' ? `registers[${next.at++}] !== 0` : `registers[${next.at++}]`
    return isArray ? value : `[${JSON.stringify(key)}]: ${value}`
  })
  return isArray ? `[${parts.join(', ')}]` : `{ ${parts.join(', ')} }`
}

module.exports = { takeText, makeText, shapeOf }
