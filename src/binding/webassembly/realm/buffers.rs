//! Buffers over the realm's memories, and who may have the memory behind them.

use super::{Buffer, ErrorKind, Realm};
use crate::binding::in_flight;
use crate::binding::lent::Claim;
use crate::binding::node_api::{Res, Scope, Value};
use crate::engine::vm::{MemoryPlace, MemorySpan};
use crate::webassembly::Store;
use smallvec::SmallVec;

impl Realm {
    /// The ArrayBuffer over a memory: the same until the memory grows.
    pub fn buffer(&self, key: usize) -> Res<Value> {
        self.sync_buffers();
        if let Some(known) = self
            .buffers
            .borrow()
            .iter()
            .find(|buffer| buffer.place.key() == key)
        {
            return self.env.deref(known.js);
        }
        let place = self.with(|store| store.memory(key).map(MemoryPlace::of))?;
        let Some(place) = place else {
            return Err(self.stale());
        };
        // SAFETY: the realm is live.
        let seen = unsafe { place.span() };
        let js = self.external_buffer(seen)?;
        let reference = self.env.follow(js)?;
        self.buffers.borrow_mut().push(Buffer {
            place,
            seen,
            js: reference,
        });
        Ok(js)
    }
    fn external_buffer(&self, span: MemorySpan) -> Res<Value> {
        if span.len == 0 {
            return self.env.array_buffer(&[]);
        }
        match self.lent.buffer(self.env, span.base, span.len) {
            Some(js) => Ok(js),
            None => Err(self.raise(
                ErrorKind::Range,
                "this runtime made no buffer over the memory",
            )),
        }
    }
    /// The buffers are left to those who claim their memory.
    pub(super) fn give_up_buffers(&self, which: impl Fn(&Buffer) -> bool) {
        self.buffers.borrow_mut().retain(|buffer| {
            let gone = which(buffer);
            if gone {
                self.env.forget(buffer.js);
            }
            !gone
        });
    }
    /// A generation is over: its views have length 0, at once where nobody claims its memories.
    pub(super) fn give_up_all_buffers(&self) -> Option<Claim> {
        let claim = self.claim(|_| true);
        match &claim {
            None => self.drop_buffers(|_| true),
            Some(_) => self.give_up_buffers(|_| true),
        }
        self.lent.end();
        claim
    }
    /// Who may have memories of the realm, besides those who hold a buffer.
    pub(super) fn claim(&self, which: impl Fn(&Buffer) -> bool) -> Option<Claim> {
        let _scope = Scope::open(self.env);
        let buffers = self.buffers.borrow();
        let shown = buffers
            .iter()
            .filter(|buffer| buffer.seen.len > 0 && which(buffer));
        let live = shown.filter_map(|buffer| self.env.deref(buffer.js).ok());
        let live: SmallVec<[Value; 2]> = live.collect();
        drop(buffers);
        self.lent.claim(self.env, &live)
    }
    /// Whether the realm's memories can be left to those who claim them, if somebody does.
    pub fn can_leave(&self) -> bool {
        let sum = |store: &mut Store| {
            let linears = store.linears().iter();
            linears.map(|linear| linear.private_bytes()).sum()
        };
        let bytes = || self.store.look(sum).unwrap_or(0);
        self.claim(|_| true).is_none() || in_flight::has_room(bytes())
    }
    /// Gives the pages of one memory back; its length is 0 from then on.
    pub fn dispose_memory(&self, key: usize) -> Res<()> {
        let its = |buffer: &Buffer| buffer.place.key() == key;
        let claim = self.claim(its);
        match &claim {
            None => self.drop_buffers(its),
            Some(_) => self.give_up_buffers(its),
        }
        let left = self.with(|store| store.dispose_memory(key, claim.is_some()))?;
        if let Some(claim) = claim {
            in_flight::park(self.env, left, claim);
        }
        self.report();
        Ok(())
    }
    /// Detaches the buffers of memories that have grown since.
    #[inline]
    pub fn sync_buffers(&self) {
        let stale = |buffer: &Buffer| {
            // SAFETY: called only while the realm is live.
            unsafe { buffer.place.span() != buffer.seen }
        };
        if self.is_live() && self.buffers.borrow().iter().any(stale) {
            self.drop_buffers(stale);
        }
    }
    /// Detaches the buffer of one memory; the next access makes a new one.
    pub fn drop_buffer(&self, key: usize) {
        self.drop_buffers(|buffer| buffer.place.key() == key);
    }
    #[cold]
    fn drop_buffers(&self, which: impl Fn(&Buffer) -> bool) {
        let env = self.env;
        self.buffers.borrow_mut().retain(|buffer| {
            if !which(buffer) {
                return true;
            }
            match env.deref(buffer.js) {
                Ok(js) if buffer.seen.len > 0 => self.lent.detach(env, js),
                Ok(_) => {}
                // Collected, and with it who knows that it was taken away.
                Err(_) => self.lent.lose(),
            }
            env.forget(buffer.js);
            false
        });
    }
}
