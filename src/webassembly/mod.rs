//! The WebAssembly JavaScript API over wasmer, for the glue host.
