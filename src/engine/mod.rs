//! The wasmer engine as emvm uses it: compiling, calling in, being called back.

mod args;
mod code;
mod host_function;
mod instantiate;
mod interruption;
mod raw;
mod tunables;
mod unwind;
mod wasm;

pub use args::Args;
pub use code::{Code, CompileError, Progress, engine, fingerprint};
pub use host_function::HostFn;
pub use instantiate::{Answer, InstantiateError, Setup, instantiate, signature};
pub use raw::Raw;
pub use unwind::{Frame, TrapKind, Unwind};
pub use wasm::{Func, Wasm};
