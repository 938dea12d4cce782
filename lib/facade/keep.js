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

// What is called back is about to be made anew.
function drop (sandbox) { kept.delete(sandbox) }

// The sandbox was disposed of: whoever still has a function of its module keeps nothing else of it.
function forget (sandbox) {
  drop(sandbox)
  // What native code has the object keep.
  for (const key of Object.getOwnPropertyNames(sandbox)) if (key.startsWith('#')) delete sandbox[key]
}

module.exports = { drop, keep, forget }
