//! The watchdog: one thread that looks at the deadlines of running calls, and at threads whose JavaScript is to end.

use super::{Interrupter, JsThread};
use parking_lot::{Condvar, Mutex};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::thread;
use std::time::Duration;

/// How often the watchdog looks at the deadlines of running calls. A time-out is noticed at most so much later.
const TICK: Duration = Duration::from_millis(5);
/// How often it looks whether the JavaScript of a thread is to end, while calls without a limit come and go.
const SLOW_TICK: Duration = Duration::from_millis(20);
/// So often without seeing a call, it sleeps until there is one.
const QUIET_TICKS: u32 = 50;

/// The one thread that looks at deadlines, and at threads that are to end. Started when the addon is loaded.
pub(super) struct Watchdog {
    watched: Mutex<WatchList>,
    /// A call with a limit must wake it.
    sleeping: AtomicBool,
    /// Any call must.
    asleep: AtomicBool,
    woken: Condvar,
}

#[derive(Default)]
struct WatchList {
    started: bool,
    limits: Vec<Weak<Interrupter>>,
    threads: Vec<Arc<JsThread>>,
}

pub(super) static WATCHDOG: LazyLock<Watchdog> = LazyLock::new(|| Watchdog {
    watched: Mutex::default(),
    sleeping: AtomicBool::new(false),
    asleep: AtomicBool::new(false),
    woken: Condvar::new(),
});

impl Watchdog {
    pub(super) fn watch(&'static self, interrupter: &Arc<Interrupter>) {
        // Whoever loads the addon has started it, or was told that it cannot be had; unit tests and fuzz targets load none.
        let _ = self.start();
        self.watched.lock().limits.push(Arc::downgrade(interrupter));
    }

    pub(super) fn watch_thread(&'static self, thread: &Arc<JsThread>) {
        self.watched.lock().threads.push(thread.clone());
    }

    /// Without the thread, limits do not hold: who loads the addon fails where the system refuses it.
    pub(super) fn start(&'static self) -> std::io::Result<()> {
        let mut watched = self.watched.lock();
        if !watched.started {
            thread::Builder::new()
                .name("emvm-watchdog".into())
                .spawn(move || self.run())?;
            watched.started = true;
        }
        Ok(())
    }

    pub(super) fn wake(&self) {
        // Sequentially consistent, as the deadline's store before it and both in `run`: either this sees the watchdog
        // asleep, or the watchdog sees the deadline before it sleeps.
        if self.sleeping.load(Ordering::SeqCst) {
            self.rouse();
        }
    }

    /// For calls without a limit, which must cost nothing: a call that begins just as the watchdog lies down is seen by
    /// its last look, a tick later.
    #[inline]
    pub(super) fn wake_if_asleep(&self) {
        if self.asleep.load(Ordering::Relaxed) {
            self.rouse();
        }
    }

    #[cold]
    fn rouse(&self) {
        drop(self.watched.lock());
        self.woken.notify_one();
    }

    fn run(&self) {
        let mut watched = self.watched.lock();
        let mut quiet = 0;
        loop {
            if raise_expired(&mut watched.limits) {
                watched.check_threads();
                quiet = 0;
                self.asleep.store(false, Ordering::SeqCst);
                self.woken.wait_for(&mut watched, TICK);
                continue;
            }
            let running = watched.check_threads();
            quiet = if running { 0 } else { quiet + 1 };
            let lasting = watched.threads.is_empty() || quiet > QUIET_TICKS;
            self.sleeping.store(true, Ordering::SeqCst);
            if !raise_expired(&mut watched.limits) {
                if lasting {
                    self.woken.wait(&mut watched);
                    quiet = 0;
                } else {
                    // One tick before it lies down for good it says so: what was about to begin without seeing it is seen.
                    self.asleep.store(quiet == QUIET_TICKS, Ordering::SeqCst);
                    self.woken.wait_for(&mut watched, SLOW_TICK);
                }
            }
            self.asleep.store(quiet >= QUIET_TICKS, Ordering::SeqCst);
            self.sleeping.store(false, Ordering::SeqCst);
        }
    }
}

impl WatchList {
    /// Stops the calls of threads that are to end; tells whether any call is running.
    fn check_threads(&mut self) -> bool {
        let mut running = false;
        self.threads.retain(|thread| {
            running |= thread.check();
            !thread.is_gone()
        });
        running
    }
}

/// Stops what is past its deadline; tells whether any limited call is running.
fn raise_expired(watched: &mut Vec<Weak<Interrupter>>) -> bool {
    let mut running = false;
    watched.retain(|weak| {
        let interrupter = weak.upgrade();
        running |= interrupter.as_ref().is_some_and(|i| i.check_deadline());
        interrupter.is_some()
    });
    running
}
