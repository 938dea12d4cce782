//! The background thread that brings dirty regions back to their image.

use super::Region;
use crossbeam_channel::{Sender, TrySendError, bounded};
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};
use std::thread;

/// Where a region comes back to once it is clean. Dropped by its sandbox, the region is released by the cleaner.
pub(super) type Spare = Arc<Mutex<Option<Region>>>;

struct Job {
    dirty: Region,
    home: Spare,
}

/// Dirty regions that may wait. Beyond it the caller cleans by itself: memory must not pile up behind a slow system.
const QUEUE: usize = 256;

fn sender() -> Option<&'static Sender<Job>> {
    static CLEANER: OnceLock<Option<Sender<Job>>> = OnceLock::new();
    CLEANER
        .get_or_init(|| {
            let (sender, jobs) = bounded::<Job>(QUEUE);
            thread::Builder::new()
                .name("emvm-cleaner".into())
                .spawn(move || {
                    for Job { mut dirty, home } in jobs {
                        // A sandbox that has gone meanwhile needs no spare: dropping the region gives all back.
                        if Arc::strong_count(&home) > 1 && dirty.restore().is_ok() {
                            *home.lock() = Some(dirty);
                        }
                    }
                })
                .ok()
                .map(|_| sender)
        })
        .as_ref()
}

/// Hands a dirty region over; gives it back when the queue is full or there is no thread.
pub(super) fn clean(dirty: Region, home: &Spare) -> Result<(), Region> {
    let Some(sender) = sender() else {
        return Err(dirty);
    };
    let job = Job {
        dirty,
        home: home.clone(),
    };
    sender.try_send(job).map_err(|error| match error {
        TrySendError::Full(job) | TrySendError::Disconnected(job) => job.dirty,
    })
}
