'use strict'

// Small modules that are slow to compile, or large when they run. Sizes are parameters, so that a test can show both sides
// of a bound.

const { uleb, sections, repeat } = require('./hostile')

const I32 = 0x7f
const END = Buffer.from([0x0b])

const join = (...parts) => all(parts)
const all = (parts) => Buffer.concat(parts.map((part) => Buffer.isBuffer(part) ? part : Buffer.from(part)))
const times = (count, make) => all(Array.from({ length: count }, (_, i) => make(i)))
const locals = (count) => count > 0 ? join([1], uleb(count), [I32]) : Buffer.from([0])
const sized = (bytes) => join(uleb(bytes.length), bytes)
const type = (params, results) => join([0x60], uleb(params), Buffer.alloc(params, I32), uleb(results), Buffer.alloc(results, I32))

// Functions of the first type, the first one exported as `f`.
function build (types, bodies) {
  return sections([1, join(uleb(types.length), ...types)], [3, join(uleb(bodies.length), Buffer.alloc(bodies.length))], [7, [1, 1, 0x66, 0, 0]],
    [10, join(uleb(bodies.length), ...bodies.map(sized))])
}

const text = (string) => sized(Buffer.from(string))

module.exports = {
  // Each loop takes every local over.
  nestedLoops: (depth, count) => build([type(0, 0)], [join(locals(count), repeat(depth, [0x03, 0x40]),
    times(count, (i) => [0x20, ...uleb(i), 0x41, 1, 0x6a, 0x21, ...uleb(i)]), repeat(depth, [0x41, 0, 0x0d, 0, 0x0b]), END)]),

  // Blocks of `width` results, and tables of branches to all of them.
  wideBranches: (blocks, width, tables) => build([type(0, 0), type(0, width)], [join(locals(0), repeat(blocks, [0x02, 1]),
    times(tables, () => join([0x02, 1], repeat(width, [0x41, 1]), [0x41, 0, 0x0e], uleb(blocks - 1), Array.from({ length: blocks }, (_, i) => i), END, repeat(width, [0x1a]))),
    repeat(width, [0x41, 1]), repeat(blocks, END), repeat(width, [0x1a]), END)]),

  // A function of `width` parameters and results, called on its own results.
  wideCalls: (calls, width) => {
    const callee = join(locals(0), times(width, (i) => [0x20, ...uleb(i)]), END)
    const caller = join(locals(0), repeat(width, [0x41, 1]), repeat(calls, [0x10, 1]), repeat(width, [0x1a]), END)
    return sections([1, join([2], type(0, 0), type(width, width))], [3, [2, 0, 1]], [7, [1, 1, 0x66, 0, 0]], [10, join([2], sized(caller), sized(callee))])
  },

  // `count` locals, one of them set on each of `branches` branches.
  branchesAndLocals: (branches, count) => build([type(0, 0)], [join(locals(count),
    times(branches, (i) => [0x20, ...uleb(i % count), 0x04, 0x40, 0x41, 1, 0x21, ...uleb((i * 7) % count), 0x0b]), times(count, (i) => [0x20, ...uleb(i), 0x1a]), END)]),

  branches: (count) => build([type(0, 0)], [join(locals(2), repeat(count, [0x20, 0, 0x04, 0x40, 0x41, 1, 0x21, 1, 0x05, 0x41, 2, 0x21, 0, 0x0b]), END)]),
  manyLocals: (functions, count) => build([type(0, 0)], Array(functions).fill(join(locals(count), END))),
  manyParameters: (functions, count) => sections([1, join([1], type(count, 0))], [3, join(uleb(functions), Buffer.alloc(functions))],
    [10, join(uleb(functions), repeat(functions, [2, 0, 0x0b]))]),
  tables: (count, entries) => sections([4, join(uleb(count), repeat(count, [0x70, 0, ...uleb(entries)]))]),
  memories: (count) => sections([5, join(uleb(count), repeat(count, [0, 1]))]),
  imports: (count) => sections([1, join([1], type(0, 0))], [2, join(uleb(count), times(count, (i) => join(text('env'), text(`f${i}`), [0, 0])))]),
  exports: (count) => sections([1, join([1], type(0, 0))], [3, [1, 0]], [7, join(uleb(count), times(count, (i) => join(text(`f${i}`), [0, 0])))], [10, [1, 2, 0, 0x0b]])
}
