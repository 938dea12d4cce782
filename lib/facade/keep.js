'use strict'

// What native code calls back lives as long as the sandbox's JavaScript object, and no longer: native references to it
// are weak, since a strong one would keep a forgotten sandbox for ever.

const kept = new WeakMap()

function keep (sandbox, value) {
  const list = kept.get(sandbox)
  if (list === undefined) kept.set(sandbox, [value])
  else list.push(value)
  return value
}

module.exports = { keep }
