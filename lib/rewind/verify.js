'use strict'

// The whole walk once more: what is reachable, and what it holds, must be what the image has. Slow: for the self-test and for
// EMVM_REWIND_VERIFY=1.

const { types } = require('node:util')
const { bytesOf, sizeOf } = require('./intrinsics')
const { Walk } = require('./walk')
const { ObjectRecord, ArrayRecord, BareRecord, MapRecord, SetRecord } = require('./records')

const { is } = Object
const MOST = 40
const isBytes = (value) => ArrayBuffer.isView(value) || types.isArrayBuffer(value)
const lengthIn = (value) => ArrayBuffer.isView(value) ? bytesOf(value) : sizeOf(value)
// Views of wasm memory are made anew at each rewind.
const alike = (a, b) => is(a, b) || (isBytes(a) && isBytes(b) && lengthIn(a) === lengthIn(b))

// `whole`: see lib/webassembly/realm.js.
function verify (image, whole) {
  const { realm, values, point } = image
  const found = []
  const say = (where, what) => { if (found.length < MOST) found.push(`${where}: ${what}`) }
  const walk = new Walk(realm, image.start, values, undefined, false).run()
  for (const object of walk.seen) {
    if (!image.seen.has(object) && !isBytes(object)) say(walk.path(object), 'an object that was not there')
  }
  const then = new Map()
  for (const record of image.records) {
    if (record.object === undefined) continue
    const list = then.get(record.object)
    if (list === undefined) then.set(record.object, [record])
    else list.push(record)
  }
  for (const record of walk.records) {
    const known = then.get(record.object)
    if (known === undefined) continue
    const same = known.find((each) => each.constructor === record.constructor)
    if (same === undefined) {
      // A dense array that became another, a function that got properties.
      say(walk.path(record.object), 'its kind')
      continue
    }
    const what = difference(same, record)
    if (what !== undefined) say(walk.path(record.object), what)
  }
  const scopes = new Map(image.allScopes.map((scope) => [scope.site, scope]))
  for (const { site, all } of walk.scopes) {
    const known = scopes.get(site)
    if (known === undefined) continue
    // The first are those that a rewind sets.
    const now = [...known.values, ...known.constants]
    all.forEach((value, at) => { if (!alike(value, at < now.length ? now[at] : known.all[at])) say(`variable ${at} of scope ${site.id}`, 'its value') })
  }
  for (const buffer of image.buffers) if (!buffer.same) say('a buffer', 'its bytes')
  for (const what of realm.store.differences(point?.store, whole)) say('the wasm', what)
  return found
}

function difference (then, now) {
  if (then instanceof ObjectRecord) {
    if (now.proto !== then.proto) return 'its prototype'
    if (now.open !== then.open) return 'whether it is extensible'
    const lost = then.keys.filter((key) => !now.keys.includes(key))
    const added = now.keys.filter((key) => !then.keys.includes(key))
    if (lost.length + added.length > 0) return `its keys (${[...lost.map((key) => `-${String(key)}`), ...added.map((key) => `+${String(key)}`)].join(', ')})`
    if (now.keys.some((key, at) => key !== then.keys[at])) return 'the order of its keys'
    if (!then.sameDescriptors()) return 'the descriptor of a property'
    const at = now.values.findIndex((value, index) => !alike(value, then.values[index]))
    if (at >= 0) return `its property ${String(now.data[at])}`
    if (now.hidden?.some(([, , value], index) => !alike(value, then.hidden?.[index]?.[2]))) return 'a private field'
    return undefined
  }
  if (then instanceof ArrayRecord) return sameList(now.values, then.values) ? undefined : 'its elements'
  if (then instanceof MapRecord) return sameList(now.keys, then.keys) && sameList(now.values, then.values) ? undefined : 'its entries'
  if (then instanceof SetRecord) return sameList(now.values, then.values) ? undefined : 'its elements'
  if (then instanceof BareRecord) return now.keys.length === then.keys.length && now.parent === then.parent && now.proto === then.proto ? undefined : 'its properties'
  return then.same === false ? 'its state' : undefined
}

const sameList = (a, b) => a.length === b.length && a.every((value, at) => alike(value, b[at]))

module.exports = { verify }
