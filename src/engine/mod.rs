//! The wasmer engine as emvm uses it: compiling, calling in, being called back.

mod args;
mod raw;
mod unwind;
mod wasm;

pub use args::Args;
pub use raw::Raw;
pub use unwind::{TrapKind, Unwind};
pub use wasm::{Func, Wasm};
