//! The WebAssembly JavaScript API over wasmer, for the glue host: what of it knows no JavaScript.

#![forbid(unsafe_code)]

mod compiled;
mod image;
mod store;
mod thunks;
mod trap;
mod types;

pub use compiled::{CompileFailure, Compiled, compile, compile_kept, known, share, validate};
pub use image::{ImageError, Made, StoreImage};
pub use store::{FuncRef, MemoryLimits, Store, StoreError};
pub use thunks::{compile_thunks, host_type};
pub use trap::{TrapReport, report};
pub use types::{ExternKind, ValueKind};
