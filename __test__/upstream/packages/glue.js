'use strict'

// Packages that the native host leaves to their own JavaScript, and why `inspect` says so.

module.exports = {
  'h5wasm/dist/node/hdf5_util.js': /dynamic linking/,
  '@electric-sql/pglite/dist/index.cjs': /dynamic linking/,
  '@php-wasm/node-8-3/asyncify/php_8_3.js': /Asyncify/,
  'web-tree-sitter/web-tree-sitter.cjs': /dynamic linking/,
  'z3-solver/build/z3-built.js': /threads/
}
