//! The wasmer engine as emvm uses it: compiling, calling in, being called back.

mod allocations;
mod args;
mod cache;
mod code;
mod host_function;
mod instantiate;
mod interruption;
mod raw;
mod trampolines;
mod tunables;
mod unwind;
pub mod vm;
mod wasm;

pub use allocations::{AllocatorKind, Capture, Exit, Heap, Recorder, Report, Site, Watched, attach};
pub use args::Args;
pub use cache::{Cache, Cached};
pub use code::{Code, CompileError, Progress, WASMER_VERSION, engine, fingerprint};
pub use host_function::HostFn;
pub use instantiate::{Answer, InstantiateError, Owner, Setup, link, signature};
pub use interruption::InterruptFlag;
pub use raw::Raw;
pub use trampolines::{BATCH, table_functions};
pub use unwind::{Frame, TrapKind, Unwind};
pub use wasm::{Func, Wasm};

/// How calls into wasm are set up.
pub(crate) fn vm_config() -> &'static wasmer_vm::VMConfig {
    static CONFIG: wasmer_vm::VMConfig = wasmer_vm::VMConfig {
        wasm_stack_size: Some(1 << 20),
    };
    &CONFIG
}
