'use strict'

// The five published builds of OpenCV the native host must run, oldest toolchain first.

const PACKAGES = [
  { name: 'opencv-wasm', version: '4.3.0-10', file: 'opencv-wasm/opencv.js' },
  { name: 'opencv-4.5.2', version: '4.5.2-release.1', file: 'opencv-4.5.2' },
  { name: 'opencv-bindings', version: '4.5.5', file: 'opencv-bindings' },
  { name: 'opencv-4.12', version: '4.12.0-release.1', file: 'opencv-4.12' },
  { name: 'opencv-5.0', version: '5.0.0-release.1', file: 'opencv-5.0' }
]

const pathOf = ({ file }) => require.resolve(file)

// The package under plain Node, with its own JavaScript. The module object of most builds has a `then` that calls back with itself,
// so it is taken out and the module comes back in an array: resolving a promise with it would never end.
async function loadPlain (entry) {
  // Glue from before Node 18 takes Node's `fetch` for a browser's and hands it a path.
  globalThis.fetch = undefined
  const loaded = require(pathOf(entry))
  if (loaded instanceof Promise) return loaded.then(unthen)
  if (typeof loaded.then === 'function') return new Promise((resolve) => loaded.then((cv) => resolve(unthen(cv))))
  if (!loaded.Mat) await new Promise((resolve) => { loaded.onRuntimeInitialized = resolve })
  return unthen(loaded)
}

function unthen (cv) {
  delete cv.then
  return [cv]
}

module.exports = { PACKAGES, pathOf, loadPlain }
