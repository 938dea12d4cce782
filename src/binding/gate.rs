//! The gate: the state behind a sandbox or a realm, which nothing reaches but through here.
//!
//! There are two ways in. [`Gate::hold`] is for what may run wasm or JavaScript: while a [`Hold`] is alive the state
//! stays where it is, and calls that come back in hold it once more. [`Gate::look`] is for what runs neither. What takes
//! the state away or replaces it ([`Gate::replace`]) is refused while anybody holds it.

use std::cell::{Cell, UnsafeCell};

/// One state and the count of those who are at work on it.
pub struct Gate<T> {
    state: UnsafeCell<Option<T>>,
    /// How many [`Hold`] there are: native calls on the stack, in wasm or not yet.
    entered: Cell<u32>,
    looking: Cell<bool>,
}

/// Somebody is at work on the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Busy;

impl<T> Gate<T> {
    pub fn new(state: Option<T>) -> Self {
        Self {
            state: UnsafeCell::new(state),
            entered: Cell::new(0),
            looking: Cell::new(false),
        }
    }

    #[inline]
    pub fn is_busy(&self) -> bool {
        self.entered.get() > 0 || self.looking.get()
    }

    /// How many native calls are on the stack.
    #[inline]
    pub fn entered(&self) -> u32 {
        self.entered.get()
    }

    #[inline]
    pub fn is_live(&self) -> bool {
        // SAFETY: one thread; the place itself only changes in `replace`.
        unsafe { (*self.state.get()).is_some() }
    }

    /// Looks at the state or changes it; `None` when there is none. `look` runs neither JavaScript nor wasm: what they
    /// would call panics here, instead of seeing the state half changed.
    #[inline]
    pub fn look<R>(&self, look: impl FnOnce(&mut T) -> R) -> Option<R> {
        assert!(!self.looking.get(), "a look within a look");
        // SAFETY: one thread. Nobody else looks; a `Hold` further out does not use its reference before this returns.
        let state = unsafe { &mut *self.state.get() }.as_mut()?;
        let _looking = Looking::new(&self.looking);
        Some(look(state))
    }

    /// Keeps the state in place; `None` when there is none.
    #[inline]
    pub fn hold(&self) -> Option<Hold<'_, T>> {
        assert!(!self.looking.get(), "a call within a look");
        if !self.is_live() {
            return None;
        }
        self.entered.set(self.entered.get() + 1);
        Some(Hold(self))
    }

    /// Puts another state in place of this one, and gives what was there.
    pub fn replace(&self, state: Option<T>) -> Result<Option<T>, Busy> {
        if self.is_busy() {
            return Err(Busy);
        }
        // SAFETY: one thread, and nobody has a reference: nobody holds the state or looks at it.
        Ok(std::mem::replace(unsafe { &mut *self.state.get() }, state))
    }
}

/// A native call on the stack.
pub struct Hold<'a, T>(&'a Gate<T>);

impl<T> Hold<'_, T> {
    /// No other call is on the stack.
    #[inline]
    pub fn is_outermost(&self) -> bool {
        self.0.entered.get() == 1
    }

    /// The state. Wasm and JavaScript that run while the reference lives may come back in: what is read through it before
    /// may have changed afterwards. (`Runtime` is `!Unpin`, so that the compiler reckons with that, too.)
    #[inline]
    pub fn state(&mut self) -> &mut T {
        // SAFETY: one thread. The state is there and stays: `replace` is refused while this is alive.
        match unsafe { &mut *self.0.state.get() } {
            Some(state) => state,
            None => unreachable!("a held state is there"),
        }
    }
}

impl<T> Drop for Hold<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.0.entered.set(self.0.entered.get() - 1);
    }
}

struct Looking<'a>(&'a Cell<bool>);

impl<'a> Looking<'a> {
    #[inline]
    fn new(flag: &'a Cell<bool>) -> Self {
        flag.set(true);
        Self(flag)
    }
}

impl Drop for Looking<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_state_that_is_held_stays() {
        let gate = Gate::new(Some(1));
        let outer = gate.hold();
        let inner = gate.hold();
        assert!(!inner.as_ref().is_some_and(Hold::is_outermost));
        assert_eq!(gate.replace(None), Err(Busy));
        drop(inner);
        assert_eq!(gate.replace(None), Err(Busy));
        drop(outer);
        assert_eq!(gate.replace(None), Ok(Some(1)));
        assert!(gate.hold().is_none());
        assert_eq!(gate.look(|_| ()), None);
    }

    #[test]
    fn nothing_comes_in_while_somebody_looks() {
        let gate = Gate::new(Some(1));
        gate.look(|_| {
            assert_eq!(gate.replace(None), Err(Busy));
            assert!(catch_unwind(AssertUnwindSafe(|| gate.hold().is_some())).is_err());
            assert!(catch_unwind(AssertUnwindSafe(|| gate.look(|_| ()))).is_err());
        });
        // A panic of the look's own leaves the gate as it was.
        let _ = catch_unwind(AssertUnwindSafe(|| gate.look(|_| panic!("on purpose"))));
        assert_eq!(gate.replace(Some(2)), Ok(Some(1)));
        assert_eq!(gate.look(|state| *state), Some(2));
    }

    #[test]
    fn a_panic_of_a_call_gives_the_state_free() {
        let gate = Gate::new(Some(1));
        let _ = catch_unwind(AssertUnwindSafe(|| {
            let _held = gate.hold();
            panic!("on purpose");
        }));
        assert!(!gate.is_busy());
    }
}
