//! What a generation's memory is lent to JavaScript as, and who may have it when the generation ends.
//!
//! libuv's reads and writes and the work of the thread pool go on using the address of a buffer that was detached, and
//! Node's own JavaScript goes on with the views it was given: zlib ends the process when it finds one empty in between. And
//! `ArrayBuffer.prototype.transfer` moves the memory into a buffer that nobody here knows. So what shows memory to
//! JavaScript is made here and nowhere else, and who ends a generation asks for the [`Claim`] on its memory first.

use super::node_api::{Env, Reference, Value};
use super::quiet::Owners;
use super::{in_flight, quiet};
use napi::sys;
use parking_lot::Mutex;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::sync::Arc;

/// Counts the buffers whose memory is still in sight, one more for whoever asks. Deno lets go of memory on the thread of
/// the request that used it last.
#[derive(Clone, Debug, Default)]
pub struct Sight(Arc<Mutex<Vec<Owners>>>);

impl Sight {
    /// Besides this, how many others there are, and buffers that count for themselves.
    fn others(&self) -> usize {
        let owned = self.0.lock();
        let seen = owned.iter().filter(|owners| !owners.are_gone()).count();
        Arc::strong_count(&self.0) - 1 + seen
    }

    /// Nobody has the memory any more.
    pub fn is_last(&self) -> bool {
        self.others() == 0
    }

    /// A clone as an address.
    fn give_away(&self) -> *mut c_void {
        Arc::into_raw(self.0.clone()).cast_mut().cast()
    }

    /// Drops a clone.
    ///
    /// # Safety
    /// What [`Sight::give_away`] gave, once.
    unsafe fn drop_given(given: *mut c_void) {
        // SAFETY: by the caller's promise.
        drop(unsafe { Arc::from_raw(given.cast::<Mutex<Vec<Owners>>>()) });
    }
}

/// Marks buffers over a module's memory.
pub const TAG: sys::napi_type_tag = sys::napi_type_tag {
    lower: 0x656d_766d_206c_656e,
    upper: 0x7420_6275_6666_6572,
};

unsafe extern "C" fn out_of_sight(_: sys::napi_env, _: *mut c_void, hint: *mut c_void) {
    // SAFETY: what `Lent::buffer` gave away. This is called once.
    unsafe { Sight::drop_given(hint) };
}

/// Buffers over one generation's memory.
#[derive(Debug, Default)]
pub struct LentBuffers {
    /// The memory is that of one of many generations.
    is_replaced: bool,
    given: Cell<bool>,
    /// A buffer was detached by somebody else, or given up while somebody may hold it: its memory may live on in another.
    escaped: Cell<bool>,
    sight: RefCell<Sight>,
    /// Buffers of this generation that growth detached while requests were under way.
    past: RefCell<Vec<Reference>>,
    /// Requests that were under way before the first buffer was given: a `WeakSet`.
    before: RefCell<Option<Reference>>,
    /// Requests of an earlier generation may have the memory, too.
    owed: Cell<bool>,
}

/// Somebody may have the memory that a generation leaves.
#[derive(Debug)]
pub struct Claim {
    /// Requests that are under way may have it. Else it was taken away, and is in sight for as long as it is.
    pub requests: bool,
    /// Those of them that cannot have it, a `WeakSet`; `None` when that is not known.
    pub clear: Option<Reference>,
    /// The buffers that show it, not kept alive. Requests may go on using them, so they are detached when these are over.
    pub buffers: Vec<Reference>,
    /// Those that were detached before.
    pub past: Vec<Reference>,
    pub taken: bool,
    /// The memory of all of `buffers`, and of what was taken away, is in sight until this is the last.
    pub sight: Sight,
    /// Nobody has the memory when it is out of sight and `past` is collected: all who may have it had it from these.
    pub sight_tells: bool,
}

impl LentBuffers {
    /// `is_replaced`: the memory is that of one of many generations.
    pub fn of(is_replaced: bool) -> Self {
        Self {
            is_replaced,
            ..Self::default()
        }
    }

    /// Whether JavaScript was given a buffer over the generation's memory.
    pub fn is_given(&self) -> bool {
        self.given.get()
    }

    /// A buffer over memory that stays mapped until the claim on it is settled. `None` where the runtime allows none.
    pub fn buffer(&self, env: Env, base: *mut u8, len: usize) -> Option<Value> {
        if !self.given.replace(true) {
            in_flight::begin(env);
            if in_flight::under_way() > 0 {
                *self.before.borrow_mut() = in_flight::listed(env);
            }
        }
        let buffer = self.make(env, base, len)?;
        if in_flight::are_counted() {
            env.tag(buffer, TAG);
        }
        Some(buffer)
    }

    fn make(&self, env: Env, base: *mut u8, len: usize) -> Option<Value> {
        let least = if self.is_replaced {
            quiet::LEAST_REPLACED
        } else {
            quiet::LEAST
        };
        // Where requests are not counted, only who lets go of a buffer tells.
        if len >= least
            && in_flight::are_counted()
            && let Some((buffer, owners)) = quiet::buffer(env, base, len)
        {
            self.sight.borrow().0.lock().push(owners);
            return Some(buffer);
        }
        let sight = self.sight.borrow().give_away();
        // SAFETY: whoever gives the memory up asks for the claim on it first.
        let made = unsafe { env.external_buffer(base, len, Some(out_of_sight), sight) };
        if made.is_err() {
            // SAFETY: nobody else will.
            unsafe { Sight::drop_given(sight) };
        }
        made.ok()
    }

    /// Gives every view of a buffer length 0.
    pub fn detach(&self, env: Env, buffer: Value) {
        if !detach(env, buffer) {
            self.escaped.set(true);
        } else if in_flight::under_way() > 0
            && let Some(reference) = Reference::weak(env, buffer)
        {
            self.past.borrow_mut().push(reference);
        }
    }

    /// A buffer of which nobody can say what becomes of it.
    pub fn lose(&self) {
        self.escaped.set(true);
    }

    /// Who may have the generation's memory now. `live` are the buffers that show it.
    pub fn claim(&self, env: Env, live: &[Value]) -> Option<Claim> {
        if !self.given.get() {
            return None;
        }
        if !in_flight::are_counted() {
            return self.claim_in_sight(env, live);
        }
        let taken = self.escaped.get() || live.iter().any(|buffer| is_detached(env, *buffer));
        let requests = self.requests(env, live);
        if !taken && requests.is_none() {
            return None;
        }
        let buffers = live
            .iter()
            .filter_map(|buffer| Reference::weak(env, *buffer));
        let past = self.past.borrow();
        let past = past.iter().filter_map(Reference::value);
        let past: Vec<_> = past
            .filter_map(|buffer| Reference::weak(env, buffer))
            .collect();
        Some(Claim {
            requests: requests.is_some(),
            clear: requests.flatten(),
            buffers: buffers.collect(),
            taken,
            sight: self.sight.borrow().clone(),
            sight_tells: !self.owed.get(),
            past,
        })
    }

    /// The same where requests are not counted, but keep the memory that they were given in sight: the buffers are detached
    /// at once, and who then still has the memory shows. One that cannot be detached is being used.
    fn claim_in_sight(&self, env: Env, live: &[Value]) -> Option<Claim> {
        let used = live.iter().filter(|buffer| !gone(env, **buffer));
        let buffers: Vec<_> = used
            .filter_map(|used| Reference::weak(env, *used))
            .collect();
        let sight = self.sight.borrow().clone();
        // One is the generation's own.
        (sight.others() > 1).then(|| Claim {
            requests: false,
            clear: None,
            buffers,
            past: Vec::new(),
            taken: true,
            sight,
            sight_tells: true,
        })
    }

    /// Whether requests under way may have the memory, and which of them have not, where that is known.
    fn requests(&self, env: Env, live: &[Value]) -> Option<Option<Reference>> {
        if in_flight::under_way() == 0 {
            in_flight::save(env, live);
            return None;
        }
        if self.owed.get() {
            return Some(None);
        }
        let past = self.past.borrow();
        let past = past.iter().filter_map(Reference::value);
        let before = self.before.borrow().as_ref().and_then(Reference::value);
        in_flight::claim(env, before, live.iter().copied().chain(past))
    }

    /// The generation is over, and its memory is left to those who claim it. What is lent from here on is another
    /// generation's.
    pub fn end(&self) {
        if !self.given.replace(false) {
            return;
        }
        self.owed.set(false);
        self.escaped.set(false);
        self.past.borrow_mut().clear();
        self.before.take();
        // Those of a generation that ended without a claim are out of sight soon.
        if !self.sight.borrow().is_last() {
            self.sight.take();
        } else {
            self.sight.borrow().0.lock().clear();
        }
    }

    /// The memory was to be left to those who claim it, but could not be: they have it still, whatever is lent besides.
    pub fn owe(&self) {
        self.given.set(true);
        self.owed.set(true);
    }
}

/// Detaches a buffer of emvm's, which is external, so that is allowed: its memory stays. False when somebody else has
/// detached it before, and so has its memory.
pub fn detach(env: Env, buffer: Value) -> bool {
    !is_detached(env, buffer) && env.detach(buffer).is_ok()
}

/// Detaches a buffer, if it is not yet; whether it is then.
pub fn gone(env: Env, buffer: Value) -> bool {
    detach(env, buffer) || is_detached(env, buffer)
}

pub fn is_detached(env: Env, buffer: Value) -> bool {
    env.is_detached(buffer).unwrap_or(false)
}
