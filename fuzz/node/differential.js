'use strict'

// Random valid modules on emvm's WebAssembly and on V8's: results equal, traps equal in kind, memories equal.

const smith = require('./smith')
const { signatures } = require('./signatures')
const { fitting } = require('./values')

const REFS = [null, undefined, 1, 'text', {}, Symbol('s')]

// What V8 says to each kind of trap. Recursion ends at another depth there, so it ends the comparison.
const KINDS = [
  [/call stack/, 'stack'],
  [/null function|signature mismatch|indirect call/, 'indirect call'],
  [/table index is out of bounds|table access out of bounds|table index|element segment|table.*out of bounds/, 'table'],
  [/memory access out of bounds|data segment/, 'memory'],
  [/divide by zero|remainder by zero/, 'zero'],
  [/unrepresentable in integer range/, 'conversion'],
  [/divide result unrepresentable/, 'overflow'],
  [/unreachable/, 'unreachable']
]

function kind (error) {
  if (error === null || typeof error !== 'object') return `thrown ${String(error)}`
  const found = KINDS.find(([pattern]) => pattern.test(error.message))
  return found ? found[1] : `${error.name} ${error.name === 'RuntimeError' ? error.message : ''}`
}

// One side: the same module with the same imports, on one of the two namespaces.
class Side {
  constructor (W) {
    this.W = W
    this.log = []
    this.exports = {}
    const note = (name, result) => (...args) => {
      this.log.push([name, ...args.map((arg) => this.shown(arg))].join(' '))
      return result(...args)
    }
    this.imports = {
      env: {
        nothing: note('nothing', () => {}),
        i32: note('i32', (a, b) => a ^ b),
        i64: note('i64', (a, b) => a + BigInt(b)),
        f32: note('f32', (a) => a / 2),
        f64: note('f64', (a, b) => a - b),
        throws: note('throws', (a) => { throw new RangeError(`asked for ${a}`) }),
        back: note('back', (a) => a + 1),
        memory: new W.Memory({ initial: 1, maximum: 256 }),
        table: new W.Table({ initial: 20, maximum: 1000, element: 'anyfunc' }),
        seven: new W.Global({ value: 'i32' }, 7),
        mutable: new W.Global({ value: 'i32', mutable: true }, 42),
        half: new W.Global({ value: 'f64' }, 0.5)
      }
    }
  }

  shown (value) {
    if (Array.isArray(value)) return `[${value.map((item) => this.shown(item))}]`
    if (typeof value === 'function') {
      const name = Object.keys(this.exports).find((key) => this.exports[key] === value)
      return `function ${name || '?'}`
    }
    if (Object.is(value, -0)) return '-0'
    return `${typeof value} ${value !== null && typeof value === 'object' ? `object ${REFS.indexOf(value)}` : String(value)}`
  }

  attempt (work) {
    try { return this.shown(work()) } catch (error) { return `! ${kind(error)}` }
  }

  start (bytes) {
    return this.attempt(() => {
      const module = new this.W.Module(bytes)
      const list = this.W.Module.exports(module).map((entry) => `${entry.name}:${entry.kind}`).join()
      this.exports = new this.W.Instance(module, this.imports).exports
      return list + Object.keys(this.exports)
    })
  }

  // Everything that can be seen from outside.
  state () {
    const parts = [this.log.join('\n')]
    for (const [name, value] of [...Object.entries(this.imports.env), ...Object.entries(this.exports)]) {
      if (value instanceof this.W.Memory) parts.push(name, hash(new Uint8Array(value.buffer)))
      else if (value instanceof this.W.Global) parts.push(name, this.attempt(() => value.value))
      else if (value instanceof this.W.Table) {
        parts.push(name, value.length)
        for (let i = 0; i < Math.min(value.length, 64); i++) parts.push(this.attempt(() => value.get(i) === null ? null : typeof value.get(i)))
      }
    }
    return parts.join('\n')
  }
}

function hash (bytes) {
  const hasher = require('node:crypto').createHash('sha256')
  // It takes no more than 2 GiB at a time.
  for (let at = 0; at < bytes.length; at += 2 ** 30) hasher.update(bytes.subarray(at, at + 2 ** 30))
  return `${bytes.length} ${hasher.digest('hex')}`
}

function prepare () {
  smith.prepare()
  return {}
}

async function one (rng, { emvm, bytes }) {
  if (bytes.length === 0) return 'refused'
  const namespace = require('../../lib/webassembly').createNamespace()
  try {
    const [ours, theirs] = [new Side(namespace.WebAssembly || namespace), new Side(WebAssembly)]
    const valid = [ours.W.validate(bytes), WebAssembly.validate(bytes)]
    // Node 20 has no `try_table`; nothing else that the generator makes is unknown to either.
    if (!valid[1]) return 'refused'
    if (!valid[0]) throw new Error('V8 takes it, emvm does not')
    const began = [ours.start(bytes), theirs.start(bytes)]
    if (began.some((text) => text === '! stack')) return 'refused'
    compare('start', began)
    const types = signatures(bytes)
    const names = Object.keys(theirs.exports).filter((name) => typeof theirs.exports[name] === 'function' && types[name])
    for (let i = names.length && rng.below(20); i > 0; i--) {
      const name = rng.pick(names)
      const args = types[name].params.map((type) => fitting(type, rng, REFS))
      const results = [ours, theirs].map((side) => side.attempt(() => side.exports[name](...args)))
      if (results.includes('! stack')) return 'ran'
      compare(`${name}(${args.map(String)})`, results)
      if (rng.below(30) === 0) gc()
    }
    compare('state', [ours.state(), theirs.state()])
    return 'ran'
  } finally {
    if (rng.below(2)) namespace.release()
  }
}

// Cranelift has one trap for a quotient and for a float that do not fit an integer.
const same = (ours, theirs) => ours === theirs || (ours === '! overflow' && theirs === '! conversion')

function compare (what, [ours, theirs]) {
  if (!same(ours, theirs)) throw new Error(`${what}: emvm gives\n${ours.slice(0, 2000)}\nV8 gives\n${theirs.slice(0, 2000)}`)
}

module.exports = { prepare, one, modules: smith.modules }
