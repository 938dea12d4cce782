'use strict'

// Blocks that JavaScript takes from the module's allocator through the module object, and does not give back through it.

function watchBlocks (module) {
  const live = new Map()
  const original = {}

  function replace (name, wrap) {
    const fn = module !== null && typeof module === 'object' ? module[name] : undefined
    if (typeof fn !== 'function') return
    const wrapper = wrap(fn)
    original[name] = { fn, wrapper }
    module[name] = wrapper
  }

  function note (ptr, bytes, made) {
    if (ptr === 0) return
    const error = {}
    Error.captureStackTrace(error, made)
    live.set(ptr, { bytes, stack: error.stack.replace(/^.*\n/, '') })
  }

  replace('_malloc', (malloc) => function take (bytes) {
    const ptr = malloc(bytes)
    note(ptr, bytes, take)
    return ptr
  })
  replace('_calloc', (calloc) => function take (count, bytes) {
    const ptr = calloc(count, bytes)
    note(ptr, count * bytes, take)
    return ptr
  })
  replace('_realloc', (realloc) => function take (old, bytes) {
    const ptr = realloc(old, bytes)
    if (ptr !== 0 || bytes === 0) live.delete(old)
    note(ptr, bytes, take)
    return ptr
  })
  replace('_free', (free) => (ptr) => {
    live.delete(ptr)
    return free(ptr)
  })

  return {
    left () {
      const places = new Map()
      for (const { bytes, stack } of live.values()) {
        const place = places.get(stack) || { count: 0, bytes: 0, stack }
        place.count++
        place.bytes += bytes
        places.set(stack, place)
      }
      return [...places.values()].sort((a, b) => b.bytes - a.bytes)
    },
    end () {
      for (const [name, { fn, wrapper }] of Object.entries(original)) if (module[name] === wrapper) module[name] = fn
    }
  }
}

module.exports = { watchBlocks }
