//! The WebAssembly JavaScript API over wasmer, for the glue host: what of it knows no JavaScript.

#![forbid(unsafe_code)]

pub mod sent;
mod store;
mod trap;
mod types;

pub use crate::engine::compiled::{
    CompileFailure, CompiledModule, compile_kept, known, share, validate,
};
pub use crate::engine::thunks::host_type;
pub use crate::engine::{ImageError, ObjectCounts, StoreImage};
pub use store::{FuncRef, MemoryLimits, Store, StoreError};
pub use trap::{line, message};
pub use types::{ExternKind, ValueKind};
