'use strict'

// Says so when a package was used and nothing of it ran inside: its WebAssembly is then V8's, and nothing that emvm
// promises holds.

const CODE = 'EMVM_WARN_OUTSIDE'

class Outside {
  #source
  #given = false
  #done = false

  constructor (source) { this.#source = source }

  // The user has the module of the current generation.
  given () { this.#given = true }

  // Before a generation ends, or when one is asked for again.
  check ({ namespace }) {
    if (this.#done || !this.#given) return
    this.#done = true
    if (namespace.instances > 0 || namespace.pending > 0) return
    process.emitWarning(this.#text(), { type: 'EmvmWarning', code: CODE })
  }

  #text () {
    const { file, files } = this.#source
    const loaded = files.outside
    const way = loaded.length > 0
      ? `dependencies that it loaded outside: ${loaded.join(', ')}; name those that carry WebAssembly in the \`packages\` option`
      : 'name the dependency that carries it in the `packages` option, or open the file that makes the module'
    return `nothing of ${file} ran in emvm: it was used, but instantiated no WebAssembly here, so that nothing of it is limited or recycled. ` +
      `If it uses WebAssembly, that ran in V8: ${way}`
  }
}

module.exports = { Outside }
