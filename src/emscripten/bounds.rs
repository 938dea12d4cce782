//! How much of what a module makes the host keep for it one generation may have.
//!
//! All of it is outside of linear memory, so `memory.max` does not hold for it. `docs/limits.md` has a row for each.

use crate::engine::{Result, Unwind};

/// The most of one thing.
pub struct Bound {
    what: &'static str,
    limit: usize,
}

impl Bound {
    /// Whether one more may come, where `held` are there.
    pub fn admit(&self, held: usize) -> Result {
        if held < self.limit {
            return Ok(());
        }
        Err(Unwind::TooMany {
            what: self.what,
            limit: self.limit as u64,
        })
    }
}

macro_rules! bounds {
    ($($name:ident $limit:literal $what:literal;)*) => {
        $(pub const $name: Bound = Bound { what: $what, limit: $limit };)*
    };
}

bounds! {
    HANDLES 4_000_000 "values of JavaScript (emval handles)";
    TEXTS 0x4000_0000 "bytes of strings behind emval handles";
    CALLERS 1_000_000 "prepared calls (_emval_get_method_caller)";
    TIMERS 100_000 "timers";
    BLOCKERS 100_000 "blockers of the main loop";
    AT_EXIT 1_000_000 "functions that run at exit (atexit)";
    EXCEPTIONS 1_000_000 "C++ exceptions";
    MAPPINGS 100_000 "mappings (mmap)";
    VARIABLES 1_000_000 "bytes of environment variables";
}

/// Thread-specific keys; more are refused as POSIX has it, by EAGAIN.
pub const THREAD_KEYS: usize = 100_000;
