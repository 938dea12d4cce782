'use strict'

// Builds whose files are in their own wasm (WasmFS): their `FS` calls the module; what the glue does not give needs none.
function hasWasmFS (facts) {
  const ofFS = (key) => key === 'FS' || key.startsWith('FS_')
  return facts.imports.some(({ name }) => name.startsWith('_wasmfs_')) && (facts.moduleKeys || []).some(ofFS)
}

module.exports = { hasWasmFS }
