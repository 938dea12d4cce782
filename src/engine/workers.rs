//! Whether the system gives as many threads as compiling takes: the compiler cannot do with fewer, and panics.

use std::thread::{self, Builder};

/// The system refuses a thread.
/// The system gave no thread.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the system refuses emvm a thread ({0}): raise the limit of threads and processes (`ulimit -u`, in containers `pids.max`)"
)]
pub struct NoThread(String);

impl From<std::io::Error> for NoThread {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Starts as many threads as the compiler and rayon do, and ends them.
pub fn check() -> Result<(), NoThread> {
    check_count(2 * thread::available_parallelism().map_or(1, usize::from))
}

/// Starts so many threads at once, and ends them.
pub fn check_count(count: usize) -> Result<(), NoThread> {
    let gate = parking_lot::RwLock::new(());
    thread::scope(|scope| {
        // None of them ends before all have begun.
        let _held = gate.write();
        for _ in 0..count {
            Builder::new()
                .name("emvm-check".into())
                .stack_size(64 << 10)
                .spawn_scoped(scope, || drop(gate.read()))?;
        }
        Ok(())
    })
}
