//! A memory that threads share: bytes of V8's, since only V8 makes a SharedArrayBuffer over memory that grows.
//!
//! ```text
//!  V8's WebAssembly.Memory ── bytes ──▶ [0, length) | faults | base + 8 GiB
//!            ▲ kept by                     ▲
//!  Shared ───┼── definition { base, length }: one for all threads, read by the code of each
//!            │                             ▲
//!  SharedAdapter (one per store and thread): what wasmer sees; its host grows the bytes through V8, waits and notifies
//! ```
//!
//! V8 keeps a memory at its place for as long as any thread has an object of it, and each adapter's host keeps one. The bytes
//! are written by several threads at once: nothing here makes a reference to them.

mod adapter;
#[cfg(test)]
mod tests;

pub use adapter::SharedAdapter;

use super::{WASM_PAGE, os};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;
use wasmer_types::MemoryStyle;
use wasmer_vm::VMMemoryDefinition;

/// Address space that V8 reserves for a memory.
const RESERVED: usize = 8 << 30;

/// How code that runs on shared memories is compiled: without bounds checks where it can be seen that what lies behind them
/// faults.
pub fn shared_style() -> MemoryStyle {
    if cfg!(target_os = "linux") {
        MemoryStyle::Static
    } else {
        MemoryStyle::Dynamic {
            offset_guard_size: 0,
        }
    }
}

/// What a thread's JavaScript does for a memory. Called on the thread of the store alone, on the host's stack.
pub trait SharedHost: std::fmt::Debug {
    /// Grows V8's memory by so many pages; the former number of pages.
    fn grow(&self, delta: u32) -> Option<u32>;
    /// Waits at a byte offset, as `memory.atomic.wait` does: 0: notified, 1: another value, 2: timed out. `None`: the thread
    /// is to stop.
    fn wait(&self, offset: u32, expected: WaitValue, timeout: Option<Duration>) -> Option<u32>;
    /// Wakes at most `count` who wait there; how many.
    fn notify(&self, offset: u32, count: u32) -> u32;
}

/// What a waiter expects to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitValue {
    I32(i32),
    I64(i64),
}

/// A memory of V8's that wasm runs on.
pub struct SharedMemory {
    /// Read by compiled code of all threads; the length is written atomically and only rises.
    definition: Box<UnsafeCell<VMMemoryDefinition>>,
    maximum: u32,
    /// The cap on growth in bytes: the memory's own maximum or the user's, whichever is smaller.
    cap: usize,
    /// One thread grows at a time.
    growing: Mutex<()>,
    /// The size in bytes that growth was last refused, 0 when it was not.
    refused: AtomicU64,
    users: Mutex<Users>,
}

#[derive(Default)]
struct Users {
    /// Adapters there are.
    count: usize,
    /// Nobody needs the bytes once these have gone.
    ended: bool,
}

// SAFETY: the definition's base never changes and its length is accessed atomically; what it points to is reached by
// addresses only. The rest is behind mutexes.
unsafe impl Send for SharedMemory {}
// SAFETY: as above.
unsafe impl Sync for SharedMemory {}

impl std::fmt::Debug for SharedMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shared({:p}, {} bytes)", self.base(), self.len())
    }
}

/// Why bytes are no memory that wasm can run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SharedMemoryError {
    #[error(
        "this process's V8 reserves no address space that faults behind a memory (--disable-wasm-trap-handler?), which code \
         of emvm's relies on"
    )]
    NoGuard,
    #[error("a shared memory without pages has no place yet: give it an `initial` of at least 1")]
    NoPlace,
}

static ALL: LazyLock<Mutex<FxHashMap<usize, Weak<SharedMemory>>>> = LazyLock::new(Mutex::default);

impl SharedMemory {
    /// The memory at `base`, which has `len` bytes now: the one that other threads know already, or a new one.
    ///
    /// # Safety
    /// The bytes are those of a shared memory of V8's with such a maximum of pages, of which the caller has an object.
    pub unsafe fn at(
        base: *mut u8,
        len: usize,
        maximum: u32,
        cap: Option<u64>,
    ) -> Result<Arc<Self>, SharedMemoryError> {
        if base.is_null() {
            return Err(SharedMemoryError::NoPlace);
        }
        let mut all = ALL.lock();
        if let Some(known) = all.get(&(base as usize)).and_then(Weak::upgrade) {
            return Ok(known);
        }
        if shared_style() == MemoryStyle::Static
            && !os::faults(base.wrapping_add(len), RESERVED - len)
        {
            return Err(SharedMemoryError::NoGuard);
        }
        let own = maximum as usize * WASM_PAGE;
        let cap = cap.map_or(own, |cap| {
            own.min(usize::try_from(cap).unwrap_or(usize::MAX))
        });
        let shared = Arc::new(Self {
            definition: Box::new(UnsafeCell::new(VMMemoryDefinition {
                base,
                current_length: len,
            })),
            maximum,
            cap,
            growing: Mutex::default(),
            refused: AtomicU64::new(0),
            users: Mutex::default(),
        });
        all.retain(|_, known| known.strong_count() > 0);
        all.insert(base as usize, Arc::downgrade(&shared));
        Ok(shared)
    }

    /// How many there are in the process.
    pub fn count() -> usize {
        let all = ALL.lock();
        all.values()
            .filter(|known| known.strong_count() > 0)
            .count()
    }

    fn place(&self) -> NonNull<VMMemoryDefinition> {
        NonNull::from(&*self.definition).cast()
    }

    fn length(&self) -> &AtomicUsize {
        // SAFETY: the field lives as long as `self`, is aligned, and is only accessed atomically or by compiled code, whose
        // loads of an aligned word are atomic.
        unsafe { AtomicUsize::from_ptr(&raw mut (*self.definition.get()).current_length) }
    }

    pub fn base(&self) -> *mut u8 {
        // SAFETY: never written after it was made.
        unsafe { (*self.definition.get()).base }
    }

    /// Bytes now.
    pub fn len(&self) -> usize {
        self.length().load(Ordering::SeqCst)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The address of its definition: its identity in all stores.
    pub fn key(&self) -> usize {
        self.place().as_ptr() as usize
    }

    /// The cap on growth in bytes.
    pub fn cap(&self) -> usize {
        self.cap
    }

    /// The size in bytes that growth was last refused.
    pub fn refused(&self) -> Option<u64> {
        Some(self.refused.load(Ordering::Relaxed)).filter(|bytes| *bytes > 0)
    }

    pub fn forget_refusal(&self) {
        self.refused.store(0, Ordering::Relaxed);
    }

    /// Grows by `delta` pages; `by` has V8 do it, and gives the former number of pages.
    pub fn grow(&self, delta: u32, by: impl FnOnce(u32) -> Option<u32>) -> Option<u32> {
        let _one = self.growing.lock();
        let before = self.len();
        let wanted = before.saturating_add(delta as usize * WASM_PAGE);
        let grown = match wanted <= self.cap {
            true => by(delta),
            false => None,
        };
        let Some(pages) = grown else {
            self.refused.store(wanted as u64, Ordering::Relaxed);
            super::linear::count_refusal();
            return None;
        };
        self.forget_refusal();
        // JavaScript that has V8's own object may have grown it meanwhile.
        let now = (pages as usize + delta as usize) * WASM_PAGE;
        self.length().fetch_max(now, Ordering::SeqCst);
        Some(pages)
    }

    /// V8's memory has so many bytes, as somebody has seen who grew it elsewhere.
    pub fn saw(&self, len: usize) {
        self.length().fetch_max(len, Ordering::SeqCst);
    }

    /// Nobody needs the bytes once the adapters that there are have gone: the last of them gives the pages back.
    pub fn end(&self) {
        self.users.lock().ended = true;
    }

    /// Bytes of it that are (resident, private to this process), where the system tells.
    pub fn residency(&self) -> Option<(usize, usize)> {
        os::dirty_bytes(self.base(), self.len())
    }

    fn leave(&self) {
        let mut users = self.users.lock();
        users.count -= 1;
        if users.count == 0 && users.ended {
            // SAFETY: the host that is about to go still keeps V8's memory. No code runs on it any more; JavaScript that
            // looks at the bytes sees zeroes.
            let _ = unsafe { os::drop_pages(self.base(), self.len()) };
        }
    }
}
