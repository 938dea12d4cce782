//! Whether the JavaScript of a thread is to end: `worker.terminate()`, `process.exit()` in another thread, the `timeout` of
//! `node:vm`.
//!
//! All of them call `v8::Isolate::TerminateExecution`, which raises a flag in the isolate that V8's own code looks at. It
//! cannot be asked for while no JavaScript runs, and a call out of wasm's loops, to ask by Node-API, would cost them much.
//! So the watchdog reads the flag itself. Where it lies is found out once per process, by raising and lowering it.

use super::node_api::Env;
use super::v8::{self, Isolate};
use crate::instance::JsThread;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Functions of V8's public interface that Node exports.
struct V8 {
    current: v8::Current,
    terminate: unsafe extern "C" fn(Isolate),
    cancel: unsafe extern "C" fn(Isolate),
    is_terminating: unsafe extern "C" fn(Isolate) -> bool,
}

impl V8 {
    fn get() -> Option<&'static Self> {
        static V8: OnceLock<Option<V8>> = OnceLock::new();
        // SAFETY: the names tell parameters and results, and the platform's C ABI is that of such functions of C++.
        let find = || unsafe {
            Some(V8 {
                current: v8::function(v8::CURRENT)?,
                terminate: v8::function(c"_ZN2v87Isolate18TerminateExecutionEv")?,
                cancel: v8::function(c"_ZN2v87Isolate24CancelTerminateExecutionEv")?,
                is_terminating: v8::function(c"_ZN2v87Isolate22IsExecutionTerminatingEv")?,
            })
        };
        V8.get_or_init(find).as_ref()
    }
}

/// Where the flag is, from the beginning of an isolate.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Flag {
    word: usize,
    bit: usize,
}

/// The flag is among so many words: V8's public headers have the stack guard, which has it, in the second of them.
const WORDS: usize = 32;

impl Flag {
    /// The flag of this process's V8; `None` where it cannot be told for sure.
    fn get(v8: &V8, isolate: Isolate) -> Option<Self> {
        static FLAG: OnceLock<Option<Flag>> = OnceLock::new();
        // Other threads may raise other flags meanwhile: what is found twice is it.
        let find = || {
            (0..4).find_map(|_| {
                Self::find(v8, isolate).filter(|flag| Self::find(v8, isolate) == Some(*flag))
            })
        };
        *FLAG.get_or_init(find)
    }

    fn find(v8: &V8, isolate: Isolate) -> Option<Self> {
        let before = words(isolate);
        // SAFETY: the current isolate, in whose JavaScript this runs; nothing of it runs until the flag is down again.
        unsafe { (v8.terminate)(isolate) };
        let during = words(isolate);
        // SAFETY: as above.
        unsafe { (v8.cancel)(isolate) };
        let after = words(isolate);
        let raised = |word: &usize| {
            let bit = before[*word] ^ during[*word];
            bit.is_power_of_two()
                && bit < 1 << 16
                && during[*word] & bit != 0
                && after[*word] & bit == 0
        };
        let mut found = (0..WORDS).filter(raised);
        let word = found.next()?;
        found.next().is_none().then(|| Self {
            word,
            bit: before[word] ^ during[word],
        })
    }
}

fn words(isolate: Isolate) -> [usize; WORDS] {
    std::array::from_fn(|word| read(isolate as usize, word))
}

fn read(isolate: usize, word: usize) -> usize {
    // SAFETY: an isolate is larger than so many words, aligned, and alive: see `watch`.
    unsafe { AtomicUsize::from_ptr((isolate as *mut usize).add(word)) }.load(Ordering::Relaxed)
}

/// Lets the sandboxes of this thread be stopped when its JavaScript is to end. To be forgotten while the isolate lives.
pub fn watch() -> bool {
    let Some(v8) = V8::get() else { return false };
    // SAFETY: this thread runs JavaScript.
    let isolate = unsafe { (v8.current)() };
    if isolate.is_null() {
        return false;
    }
    let Some(Flag { word, bit }) = Flag::get(v8, isolate) else {
        return false;
    };
    let isolate = isolate as usize;
    JsThread::watch(Box::new(move || read(isolate, word) & bit != 0));
    true
}

/// Ends a wait of V8's in the thread that made it, from another one.
#[derive(Clone, Copy)]
pub struct Waker {
    isolate: usize,
    flag: Option<Flag>,
}

impl Waker {
    /// For waits of this thread; `None` where V8 has no such functions.
    pub fn current() -> Option<Self> {
        let v8 = V8::get()?;
        // SAFETY: this thread runs JavaScript.
        let isolate = unsafe { (v8.current)() };
        if isolate.is_null() {
            return None;
        }
        let flag = Flag::get(v8, isolate);
        let isolate = isolate as usize;
        Some(Self { isolate, flag })
    }

    /// The wait ends as if the thread's JavaScript were to end; to be taken back by [`Waker::take_back`]. Nothing where that
    /// is to end anyway: it has been woken.
    ///
    /// # Safety
    /// The thread is in that wait.
    pub unsafe fn wake(self) -> bool {
        let Some(v8) = V8::get() else { return false };
        let ends = |Flag { word, bit }| read(self.isolate, word) & bit != 0;
        if self.flag.is_some_and(ends) {
            return false;
        }
        // SAFETY: V8 lets any thread call it for an isolate that is alive, which one whose thread waits is.
        unsafe { (v8.terminate)(self.isolate as Isolate) };
        true
    }

    /// Back in the thread that was woken. What else was to end its JavaScript meanwhile still does.
    pub fn take_back(self, env: Env) {
        let Some(v8) = V8::get() else { return };
        // SAFETY: the thread of this isolate.
        unsafe { (v8.cancel)(self.isolate as Isolate) };
        let _ = env.take_exception();
        if !env.runs_scripts() {
            // SAFETY: as above.
            unsafe { (v8.terminate)(self.isolate as Isolate) };
        }
    }
}

/// Whether the engine is V8.
pub fn is_v8() -> bool {
    V8::get().is_some()
}

/// Whether the JavaScript of this thread is to end, or ends already.
pub fn is_ending() -> bool {
    JsThread::is_current_ending() || has_ended()
}

/// Whether JavaScript that failed just now did so because the thread's JavaScript is to end. V8 has lowered the flag then.
pub fn has_ended() -> bool {
    V8::get().is_some_and(|v8| {
        // SAFETY: this thread runs JavaScript.
        unsafe {
            let isolate = (v8.current)();
            !isolate.is_null() && (v8.is_terminating)(isolate)
        }
    })
}
