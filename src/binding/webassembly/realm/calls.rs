//! Calls into the wasm of a realm: what begins and ends with them, and what stops them.

use super::{ErrorKind, LAST, Promising, Realm};
use crate::binding::gate::Hold;
use crate::binding::node_api::{Failure, Res};
use crate::engine::Unwind;
use crate::instance::groups;
use crate::memory;
use crate::webassembly::Store;

impl Realm {
    /// How many calls into wasm are on the stack.
    #[inline]
    pub fn depth(&self) -> u32 {
        self.store.entered()
    }
    /// A call into wasm begins: the store stays until [`Realm::leave`].
    #[inline]
    pub fn enter(&self) -> Res<Hold<'_, Store>> {
        let Some(held) = self.store.hold() else {
            return Err(self.stale());
        };
        if held.is_outermost() {
            // Until the callback returns, this handle keeps the realm's JavaScript side: its last function may be the one
            // that is running.
            let _ = self.env.deref(self.helpers.adopt);
            self.calls.set(self.calls.get() + 1);
            LAST.set(self);
            // What this call ends with has nothing to do with growth that an earlier one was refused.
            let refusals = memory::refusals();
            if self.refusals.replace(refusals) != refusals {
                let _ = self.with(|store| store.forget_refusals());
            }
            self.interrupter.enter();
            if !self.interrupter.is_idle() {
                self.interrupter.limit();
            }
        } else {
            self.nesting.at(self.depth());
        }
        Ok(held)
    }
    /// It has ended: why it was stopped, if it was.
    #[inline]
    pub fn leave(&self, held: Hold<'_, Store>, failed: bool) -> Option<Unwind> {
        let outermost = held.is_outermost();
        drop(held);
        self.sync_buffers();
        if outermost {
            self.interrupter.leave();
            self.nesting.end();
        }
        // The glue, too, learns of a thread that failed, and may have ended the call in its own way before it was stopped.
        if failed && outermost && self.has_failed_thread() {
            self.interrupter.unlimit(None);
            return Some(Unwind::Interrupted);
        }
        if self.interrupter.is_idle() {
            return None;
        }
        let ended = failed.then(Unwind::unreachable);
        let ended = match outermost {
            true => self.interrupter.unlimit(ended),
            false => self.interrupter.name(ended),
        };
        match ended {
            stopped @ Some(Unwind::Timeout { .. } | Unwind::Interrupted) => stopped,
            _ => None,
        }
    }
    /// Whether a promising call is on the stack.
    pub fn promising(&self) -> bool {
        self.promising.get() > 0
    }
    /// One is, until what this gives is dropped.
    pub fn promises(&self) -> Promising<'_> {
        self.promising.set(self.promising.get() + 1);
        Promising(&self.promising)
    }
    /// Why a call within a call that is being stopped ends before it begins: it may be too short for an interruption
    /// point of its own.
    #[inline]
    pub fn stopping(&self) -> Option<Unwind> {
        if self.failed.get() {
            return Some(Unwind::Interrupted);
        }
        if self.depth() == 0 || !self.interrupter.is_raised() {
            return None;
        }
        self.interrupter.name(Some(Unwind::unreachable()))
    }
    /// It opens threads, whose group has that number.
    pub fn opens(&self, threads: u64) {
        self.threads.set(Some(threads));
    }
    fn has_failed_thread(&self) -> bool {
        self.failed.get() || self.threads.get().is_some_and(groups::has_fault)
    }
    /// Another thread of the generation has failed: calls end with that from here on.
    pub fn fail(&self, is_timeout: bool) {
        self.failed.set(true);
        let counter = if is_timeout {
            &self.timeouts
        } else {
            &self.traps
        };
        counter.set(counter.get() + 1);
    }
    #[cold]
    pub fn stopped(&self, why: Option<Unwind>) -> Failure {
        let env = self.env;
        if self.depth() == 0 {
            self.timeouts.set(self.timeouts.get() + 1);
            // What the stopped frames threw on their way out is nobody's any more.
            let _ = self.take_in_flight();
            self.forget_exceptions();
        }
        match why {
            Some(Unwind::Timeout { limit, elapsed }) => {
                let detail = env.list([env.number(limit), env.number(elapsed)]);
                let detail = detail.unwrap_or_else(|_| env.undefined());
                let what = if self.interrupter.is_thread() {
                    "it ran without rest"
                } else {
                    "the call ran"
                };
                let message = format!("{what} for {elapsed:.0} ms, the limit is {limit} ms");
                self.raise_with(ErrorKind::Timeout, &message, detail)
            }
            _ => self.raise(ErrorKind::Interrupted, "the call was interrupted"),
        }
    }

    /// The growth that the wasm that ran last was refused, and what it may have, in bytes: why glue that gives up now gives up.
    pub fn last_refusal() -> Option<(u64, u64)> {
        let realm = LAST.get();
        // SAFETY: a realm that goes is emptied before, and then it is not the last.
        let realm = unsafe { realm.as_ref() }?;
        realm.with(|store| store.refused_growth()).ok().flatten()
    }
}
