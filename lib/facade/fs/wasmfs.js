'use strict'

// Builds whose files are in their own wasm (WasmFS): their `FS` calls the module; what the glue does not give needs none.
function hasWasmFS (facts) {
  const ofFS = (key) => key === 'FS' || key.startsWith('FS_')
  return (facts.moduleKeys || []).some(ofFS) && facts.imports.some(({ name }) => name.startsWith('_wasmfs_'))
}

module.exports = { hasWasmFS }
