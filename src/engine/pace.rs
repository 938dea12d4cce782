//! How host functions notice that the call they work for is being stopped.
//!
//! Interruption checks end compiled code. A host function whose work depends on a number or a length of the module's
//! asks here instead: [`WasmInstance`](super::WasmInstance) does so at each access to memory, and what works on a long stretch takes it
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
pub struct Interruption;

impl From<Interruption> for Unwind {
    fn from(_: Interruption) -> Self {
        Unwind::Interrupted
    }
}

impl Pace {
    /// The running call is being stopped. False when none runs: what JavaScript does by itself has no limit.
    #[inline]
    pub fn is_stopped(&self) -> bool {
        let flag = self.0.flag.get();
        // SAFETY: not null only during a call into the wasm whose flag it is (see `begin`); other threads write it
        // atomically.
        let stopped = !flag.is_null() && unsafe { (*flag).load(Ordering::Relaxed) } != 0;
        if stopped {
            self.0.told.set(true);
        }
        stopped
    }

    /// To be asked in each round of work whose length the module chooses.
    #[inline]
    pub fn go_on(&self) -> Result<(), Interruption> {
        if self.is_stopped() {
            return Err(Interruption);
        }
        Ok(())
    }

    /// Whether something was told to stop in this call.
    #[inline]
    pub(super) fn was_told(&self) -> bool {
        self.0.told.get()
    }

    /// A call begins; nothing to do within another.
    ///
    /// # Safety
    /// The flag stays in place as long as what is given back.
    #[inline]
    pub(super) unsafe fn begin(&self, flag: *const AtomicI32) -> Option<PaceGuard> {
        if !self.0.flag.get().is_null() {
            return None;
        }
        self.0.flag.set(flag);
        Some(PaceGuard(self.clone()))
    }
}

/// Work is told to stop as long as this is there.
#[derive(Debug)]
pub struct PaceGuard(Pace);

impl PaceGuard {
    /// Something was told to stop, and may be half done.
    pub fn was_told(&self) -> bool {
        self.0.was_told()
    }
}

impl Drop for PaceGuard {
    #[inline]
    fn drop(&mut self) {
        let Pace(state) = &self.0;
        state.flag.set(ptr::null());
        state.told.set(false);
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
        let paced = unsafe { pace.begin(&raw const flag) };
        assert!(paced.is_some());
        // SAFETY: as above.
        assert!(unsafe { pace.begin(&raw const flag) }.is_none());
        assert!(!pace.was_told());
        assert_eq!(pace.clone().go_on(), Err(Interruption));
        assert!(pace.was_told());
        flag.store(0, Ordering::Relaxed);
        assert_eq!(pace.go_on(), Ok(()));
        flag.store(1, Ordering::Relaxed);
        drop(paced);
        assert_eq!(pace.go_on(), Ok(()));
    }
}
