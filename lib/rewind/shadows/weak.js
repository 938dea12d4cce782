'use strict'

// WeakMap and WeakSet with a layer for each generation: their keys cannot be listed, and some are the user's and outlive
// the generation. What the image has stays below, what is changed later goes into the layer, which a rewind throws away. A checkpoint
// keeps the layer that there is, and what comes later goes into one above it.

function weakCollections () {
  // Those that a generation has changed.
  const touched = new Set()
  let layered = false

  const layers = (Base, put) => class extends Base {
    // { map, gone, below, kept }: what was set here, what was taken away of what is below.
    #top
    // Those of the start, dead ones included.
    #keys = []

    constructor (entries) {
      super()
      if (entries !== undefined && entries !== null) for (const entry of entries) put(this, entry)
    }

    get [top] () { return this.#top }
    set [top] (layer) { this.#top = layer }

    [keys] () { return this.#keys }

    [layer] () {
      const now = this.#top
      if (now !== undefined && !now.kept) return now
      touched.add(this)
      return (this.#top = { map: new Base(), gone: new WeakSet(), below: now, kept: false })
    }

    has (key) {
      for (let at = this.#top; at !== undefined; at = at.below) {
        if (at.map.has(key)) return true
        if (at.gone.has(key)) return false
      }
      return super.has(key)
    }

    delete (key) {
      if (!layered) return super.delete(key)
      const had = this.has(key)
      if (had) {
        const { map, gone } = this[layer]()
        map.delete(key)
        gone.add(key)
      }
      return had
    }
  }

  class LayeredWeakMap extends layers(WeakMap, (map, [key, value]) => map.set(key, value)) {
    get (key) {
      for (let at = this[top]; at !== undefined; at = at.below) {
        if (at.map.has(key)) return at.map.get(key)
        if (at.gone.has(key)) return undefined
      }
      return super.get(key)
    }

    set (key, value) {
      if (layered) {
        this[layer]().map.set(key, value)
        return this
      }
      const isNew = !super.has(key)
      super.set(key, value)
      if (isNew) this[keys]().push(new WeakRef(key))
      return this
    }
  }

  class LayeredWeakSet extends layers(WeakSet, (set, key) => set.add(key)) {
    add (key) {
      if (layered) this[layer]().map.add(key)
      else super.add(key)
      return this
    }
  }

  for (const [Class, name] of [[LayeredWeakMap, 'WeakMap'], [LayeredWeakSet, 'WeakSet']]) {
    Object.defineProperty(Class, 'name', { value: name })
    Object.defineProperty(Class, 'length', { value: 0 })
  }

  return {
    WeakMap: LayeredWeakMap,
    WeakSet: LayeredWeakSet,
    owns: (object) => top in object,
    // The keys of a map; undefined where they cannot be listed, since a generation has changed it.
    keysOf: (map) => keys in map && map[top] === undefined ? map[keys]().map((ref) => ref.deref()).filter((key) => key !== undefined) : undefined,
    seal () { layered = true },
    // The layers that there are now.
    save () {
      const tops = new Map()
      for (const collection of touched) {
        const layer = collection[top]
        layer.kept = true
        tops.set(collection, layer)
      }
      return tops
    },
    // To those that were saved; to none.
    rewind (tops = NONE) {
      for (const collection of touched) collection[top] = undefined
      touched.clear()
      for (const [collection, layer] of tops) {
        collection[top] = layer
        touched.add(collection)
      }
    }
  }
}

const NONE = new Map()
const top = Symbol('emvm.top')
const keys = Symbol('emvm.keys')
const layer = Symbol('emvm.layer')

module.exports = { weakCollections }
