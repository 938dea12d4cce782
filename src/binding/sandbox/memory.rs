//! The memory of a sandbox: what is shown of it, and what puts another one in its place.

use super::SandboxCell;
use crate::binding::lent::Claim;
use crate::binding::node_api::{Res, Value};
use crate::binding::{errors, in_flight};
use crate::instance::Instance;
use crate::memory::{Leftover, LinearHandle};
use std::sync::Arc;

impl SandboxCell {
    /// Works on the instance as [`SandboxCell::alone`] does, with what puts another region or another memory in place of the
    /// current one, for a generation that is over. Whoever may still have that finds it as it was.
    pub fn replace_memory<R>(&self, what: &str, work: impl FnOnce(&mut Instance) -> R) -> Res<R> {
        if self.is_busy() {
            return Err(errors::busy(self.env, what));
        }
        let claim = self.buffer.claim(self.env);
        let linear = claim.as_ref().and_then(|_| self.linear());
        if let Some(linear) = &linear
            && !in_flight::has_room(linear.private_bytes())
        {
            return Err(errors::in_flight(self.env));
        }
        self.buffer.end(self.env, claim.as_ref());
        let Some((claim, linear)) = claim.zip(linear) else {
            return self.alone(what, work);
        };
        linear.hold();
        let done = self.alone(what, work);
        let mut left = linear.take_left();
        if !self.linear().is_some_and(|now| Arc::ptr_eq(&now, &linear)) {
            left.push(Leftover::memory(linear));
        } else if left.is_empty() {
            self.buffer.owe();
        }
        self.park(left, claim, done.is_err());
        done
    }

    /// The same within a generation, which may be given another region: its image is taken, or it starts from one.
    pub fn change_memory<R>(&self, what: &str, work: impl FnOnce(&mut Instance) -> R) -> Res<R> {
        let claim = self.buffer.claim(self.env);
        let linear = claim.as_ref().and_then(|_| self.linear());
        let Some((claim, linear)) = claim.zip(linear) else {
            return self.alone(what, work);
        };
        linear.hold();
        let done = self.alone(what, work);
        let left = linear.take_left();
        if left.is_empty() {
            linear.let_go();
        } else {
            self.buffer.end(self.env, Some(&claim));
            self.park(left, claim, done.is_err());
        }
        done
    }

    /// The same for what only looks at the memory, as a whole: whoever may have it goes on as before.
    pub fn keep_memory<R>(&self, what: &str, work: impl FnOnce(&mut Instance) -> R) -> Res<R> {
        if self.is_busy() {
            return Err(errors::busy(self.env, what));
        }
        let claim = self.buffer.claim(self.env);
        let Some(linear) = claim.and_then(|_| self.linear()) else {
            return self.alone(what, work);
        };
        linear.hold();
        let done = self.alone(what, work);
        linear.let_go();
        done
    }

    fn park(&self, left: Vec<Leftover>, claim: Claim, failed: bool) {
        // JavaScript runs while nothing is thrown.
        let thrown = failed.then(|| self.env.take_exception());
        in_flight::park(self.env, left, claim);
        if let Some(thrown) = thrown {
            self.env.throw(thrown);
        }
    }

    pub(super) fn linear(&self) -> Option<LinearHandle> {
        self.look(|instance| instance.runtime.wasm.linear().cloned())?
    }

    fn memory(&self) -> Option<(*mut u8, usize)> {
        self.look(|instance| {
            let memory = instance.runtime.wasm.memory_mut();
            (memory.as_mut_ptr(), memory.len())
        })
    }

    /// The ArrayBuffer over the linear memory as it is now.
    pub fn array_buffer(&self) -> Option<Value> {
        let (base, len) = self.memory()?;
        self.buffer.value(self.env, base, len)
    }

    /// The ArrayBuffer for a view of it that ends at `end`.
    pub fn array_buffer_for(&self, end: usize) -> Option<Value> {
        let (base, len) = self.memory()?;
        self.buffer.value_for(self.env, base, len, end)
    }

    /// The ArrayBuffer that the facade reads fields in, and nobody else has: over what lies below some address.
    pub fn field_buffer(&self) -> Option<Value> {
        let (base, len) = self.memory()?;
        self.buffer.inner(self.env, base, len)
    }

    /// Views of a memory that has grown or moved end.
    pub fn follow_memory(&self) {
        if let Some((base, len)) = self.memory() {
            self.buffer.follow(self.env, base, len);
        }
    }
}
