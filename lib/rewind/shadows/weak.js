'use strict'

// WeakMap and WeakSet with a layer for each generation: their keys cannot be listed, and some are the user's and outlive
// the generation. What the image has stays below, what is changed later goes into the layer, which a rewind throws away.

const fresh = Symbol('emvm.fresh')

function weakCollections () {
  // Those of the image, and of them those that this generation has changed.
  const refs = []
  const touched = new Set()
  let layered = false

  const layers = (Base, put) => class extends Base {
    #over
    #gone

    constructor (entries) {
      super()
      if (!layered) refs.push(new WeakRef(this))
      if (entries !== undefined && entries !== null) for (const entry of entries) put(this, entry)
    }

    get [over] () { return this.#over }
    get [gone] () { return this.#gone }

    [layer] () {
      if (this.#over !== undefined) return this.#over
      touched.add(this)
      this.#gone = new WeakSet()
      return (this.#over = new Base())
    }

    [fresh] () { this.#over = this.#gone = undefined }

    has (key) {
      const over = this.#over
      return over === undefined ? super.has(key) : over.has(key) || (!this.#gone.has(key) && super.has(key))
    }

    delete (key) {
      if (!layered) return super.delete(key)
      const had = this.has(key)
      if (had) {
        this[layer]().delete(key)
        if (super.has(key)) this.#gone.add(key)
      }
      return had
    }
  }

  class LayeredWeakMap extends layers(WeakMap, (map, [key, value]) => map.set(key, value)) {
    get (key) {
      const above = this[over]
      if (above === undefined) return super.get(key)
      return above.has(key) ? above.get(key) : this[gone].has(key) ? undefined : super.get(key)
    }

    set (key, value) {
      if (layered) this[layer]().set(key, value)
      else super.set(key, value)
      return this
    }
  }

  class LayeredWeakSet extends layers(WeakSet, (set, key) => set.add(key)) {
    add (key) {
      if (layered) this[layer]().add(key)
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
    owns: (object) => over in object,
    seal () { layered = true },
    rewind () {
      for (const collection of touched) collection[fresh]()
      touched.clear()
    }
  }
}

const over = Symbol('emvm.over')
const gone = Symbol('emvm.gone')
const layer = Symbol('emvm.layer')

module.exports = { weakCollections }
