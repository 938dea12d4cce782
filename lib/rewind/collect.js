'use strict'

// Scopes and requests that are done with must fall out before the image is taken: the start's garbage is collected once.

const v8 = require('node:v8')
const { runInNewContext } = require('node:vm')

let collect

function collectGarbage () {
  collect ??= found()
  collect()
}

function found () {
  const { gc, Bun } = /** @type {any} */ (globalThis)
  if (typeof gc === 'function') return gc
  return Bun ? () => Bun.gc(true) : exposed()
}

// V8 gives the function to contexts that are made while the flag is set.
function exposed () {
  v8.setFlagsFromString('--expose-gc')
  try {
    return runInNewContext('gc')
  } finally {
    v8.setFlagsFromString('--no-expose-gc')
  }
}

module.exports = { collectGarbage }
