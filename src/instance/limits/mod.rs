//! Stopping wasm from another thread: at a deadline, or because somebody asks.

#[cfg(test)]
mod tests;

use super::JsThread;
use super::watchdog::WATCHDOG;
use crate::engine::{InterruptFlag, TrapKind, Unwind};
use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock, Weak};
use std::time::{Duration, Instant};

/// A thread that has waited so long has rested: its limit begins anew.
const REST: Duration = Duration::from_millis(1);

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
    /// Of a module's thread: the interrupter of the thread that opened the module, and what its calls had taken when the
    /// thread's limit began.
    opening: OnceLock<Weak<Interrupter>>,
    taken: AtomicU64,
    /// Of the thread that opens a module with threads.
    calls: OnceLock<Mutex<Calls>>,
}

/// What limited calls have taken.
#[derive(Default)]
struct Calls {
    nanos: u64,
    /// When the running one began.
    since: Option<u64>,
}

/// Ends a wait of the thread that runs the calls. Called on any other thread, while that one waits. Tells whether it did
/// something that is to be undone.
pub type Wake = Box<dyn Fn() -> bool + Send>;

#[derive(Default)]
struct Waiting {
    /// There while the thread waits.
    wake: Option<Wake>,
    woken: bool,
    /// Since when, and the deadline that there was, of a wait that does not count.
    paused: Option<(u64, u64)>,
}

/// Every interrupter of the process, for threads that only have its number.
static ALL: LazyLock<Mutex<FxHashMap<u64, Vec<Weak<Interrupter>>>>> = LazyLock::new(Mutex::default);

static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> u64 {
    EPOCH.elapsed().as_nanos() as u64 + 1
}

/// JavaScript gives milliseconds as any number; what is no time is none, and what no clock reaches is for ever.
pub fn duration(ms: f64) -> Duration {
    Duration::try_from_secs_f64(ms.max(0.0) / 1e3).unwrap_or(Duration::MAX)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
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
            opening: OnceLock::new(),
            taken: AtomicU64::new(0),
            calls: OnceLock::new(),
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
        let found = Self::all(id);
        for interrupter in &found {
            interrupter.interrupt();
        }
        !found.is_empty()
    }

    /// Those of a number.
    pub fn all(id: u64) -> Vec<Arc<Self>> {
        let all = ALL.lock();
        let of = all.get(&id).into_iter().flatten();
        of.filter_map(Weak::upgrade).collect()
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

    /// It is that of a thread of a module, which `opening` has opened. Its limit is one on what it runs without rest. What does
    /// not count: waits, and the time of calls in the opening thread, which have a limit of their own. After a wait of at
    /// least [`REST`] the limit begins anew.
    pub fn join(&self, opening: Weak<Self>) {
        if let Some(opening) = opening.upgrade() {
            let is_running = opening.deadline.load(Ordering::SeqCst) != 0;
            let since = is_running.then(now);
            let _ = opening.calls.set(Mutex::new(Calls { nanos: 0, since }));
        }
        // It joins once.
        let _ = self.opening.set(opening);
    }

    /// Whether it is that of a thread of a module.
    pub fn is_thread(&self) -> bool {
        self.opening.get().is_some()
    }

    /// Stops what the thread computes; a thread that waits goes on waiting.
    pub fn interrupt_running(&self) {
        if self.waiting.lock().wake.is_none() {
            self.interrupt();
        }
    }

    /// The thread is about to wait where no flag is seen; false when its call is being stopped already. Whoever stops it
    /// calls `wake`.
    pub fn begin_wait(&self, wake: Wake) -> bool {
        let mut waiting = self.waiting.lock();
        // Whoever raises the flags from here on finds it waiting.
        if self.is_raised() {
            return false;
        }
        let paused = self.is_thread().then(|| {
            // What waits needs no watchdog: V8 itself ends the wait where the thread's JavaScript is to end.
            self.leave();
            (now(), self.deadline.swap(0, Ordering::SeqCst))
        });
        *waiting = Waiting {
            wake: Some(wake),
            woken: false,
            paused,
        };
        true
    }

    /// It waits no more: whether it was woken, and what that did is to be undone.
    pub fn end_wait(&self) -> bool {
        let Waiting { woken, paused, .. } = std::mem::take(&mut *self.waiting.lock());
        if let Some((since, deadline)) = paused {
            self.enter();
            self.go_on(since, deadline);
        }
        woken
    }

    fn set_deadline(&self, deadline: u64) {
        if self.is_thread() {
            self.taken.store(self.taken_by_calls(), Ordering::SeqCst);
        }
        self.deadline.store(deadline, Ordering::SeqCst);
    }

    /// A deadline that was paused at `since`.
    fn go_on(&self, since: u64, deadline: u64) {
        let Some(timeout) = self.timeout.filter(|_| deadline != 0) else {
            return;
        };
        let now = now();
        match now - since >= nanos(REST) {
            true => self.set_deadline(now.saturating_add(nanos(timeout))),
            false => {
                let later = deadline.saturating_add(now - since);
                self.deadline.store(later, Ordering::SeqCst);
            }
        }
        WATCHDOG.wake();
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
            let now = now();
            self.set_deadline(now.saturating_add(nanos(timeout)));
            if let Some(calls) = self.calls.get() {
                calls.lock().since = Some(now);
            }
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
            if let Some(calls) = self.calls.get() {
                let mut calls = calls.lock();
                if let Some(since) = calls.since.take() {
                    calls.nanos += now().saturating_sub(since);
                }
            }
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
                let late = now().saturating_sub(self.due(deadline)) as f64 / 1e6;
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
    pub(super) fn check_deadline(&self) -> bool {
        let deadline = self.deadline.load(Ordering::SeqCst);
        if deadline == 0 {
            return false;
        }
        if now() >= deadline && now() >= self.due(deadline) {
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

    /// When the running call must end, with what does not count.
    fn due(&self, deadline: u64) -> u64 {
        let taken = self.taken.load(Ordering::SeqCst);
        deadline.saturating_add(self.taken_by_calls().saturating_sub(taken))
    }

    /// What calls in the opening thread have taken so far.
    fn taken_by_calls(&self) -> u64 {
        let opening = self.opening.get().and_then(Weak::upgrade);
        let Some(calls) = opening.as_ref().and_then(|opening| opening.calls.get()) else {
            return 0;
        };
        let calls = calls.lock();
        let running = calls.since.map_or(0, |since| now().saturating_sub(since));
        calls.nanos + running
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
