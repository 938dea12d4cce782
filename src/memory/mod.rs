//! Recyclable linear memory: the region, the image, and one file per operating system.
//!
//! ```text
//!  Linear ──────────── what wasmer and emvm see as "the memory"; owns the definition that compiled code reads
//!    │ active ─▶ Region    8 GiB + guard of address space; [0, accessible) may be touched
//!    │ spare  ─▶ Region    a second one over the same image, clean, or on its way from the decommit thread; made when needed
//!    └ image  ─▶ Image     the bytes right after start-up or at a checkpoint, shared by all sandboxes of the process
//!                  ▲
//!  decommit ───────┘       one background thread per process: gives dirty pages back to the system
//! ```
//!
//! * [`Image`]: immutable bytes; a sealed memfd where the system maps it copy-on-write, else the non-zero pages. That of a
//!   checkpoint has the pages that changed, and shares the others with its parent.
//! * [`Region`]: address space. `restore` brings it back to its image and returns every other page.
//! * [`Linear`]: a recycle (no wasm frame may be live) copies the image's bytes over the pages that were written. Where these
//!   are many, it writes the clean region's base and the image's length into the memory definition instead, and hands the
//!   dirty region to the decommit thread: constant cost, whatever was leaked.
//! * [`SharedMemory`]: a memory that threads share, over bytes of V8's.
//! * [`Foreign`]: large buffers of JavaScript's, brought back by the same means.
//! * [`Leftover`]: a region that was left as it is, because requests of the system may still read and write it.
//! * `os`: the same functions per platform; the portable backend is compiled everywhere.

mod decommit;
mod foreign;
mod heap;
mod image;
mod leftover;
mod linear;
mod os;
mod pages;
mod region;
mod residency;
mod shared;
mod written;
mod zeroed;

pub use foreign::{Foreign, OwnPages};
pub use heap::trim;
pub use image::Image;
pub use leftover::Leftover;
pub use linear::{Linear, LinearHandle, RecycleOutcome, collect_created, refusals};
#[cfg(unix)]
pub use os::user;
pub use os::{Backend, backend, backend_refusal, descriptor_limit, page_size};
pub use region::Region;
pub use residency::Residency;
pub use shared::{
    SharedAdapter, SharedHost, SharedMemory, SharedMemoryError, WaitValue, shared_style,
};
pub use written::Writers;
pub use zeroed::zeroed;

/// Bytes of address space that the process has, where the system tells.
pub fn address_space() -> Option<usize> {
    os::address_space()
}

/// Bytes of a wasm page.
pub const WASM_PAGE: usize = 64 * 1024;

/// Address space of one region: compiled code omits bounds checks, so every 32-bit address plus 32-bit offset, and the
/// widest access on top, must land in memory that faults.
pub const RESERVATION: usize = (8 << 30) + WASM_PAGE;

/// The system refused memory or address space.
#[derive(Debug, thiserror::Error)]
#[error("the system refused {what} ({bytes} bytes): {source}; {hint}", hint = hint(source))]
pub struct Error {
    pub what: &'static str,
    pub bytes: usize,
    #[source]
    pub source: std::io::Error,
}

fn hint(error: &std::io::Error) -> &'static str {
    if error.kind() == std::io::ErrorKind::OutOfMemory {
        "each sandbox reserves up to 16 GiB of address space in 6 maps: look at `ulimit -v` and `sysctl vm.max_map_count`"
    } else {
        "look at the process's limits"
    }
}
