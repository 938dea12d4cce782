//! How host functions notice that the call they work for is being stopped.
//!
//! Interruption points end compiled code. A host function whose work depends on a number or a length of the module's
//! asks here instead: [`Wasm`](super::Wasm) does so at each access to memory, and what works on a long stretch takes it
//! in pieces. Whatever a function returns that was told to stop, it does not return into wasm.

use super::Unwind;
use std::cell::Cell;
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicI32, Ordering};

/// Bytes that host code works on between two looks: well below a millisecond.
pub const PIECE: usize = 256 << 10;

/// Told of the interruption of one sandbox's running call. Its clones are told of the same.
#[derive(Clone, Debug, Default)]
pub struct Pace(Rc<State>);

#[derive(Debug)]
struct State {
    flag: Cell<*const AtomicI32>,
    /// Some work was told to stop, and may be half done.
    told: Cell<bool>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            flag: Cell::new(ptr::null()),
            told: Cell::new(false),
        }
    }
}

/// The running call is being stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped;

impl From<Stopped> for Unwind {
    fn from(_: Stopped) -> Self {
        Unwind::Interrupted
    }
}

impl Pace {
    /// The running call is being stopped. False when none runs: what JavaScript does by itself has no limit.
    #[inline]
    pub fn is_stopped(&self) -> bool {
        let flag = self.0.flag.get();
        // SAFETY: not null only while wasm of the store that owns the flag is on the stack (see `begin`); other threads
        // write it atomically.
        let stopped = !flag.is_null() && unsafe { (*flag).load(Ordering::Relaxed) } != 0;
        if stopped {
            self.0.told.set(true);
        }
        stopped
    }

    /// To be asked in each round of work whose length the module chooses.
    #[inline]
    pub fn go_on(&self) -> Result<(), Stopped> {
        if self.is_stopped() {
            return Err(Stopped);
        }
        Ok(())
    }

    /// Whether something was told to stop in this call.
    #[inline]
    pub(super) fn was_told(&self) -> bool {
        self.0.told.get()
    }

    /// An outermost call begins.
    ///
    /// # Safety
    /// The flag, if there is one, stays in place until [`Pace::end`].
    pub(super) unsafe fn begin(&self, flag: Option<*const AtomicI32>) {
        self.0.flag.set(flag.unwrap_or(ptr::null()));
    }

    pub(super) fn end(&self) {
        self.0.flag.set(ptr::null());
        self.0.told.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_running_call_is_stopped() {
        let (pace, flag) = (Pace::default(), AtomicI32::new(1));
        assert_eq!(pace.go_on(), Ok(()));
        // SAFETY: the flag outlives the call.
        unsafe { pace.begin(Some(&raw const flag)) };
        assert!(!pace.was_told());
        assert_eq!(pace.clone().go_on(), Err(Stopped));
        assert!(pace.was_told());
        flag.store(0, Ordering::Relaxed);
        assert_eq!(pace.go_on(), Ok(()));
        pace.end();
    }
}
