//! The code of a program while better code is still being made.
//!
//! Optimised code takes ten times as long to compile as baseline code, which is there in the time that reading the source
//! takes. So a large module that nothing is cached of starts on baseline code; the optimised code is compiled on threads that
//! give way to others, and whoever makes an instance afterwards takes that.

use super::Code;
use parking_lot::{Condvar, Mutex, RwLock};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// How well code was compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// In one pass over the module's code.
    Baseline,
    Optimised,
}

impl Tier {
    /// As in `stats().tier`.
    pub fn name(self) -> &'static str {
        match self {
            Tier::Baseline => "baseline",
            Tier::Optimised => "optimised",
        }
    }
}

/// Which code programs start on, by `EMVM_TIER`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    Auto,
    /// Baseline code, and no other, of all modules that it can be had for.
    Baseline,
    /// Optimised code from the start.
    Optimised,
}

impl Choice {
    pub fn of_environment() -> Self {
        match std::env::var("EMVM_TIER").as_deref() {
            Ok("baseline") => Choice::Baseline,
            Ok("optimised") => Choice::Optimised,
            _ => Choice::Auto,
        }
    }
}

/// The best code there is.
pub struct Tiers {
    code: RwLock<Code>,
    optimised: AtomicBool,
    /// Nothing better is to come.
    settled: Mutex<bool>,
    waiting: Condvar,
}

/// Tells whether anybody still has the program.
pub struct Demand(Weak<Tiers>);

impl Demand {
    pub fn is_true(&self) -> bool {
        self.0.strong_count() > 0
    }
}

impl Tiers {
    /// Code that stays.
    pub fn settled(code: Code) -> Arc<Self> {
        Arc::new(Self {
            optimised: AtomicBool::new(code.tier() == Tier::Optimised),
            code: RwLock::new(code),
            settled: Mutex::new(true),
            waiting: Condvar::new(),
        })
    }

    /// Baseline code, until `make` has better code; `make` runs on a thread of its own.
    pub fn improving(
        baseline: Code,
        make: impl FnOnce(Demand) -> Option<Code> + Send + 'static,
    ) -> Arc<Self> {
        let tiers = Self::settled(baseline);
        *tiers.settled.lock() = false;
        let own = Arc::downgrade(&tiers);
        let improve = move || {
            yield_to_others();
            let wanted = Demand(own.clone());
            let made = catch_unwind(AssertUnwindSafe(|| make(wanted)))
                .ok()
                .flatten();
            if let Some(tiers) = own.upgrade() {
                tiers.settle(made);
            }
        };
        let spawned = std::thread::Builder::new()
            .name("emvm-optimise".into())
            // As much as the threads have that compile otherwise.
            .stack_size(8 << 20)
            .spawn(improve);
        if spawned.is_err() {
            // Without a thread it stays as it is.
            tiers.settle(None);
        }
        tiers
    }

    /// Puts `better` in the place of what is there; without it, what is there stays.
    pub fn settle(&self, better: Option<Code>) {
        if let Some(code) = better {
            let optimised = code.tier() == Tier::Optimised;
            // The baseline code goes with the last instance that runs on it.
            let former = std::mem::replace(&mut *self.code.write(), code);
            self.optimised.store(optimised, Ordering::Release);
            drop(former);
        }
        *self.settled.lock() = true;
        self.waiting.notify_all();
    }

    pub fn code(&self) -> Code {
        self.code.read().clone()
    }

    /// The tier of [`Tiers::code`].
    #[inline]
    pub fn tier(&self) -> Tier {
        match self.optimised.load(Ordering::Acquire) {
            true => Tier::Optimised,
            false => Tier::Baseline,
        }
    }

    /// Whether nothing better is to come.
    pub fn is_settled(&self) -> bool {
        *self.settled.lock()
    }

    /// Waits until nothing better is to come.
    pub fn wait(&self) {
        let mut settled = self.settled.lock();
        while !*settled {
            self.waiting.wait(&mut settled);
        }
    }
}

/// Threads that this one starts are as patient as it is.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    // SAFETY: sets a number of the calling thread's, or fails.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 4);
    }
}
