'use strict'

// Modules built with the first encoding of wasm exceptions are translated by Binaryen, when it is installed.

const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { engine } = require('./convert')

let binaryen
// Where the process's `WebAssembly` is emvm's, Binaryen must not run on what it translates for. The glue host, which evaluates
// files with another `WebAssembly`, is above this folder, and says how.
let evaluate

function evaluateWith (evaluator) { evaluate = evaluator }

// Beside emvm, beside the source, beside the program, or where the process runs.
function find (source) {
  const paths = [__dirname, process.cwd()]
  if (source !== undefined) paths.push(path.dirname(source))
  if (require.main && require.main.filename) paths.push(path.dirname(require.main.filename))
  try {
    return require.resolve('binaryen', { paths })
  } catch {
    return undefined
  }
}

// Binaryen is an ES module with a top-level await: it can only be imported, so that `new WebAssembly.Module` of such
// bytes works once it was loaded, and not before.
async function load (source) {
  if (binaryen) return binaryen
  const found = find(source)
  if (found === undefined) return null
  const imported = globalThis.WebAssembly === engine ? await import(pathToFileURL(found).href) : await evaluate(found)
  return (binaryen = imported.default || imported)
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

async function translate (bytes, source) {
  const tool = await load(source)
  return tool ? translateWith(tool, bytes) : undefined
}

const translateSync = (bytes) => binaryen ? translateWith(binaryen, bytes) : undefined

module.exports = { evaluateWith, load, translate, translateSync }
