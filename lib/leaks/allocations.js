'use strict'

// What a module has allocated and not freed, in the present generation: the addon tracks them (addresses, sizes, wasm
// stacks), JavaScript its own stacks, by the numbers of blocks.

// Deeper than Node's 10: what is wanted is the program's own frames, below those of the module's facade.
const FRAMES = 50

class Allocations {
  #host
  #facts
  #stacks = []

  // `host` has `record(capture)` and `recorded()`; `facts` says which functions are watched.
  constructor (host, facts) {
    this.#host = host
    this.#facts = facts
  }

  // False when nothing in the present instance tells of its allocations.
  start () {
    const stacks = this.#stacks = []
    return this.#host.record(function capture (number) {
      const limit = Error.stackTraceLimit
      Error.stackTraceLimit = FRAMES
      const at = {}
      Error.captureStackTrace(at, capture)
      Error.stackTraceLimit = limit
      stacks[number] = at
    })
  }

  stop () {
    this.#host.record()
    this.#stacks = []
  }

  // What is watched, and what may exist without being seen.
  get watched () {
    const { functions, unseen } = this.#facts
    return { functions: functions.map(({ name, by }) => ({ name, by })), unseen }
  }

  // Blocks that are still allocated, those of the same places together, the most bytes first.
  left () {
    const { functions, stacks, blocks } = JSON.parse(this.#host.recorded())
    const watched = new Set(this.#facts.functions.map(({ index }) => index))
    const names = new Map(this.#facts.functions.map(({ index, name }) => [index, name]))
    const nameOf = (index) => functions[index] ?? names.get(index) ?? `wasm-function[${index}]`
    const places = new Map()
    for (const [, bytes, wasm, number] of blocks) {
      const stack = stackOf(this.#stacks[number])
      const key = `${wasm} ${stack}`
      const place = places.get(key) ?? { count: 0, bytes: 0, wasm, stack }
      place.count++
      place.bytes += bytes
      places.set(key, place)
    }
    return [...places.values()]
      .sort((a, b) => b.bytes - a.bytes || b.count - a.count)
      .map(({ count, bytes, wasm, stack }) => {
        const wasmStack = stacks[wasm].map(nameOf)
        return { count, bytes, function: askedBy(stacks[wasm], wasmStack, watched), wasmStack, stack }
      })
  }
}

function stackOf (at) {
  if (at === undefined) return ''
  // Formatted when it is asked for, once.
  const { stack } = at
  return typeof stack === 'string' ? stack.replace(/^(?!\s+at ).*\n/, '') : ''
}

// The innermost function that is neither the allocator's nor the standard library's; null where JavaScript itself asked.
function askedBy (indices, names, watched) {
  const at = indices.findIndex((index, i) => !watched.has(index) && !isLibrary(names[i]))
  if (at !== -1) return names[at]
  const outer = indices.findLastIndex((index) => !watched.has(index))
  return outer === -1 ? null : names[outer]
}

const isLibrary = (name) => /^(operator (new|delete)|std::|void\* std::|__cxa_|__gnu_cxx::|embind_init|(dl|emscripten_builtin_|__libc_|internal_)?(m|c|re)alloc|(posix_)?memalign|strn?dup$)/.test(withoutResult(name))

// Templates are named with the type of their result first.
const withoutResult = (name) => name.replace(/^[\w:*&<> ,]+? (?=std::)/, '')

module.exports = { Allocations }
