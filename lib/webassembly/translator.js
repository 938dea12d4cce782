'use strict'

// Modules built with the first encoding of wasm exceptions are translated by Binaryen, when it is installed.

let binaryen

const LOADED = Symbol.for('emvm.binaryen')

// Binaryen is an ES module with a top-level await: it can only be imported, so translation is asynchronous
// unless it was loaded before.
async function load () {
  if (binaryen !== undefined) return binaryen
  if (globalThis[LOADED]) return (binaryen = globalThis[LOADED])
  try {
    const imported = await import('binaryen')
    binaryen = imported.default || imported
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND' && error.code !== 'MODULE_NOT_FOUND') throw error
    binaryen = null
  }
  return binaryen
}

// Named one by one: `All` makes Binaryen write a compact import section that the engine does not read.
const FEATURES = [
  'Atomics', 'MutableGlobals', 'NontrappingFPToInt', 'SIMD128', 'BulkMemory', 'SignExt', 'ExceptionHandling',
  'TailCall', 'ReferenceTypes', 'Multivalue', 'ExtendedConst', 'RelaxedSIMD', 'BulkMemoryOpt', 'CallIndirectOverlong'
]

function translateWith (tool, bytes) {
  const module = tool.readBinary(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes))
  try {
    let features = 0
    for (const name of FEATURES) features |= tool.Features[name] || 0
    module.setFeatures(features)
    module.runPasses(['translate-to-exnref'])
    return module.emitBinary()
  } finally {
    module.dispose()
  }
}

async function translate (bytes) {
  const tool = await load()
  return tool ? translateWith(tool, bytes) : undefined
}

const translateSync = (bytes) => binaryen ? translateWith(binaryen, bytes) : undefined

module.exports = { load, translate, translateSync }
