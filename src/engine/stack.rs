//! How much of its stack a thread has left: how deep calls may nest is a matter of that, not of a number.

use std::cell::Cell;

/// What a call into wasm and back may need of the host's stack beside what it is given: JavaScript that is called, and errors on
/// their way out.
const RESERVE: usize = 256 << 10;
/// Where the system does not tell: of the main stack's usual size, and of a worker's.
const ASSUMED: usize = 512 << 10;

thread_local! {
    /// The lowest address of this thread's stack; 0: not asked yet.
    static LOWEST: Cell<usize> = const { Cell::new(0) };
}

/// So many stacks of nested calls stay for those to come: to make them anew takes forty times as long as the calls. C++ whose calls go
/// through `invoke_*`, each of which nests, may well nest by hundreds.
const KEPT: u32 = 1024;

/// How deep the calls of an instance nested. wasmer keeps the stacks of all of them, each a megabyte of addresses and two
/// mappings, of which the system gives a process 65,530: after many they are given back.
#[derive(Default)]
pub struct Nesting(Cell<bool>);

impl Nesting {
    /// A call begins within others; `depth` are on the stack with it.
    #[inline]
    pub fn at(&self, depth: u32) {
        if depth > KEPT {
            self.0.set(true);
        }
    }

    /// The outermost call is over.
    #[inline]
    pub fn end(&self) {
        if self.0.get() {
            self.give_back();
        }
    }

    #[cold]
    fn give_back(&self) {
        self.0.set(false);
        wasmer_vm::drain_stack_pool();
    }
}

/// Whether another call may nest. It must be asked on the host's stack.
#[inline]
pub fn has_room() -> bool {
    let here = 0u8;
    let here = (&raw const here).addr();
    let lowest = match LOWEST.get() {
        0 => {
            let lowest = bounds().unwrap_or_else(|| here.saturating_sub(ASSUMED));
            LOWEST.set(lowest);
            lowest
        }
        known => known,
    };
    // Another stack than the thread's own: whoever made it knows its room.
    here < lowest || here - lowest > RESERVE
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn bounds() -> Option<usize> {
    let mut attributes = std::mem::MaybeUninit::<libc::pthread_attr_t>::uninit();
    // SAFETY: the attributes are filled in by the first call, read by the second and given back by the third.
    unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let mut attributes = attributes.assume_init();
        let (mut lowest, mut size) = (std::ptr::null_mut(), 0);
        let told =
            libc::pthread_attr_getstack(&raw const attributes, &raw mut lowest, &raw mut size);
        libc::pthread_attr_destroy(&raw mut attributes);
        // An unlimited main stack has no lowest address.
        (told == 0 && size > 0 && size < 1 << 32).then(|| lowest.addr())
    }
}

#[cfg(target_os = "macos")]
fn bounds() -> Option<usize> {
    // SAFETY: plain queries about the calling thread.
    let (highest, size) = unsafe {
        let thread = libc::pthread_self();
        (
            libc::pthread_get_stackaddr_np(thread),
            libc::pthread_get_stacksize_np(thread),
        )
    };
    highest.addr().checked_sub(size)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "macos")))]
fn bounds() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    fn nest(depth: u32) -> u32 {
        let filler = std::hint::black_box([0u8; 1024]);
        if !super::has_room() || depth > 100_000 {
            return depth + u32::from(filler[0]);
        }
        nest(depth + 1)
    }

    #[test]
    fn nesting_ends_before_the_stack_does() {
        let deep = |size: usize| {
            let thread = std::thread::Builder::new()
                .stack_size(size)
                .spawn(|| nest(0));
            thread.expect("starts").join().expect("does not overflow")
        };
        let (small, large) = (deep(1 << 20), deep(8 << 20));
        assert!(small > 100 && large > 4 * small, "{small} {large}");
    }
}
