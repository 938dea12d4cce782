'use strict'

// Without the proxies of the package's wrapper: they share variables with its glue, and a fragment of that glue has its own.

const FILE = '@micropython/micropython-webassembly-pyscript/micropython.mjs'
const PROGRAM = `
import json, re
print(json.dumps({"a": [i*i for i in range(10)], "f": 1/3}))
print(sorted([(x*7919)%101 for x in range(50)])[:20])
print(re.match("(\\\\w+)-(\\\\d+)", "ab-12").group(2))
class A:
    def __init__(self): self.x = 2**100
print(A().x, "%.6f" % 3.14159, b"ab".hex(), "ünï")
def fib(n): return n if n < 2 else fib(n-1) + fib(n-2)
print(fib(16))
try:
    1/0
except ZeroDivisionError as e:
    print("caught", e)
open("/kept.txt", "w").write("text")
print(open("/kept.txt").read())
`

module.exports = {
  package: '@micropython/micropython-webassembly-pyscript',
  source: FILE,
  options: ({ at }) => ({ wasm: at('@micropython/micropython-webassembly-pyscript/micropython.wasm'), print: (line) => { module.exports.lines.push(line) } }),
  lines: [],
  async load ({ at }) {
    const { loadMicroPython } = await import(require('node:url').pathToFileURL(at(FILE)).href)
    const { _module: m } = await loadMicroPython({ stdout: (line) => { module.exports.lines.push(line) }, linebuffer: true })
    return m
  },
  native ({ module: m }) {
    m.ccall('mp_js_init', 'null', ['number', 'number'], [2 * 1024, 1024 * 1024])
    m.ccall('proxy_c_init', 'null', [], [])
    return m
  },
  job (m) {
    const { lines } = module.exports
    lines.length = 0
    const size = m.lengthBytesUTF8(PROGRAM)
    const source = m._malloc(size + 1)
    m.stringToUTF8(PROGRAM, source, size + 1)
    const value = m._malloc(12)
    m.ccall('mp_js_do_exec', 'number', ['pointer', 'number', 'pointer'], [source, size, value])
    m._free(source)
    return [...lines, m.FS.readFile('/kept.txt', { encoding: 'utf8' })]
  }
}
