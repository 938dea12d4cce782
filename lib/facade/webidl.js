'use strict'

// Bindings made by Emscripten's WebIDL binder keep a buffer in the module's memory that their JavaScript knows by
// address: with a new generation it has to get another one.

// Makes the fragment give its binder's cache along; the source is what `src/program/glue` writes.
function withCache (source) {
  return source.includes('ensureCache')
    ? source.replace(/\nreturn \{\n(?!.*\nreturn \{\n)/s, '\nreturn {\ncache: () => typeof ensureCache === \'undefined\' ? undefined : ensureCache,\n')
    : source
}

function followGenerations (cache, sandbox) {
  if (!cache || typeof cache.prepare !== 'function') return
  const { prepare } = cache
  let generation = sandbox.generation
  cache.prepare = function () {
    if (generation !== sandbox.generation) {
      generation = sandbox.generation
      Object.assign(cache, { buffer: 0, size: 0, pos: 0, needed: 0, temps: [] })
    }
    return prepare.call(cache)
  }
}

module.exports = { withCache, followGenerations }
