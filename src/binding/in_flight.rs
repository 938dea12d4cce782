//! Regions of past generations that requests under way may still read and write: one owner per thread.
//!
//! libuv keeps raw addresses, so the memory behind a buffer that a request was given must stay as it is until the request
//! is over. Four things tell.
//! * `uv_loop_t.active_reqs` counts all requests of a thread: between two turns of the event loop, zero means that nobody
//!   has anything.
//! * `process._getActiveRequests()` lists the requests of files and streams as objects. The thread pool's work for crypto,
//!   zlib and addons is counted only. When all that is counted is listed, and nothing that is listed may have the memory,
//!   nobody has it.
//! * Streams of HTTP/2 are no requests: what they were given waits, by its address, until the other side wants more.
//!   `lib/base/in-flight.js` knows the streams that are open.
//! * Who uses a buffer keeps it, as Node asks of everybody. When V8 has collected the buffers of a generation, nobody has
//!   its memory, however busy the thread is.
//!
//! Bun and Deno have event loops of their own, which count nothing. There a request keeps the memory that it was given in
//! sight, and memory that nobody uses is out of sight as soon as its buffer is detached: that alone tells.

use super::addon::value_of;
use super::lent::{self, Claim};
use super::node_api::{Env, Reference, Value};
use crate::memory::Leftover;
use napi::bindgen_prelude::{Error, Result, Unknown};
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;

/// So many private bytes may wait in a thread before a recycle waits; `EMVM_IN_FLIGHT_MB` says otherwise.
const BYTES: usize = 512 << 20;
/// So many regions: each is 8 GiB of address space.
const REGIONS: usize = 64;
/// What V8 is told of for a moment, so that it collects at once: more than half of any heap, which is what it lets pass.
const PRESSURE: i64 = 1 << 40;

/// The beginning of `uv_loop_t`, the same in all of libuv 1.
#[repr(C)]
struct LoopHead {
    data: *mut c_void,
    active_handles: u32,
    handle_queue: [*mut c_void; 2],
    active_reqs: u32,
}

/// Functions of `lib/base/in-flight.js`.
struct Hooks {
    /// `() => void`, before the first buffer is given.
    begin: Reference,
    /// `() => WeakSet` of the requests that are under way.
    listed: Reference,
    /// `(before, ...buffers) => [how many are listed, how many may have one of the buffers, WeakSet of the others]`
    claim: Reference,
    /// `(clear, buffers, ...) => [how many are listed, how many may have one of the buffers, ...]`
    look: Reference,
    /// `() => void`: from now on somebody looks now and then.
    watch: Reference,
}

struct ParkedRegions {
    left: Leftover,
    bytes: usize,
    claim: Rc<RefCell<Claim>>,
}

struct Owner {
    hooks: Hooks,
    has_begun: Cell<bool>,
    limit: usize,
    parked: RefCell<Vec<ParkedRegions>>,
    bytes: Cell<usize>,
}

thread_local! {
    static OWNER: RefCell<Option<Rc<Owner>>> = const { RefCell::new(None) };
    static LOOP: Cell<*const LoopHead> = const { Cell::new(std::ptr::null()) };
    /// Streams that hold memory without a request.
    static STREAMS: Cell<u32> = const { Cell::new(0) };
    /// Messages of HTTP/1 are open, which may hold views without a request: they are given copies.
    static MESSAGES: Cell<bool> = const { Cell::new(false) };
    static COUNTED: Cell<bool> = const { Cell::new(true) };
}

fn owner() -> Option<Rc<Owner>> {
    OWNER
        .try_with(|owner| owner.borrow().clone())
        .ok()
        .flatten()
}

/// `lib/base/in-flight.js` gives each thread its functions. `counted`: the loop is libuv's.
#[napi(catch_unwind)]
pub fn set_in_flight_hooks(
    env: &napi::Env,
    begin: Unknown,
    listed: Unknown,
    claim: Unknown,
    look: Unknown,
    watch: Unknown,
    counted: bool,
) -> Result<()> {
    let raw = Env::new(env.raw());
    let keep = |given: Unknown| {
        Reference::new(raw, value_of(raw, given))
            .ok_or_else(|| Error::from_reason("a function cannot be kept"))
    };
    let uv = match counted {
        true => raw
            .event_loop()
            .ok_or_else(|| Error::from_reason("this runtime has no event loop of libuv"))?,
        false => std::ptr::null_mut(),
    };
    let megabytes = std::env::var("EMVM_IN_FLIGHT_MB").ok();
    let owner = Owner {
        hooks: Hooks {
            begin: keep(begin)?,
            listed: keep(listed)?,
            claim: keep(claim)?,
            look: keep(look)?,
            watch: keep(watch)?,
        },
        has_begun: Cell::new(false),
        limit: megabytes
            .and_then(|text| text.parse::<usize>().ok())
            .map_or(BYTES, |megabytes| megabytes << 20),
        parked: RefCell::default(),
        bytes: Cell::new(0),
    };
    COUNTED.set(counted);
    LOOP.set(uv.cast());
    OWNER.set(Some(Rc::new(owner)));
    let _ = env.add_env_cleanup_hook((), |()| end());
    Ok(())
}

/// The environment ends. Node has cancelled its requests and waited for those that had begun; should one be left, its
/// memory is left to it.
fn end() {
    let over = are_counted() && under_way() == 0;
    LOOP.set(std::ptr::null());
    let Some(owner) = OWNER.take() else { return };
    for parked in owner.parked.take() {
        if over {
            parked.left.free();
        }
    }
}

/// Whether requests are counted.
pub fn are_counted() -> bool {
    COUNTED.get()
}

/// How many requests of this thread are under way, with the streams that may hold memory without one.
#[inline]
pub fn under_way() -> u32 {
    let uv = LOOP.get();
    if uv.is_null() {
        return 0;
    }
    // SAFETY: the loop lives as long as the environment, and only its thread gets here.
    unsafe { (*uv).active_reqs }.saturating_add(STREAMS.get())
}

/// How many streams that may hold memory without a request are open now.
#[napi(catch_unwind)]
pub fn set_streams_in_flight(count: u32) {
    STREAMS.set(count);
}

/// Whether messages are open that may hold views.
#[napi(catch_unwind)]
pub fn set_messages_in_flight(some: bool) {
    MESSAGES.set(some);
}

/// Whether a value is a buffer over a module's memory.
#[napi(catch_unwind)]
pub fn is_lent(env: &napi::Env, value: Unknown) -> bool {
    let env = Env::new(env.raw());
    env.is_tagged(value_of(env, value), lent::TAG)
}

/// A buffer is about to be given.
pub fn begin(env: Env) {
    if let Some(owner) = owner()
        && !owner.has_begun.replace(true)
        && call(env, &owner.hooks.begin, &[]).is_none()
    {
        // It could not run now.
        owner.has_begun.set(false);
    }
}

/// Gives what holds views of buffers without a request copies. The buffers are about to be empty.
pub fn save(env: Env, buffers: &[Value]) {
    if MESSAGES.get() && !buffers.is_empty() {
        claim(env, None, buffers.iter().copied());
    }
}

/// The requests that are under way, as a `WeakSet`.
pub fn listed(env: Env) -> Option<Reference> {
    let owner = owner()?;
    let set = call(env, &owner.hooks.listed, &[])?;
    Reference::new(env, set)
}

/// Whether requests may have one of the buffers: such as were not under way `before`, or work that nobody lists. With the
/// `WeakSet` of those that have not.
pub fn claim(
    env: Env,
    before: Option<Value>,
    buffers: impl Iterator<Item = Value>,
) -> Option<Option<Reference>> {
    let owner = owner()?;
    let mut args = vec![before.unwrap_or_else(|| env.undefined())];
    args.extend(buffers);
    // Where JavaScript cannot run any more, the count alone tells.
    let Some(answer) = call(env, &owner.hooks.claim, &args) else {
        return Some(None);
    };
    let (Some(listed), Some(suspects)) = (number(env, answer, 0), number(env, answer, 1)) else {
        return Some(None);
    };
    if suspects == 0 && under_way() <= listed {
        return None;
    }
    let clear = env.get_index(answer, 2).ok();
    Some(clear.and_then(|set| Reference::new(env, set)))
}

/// Whether a region of so many private bytes may wait too. One always may.
pub fn has_room(bytes: usize) -> bool {
    owner().is_none_or(|owner| {
        let count = owner.parked.borrow().len();
        count == 0 || (count < REGIONS && owner.bytes.get() + bytes <= owner.limit)
    })
}

/// Keeps what a generation left until the claim on it is settled. No exception may be pending.
pub fn park(env: Env, left: impl IntoIterator<Item = Leftover>, claim: Claim) {
    let Some(owner) = owner() else {
        // The environment has ended, and with it all requests.
        left.into_iter().for_each(Leftover::free);
        return;
    };
    let claim = Rc::new(RefCell::new(claim));
    for left in left {
        let bytes = left.private_bytes();
        owner.bytes.set(owner.bytes.get() + bytes);
        owner.parked.borrow_mut().push(ParkedRegions {
            left,
            bytes,
            claim: claim.clone(),
        });
    }
    let _ = call(env, &owner.hooks.watch, &[]);
}

/// How many regions of this thread wait.
#[napi(catch_unwind)]
pub fn regions_in_flight() -> u32 {
    owner().map_or(0, |owner| owner.parked.borrow().len() as u32)
}

/// Whether more may wait.
#[napi(catch_unwind)]
pub fn has_room_in_flight() -> bool {
    has_room(0)
}

/// Makes V8 collect what nobody has any more, where buffers that nobody has keep regions.
#[napi(catch_unwind)]
pub fn press_for_regions(env: &napi::Env) {
    let env = Env::new(env.raw());
    env.adjust_external_memory(PRESSURE);
    env.adjust_external_memory(-PRESSURE);
}

/// Frees what nobody has any more, in a turn of the event loop of its own: within another's, the next step of what a
/// request belongs to may be about to begin. Gives how many regions are left.
#[napi(catch_unwind)]
pub fn look_at_regions_in_flight(env: &napi::Env) -> u32 {
    let Some(owner) = owner() else { return 0 };
    owner.look(Env::new(env.raw()));
    owner.parked.borrow().len() as u32
}

impl Owner {
    fn look(&self, env: Env) {
        for claim in self.settled(env) {
            claim.borrow_mut().settle(env);
        }
        if !are_counted() {
            for parked in self.parked.borrow().iter() {
                parked.claim.borrow_mut().empty(env);
            }
        }
        let mut gone = Vec::new();
        self.parked.borrow_mut().retain_mut(|parked| {
            let free = parked.claim.borrow().is_free();
            if free {
                self.bytes.set(self.bytes.get() - parked.bytes);
                gone.push(parked.left.take());
            }
            !free
        });
        gone.into_iter().for_each(Leftover::free);
    }

    /// The claims of requests that are over.
    fn settled(&self, env: Env) -> Vec<Rc<RefCell<Claim>>> {
        let open = |parked: &ParkedRegions| {
            let claim = &parked.claim;
            claim.borrow().requests.then(|| claim.clone())
        };
        let open: Vec<_> = self.parked.borrow().iter().filter_map(open).collect();
        if open.is_empty() {
            return open;
        }
        // What holds views without a request is looked for in any case.
        let all = under_way() == 0;
        let known: Vec<_> = open
            .into_iter()
            .filter(|claim| all || claim.borrow().clear.is_some())
            .collect();
        let mut args = Vec::new();
        for claim in &known {
            let claim = claim.borrow();
            let clear = claim.clear.as_ref().and_then(Reference::value);
            let buffers = claim.buffers.iter().chain(&claim.past);
            let Ok(buffers) = env.list(buffers.filter_map(Reference::value)) else {
                return Vec::new();
            };
            args.push(clear.unwrap_or_else(|| env.undefined()));
            args.push(buffers);
        }
        let answer = call(env, &self.hooks.look, &args);
        if all {
            return known;
        }
        let Some(answer) = answer else {
            return Vec::new();
        };
        if number(env, answer, 0).is_none_or(|listed| under_way() > listed) {
            return Vec::new();
        }
        let suspects = |at: usize| number(env, answer, at as u32 + 1);
        let over = known
            .into_iter()
            .enumerate()
            .filter(|(at, _)| suspects(*at) == Some(0));
        over.map(|(_, claim)| claim).collect()
    }
}

impl Claim {
    /// The requests are over: nobody has the memory but who took it away.
    fn settle(&mut self, env: Env) {
        self.requests = false;
        self.past.clear();
        for buffer in self.buffers.drain(..) {
            if let Some(buffer) = buffer.value() {
                self.taken |= !lent::detach(env, buffer);
            }
        }
    }

    /// Views that could not be emptied while they were used may be done with.
    fn empty(&mut self, env: Env) {
        let used = |buffer: &Reference| buffer.value().is_some_and(|value| !lent::gone(env, value));
        self.buffers.retain(used);
    }

    fn is_free(&self) -> bool {
        let out_of_sight = self.sight.is_last();
        match self.requests {
            true => {
                let past = || self.past.iter().all(|buffer| buffer.value().is_none());
                self.sight_tells && out_of_sight && past()
            }
            false => !self.taken || out_of_sight,
        }
    }
}

fn call(env: Env, function: &Reference, args: &[Value]) -> Option<Value> {
    match env.call(function.value()?, args) {
        Ok(value) => Some(value),
        Err(failed) => {
            env.exception_of(failed);
            None
        }
    }
}

fn number(env: Env, array: Value, at: u32) -> Option<u32> {
    env.as_u32(env.get_index(array, at).ok()?)
}
