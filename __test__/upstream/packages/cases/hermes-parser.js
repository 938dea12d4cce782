'use strict'

const SOURCES = [
  'const a = 1 + 2 * f(x => x ** 2);', 'function* g(){ for (const [k,v] of m) yield {k, v}; }', 'type T = {a: number}; const x: T = {a: 1};',
  'let = ;', 'class A extends B { #p = 1; static { this.q = 2 } get z() { return `t${this.#p}` } }', '<div a={1}>hi</div>;'
]

module.exports = {
  package: 'hermes-parser',
  source: 'hermes-parser/dist/HermesParserWASM.js',
  load: ({ require }) => require('hermes-parser/dist/HermesParserWASM.js')({ quit (status, error) { throw error } }),
  job (m, { read }) {
    const n = 'number'
    const parse = m.cwrap('hermesParse', n, [n, n, n, n, n, n, n, n])
    const error = m.cwrap('hermesParseResult_getError', 'string', [n])
    const positions = m.cwrap('hermesParseResult_getPositionBuffer', n, [n])
    const size = m.cwrap('hermesParseResult_getPositionBufferSize', n, [n])
    const free = m.cwrap('hermesParseResult_free', 'void', [n])
    return [...SOURCES, read('hermes-parser/dist/HermesParser.js').toString()].map((source) => {
      const bytes = Buffer.from(source)
      const at = m._malloc(bytes.length + 1)
      m.HEAP8.set(bytes, at)
      m.HEAP8[at + bytes.length] = 0
      const result = parse(at, bytes.length + 1, 1, 0, 0, 0, 1, 0)
      const message = error(result)
      const out = message || m.HEAPU8.slice(positions(result), positions(result) + size(result) * 4)
      free(result)
      m._free(at)
      return out
    })
  }
}
