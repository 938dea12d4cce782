//! The wasmer engine as emvm uses it: compiling, calling in, being called back.

mod allocations;
mod args;
mod baseline;
mod body_facts;
mod bounded_map;
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
mod instance;
mod instantiate;
mod interruption;
mod own_shared;
mod pace;
mod raw;
pub mod refused;
mod short;
mod stack;
pub mod store;
mod tables;
pub mod thunks;
mod tiers;
mod trampolines;
mod trap_report;
mod tunables;
mod unwind;
pub mod vm;
pub mod workers;

pub use allocations::{
    AllocationTracker, AllocatorKind, Attachment, Capture, Exit, Heap, WatchedFunction,
};
pub use args::Args;
pub use body_facts::{drops_segments, writes_tables};
pub use bounded_map::BoundedMap;
pub use cache::{Cache, CacheEntry, WritableFolder, is_writable, take_unkept};
pub use code::{Code, CompileError, Progress, WASMER_VERSION, engine, fingerprint};
pub use compiled::CompiledModule;
#[cfg(any(test, fuzzing))]
pub use host_function::HostFn;
pub use image::{ImageError, ObjectCounts, StoreImage};
pub use instance::{Func, WasmInstance, enter};
pub use instantiate::{Answer, InstantiateError, Owner, Setup, link, signature};
pub use interruption::InterruptFlag;
pub use pace::{Interruption, PIECE, Pace};
pub use raw::ValRaw;
pub use short::{Bodies, Load, Shortcut};
pub use stack::Nesting;
pub use tiers::{Choice, Tier, Tiers};
pub use trampolines::{BATCH, table_functions};
pub use trap_report::TrapReport;
pub use unwind::{Frame, Result, TrapKind, Unwind};
pub use workers::NoThread;

/// Bytes of native stack for wasm where nobody asks for another size.
pub const STACK_BYTES: usize = 1 << 20;
