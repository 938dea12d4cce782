//! Stopping wasm from another thread: at a deadline, or because somebody asks.

use crate::engine::{InterruptFlag, Unwind};
use parking_lot::{Condvar, Mutex};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How often the watchdog looks at the deadlines of running calls. A time-out is noticed at most so much later.
const TICK: Duration = Duration::from_millis(5);

/// Stops the calls of one sandbox. Any thread may hold it, also longer than the sandbox.
pub struct Interrupter {
    /// One per wasm instance; empty once the sandbox is gone. Held while flags are written, so they cannot go in between.
    flags: Mutex<Vec<InterruptFlag>>,
    /// The limit of one call.
    timeout: Option<Duration>,
    /// When the running call must end, in nanoseconds since [`EPOCH`]; 0: no call is running, or none is limited.
    deadline: AtomicU64,
    asked: AtomicBool,
    expired: AtomicBool,
    /// The number under which other JavaScript threads find it.
    key: OnceLock<u32>,
}

/// The interrupters that were given a key.
static KEYED: LazyLock<Mutex<Keyed>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Keyed {
    last: u32,
    interrupters: FxHashMap<u32, Weak<Interrupter>>,
}

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> u64 {
    EPOCH.elapsed().as_nanos() as u64 + 1
}

impl Interrupter {
    pub fn new(flag: Option<InterruptFlag>, timeout: Option<Duration>) -> Arc<Self> {
        let this = Arc::new(Self {
            flags: Mutex::new(flag.into_iter().collect()),
            timeout,
            deadline: AtomicU64::new(0),
            asked: AtomicBool::new(false),
            expired: AtomicBool::new(false),
            key: OnceLock::new(),
        });
        if timeout.is_some() {
            WATCHDOG.watch(&this);
        }
        this
    }

    /// The sandbox has another wasm instance.
    pub fn rearm(&self, flag: Option<InterruptFlag>) {
        *self.flags.lock() = flag.into_iter().collect();
    }

    /// The sandbox has one more wasm instance.
    pub fn add(&self, flag: InterruptFlag) {
        self.flags.lock().push(flag);
    }

    /// The wasm instances are about to go.
    pub fn forget(&self) {
        self.flags.lock().clear();
    }

    /// Nothing to do when a call begins or ends.
    pub fn is_idle(&self) -> bool {
        self.timeout.is_none()
            && !self.asked.load(Ordering::Relaxed)
            && !self.expired.load(Ordering::Relaxed)
    }

    /// Stops the call that is running now. Without one, nothing happens.
    pub fn interrupt(&self) {
        self.asked.store(true, Ordering::Relaxed);
        self.raise();
    }

    fn raise(&self) {
        for flag in &*self.flags.lock() {
            flag.set(true);
        }
    }

    /// Takes back what was asked of a call that has ended meanwhile, so that it does not hit the next one.
    pub fn settle(&self) {
        self.asked.store(false, Ordering::Relaxed);
        for flag in &*self.flags.lock() {
            flag.set(false);
        }
    }

    /// The number under which [`Interrupter::interrupt_by_key`] finds this one, from any thread.
    pub fn key(self: &Arc<Self>) -> u32 {
        *self.key.get_or_init(|| {
            let mut keyed = KEYED.lock();
            keyed.last += 1;
            let key = keyed.last;
            keyed.interrupters.insert(key, Arc::downgrade(self));
            key
        })
    }

    /// Tells whether there is one.
    pub fn interrupt_by_key(key: u32) -> bool {
        let found = KEYED.lock().interrupters.get(&key).and_then(Weak::upgrade);
        found.map(|interrupter| interrupter.interrupt()).is_some()
    }

    /// An outermost call begins.
    pub fn begin(&self) {
        if let Some(timeout) = self.timeout {
            self.deadline
                .store(now() + timeout.as_nanos() as u64, Ordering::SeqCst);
            WATCHDOG.wake();
        }
    }

    /// It has ended: what it ended with, told apart from the module's own `unreachable`.
    pub fn end(&self, unwind: Option<Unwind>) -> Option<Unwind> {
        let deadline = if self.timeout.is_some() {
            self.deadline.swap(0, Ordering::Relaxed)
        } else {
            0
        };
        let raised =
            self.expired.swap(false, Ordering::Relaxed) | self.asked.swap(false, Ordering::Relaxed);
        if !raised {
            return unwind;
        }
        for flag in &*self.flags.lock() {
            flag.set(false);
        }
        match (unwind, self.timeout) {
            (Some(Unwind::Trap { .. }), Some(timeout)) if deadline != 0 && now() >= deadline => {
                let limit = timeout.as_secs_f64() * 1e3;
                let late = (now() - deadline) as f64 / 1e6;
                Some(Unwind::Timeout {
                    limit,
                    elapsed: limit + late,
                })
            }
            (Some(Unwind::Trap { .. }), _) => Some(Unwind::Interrupted),
            (other, _) => other,
        }
    }
}

impl Drop for Interrupter {
    fn drop(&mut self) {
        if let Some(key) = self.key.get() {
            KEYED.lock().interrupters.remove(key);
        }
    }
}

/// The one thread that looks at deadlines, started with the first sandbox that has a limit.
struct Watchdog {
    watched: Mutex<Vec<Weak<Interrupter>>>,
    sleeping: AtomicBool,
    woken: Condvar,
}

static WATCHDOG: LazyLock<Watchdog> = LazyLock::new(|| Watchdog {
    watched: Mutex::new(Vec::new()),
    sleeping: AtomicBool::new(false),
    woken: Condvar::new(),
});

impl Watchdog {
    fn watch(&'static self, interrupter: &Arc<Interrupter>) {
        let mut watched = self.watched.lock();
        let first = watched.capacity() == 0;
        watched.push(Arc::downgrade(interrupter));
        if first {
            // Without the thread, limits do not hold: better no sandbox than one that pretends.
            let spawned = thread::Builder::new()
                .name("emvm-watchdog".into())
                .spawn(move || self.run());
            drop(spawned.expect("the system refused the thread that enforces `timeout`"));
        }
    }

    fn wake(&self) {
        // Sequentially consistent, as the deadline's store before it and both in `run`: either this sees the watchdog
        // asleep, or the watchdog sees the deadline before it sleeps.
        if self.sleeping.load(Ordering::SeqCst) {
            drop(self.watched.lock());
            self.woken.notify_one();
        }
    }

    fn run(&self) {
        let mut watched = self.watched.lock();
        loop {
            if raise_expired(&mut watched) {
                self.woken.wait_for(&mut watched, TICK);
                continue;
            }
            self.sleeping.store(true, Ordering::SeqCst);
            if !raise_expired(&mut watched) {
                self.woken.wait(&mut watched);
            }
            self.sleeping.store(false, Ordering::SeqCst);
        }
    }
}

/// Stops what is past its deadline; tells whether any limited call is running.
fn raise_expired(watched: &mut Vec<Weak<Interrupter>>) -> bool {
    let mut running = false;
    watched.retain(|weak| {
        let Some(interrupter) = weak.upgrade() else {
            return false;
        };
        let deadline = interrupter.deadline.load(Ordering::SeqCst);
        running |= deadline != 0;
        if deadline != 0 && now() >= deadline {
            interrupter.expired.store(true, Ordering::Relaxed);
            interrupter.raise();
        }
        true
    });
    running
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_finds_its_interrupter_as_long_as_it_lives() {
        let interrupter = Interrupter::new(None, None);
        let key = interrupter.key();
        assert_eq!(interrupter.key(), key);
        assert_ne!(Interrupter::new(None, None).key(), key);
        assert!(Interrupter::interrupt_by_key(key));
        assert!(!interrupter.is_idle());
        interrupter.settle();
        assert!(interrupter.is_idle());
        drop(interrupter);
        assert!(!Interrupter::interrupt_by_key(key));
    }
}
