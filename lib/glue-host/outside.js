'use strict'

// Says so when a package was used and nothing of it ran inside: its WebAssembly is then V8's, and nothing that emvm
// promises holds.

const { warn } = require('../base/warn')

const CODE = 'EMVM_WARN_OUTSIDE'

class Outside {
  #source
  // How sure it is that the package was used: 1: somebody has looked at the module; 2: it was handed out twice, or is
  // asked for again.
  #used = 0
  #done = false

  constructor (source) { this.#source = source }

  // The user has looked at the module of the current generation.
  seen () { this.#used ||= 1 }

  // The user was given it as a fresh one, or for the last time.
  given () { this.#used = 2 }

  // Before a generation ends, or when one is asked for again.
  check ({ namespace }) {
    if (this.#done || this.#used === 0) return
    if (namespace.instances > 0 || namespace.pending > 0) {
      this.#done = true
      return
    }
    // An API that loads its WebAssembly later may not have been used yet.
    if (this.#used < 2 && this.#source.files.outsideWithWasm.length === 0) return this.given()
    this.#done = true
    warn(this.#text(), CODE)
  }

  #text () {
    const { file, files } = this.#source
    const loaded = files.outsideWithWasm
    const way = loaded.length > 0
      ? `${loaded.join(', ')} was loaded outside and carries WebAssembly; name it in the \`packages\` option`
      : 'name the dependency that carries it in the `packages` option, or open the file that makes the module'
    return `nothing of ${file} ran in emvm: it was used, but instantiated no WebAssembly here, so that nothing of it is limited or recycled. ` +
      `If it uses WebAssembly, that ran in V8: ${way}`
  }
}

module.exports = { Outside }
