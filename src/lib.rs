//! emvm: Emscripten modules outside V8, with a fresh instance in microseconds.
//!
//! The folders are the architecture; arrows go one way:
//! `binding -> instance -> {emscripten, memory, engine, program}`, and `binding -> webassembly -> {engine, memory}`.

// N-API registers its functions outside of test builds only.
#![cfg_attr(test, allow(dead_code))]

mod binding;
pub mod memory;
mod saved;
mod webassembly;

// The addon is all that is used of this crate, so rustc tells of what nothing uses; but for the fuzz targets.
#[cfg(not(fuzzing))]
mod emscripten;
#[cfg(fuzzing)]
pub mod emscripten;
#[cfg(not(fuzzing))]
mod engine;
#[cfg(fuzzing)]
pub mod engine;
#[cfg(not(fuzzing))]
mod instance;
#[cfg(fuzzing)]
pub mod instance;
#[cfg(not(fuzzing))]
mod program;
#[cfg(fuzzing)]
pub mod program;

// A few inputs of each fuzz target are unit tests.
#[cfg(test)]
extern crate self as emvm;
#[cfg(test)]
#[path = "../fuzz/src/lib.rs"]
mod fuzz;
