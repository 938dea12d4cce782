//! Calls into wasm that can be suspended in the middle, and go on later: those of JavaScript Promise Integration.
//!
//! A suspended call keeps its stacks. wasmer runs wasm on a stack of its own and host functions on the one that it was entered from; here
//! that is the fiber's, which can be left with all that stands on it. JavaScript runs on the thread's own stack only, since V8
//! knows the bounds of that one: host functions go there ([`on_thread`]).
//!
//! ```text
//!  thread's stack          fiber's stack             wasm's stack
//!  resume ───────────────▶ vm::enter ──────────────▶ wasm code
//!  JavaScript  ◀────────── on_thread ◀────────────── calls an import
//!  resume returns ◀─────── suspend
//! ```
//!
//! wasmer keeps two things per thread: which trap handler is in charge, and which wasm stack runs. It sets them when wasm is
//! entered and puts the former ones back when that call ends, which presumes that calls end in the order opposite to the one
//! in which they began. Suspended calls do not. So every stretch of a fiber is inside a call of wasmer's own that does nothing else
//! (`framed`): the one around a stretch puts the thread's things back when the fiber is left, and the one around a suspension
//! puts the fiber's back when it goes on.

use super::Func;
use super::Unwind;
use super::vm::{self, CallConfig};
use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;
use wasmer_types::RawValue;
use wasmer_vm::Trap;

/// Bytes of a fiber's own stack: wasmer's and our own code run there, and neither wasm nor JavaScript.
const OWN_STACK: usize = 256 << 10;

/// With what a suspended call goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// It begins, or what it waited for was fulfilled.
    Fulfilled,
    Rejected,
    /// It does not go on: the suspended import ends it.
    Ended,
}

/// How far a stretch got.
#[derive(Debug)]
pub enum Step {
    Suspended,
    Done(Result<(), Trap>),
}

/// One such call. It must be done, or [ended](Fiber::resume), before the store of its function goes.
pub struct Fiber {
    /// Not dropped while it is suspended: that would unwind frames of wasm.
    coroutine: ManuallyDrop<Coroutine<Resume, (), Result<(), Trap>>>,
    stack: usize,
}

/// So many stacks of fibers that are done are kept for the next ones.
const KEPT: usize = 8;

thread_local! {
    static STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
    /// The fiber whose stack this code runs on; `None` on the thread's own.
    static CURRENT: Cell<Option<NonNull<Yielder<Resume, ()>>>> = const { Cell::new(None) };
}

impl Fiber {
    /// Prepares a call with `stack` bytes for wasm.
    ///
    /// # Safety
    /// As for [`vm::enter`], for as long as the call is not done.
    pub unsafe fn new(stack: usize, func: Func, slots: *mut RawValue) -> Result<Self, Unwind> {
        let kept = STACKS.with_borrow_mut(Vec::pop);
        let own = kept.map_or_else(|| DefaultStack::new(OWN_STACK), Ok);
        let own = own.map_err(|_| Unwind::NoStack(OWN_STACK))?;
        let coroutine = Coroutine::with_stack(own, move |yielder: &Yielder<Resume, ()>, _| {
            CURRENT.set(Some(NonNull::from(yielder)));
            // SAFETY: by the promise made to `new`.
            let outcome = unsafe { vm::enter(&CallConfig::with_stack(stack), func, slots) };
            CURRENT.set(None);
            outcome
        });
        Ok(Self {
            coroutine: ManuallyDrop::new(coroutine),
            stack,
        })
    }

    /// Runs the call until it is suspended or done. It must be on the thread's own stack, and not done.
    pub fn resume(&mut self, with: Resume) -> Step {
        let mut stretch = None;
        let entered = framed(self.stack, || stretch = Some(self.coroutine.resume(with)));
        match (stretch, entered) {
            (Some(CoroutineResult::Yield(())), _) => Step::Suspended,
            (Some(CoroutineResult::Return(outcome)), _) => Step::Done(outcome),
            // Not one step was made. The stack of a call that is suspended stays as it is from here on.
            (None, _) => Step::Done(Err(Trap::User(Box::new(Unwind::NoStack(self.stack))))),
        }
    }
}

impl Drop for Fiber {
    fn drop(&mut self) {
        if !self.coroutine.done() {
            return;
        }
        // SAFETY: taken once, here.
        let stack = unsafe { ManuallyDrop::take(&mut self.coroutine) }.into_stack();
        // The thread may be ending, and its pool be gone.
        let _ = STACKS.try_with(|stacks| {
            let mut stacks = stacks.borrow_mut();
            if stacks.len() < KEPT {
                stacks.push(stack);
            }
        });
    }
}

/// Whether the code that runs belongs to a call that can be suspended. Asked on the stack that wasm was entered from.
pub fn can_suspend() -> bool {
    CURRENT.get().is_some()
}

/// Suspends the call that runs, until it is resumed. Nothing of it runs meanwhile.
pub fn suspend(stack: usize) -> Result<Resume, Unwind> {
    let Some(yielder) = CURRENT.take() else {
        return Err(Unwind::Bug("no call to suspend".into()));
    };
    let mut resumed = None;
    let framed = framed(stack, || {
        // SAFETY: this is the fiber's stack, on which its yielder lies.
        resumed = Some(unsafe { yielder.as_ref() }.suspend(()));
    });
    CURRENT.set(Some(yielder));
    match resumed {
        Some(resume) => Ok(resume),
        None => Err(framed.err().unwrap_or(Unwind::NoStack(stack))),
    }
}

/// Runs what needs the thread's own stack.
#[inline]
pub fn on_thread<R>(work: impl FnOnce() -> R) -> R {
    match CURRENT.get() {
        None => work(),
        Some(yielder) => on_parent(yielder, work),
    }
}

fn on_parent<R>(yielder: NonNull<Yielder<Resume, ()>>, work: impl FnOnce() -> R) -> R {
    struct Back(NonNull<Yielder<Resume, ()>>);
    impl Drop for Back {
        fn drop(&mut self) {
            CURRENT.set(Some(self.0));
        }
    }
    struct Here<T>(T);
    // SAFETY: the same thread runs it.
    unsafe impl<T> Send for Here<T> {}
    CURRENT.set(None);
    let _back = Back(yielder);
    let here = Here(work);
    // SAFETY: this is the fiber's stack, on which its yielder lies.
    unsafe { yielder.as_ref() }.on_parent_stack(move || {
        let here = here;
        (here.0)()
    })
}

/// Runs `work` on this stack, inside a call of wasmer's: what wasmer keeps per thread is afterwards what it was before.
fn framed<W: FnOnce()>(stack: usize, work: W) -> Result<(), Unwind> {
    // SAFETY: called once, with the place of `work` below.
    let run = |place: *mut ()| unsafe {
        if let Some(work) = (*place.cast::<Option<W>>()).take() {
            work();
        }
    };
    let run: fn(*mut ()) = run;
    let mut work = Some(work);
    let place = (&raw mut work).cast::<()>();
    let config = CallConfig::with_stack(stack);
    // wasmer panics when it gets no stack.
    let called = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: `work` outlives the call, and nothing that has a destructor stands between it and what it runs.
        unsafe {
            wasmer_vm::catch_traps(None, config.vm(), move || {
                wasmer_vm::on_host_stack(|| run(place));
            })
        }
    }));
    match called {
        Ok(Ok(())) => Ok(()),
        _ => Err(Unwind::NoStack(stack)),
    }
}
