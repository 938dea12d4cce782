'use strict'

// A module that works on a shared memory, by hand: `{ add, wait32, wait64, notify, grow, size, far, load, fill }`.

const leb = (n) => { const out = []; do { out.push((n & 127) | (n > 127 ? 128 : 0)); n >>>= 7 } while (n > 0); return out }
const text = (name) => [name.length, ...Buffer.from(name)]
const section = (id, body) => [id, ...leb(body.length), ...body]
const list = (items) => [...leb(items.length), ...items.flat()]
const body = (...code) => { const all = [0, ...code, 0x0b]; return [...leb(all.length), ...all] }
const [I32, I64] = [0x7f, 0x7e]
const get = (at) => [0x20, at]
const atomic = (op, align) => [0xfe, op, align, 0]

const FUNCTIONS = {
  add: [[I32, I32], body(...get(0), ...get(1), ...atomic(0x1e, 2))],
  wait32: [[I32, I32, I64], body(...get(0), ...get(1), ...get(2), ...atomic(0x01, 2))],
  wait64: [[I32, I64, I64], body(...get(0), ...get(1), ...get(2), ...atomic(0x02, 3))],
  notify: [[I32, I32], body(...get(0), ...get(1), ...atomic(0x00, 2))],
  grow: [[I32], body(...get(0), 0x40, 0)],
  size: [[], body(0x3f, 0)],
  // Behind every memory with any index: i32.load offset=0xfffffffd, v128.load offset=0xffffffff.
  far: [[I32], body(...get(0), 0x28, 0, 0xfd, 0xff, 0xff, 0xff, 0x0f)],
  farther: [[I32], body(...get(0), 0xfd, 0x00, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xfd, 0x1b, 0)],
  load: [[I32], body(...get(0), 0x28, 2, 0)],
  fill: [[I32, I32, I32], body(...get(0), ...get(1), ...get(2), 0xfc, 0x0b, 0, 0x41, 0)],
  spin: [[I32], body(0x03, 0x40, ...get(0), 0x28, 2, 0, 0x45, 0x0d, 0, 0x0b, 0x41, 1)]
}

// `own`: the memory is the module's own, and exported as `memory`.
function sharedModule ({ own = false, initial = 1, maximum = 4 } = {}) {
  const names = Object.keys(FUNCTIONS)
  const limits = [3, ...leb(initial), ...leb(maximum)]
  return Uint8Array.from([
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, list(names.map((name) => [0x60, ...list(FUNCTIONS[name][0].map((type) => [type])), 1, I32]))),
    ...(own ? [] : section(2, list([[...text('env'), ...text('memory'), 2, ...limits]]))),
    ...section(3, list(names.map((_, at) => [at]))),
    ...(own ? section(5, list([limits])) : []),
    ...section(7, list([...names.map((name, at) => [...text(name), 0, at]), ...(own ? [[...text('memory'), 2, 0]] : [])])),
    ...section(10, list(names.map((name) => FUNCTIONS[name][1])))
  ])
}

module.exports = { sharedModule }
