//! The wasmer engine as emvm uses it: compiling, calling in, being called back.

mod allocations;
mod args;
mod baseline;
mod budget;
mod bulk;
mod cache;
mod checks;
mod code;
pub mod compiled;
mod exceptions;
mod far;
pub mod fiber;
mod host_function;
mod image;
mod instantiate;
mod interruption;
mod known;
mod own_shared;
mod pace;
mod raw;
pub mod refused;
mod scanned;
mod short;
mod stack;
pub mod store;
mod tables;
pub mod thunks;
mod tiers;
mod trampolines;
mod trapped;
mod tunables;
mod unwind;
pub mod vm;
mod wasm;
pub mod workers;

pub use allocations::{AllocationTracker, AllocatorKind, Attachment, Capture, Exit, Heap, Watched};
pub use args::Args;
pub use cache::{Cache, CacheEntry, WritableFolder, is_writable, take_unkept};
pub use code::{Code, CompileError, Progress, WASMER_VERSION, engine, fingerprint};
pub use compiled::Compiled;
#[cfg(any(test, fuzzing))]
pub use host_function::HostFn;
pub use image::{ImageError, Made, StoreImage};
pub use instantiate::{Answer, InstantiateError, Owner, Setup, link, signature};
pub use interruption::InterruptFlag;
pub use known::Known;
pub use pace::{PIECE, Pace, Stopped};
pub use raw::ValRaw;
pub use scanned::{drops_segments, writes_tables};
pub use short::{Bodies, Load, Shortcut};
pub use tiers::{Choice, Tier, Tiers};
pub use trampolines::{BATCH, table_functions};
pub use trapped::Trapped;
pub use unwind::{Frame, TrapKind, Unwind};
pub use wasm::{Func, Wasm, enter};
pub use workers::NoThread;

/// Bytes of native stack for wasm where nobody asks for another size.
pub const STACK_BYTES: usize = 1 << 20;
