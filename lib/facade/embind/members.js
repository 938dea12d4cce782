'use strict'

// What native code describes, each made when it is first needed: functions, overloads, classes and enums of C++.

const { makeCall, makeOverloads } = require('./calls')
const { makeClass, makeEnum } = require('./classes')

// Of all members of a class, but for overloads.
function callablesOf ({ constructors, methods, statics, properties, staticProperties }) {
  const found = []
  if (constructors) for (let i = 1; i < constructors.length; i += 2) found.push(constructors[i])
  for (const members of [methods, statics]) for (let i = 0; i < members.length; i += 3) if (members[i + 1] === 0) found.push(members[i + 2])
  for (const list of [properties, staticProperties]) {
    for (let i = 0; i < list.length; i += 3) found.push(...[list[i + 1], list[i + 2]].filter((index) => index >= 0))
  }
  return found
}

// `constants()`: all of them, as they are numbered.
function makeMembers (description, context, handles, constants) {
  const { argsSuffix, anonymous, BindingError } = context
  const { callables, tables, classes, enums } = description
  const { ClassHandle, maker } = handles

  const once = (list, make) => {
    const made = []
    return (index) => made[index] ??= make(list.at(index), index)
  }
  const callOf = once(callables, (callable, index) => makeCall(callable, index, context))
  const tableOf = once(tables, (table) => makeOverloads(table, callOf, BindingError))
  const classOf = once(classes, (described) => {
    const base = described.base >= 0 ? classOf(described.base) : undefined
    context.factories.prepare(callablesOf(described))
    const made = makeClass(described, base, { callOf, tableOf, BindingError, ClassHandle, anonymous, argsSuffix })
    return { ...made, Handle: maker(made) }
  })
  const enumOf = once(enums, (entry) => makeEnum(entry, { argsSuffix, anonymous }))

  const kinds = {
    f: callOf,
    t: tableOf,
    c: (index) => classOf(index).constructor,
    u: callOf,
    e: enumOf,
    k: (index) => constants()[index]
  }

  return { classOf, enumOf, symbolOf: ({ kind, index }) => kinds[kind](index) }
}

module.exports = { makeMembers }
