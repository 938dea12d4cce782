//! Watching the allocator of a module from within: the code of `malloc`, `free` and their kin is compiled with a call
//! of a host function at its end, which notes the block and who asked for it.
//!
//! The host function is reached through a table that is added for it: an added import would give every function of
//! the module another index.

mod attach;
mod exits;
mod heap;
mod hooks;
mod table;
mod tracker;

pub use exits::Exit;
pub use heap::Heap;
pub(super) use hooks::AllocationHooks;
pub use tracker::{AllocationTracker, Capture};

pub use attach::{Attachment, attach, is_watched};
pub(super) use table::with_table;

/// What a function of the allocator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AllocatorKind {
    /// `(size, ...) -> block`
    Malloc,
    /// `(count, size) -> block`
    Calloc,
    /// `(block, size) -> block`
    Realloc,
    /// `(alignment, size) -> block`
    Memalign,
    /// `(place of the block, alignment, size) -> error`
    PosixMemalign,
    /// `(block, ...)`
    Free,
}

/// A function to watch: its index among the functions that the module defines.
#[derive(Clone, Copy, Debug)]
pub struct WatchedFunction {
    pub local: u32,
    pub kind: AllocatorKind,
}

/// The export under which the added table is found.
pub(super) const HOOK: &str = "emvm:allocations";

/// The first argument of the host function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
enum Event {
    Malloc = 0,
    Calloc = 1,
    ReallocBegins = 2,
    Realloc = 3,
    Memalign = 4,
    PosixMemalign = 5,
    Free = 6,
}

impl Event {
    fn from_i32(value: i32) -> Option<Self> {
        [
            Event::Malloc,
            Event::Calloc,
            Event::ReallocBegins,
            Event::Realloc,
            Event::Memalign,
            Event::PosixMemalign,
            Event::Free,
        ]
        .into_iter()
        .find(|event| *event as i32 == value)
    }
}
