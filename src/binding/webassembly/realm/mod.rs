//! One realm: a store of wasm objects and the JavaScript values tied to it.

mod buffers;
mod calls;
mod functions;
mod images;

use super::suspending::SuspendedCalls;
use crate::binding::gate::Gate;
use crate::binding::in_flight;
use crate::binding::lent::LentBuffers;
use crate::binding::node_api::{Env, Failure, Ref, Res, Value};
use crate::emscripten::Lineage;
use crate::engine::Nesting;
use crate::engine::vm::{CallConfig, MemoryPlace, MemorySpan};
use crate::instance::{Interrupter, groups};
use crate::memory::{self, Leftover};
use crate::webassembly::{FuncRef, Store, StoreImage, ValueKind};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// The kinds of error that `lib/webassembly` makes for us.
#[derive(Clone, Copy)]
#[repr(i32)]
pub enum ErrorKind {
    Link,
    Runtime,
    StackOverflow,
    Range,
    Stale,
    Busy,
    Timeout,
    Interrupted,
    Unsupported,
    Suspend,
}

/// JavaScript functions that the realm calls; they never run user code but where said.
pub struct Helpers {
    /// `(kind, message, frames) -> Error`
    pub error: Ref,
    /// `(function, address) -> void`: keeps an exported function, and the realm alive for it.
    pub adopt: Ref,
    /// `(value) -> bigint` as ToBigInt64 does; may run user code.
    pub to_bigint: Ref,
    /// `(value) -> address` of an exported function of this realm, 0 for null; throws TypeError.
    pub function_address: Ref,
    /// `(value) -> number` under which the value can be found again, from 1; 0 for null.
    pub extern_in: Ref,
    /// `(number) -> value`
    pub extern_out: Ref,
    /// `(tag, payload) -> WebAssembly.Exception`
    pub exception: Ref,
    /// `(value) -> [tag, ...payload]` when it is an Exception of this realm, 0 for other catchable values, else null.
    pub describe: Ref,
    /// An array whose first element is the exception in flight.
    pub holder: Ref,
}

impl Helpers {
    /// All that a released realm has no use for.
    fn of_realm(&self) -> [Ref; 8] {
        [
            self.adopt,
            self.to_bigint,
            self.function_address,
            self.extern_in,
            self.extern_out,
            self.exception,
            self.describe,
            self.holder,
        ]
    }
}

impl Drop for Realm {
    /// Nobody has anything of the realm any more, or its thread ends.
    fn drop(&mut self) {
        // Where its thread was ended, JavaScript had no chance to.
        if let Some(threads) = self.threads.get() {
            groups::end(threads);
        }
        if self.is_live() {
            // Buffers are collected on their own: their memory may still be in sight.
            for buffer in self.buffers.borrow_mut().drain(..) {
                self.env.forget(buffer.js);
                self.lent.lose();
            }
            self.empty();
        }
        self.env.forget(self.helpers.error);
    }
}

/// What the callback of an exported function needs. Owned by the realm, so it outlives every function object.
pub struct FunctionCell {
    pub realm: *const Realm,
    pub function: FuncRef,
    /// In which generation the function object was made: 0 before the image, else it is of no use in another.
    pub generation: u64,
    pub params: SmallVec<[ValueKind; 8]>,
    pub results: SmallVec<[ValueKind; 2]>,
}

struct Buffer {
    place: MemoryPlace,
    seen: MemorySpan,
    js: Ref,
}

/// The functions of one instance lie in one array: this gives any of them its index.
struct FunctionRange {
    start: usize,
    end: usize,
    first_index: usize,
}

/// A promising call is on the stack.
pub struct Promising<'a>(&'a Cell<u32>);

impl Drop for Promising<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// An image of the store.
struct Point {
    image: StoreImage,
    /// The generations that it descends from.
    lineage: Lineage,
}

/// A realm. Function objects and the realm's own external keep it; `release` empties it at once.
pub struct Realm {
    pub env: Env,
    pub helpers: Helpers,
    store: Gate<Store>,
    pub calls_with: CallConfig,
    /// Stops what runs too long.
    pub interrupter: Arc<Interrupter>,
    /// Calls from JavaScript with no wasm on the stack, traps, and calls that ran too long.
    pub calls: Cell<u64>,
    pub traps: Cell<u64>,
    pub timeouts: Cell<u64>,
    functions: RefCell<FxHashMap<usize, Ref>>,
    cells: RefCell<Vec<Box<FunctionCell>>>,
    ranges: RefCell<Vec<FunctionRange>>,
    imports: RefCell<Vec<Ref>>,
    buffers: RefCell<SmallVec<[Buffer; 2]>>,
    /// Wasm exceptions that stand for a JavaScript object: exnref -> externref number.
    identities: RefCell<FxHashMap<u32, usize>>,
    /// Buffers over the realm's memories.
    lent: LentBuffers,
    /// What `rewind` brings the store back to, and how often it was; 0 until there is an image.
    images: RefCell<Vec<Option<Point>>>,
    generation: Cell<u64>,
    /// Earlier generations that this one goes on: what was made in them is good.
    lineage: RefCell<Lineage>,
    /// Functions that got an object in this generation.
    late: RefCell<Vec<usize>>,
    /// Another one takes its place before long, and its memory goes then.
    is_replaced: bool,
    /// Its memory when V8's collector was first told of it.
    first_bytes: Cell<Option<usize>>,
    /// Memory reported to V8's collector.
    reported: Cell<i64>,
    /// As many refusals of growth there had been when the last call began.
    refusals: Cell<u64>,
    /// Another thread of the generation has failed: no call begins any more.
    failed: Cell<bool>,
    /// The number of the group of threads that it opened.
    threads: Cell<Option<u64>>,
    /// Calls that wait for promises.
    pub suspended: SuspendedCalls,
    /// How many promising calls are on the stack.
    promising: Cell<u32>,
    nesting: Nesting,
}

thread_local! {
    /// The realm whose wasm was entered last; null once it is empty.
    static LAST: Cell<*const Realm> = const { Cell::new(ptr::null()) };
}

impl Realm {
    pub fn new(
        env: Env,
        helpers: Helpers,
        memory_cap: Option<u64>,
        timeout: Option<Duration>,
        id: Option<u64>,
        stack: usize,
        is_replaced: bool,
    ) -> Rc<Self> {
        let mut store = Store::default();
        store.memory_cap = memory_cap;
        Rc::new(Self {
            env,
            helpers,
            store: Gate::new(Some(store)),
            calls_with: CallConfig::with_stack(stack),
            interrupter: Interrupter::new(id.unwrap_or_else(Interrupter::new_id), None, timeout),
            calls: Cell::new(0),
            traps: Cell::new(0),
            timeouts: Cell::new(0),
            functions: RefCell::default(),
            cells: RefCell::default(),
            ranges: RefCell::default(),
            imports: RefCell::default(),
            buffers: RefCell::default(),
            identities: RefCell::default(),
            lent: LentBuffers::of(is_replaced),
            images: RefCell::default(),
            generation: Cell::new(0),
            lineage: RefCell::default(),
            late: RefCell::default(),
            is_replaced,
            first_bytes: Cell::new(None),
            reported: Cell::new(0),
            refusals: Cell::new(memory::refusals()),
            failed: Cell::new(false),
            threads: Cell::new(None),
            suspended: SuspendedCalls::default(),
            promising: Cell::new(0),
            nesting: Nesting::default(),
        })
    }
    pub fn of<'a>(env: Env, value: Value) -> Res<&'a Realm> {
        // SAFETY: `lib/webassembly` passes the external that `create` gave it and keeps it.
        unsafe { env.from_external::<Rc<Realm>>(value) }.map(|realm| &**realm)
    }
    #[inline]
    pub fn is_live(&self) -> bool {
        self.store.is_live()
    }
    /// Works on the store. `body` must not call JavaScript or wasm, which would come back here.
    pub fn with<R>(&self, body: impl FnOnce(&mut Store) -> R) -> Res<R> {
        self.store.look(body).ok_or_else(|| self.stale())
    }
    #[cold]
    pub fn stale(&self) -> Failure {
        self.raise(
            ErrorKind::Stale,
            "this WebAssembly object belongs to a generation that was released; take it anew from the current module",
        )
    }
    #[cold]
    pub fn raise(&self, kind: ErrorKind, message: &str) -> Failure {
        self.raise_with(kind, message, self.env.undefined())
    }
    #[cold]
    pub fn raise_with(&self, kind: ErrorKind, message: &str, detail: Value) -> Failure {
        let env = self.env;
        let made = env.deref(self.helpers.error).and_then(|error| {
            env.call(error, &[env.int(kind as i32), env.message(message), detail])
        });
        match made {
            Ok(error) => env.throw(error),
            Err(failed) => failed,
        }
    }

    // Calls.

    // Functions.
    // Memory buffers.
    // Exceptions.

    pub fn set_in_flight(&self, value: Value) -> Res<()> {
        let holder = self.env.deref(self.helpers.holder)?;
        self.env.set_index(holder, 0, value)
    }
    pub fn take_in_flight(&self) -> Res<Value> {
        let holder = self.env.deref(self.helpers.holder)?;
        let value = self.env.get_index(holder, 0)?;
        self.env.set_index(holder, 0, self.env.undefined())?;
        Ok(value)
    }
    pub fn remember_exception(&self, exnref: u32, extern_number: usize) {
        self.identities.borrow_mut().insert(exnref, extern_number);
    }
    pub fn exception_identity(&self, exnref: u32) -> Option<usize> {
        self.identities.borrow().get(&exnref).copied()
    }
    /// With no wasm on the stack, nothing can refer to an exception any more.
    pub fn forget_exceptions(&self) {
        // Unless a suspended call does.
        if !self.suspended.is_empty() {
            return;
        }
        let forgot = self.store.look(|store| {
            let any = store.engine().exceptions_len() > 0;
            if any {
                store.engine().forget_exceptions();
            }
            any
        });
        if forgot == Some(true) {
            self.identities.borrow_mut().clear();
        }
    }

    // Images.
    // Life and death.

    /// Tells V8 how much lies behind this realm, so that it collects when much does. Of a generation's, whose memory does not
    /// wait for that, it is told what a forgotten sandbox would hold: little of a linear memory is ever touched, and all of
    /// it, for each generation anew, would make V8 collect all the time.
    pub fn report(&self) {
        let bytes = self.store.look(|store| store.unshared_bytes());
        let bytes = bytes.unwrap_or(0);
        let now = match self.is_replaced && bytes > 0 {
            true => {
                // What it grows by it has asked for.
                let first = self.first_bytes.get().unwrap_or(bytes).min(bytes);
                self.first_bytes.set(Some(first));
                Env::touched(first) + (bytes - first) as i64
            }
            false => bytes as i64,
        };
        let delta = now - self.reported.replace(now);
        if delta != 0 {
            self.env.adjust_external_memory(delta);
        }
    }
    /// Drops the store with its instances and memories, and everything JavaScript held for it.
    pub fn release(&self) -> Res<()> {
        if self.depth() > 0 {
            return Err(self.raise(
                ErrorKind::Busy,
                "the module is still on the stack: release it after the call returned",
            ));
        }
        self.store.look(|store| store.end_shared());
        self.empty();
        Ok(())
    }
    fn empty(&self) {
        self.suspended.end();
        let claim = self.give_up_all_buffers();
        self.interrupter.forget();
        if ptr::eq(LAST.get(), self) {
            LAST.set(ptr::null());
        }
        // Nobody holds it: `release` has looked, and who has the realm's last function is not in it.
        let store = self.store.replace(None).unwrap_or(None);
        if let Some(mut store) = store {
            match claim {
                Some(claim) => {
                    let memories = store.engine().take_linears();
                    let left: Vec<_> = memories.into_iter().map(Leftover::memory).collect();
                    drop(store);
                    in_flight::park(self.env, left, claim);
                }
                None => store.retire_memories(),
            }
        }
        for (_, reference) in self.functions.borrow_mut().drain() {
            self.env.forget(reference);
        }
        for reference in self.imports.borrow_mut().drain(..) {
            self.env.forget(reference);
        }
        self.identities.borrow_mut().clear();
        self.images.borrow_mut().clear();
        self.ranges.borrow_mut().clear();
        for reference in self.helpers.of_realm() {
            self.env.forget(reference);
        }
        self.report();
    }
}
