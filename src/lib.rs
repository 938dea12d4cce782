//! emvm: Emscripten modules outside V8, with a fresh instance in microseconds.
//!
//! The folders are the architecture; arrows go one way:
//! `binding -> instance -> {emscripten, memory, engine, program}`, and `binding -> webassembly -> {engine, memory}`.

// N-API registers its functions outside of test builds only.
#![cfg_attr(test, allow(dead_code))]

pub mod binding;
pub mod emscripten;
pub mod engine;
pub mod instance;
pub mod memory;
pub mod program;
mod saved;
pub mod webassembly;

// A few inputs of each fuzz target are unit tests.
#[cfg(test)]
extern crate self as emvm;
#[cfg(test)]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;
