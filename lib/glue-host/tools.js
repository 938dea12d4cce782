'use strict'

// Tools of emvm's own that are Emscripten modules themselves, such as Binaryen: they run on V8's `WebAssembly`, whichever the
// process has.

const { engine } = require('../webassembly/convert')
const { GlueSource } = require('./source')
const { Loader } = require('./loader')

// What the file exports.
async function evaluated (file) {
  const { files } = await GlueSource.of({ program: { hidden: true }, path: file, bytes: undefined }, { packages: [], cache: undefined })
  const own = Object.assign(Object.create(null), { WebAssembly: engine, process, setTimeout, clearTimeout, setInterval, clearInterval, setImmediate, clearImmediate, queueMicrotask, fetch, FinalizationRegistry, WeakRef })
  const loader = new Loader(files, { overrides: Object.assign(own, { globalThis, global: globalThis }), own: {}, context: undefined })
  return (await loader.main(() => {})).exported
}

module.exports = { evaluated }
