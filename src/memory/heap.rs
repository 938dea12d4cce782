//! What the allocator of the C library keeps free.

use std::sync::atomic::{AtomicBool, Ordering};

/// Gives memory that the allocator keeps although nobody uses it back to the system, on a thread of its own: glibc gives back what is
/// at the end of its heaps, and JavaScript's large buffers come to lie before other things.
pub fn trim() {
    static RUNS: AtomicBool = AtomicBool::new(false);
    if !cfg!(all(target_os = "linux", target_env = "gnu")) || RUNS.swap(true, Ordering::AcqRel) {
        return;
    }
    let work = || {
        give_back();
        RUNS.store(false, Ordering::Release);
    };
    let spawned = std::thread::Builder::new()
        .name("emvm-trim".into())
        .stack_size(64 << 10)
        .spawn(work);
    if spawned.is_err() {
        RUNS.store(false, Ordering::Release);
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn give_back() {
    // SAFETY: takes the allocator's own locks.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}
