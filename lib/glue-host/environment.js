'use strict'

// The `env` option on the glue host. Glue seldom lets anybody at its `ENV`, so the imports that wasi names for it are
// wrapped: the user's variables come first, the glue's own follow, and `getenv` takes the first of a name.

const { Buffer } = require('node:buffer')

// By module and field, functions that make the import of what the glue gives. `memory()` is the instance's.
function environment (imports, env, memory) {
  const texts = Object.entries(env).map(([name, value]) => Buffer.from(`${name}=${value}\0`))
  if (texts.length === 0) return undefined
  const bytes = texts.reduce((sum, text) => sum + text.length, 0)
  const view = () => new DataView(memory().buffer)
  const wraps = {
    environ_sizes_get: (theirs) => (count, size) => {
      const failed = theirs(count, size)
      if (failed) return failed
      const data = view()
      data.setUint32(count >>> 0, data.getUint32(count >>> 0, true) + texts.length, true)
      data.setUint32(size >>> 0, data.getUint32(size >>> 0, true) + bytes, true)
      return 0
    },
    environ_get: (theirs) => (list, place) => {
      let at = place >>> 0
      texts.forEach((text, index) => {
        const data = view()
        data.setUint32((list >>> 0) + 4 * index, at, true)
        new Uint8Array(data.buffer).set(text, at)
        at += text.length
      })
      return theirs((list >>> 0) + 4 * texts.length, at)
    }
  }
  const found = {}
  for (const { module, field, name } of imports) {
    if (Object.hasOwn(wraps, name)) (found[module] ??= {})[field] = wraps[name]
  }
  return Object.keys(found).length > 0 ? found : undefined
}

module.exports = { environment }
