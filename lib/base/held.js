'use strict'

// What JavaScript keeps outside of wasm's memory: Emscripten's in-memory files are ArrayBuffers of V8.

const { load } = require('./binding')

const now = () => process.memoryUsage().arrayBuffers
// When so much of past generations has gone, the C library gives it back to the system: on its own it would keep most of it.
const TRIMMED = 64 * 2 ** 20

// How much the ArrayBuffers of this thread have grown since a generation began. Whose they are cannot be told: what the program
// itself allocates counts as well, until the next generation begins. What goes was kept by past generations, as far as those
// had anything left: V8 collects when it pleases.
class BufferGrowth {
  #last = now()
  #held = 0
  #past = 0
  #gone = 0

  get bytes () {
    const change = now() - this.#last
    this.#last += change
    const ofPast = Math.min(this.#past, Math.max(0, -change))
    this.#past -= ofPast
    this.#gone += ofPast
    if (this.#gone >= TRIMMED) {
      this.#gone = 0
      load().trimHeap()
    }
    this.#held = Math.max(0, this.#held + change + ofPast)
    return this.#held
  }

  // The next generation begins.
  begin () {
    this.#past += this.bytes
    this.#held = 0
  }
}

module.exports = { BufferGrowth }
