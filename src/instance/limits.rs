//! Stopping wasm from another thread: at a deadline, or because somebody asks.

use super::JsThread;
use crate::engine::{InterruptFlag, TrapKind, Unwind};
use parking_lot::{Condvar, Mutex};
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Weak};
use std::thread;
use std::time::{Duration, Instant};

/// How often the watchdog looks at the deadlines of running calls. A time-out is noticed at most so much later.
const TICK: Duration = Duration::from_millis(5);
/// How often it looks whether the JavaScript of a thread is to end, while calls without a limit come and go.
const SLOW_TICK: Duration = Duration::from_millis(20);
/// So often without seeing a call, it sleeps until there is one.
const QUIET_TICKS: u32 = 50;

/// Stops the calls of one sandbox. Any thread may hold it, also longer than the sandbox.
pub struct Interrupter {
    /// By which other threads name it. The generations of a sandbox may each have an interrupter, with the same number.
    id: u64,
    /// One per wasm instance; empty once the sandbox is gone. Held while flags are written, so they cannot go in between.
    flags: Mutex<Vec<InterruptFlag>>,
    /// The limit of one call.
    timeout: Option<Duration>,
    /// When the running call must end, in nanoseconds since [`EPOCH`]; 0: no call is running, or none is limited.
    deadline: AtomicU64,
    /// Why the flags are up. Written with `flags` locked.
    asked: AtomicBool,
    expired: AtomicBool,
    /// The thread that runs its calls.
    thread: Option<Arc<JsThread>>,
    waiting: Mutex<Waiting>,
}

/// Ends a wait of the thread that runs the calls. Called on any other thread, while that one waits. Tells whether it did
/// something that is to be undone.
pub type Wake = Box<dyn Fn() -> bool + Send>;

#[derive(Default)]
struct Waiting {
    /// There while the thread waits.
    wake: Option<Wake>,
    woken: bool,
}

/// Every interrupter of the process, for threads that only have its number.
static ALL: LazyLock<Mutex<FxHashMap<u64, Vec<Weak<Interrupter>>>>> = LazyLock::new(Mutex::default);

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> u64 {
    EPOCH.elapsed().as_nanos() as u64 + 1
}

impl Interrupter {
    /// A number that no interrupter of the process has had.
    pub fn new_id() -> u64 {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        NEXT.fetch_add(1, Ordering::Relaxed)
    }

    pub fn new(id: u64, flag: Option<InterruptFlag>, timeout: Option<Duration>) -> Arc<Self> {
        let this = Arc::new(Self {
            id,
            flags: Mutex::new(flag.into_iter().collect()),
            timeout,
            deadline: AtomicU64::new(0),
            asked: AtomicBool::new(false),
            expired: AtomicBool::new(false),
            thread: JsThread::current(),
            waiting: Mutex::default(),
        });
        if let Some(thread) = &this.thread {
            thread.add(&this);
        }
        ALL.lock()
            .entry(id)
            .or_default()
            .push(Arc::downgrade(&this));
        if timeout.is_some() {
            WATCHDOG.watch(&this);
        }
        this
    }

    /// What [`Interrupter::interrupt_by_id`] takes.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Stops the running call of a sandbox of any thread; false when it is gone.
    pub fn interrupt_by_id(id: u64) -> bool {
        let found: Vec<_> = match ALL.lock().get(&id) {
            Some(interrupters) => interrupters.iter().filter_map(Weak::upgrade).collect(),
            None => return false,
        };
        for interrupter in &found {
            interrupter.interrupt();
        }
        !found.is_empty()
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
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.timeout.is_none()
            && !self.asked.load(Ordering::Relaxed)
            && !self.expired.load(Ordering::Relaxed)
    }

    /// Stops the call that is running now. Without one, nothing happens.
    pub fn interrupt(&self) {
        let flags = self.flags.lock();
        self.asked.store(true, Ordering::Relaxed);
        raise(&flags, true);
        drop(flags);
        self.rouse();
    }

    /// The thread is about to wait where no flag is seen; false when its call is being stopped already. Whoever stops it
    /// calls `wake`.
    pub fn begin_wait(&self, wake: Wake) -> bool {
        let mut waiting = self.waiting.lock();
        // Whoever raises the flags from here on finds it waiting.
        if self.is_raised() {
            return false;
        }
        *waiting = Waiting {
            wake: Some(wake),
            woken: false,
        };
        true
    }

    /// It waits no more: whether it was woken, and what that did is to be undone.
    pub fn end_wait(&self) -> bool {
        std::mem::take(&mut *self.waiting.lock()).woken
    }

    fn rouse(&self) {
        let mut waiting = self.waiting.lock();
        if let Some(wake) = &waiting.wake
            && !waiting.woken
        {
            waiting.woken = wake();
        }
    }

    /// An outermost call begins.
    #[inline]
    pub fn begin(&self) {
        self.enter();
        if !self.is_idle() {
            self.limit();
        }
    }

    /// The same, for those who look by themselves whether there is a limit.
    #[inline]
    pub fn enter(&self) {
        if let Some(thread) = &self.thread {
            thread.enter();
        }
    }

    #[inline]
    pub fn leave(&self) {
        if let Some(thread) = &self.thread {
            thread.leave();
        }
    }

    /// The limit of an outermost call begins.
    pub fn limit(&self) {
        if let Some(timeout) = self.timeout {
            // Locked, so that the watchdog is either done with the last call, and what it raised is taken back here, or
            // sees this call's deadline.
            let flags = self.flags.lock();
            self.calm(&flags);
            let deadline =
                now().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX));
            self.deadline.store(deadline, Ordering::SeqCst);
            drop(flags);
            WATCHDOG.wake();
        } else if self.asked.load(Ordering::Relaxed) {
            // Somebody asked when no call was running.
            self.calm(&self.flags.lock());
        }
    }

    /// It has ended: what it ended with, told apart from the module's own `unreachable`.
    #[inline]
    pub fn end(&self, unwind: Option<Unwind>) -> Option<Unwind> {
        self.leave();
        self.unlimit(unwind)
    }

    /// It has returned.
    #[inline]
    pub fn end_well(&self) {
        self.leave();
        if !self.is_idle() {
            self.unlimit(None);
        }
    }

    /// The limit has ended.
    pub fn unlimit(&self, unwind: Option<Unwind>) -> Option<Unwind> {
        if self.is_idle() {
            return unwind;
        }
        let unwind = self.name(unwind);
        if self.timeout.is_some() {
            self.deadline.store(0, Ordering::SeqCst);
        }
        if self.is_raised() {
            self.calm(&self.flags.lock());
        }
        unwind
    }

    /// What a call within a call ended with. The flags stay up: the outer call must end as well.
    pub fn name(&self, unwind: Option<Unwind>) -> Option<Unwind> {
        let stopped = match &unwind {
            Some(Unwind::Trap { kind, .. }) => *kind == TrapKind::Unreachable,
            Some(Unwind::Interrupted) => true,
            _ => false,
        };
        if !stopped || !self.is_raised() {
            return unwind;
        }
        let deadline = self.deadline.load(Ordering::SeqCst);
        Some(match self.timeout {
            Some(timeout) if self.expired.load(Ordering::Relaxed) && deadline != 0 => {
                let limit = timeout.as_secs_f64() * 1e3;
                let late = now().saturating_sub(deadline) as f64 / 1e6;
                Unwind::Timeout {
                    limit,
                    elapsed: limit + late,
                }
            }
            _ => Unwind::Interrupted,
        })
    }

    /// The running call is being stopped: calls within it end before they begin.
    pub fn is_raised(&self) -> bool {
        self.expired.load(Ordering::Relaxed) || self.asked.load(Ordering::Relaxed)
    }

    /// Takes back what was raised.
    fn calm(&self, flags: &[InterruptFlag]) {
        if self.is_raised() {
            self.expired.store(false, Ordering::Relaxed);
            self.asked.store(false, Ordering::Relaxed);
            raise(flags, false);
        }
    }

    /// Past its deadline, the running call is stopped; tells whether a limited call is running.
    fn check_deadline(&self) -> bool {
        let deadline = self.deadline.load(Ordering::SeqCst);
        if deadline == 0 {
            return false;
        }
        if now() >= deadline {
            let flags = self.flags.lock();
            if self.deadline.load(Ordering::SeqCst) == deadline {
                self.expired.store(true, Ordering::Relaxed);
                raise(&flags, true);
                drop(flags);
                self.rouse();
            }
        }
        true
    }
}

impl Drop for Interrupter {
    fn drop(&mut self) {
        let mut all = ALL.lock();
        if let Some(interrupters) = all.get_mut(&self.id) {
            interrupters.retain(|other| other.strong_count() > 0);
            if interrupters.is_empty() {
                all.remove(&self.id);
            }
        }
    }
}

fn raise(flags: &[InterruptFlag], up: bool) {
    for flag in flags {
        flag.set(up);
    }
}

/// The one thread that looks at deadlines, and at threads that are to end. Started when the addon is loaded.
pub(super) struct Watchdog {
    watched: Mutex<Watched>,
    /// A call with a limit must wake it.
    sleeping: AtomicBool,
    /// Any call must.
    asleep: AtomicBool,
    woken: Condvar,
}

#[derive(Default)]
struct Watched {
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
    fn watch(&'static self, interrupter: &Arc<Interrupter>) {
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

    fn wake(&self) {
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

impl Watched {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn unreachable() -> Option<Unwind> {
        Some(Unwind::unreachable())
    }

    #[test]
    fn an_interruption_without_a_call_does_not_reach_the_next_one() {
        let interrupter = Interrupter::new(Interrupter::new_id(), None, None);
        interrupter.interrupt();
        interrupter.begin();
        assert!(matches!(
            interrupter.end(unreachable()),
            Some(Unwind::Trap { .. })
        ));
    }

    #[test]
    fn a_call_is_interrupted_by_number() {
        let interrupter = Interrupter::new(Interrupter::new_id(), None, None);
        let id = interrupter.id();
        interrupter.begin();
        assert!(Interrupter::interrupt_by_id(id));
        assert!(matches!(
            interrupter.name(unreachable()),
            Some(Unwind::Interrupted)
        ));
        assert!(matches!(
            interrupter.end(unreachable()),
            Some(Unwind::Interrupted)
        ));
        assert!(interrupter.is_idle());
        drop(interrupter);
        assert!(!Interrupter::interrupt_by_id(id));
    }

    #[test]
    fn only_interruption_points_are_taken_for_a_timeout() {
        let interrupter =
            Interrupter::new(Interrupter::new_id(), None, Some(Duration::from_millis(10)));
        interrupter.begin();
        thread::sleep(Duration::from_millis(60));
        let inner = interrupter.name(unreachable());
        assert!(
            matches!(inner, Some(Unwind::Timeout { elapsed, .. }) if elapsed >= 10.0),
            "{inner:?}"
        );
        let own = interrupter.end(Some(Unwind::out_of_bounds()));
        assert!(matches!(own, Some(Unwind::Trap { .. })));
        interrupter.begin();
        assert!(matches!(
            interrupter.end(unreachable()),
            Some(Unwind::Trap { .. })
        ));
    }
}
