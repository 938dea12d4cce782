'use strict'

// Assembles small wasm modules, so that a test shows what it runs.

const I32 = 0x7f
const FUNCTION = 0
const MEMORY = 2

const OP = { unreachable: 0x00, loop: 0x03, br: 0x0c, end: 0x0b, call: 0x10, localGet: 0x20, globalGet: 0x23, globalSet: 0x24, i32Load: 0x28, i32Store: 0x36, memoryGrow: 0x40, i32Const: 0x41, i32Add: 0x6a, i32DivS: 0x6d, drop: 0x1a }

function leb (value) {
  const bytes = []
  for (;;) {
    const byte = value & 0x7f
    value >>= 7
    if ((value === 0 && !(byte & 0x40)) || (value === -1 && byte & 0x40)) return [...bytes, byte]
    bytes.push(byte | 0x80)
  }
}

function uleb (value) {
  const bytes = []
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0))
    value >>>= 7
  } while (value)
  return bytes
}

const name = (text) => [...uleb(Buffer.byteLength(text)), ...Buffer.from(text)]
const list = (items) => [...uleb(items.length), ...items.flat()]
const section = (id, items) => items.length ? [id, ...uleb(list(items).length), ...list(items)] : []

// functions: [{ export, params, result, code }], imports: [{ module, name, params, result }]; all values are i32. table: the
// functions that it begins with.
function assemble ({ imports = [], functions = [], memory = { min: 1, max: 16 }, globals = [], data = [], table = [] }) {
  const all = [...imports, ...functions]
  const types = all.map(({ params = 0, result = false }) => [0x60, ...list(Array(params).fill([I32])), ...list(result ? [[I32]] : [])])
  const limits = memory.max === undefined ? [0, ...uleb(memory.min)] : [1, ...uleb(memory.min), ...uleb(memory.max)]
  return Uint8Array.from([
    0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
    ...section(1, types),
    ...section(2, imports.map(({ module, name: field }, i) => [...name(module), ...name(field), FUNCTION, ...uleb(i)])),
    ...section(3, functions.map((_, i) => uleb(imports.length + i))),
    ...section(4, table.length ? [[0x70, 0, ...uleb(table.length)]] : []),
    ...section(5, [limits]),
    ...section(6, globals.map((value) => [I32, 1, OP.i32Const, ...leb(value), OP.end])),
    ...section(7, [[...name('memory'), MEMORY, 0], ...(table.length ? [[...name('__indirect_function_table'), 1, 0]] : []), ...functions.map((fn, i) => [...name(fn.export), FUNCTION, ...uleb(imports.length + i)])]),
    ...section(9, table.length ? [[0, OP.i32Const, 0, OP.end, ...list(table.map((index) => uleb(index)))]] : []),
    ...section(10, functions.map(({ code }) => {
      const body = [0, ...code, OP.end]
      return [...uleb(body.length), ...body]
    })),
    ...section(11, data.map(([at, bytes]) => [0, OP.i32Const, ...leb(at), OP.end, ...list(Array.from(bytes, (byte) => [byte]))]))
  ])
}

// Adds, remembers, grows, traps and calls back.
const MACHINE = assemble({
  imports: [{ module: 'env', name: 'callback', params: 1, result: true }],
  globals: [7],
  data: [[1024, Buffer.from('image')]],
  functions: [
    { export: '__wasm_call_ctors', code: [] },
    { export: 'add', params: 2, result: true, code: [OP.localGet, 0, OP.localGet, 1, OP.i32Add] },
    { export: 'store', params: 2, code: [OP.localGet, 0, OP.localGet, 1, OP.i32Store, 2, 0] },
    { export: 'load', params: 1, result: true, code: [OP.localGet, 0, OP.i32Load, 2, 0] },
    { export: 'next', result: true, code: [OP.globalGet, 0, OP.i32Const, 1, OP.i32Add, OP.globalSet, 0, OP.globalGet, 0] },
    { export: 'grow', params: 1, result: true, code: [OP.localGet, 0, OP.memoryGrow, 0] },
    { export: 'trap', code: [OP.unreachable] },
    { export: 'divide', params: 2, result: true, code: [OP.localGet, 0, OP.localGet, 1, OP.i32DivS] },
    { export: 'back', params: 1, result: true, code: [OP.localGet, 0, OP.call, 0] },
    { export: 'forever', code: [OP.loop, 0x40, OP.br, 0, OP.end] }
  ]
})

// The exports of a bare wasm, with or without Emscripten's underscore.
function exportsOf (module) {
  return new Proxy({}, { get: (_, key) => module[`_${String(key)}`] || module[key] })
}

module.exports = { assemble, exportsOf, leb, list, name, section, uleb, MACHINE, OP }
