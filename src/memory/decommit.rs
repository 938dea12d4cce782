//! The background thread that brings dirty regions back to their image.
//!
//! Waking a thread costs its waker tens of microseconds, more than all the rest of a recycle. So the decommit thread looks at its
//! queue by itself, less and less often, as long as there was work lately, and only sleeps for good when there was none.

use super::Region;
use crossbeam_channel::{Receiver, Sender, TryRecvError, TrySendError, bounded};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Where a region comes back to once it is clean. Dropped by its sandbox, the region is released by the decommit thread.
pub(super) type Spare = Arc<Mutex<Option<Region>>>;

struct Job {
    dirty: Region,
    home: Spare,
}

struct Worker {
    jobs: Sender<Job>,
    thread: Thread,
}

/// Dirty regions that may wait. Beyond it the caller cleans by itself: memory must not pile up behind a slow system.
const QUEUE: usize = 256;
/// For so long after a job the next one is awaited without sleeping.
const SPIN: Duration = Duration::from_micros(50);
/// Between two looks at the queue, at most. A recycle within it finds its spare not clean, and cleans in place.
const LONGEST_NAP: Duration = Duration::from_millis(2);
/// Without a job for so long, the decommit thread sleeps until it is woken.
const IDLE: Duration = Duration::from_millis(50);

/// The decommit thread sleeps until it is woken. Written and read sequentially consistent with the queue's length.
static ASLEEP: AtomicBool = AtomicBool::new(false);

fn worker() -> Option<&'static Worker> {
    static WORKER: OnceLock<Option<Worker>> = OnceLock::new();
    WORKER
        .get_or_init(|| {
            let (sender, jobs) = bounded::<Job>(QUEUE);
            let spawned = thread::Builder::new()
                .name("emvm-decommit".into())
                .spawn(move || run(&jobs));
            spawned.ok().map(|handle| Worker {
                jobs: sender,
                thread: handle.thread().clone(),
            })
        })
        .as_ref()
}

fn run(jobs: &Receiver<Job>) {
    let mut last = Instant::now();
    loop {
        match jobs.try_recv() {
            Ok(job) => {
                bring_back(job);
                last = Instant::now();
            }
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => rest(jobs, last.elapsed()),
        }
    }
}

fn bring_back(Job { mut dirty, home }: Job) {
    // A sandbox that has gone meanwhile, or has a spare, needs none: dropping the region gives all back.
    if Arc::strong_count(&home) > 1 && home.lock().is_none() && dirty.restore().is_ok() {
        *home.lock() = Some(dirty);
    }
}

fn rest(jobs: &Receiver<Job>, idle: Duration) {
    if idle < SPIN {
        thread::yield_now();
    } else if idle < IDLE {
        thread::sleep((idle / 4).clamp(SPIN, LONGEST_NAP));
    } else {
        ASLEEP.store(true, Ordering::SeqCst);
        // Either this sees a job that came before, or its sender sees that the decommit thread is asleep.
        if jobs.is_empty() {
            thread::park();
        }
        ASLEEP.store(false, Ordering::SeqCst);
    }
}

/// Hands a dirty region over; gives it back when the queue is full or there is no thread.
pub(super) fn enqueue(dirty: Region, home: &Spare) -> Result<(), Region> {
    let Some(worker) = worker() else {
        return Err(dirty);
    };
    let job = Job {
        dirty,
        home: home.clone(),
    };
    worker.jobs.try_send(job).map_err(|error| match error {
        TrySendError::Full(job) | TrySendError::Disconnected(job) => job.dirty,
    })?;
    if ASLEEP.load(Ordering::SeqCst) {
        worker.thread.unpark();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Backend, Image, WASM_PAGE};
    use super::*;

    #[test]
    fn regions_come_back_clean_also_after_the_thread_slept() {
        let image = Arc::new(Image::take(&[7u8; WASM_PAGE], Backend::Portable).unwrap());
        for pause in [Duration::ZERO, Duration::from_millis(5), IDLE * 3] {
            thread::sleep(pause);
            let region = Region::with_image(&image).unwrap();
            // SAFETY: in bounds of the region, which nobody else has.
            unsafe { region.base().write(1) };
            let home = Spare::default();
            assert!(enqueue(region, &home).is_ok());
            let started = Instant::now();
            let region = loop {
                if let Some(region) = home.lock().take() {
                    break region;
                }
                assert!(
                    started.elapsed() < Duration::from_secs(20),
                    "after {pause:?}"
                );
                thread::yield_now();
            };
            // SAFETY: as above.
            assert_eq!(unsafe { region.base().read() }, 7);
        }
    }
}
