'use strict'

// The image of a realm's wasm objects: see `takeImage` in lib/webassembly.

// What a store keeps although nothing uses it any more: made after the image, by all generations together.
const MOST_INSTANCES = 2000
const MOST_FUNCTIONS = 100000
const MOST_MEMORIES = 500

class StoreImage {
  constructor (namespace) {
    this.namespace = namespace
    const { Memory, Table, Global, Instance, Module, Tag, Exception } = namespace.WebAssembly
    this.classes = [Memory, Table, Global, Instance, Module, Tag, Exception]
    this.Instance = Instance
    this.image = undefined
    // Why the next generation must be another store's.
    this.full = undefined
  }

  owns (object) { return this.classes.some((Class) => object instanceof Class) }
  exportsOf (object) { return object instanceof this.Instance ? object.exports : undefined }

  // Objects of JavaScript's that one of its tables or globals holds.
  heldBy (object) { return this.namespace.heldBy(object) }

  // Compilations under way.
  get pending () { return this.namespace.pending }

  memories () { return this.namespace.memories().map((memory) => ({ memory, buffer: memory.buffer })) }
  buffers () { return this.namespace.memories().map(({ buffer }) => buffer) }

  // A memory of its own, of so many pages; undefined where there is none to be had.
  memoryOf (pages) {
    try {
      return new this.namespace.WebAssembly.Memory({ initial: pages })
    } catch {
      return undefined
    }
  }

  // Gives why it cannot be taken, or undefined.
  take () {
    try {
      this.image = this.namespace.takeImage()
      return undefined
    } catch (error) {
      return error.message
    }
  }

  // Of what changed since the image: `{ bytes, ... }`.
  takePoint () { return this.namespace.takePoint(this.image) }
  drop (point) { this.namespace.dropImage(point) }

  // `point`: where not to the image.
  restore (point = this.image) {
    const { made: { instances, functions, memories } } = this.namespace.restoreImage(point)
    if (instances > MOST_INSTANCES) this.full = `${instances} wasm instances were made since the image`
    else if (functions > MOST_FUNCTIONS) this.full = `${functions} wasm functions were made since the image`
    else if (memories > MOST_MEMORIES) this.full = `${memories} wasm memories were made since the image`
  }

  differences (point = this.image, whole) { return this.namespace.differences(point, whole) }
}

module.exports = { StoreImage }
