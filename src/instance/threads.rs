//! JavaScript threads as the watchdog sees them: whether a call into wasm is running, and whether JavaScript is to end.
//!
//! `worker.terminate()` and `process.exit()` make V8 end the JavaScript of a thread and wait for it. Wasm of V8's own looks
//! at the same flag; wasm that runs outside of V8 is stopped by the watchdog, which sees that the flag is up.

use super::Interrupter;
use super::watchdog::WATCHDOG;
use parking_lot::Mutex;
use std::cell::RefCell;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

/// Tells whether the JavaScript of a thread is to end. Called on the watchdog's thread.
pub type IsEnding = Box<dyn Fn() -> bool + Send>;

/// A thread that runs JavaScript.
pub struct JsThread {
    /// `None` once its environment is gone.
    is_ending: Mutex<Option<IsEnding>>,
    /// Outermost calls of its sandboxes that are on the stack. Written by its own thread only.
    running: AtomicU32,
    interrupters: Mutex<Vec<Weak<Interrupter>>>,
}

/// Starts the watchdog, if it is not running: from then on limits of time hold.
pub fn start_watchdog() -> std::io::Result<()> {
    WATCHDOG.start()
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<JsThread>>> = const { RefCell::new(None) };
}

impl JsThread {
    /// From now on the sandboxes of this thread are stopped when its JavaScript is to end.
    pub fn watch(is_ending: IsEnding) {
        let thread = Arc::new(Self {
            is_ending: Mutex::new(Some(is_ending)),
            running: AtomicU32::new(0),
            interrupters: Mutex::default(),
        });
        WATCHDOG.watch_thread(&thread);
        CURRENT.set(Some(thread));
    }

    /// The environment of this thread ends.
    pub fn forget() {
        if let Some(thread) = CURRENT.take() {
            thread.is_ending.lock().take();
        }
    }

    /// Whether the JavaScript of the running thread is to end, as far as its flag tells.
    pub fn is_current_ending() -> bool {
        Self::current().is_some_and(|thread| {
            let is_ending = thread.is_ending.lock();
            is_ending.as_ref().is_some_and(|is_ending| is_ending())
        })
    }

    pub(super) fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(|current| current.borrow().clone()).ok()?
    }

    pub(super) fn add(&self, interrupter: &Arc<Interrupter>) {
        let mut interrupters = self.interrupters.lock();
        if interrupters.len() == interrupters.capacity() {
            interrupters.retain(|known| known.strong_count() > 0);
        }
        interrupters.push(Arc::downgrade(interrupter));
    }

    /// An outermost call begins.
    #[inline]
    pub(super) fn enter(&self) {
        let running = self.running.load(Ordering::Relaxed);
        self.running.store(running + 1, Ordering::Relaxed);
        if running == 0 {
            WATCHDOG.wake_if_asleep();
        }
    }

    #[inline]
    pub(super) fn leave(&self) {
        let running = self.running.load(Ordering::Relaxed);
        self.running
            .store(running.saturating_sub(1), Ordering::Relaxed);
    }

    /// Stops its calls when its JavaScript is to end; tells whether one is running.
    pub(super) fn check(&self) -> bool {
        if self.running.load(Ordering::SeqCst) == 0 {
            return false;
        }
        let is_ending = self.is_ending.lock();
        if is_ending.as_ref().is_some_and(|is_ending| is_ending()) {
            let interrupters = self.interrupters.lock();
            for interrupter in interrupters.iter().filter_map(Weak::upgrade) {
                interrupter.interrupt();
            }
        }
        true
    }

    pub(super) fn is_gone(&self) -> bool {
        self.is_ending.lock().is_none()
    }
}
