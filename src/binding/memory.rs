//! The linear memory as JavaScript sees it: external ArrayBuffers, dead after growth and recycle.

use super::lent::{self, Claim, LentBuffers};
use super::node_api::{Env, Reference, Scope, Value};
use std::cell::RefCell;

/// From this length on a buffer costs V8 garbage collections: it counts the whole length of each buffer that comes and
/// goes, and marks its heap when what it counts has grown by this much since it was least.
const COSTLY: usize = 64 << 20;
/// The length of the window that small views of a large memory are given instead. Two can be swapped within `COSTLY`.
const WINDOW: usize = 32 << 20;

/// The ArrayBuffers over a sandbox's memory, made when asked for.
#[derive(Debug, Default)]
pub struct MemoryBuffer {
    /// Over all of it.
    whole: RefCell<Option<CurrentBuffer>>,
    /// Over its first `WINDOW` bytes, so that views have the same `byteOffset` in it. Only where the whole is costly.
    window: RefCell<Option<CurrentBuffer>>,
    lent: LentBuffers,
    /// Over as much as the window; the facade's own, which gives it to nobody. Nothing is owed to whom has it.
    inner: RefCell<Option<CurrentBuffer>>,
}

#[derive(Debug)]
struct CurrentBuffer {
    reference: Reference,
    base: *const u8,
    /// Of the memory, not of the window.
    len: usize,
}

type Place = RefCell<Option<CurrentBuffer>>;

impl MemoryBuffer {
    /// The buffer over `[base, base + len)`: the same object as long as these stay the same.
    ///
    /// `None` where the runtime allows no external buffers (Electron from 21 on).
    pub fn value(&self, env: Env, base: *mut u8, len: usize) -> Option<Value> {
        self.follow(env, base, len);
        known(env, &self.whole).or_else(|| self.make(env, &self.whole, base, len, len))
    }

    /// The buffer for a view that ends at `end`: the whole where there is one or it costs nothing, else the window where
    /// the view lies in it.
    pub fn value_for(&self, env: Env, base: *mut u8, len: usize, end: usize) -> Option<Value> {
        self.follow(env, base, len);
        if let Some(whole) = known(env, &self.whole) {
            return Some(whole);
        }
        if len < COSTLY || end > WINDOW {
            return self.value(env, base, len);
        }
        known(env, &self.window).or_else(|| self.make(env, &self.window, base, len, WINDOW))
    }

    /// Whether JavaScript was given a buffer since the generation began.
    pub fn is_lent(&self) -> bool {
        self.lent.is_given()
    }

    /// Whether a value is one of the buffers. Makes none.
    pub fn is_own(&self, env: Env, value: Value) -> bool {
        [&self.whole, &self.window]
            .into_iter()
            .filter_map(shown)
            .any(|own| env.strict_equals(own, value))
    }

    /// Detaches the buffers when the memory is no longer the one they show.
    pub fn follow(&self, env: Env, base: *const u8, len: usize) {
        let changed = |place: &Place| {
            place
                .borrow()
                .as_ref()
                .is_some_and(|shown| shown.base != base || shown.len != len)
        };
        if changed(&self.whole) || changed(&self.window) {
            self.detach(env);
        }
        if changed(&self.inner) {
            self.end_inner(env);
        }
    }

    /// The facade's own buffer.
    pub fn inner(&self, env: Env, base: *mut u8, len: usize) -> Option<Value> {
        self.follow(env, base, len);
        known(env, &self.inner).or_else(|| {
            // SAFETY: it is detached before the memory moves or goes: by `follow`, and by who works on the instance as a whole.
            let buffer =
                unsafe { env.external_buffer(base, len.min(WINDOW), None, std::ptr::null_mut()) };
            let buffer = buffer.ok()?;
            let reference = Reference::new(env, buffer)?;
            *self.inner.borrow_mut() = Some(CurrentBuffer {
                reference,
                base,
                len,
            });
            Some(buffer)
        })
    }

    /// It shows nothing any more.
    pub fn end_inner(&self, env: Env) {
        let Some(shown) = self.inner.take() else {
            return;
        };
        let _scope = Scope::open(env);
        if let Some(buffer) = shown.reference.value() {
            lent::detach(env, buffer);
        }
    }

    /// Gives every view of the memory length 0.
    pub fn detach(&self, env: Env) {
        for place in [&self.whole, &self.window] {
            let Some(shown) = place.take() else {
                continue;
            };
            let _scope = Scope::open(env);
            if let Some(buffer) = shown.reference.value() {
                self.lent.detach(env, buffer);
            }
        }
    }

    /// Who may have the memory now, besides those who hold a buffer. As long as there is a claim on it, it must stay as
    /// it is. No exception may be pending.
    pub fn claim(&self, env: Env) -> Option<Claim> {
        if !self.is_lent() {
            return None;
        }
        let _scope = Scope::open(env);
        let live: Vec<_> = [&self.whole, &self.window]
            .into_iter()
            .filter_map(shown)
            .collect();
        self.lent.claim(env, &live)
    }

    /// The generation ends: gives every view of its memory length 0, at once where nobody claims it.
    pub fn end(&self, env: Env, claim: Option<&Claim>) {
        match claim {
            None => self.detach(env),
            Some(_) => {
                self.whole.take();
                self.window.take();
            }
        }
        self.lent.end();
    }

    /// The generation has not ended after all: the claim on its memory remains.
    pub fn owe(&self) {
        self.lent.owe();
    }

    /// Nobody has the sandbox any more: views that are still held keep the memory, not the other way round.
    pub fn abandon(&self) {
        self.inner.take();
        for place in [&self.whole, &self.window] {
            if place.take().is_some() {
                self.lent.lose();
            }
        }
    }

    fn make(
        &self,
        env: Env,
        place: &Place,
        base: *mut u8,
        len: usize,
        size: usize,
    ) -> Option<Value> {
        if let Some(taken) = shown(place) {
            // Somebody took its memory away (`known` gives only what is not): another one shows the same.
            self.lent.detach(env, taken);
        }
        let buffer = self.lent.buffer(env, base, size)?;
        let reference = Reference::new(env, buffer)?;
        *place.borrow_mut() = Some(CurrentBuffer {
            reference,
            base,
            len,
        });
        Some(buffer)
    }
}

/// The buffer that is shown, unless somebody has detached it.
fn known(env: Env, place: &Place) -> Option<Value> {
    shown(place).filter(|buffer| !lent::is_detached(env, *buffer))
}

fn shown(place: &Place) -> Option<Value> {
    place.borrow().as_ref()?.reference.value()
}

/// Whether the runtime lets addons make ArrayBuffers over memory of their own. Electron's V8 keeps all buffers in a cage
/// and refuses; the views of a module's memory cannot be had there.
pub fn external_buffers(env: Env) -> bool {
    static PROBE: [u8; 8] = [0; 8];
    // Nobody sees the buffer, so nobody writes through it.
    let probe = (&raw const PROBE).cast_mut();
    // SAFETY: a static.
    unsafe { env.external_buffer(probe.cast(), PROBE.len(), None, std::ptr::null_mut()) }.is_ok()
}
