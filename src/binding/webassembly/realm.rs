//! One realm: a store of wasm objects and the JavaScript values tied to it.

use super::suspending::Suspended;
use crate::binding::gate::{Gate, Held};
use crate::binding::in_flight;
use crate::binding::lent::{Claim, Lent};
use crate::binding::node_api::{Env, Failed, Ref, Res, Scope, Value};
use crate::emscripten::Lineage;
use crate::engine::Unwind;
use crate::engine::vm::{CallConfig, MemoryPlace, MemorySpan};
use crate::instance::{Interrupter, groups};
use crate::memory::{self, Leftover, RecycleOutcome};
use crate::webassembly::{FuncRef, ImageError, Made, Store, StoreImage, ValueKind};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use wasmer_types::FunctionType;

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
    lent: Lent,
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
    pub suspended: Suspended,
    /// How many promising calls are on the stack.
    promising: Cell<u32>,
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
            lent: Lent::default(),
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
            suspended: Suspended::default(),
            promising: Cell::new(0),
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
    pub fn stale(&self) -> Failed {
        self.raise(
            ErrorKind::Stale,
            "this WebAssembly object belongs to a generation that was released; take it anew from the current module",
        )
    }
    #[cold]
    pub fn raise(&self, kind: ErrorKind, message: &str) -> Failed {
        self.raise_with(kind, message, self.env.undefined())
    }
    #[cold]
    pub fn raise_with(&self, kind: ErrorKind, message: &str, detail: Value) -> Failed {
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

    /// How many calls into wasm are on the stack.
    #[inline]
    pub fn depth(&self) -> u32 {
        self.store.entered()
    }
    /// A call into wasm begins: the store stays until [`Realm::leave`].
    #[inline]
    pub fn enter(&self) -> Res<Held<'_, Store>> {
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
        }
        Ok(held)
    }
    /// It has ended: why it was stopped, if it was.
    #[inline]
    pub fn leave(&self, held: Held<'_, Store>, failed: bool) -> Option<Unwind> {
        let outermost = held.is_outermost();
        drop(held);
        self.sync_buffers();
        if outermost {
            self.interrupter.leave();
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
    pub fn stopped(&self, why: Option<Unwind>) -> Failed {
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

    // Functions.

    /// The one function object that stands for a wasm function.
    pub fn function_object(&self, function: FuncRef) -> Res<Value> {
        let key = function.0.as_ptr() as usize;
        let known = self.functions.borrow().get(&key).copied();
        if let Some(known) = known {
            if let Ok(js) = self.env.deref(known) {
                return Ok(js);
            }
            // One of a past generation, collected since.
            self.functions.borrow_mut().remove(&key);
            self.env.forget(known);
        }
        let ty = self.with(|store| {
            let known = store
                .function(key)
                .map(|function| function.signature.clone());
            known.or_else(|| {
                // SAFETY: the realm is live, so the function's instance is.
                let hash = unsafe { function.0.as_ref() }.type_signature_hash;
                store.signature(hash)
            })
        })?;
        let Some(ty) = ty else {
            return Err(self
                .env
                .throw_plain("internal error in emvm: a function without a type"));
        };
        self.with(|store| store.adopt_function(function, ty.clone()))?;
        self.make_function(function, key, &ty)
    }
    fn make_function(&self, function: FuncRef, key: usize, ty: &FunctionType) -> Res<Value> {
        let env = self.env;
        let cell = Box::new(FunctionCell {
            realm: self,
            function,
            generation: self.generation.get(),
            params: ty.params().iter().map(|ty| ValueKind::from(*ty)).collect(),
            results: ty.results().iter().map(|ty| ValueKind::from(*ty)).collect(),
        });
        let data = (&raw const *cell).cast_mut().cast::<c_void>();
        let name = self.function_name(key);
        // SAFETY: the cell lives as long as the realm, which the function object keeps, or as the function object.
        let js = unsafe { env.function(&name, Some(super::call::exported), data) }?;
        if self.generation.get() == 0 {
            self.cells.borrow_mut().push(cell);
        } else {
            // One more in each generation: it goes with its function.
            env.drop_with(js, cell)?;
        }
        if !ty.params().is_empty() {
            env.define_fixed(js, "length", env.uint(ty.params().len() as u32))?;
        }
        env.call(env.deref(self.helpers.adopt)?, &[js, env.address(key)])?;
        let reference = env.follow(js)?;
        self.functions.borrow_mut().insert(key, reference);
        if self.generation.get() > 0 {
            self.late.borrow_mut().push(key);
        }
        Ok(js)
    }
    fn function_name(&self, key: usize) -> String {
        let size = size_of::<wasmer_vm::VMCallerCheckedAnyfunc>();
        let ranges = self.ranges.borrow();
        let range = ranges
            .iter()
            .find(|range| (range.start..range.end).contains(&key));
        range.map_or_else(
            || "0".to_owned(),
            |range| (range.first_index + (key - range.start) / size).to_string(),
        )
    }
    /// Tells where the local functions of an instance lie, by one of them.
    pub fn note_functions(
        &self,
        one: FuncRef,
        its_local_index: usize,
        imported: usize,
        count: usize,
    ) {
        let size = size_of::<wasmer_vm::VMCallerCheckedAnyfunc>();
        let start = one.0.as_ptr() as usize - its_local_index * size;
        self.ranges.borrow_mut().push(FunctionRange {
            start,
            end: start + count * size,
            first_index: imported,
        });
    }
    pub fn keep_import(&self, function: Value) -> Res<Ref> {
        let reference = self.env.follow(function)?;
        self.imports.borrow_mut().push(reference);
        Ok(reference)
    }

    // Memory buffers.

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
    fn give_up_buffers(&self, which: impl Fn(&Buffer) -> bool) {
        self.buffers.borrow_mut().retain(|buffer| {
            let gone = which(buffer);
            if gone {
                self.env.forget(buffer.js);
            }
            !gone
        });
    }
    /// A generation is over: its views have length 0, at once where nobody claims its memories.
    fn give_up_all_buffers(&self) -> Option<Claim> {
        let claim = self.claim(|_| true);
        match &claim {
            None => self.drop_buffers(|_| true),
            Some(_) => self.give_up_buffers(|_| true),
        }
        self.lent.end();
        claim
    }
    /// Who may have memories of the realm, besides those who hold a buffer.
    fn claim(&self, which: impl Fn(&Buffer) -> bool) -> Option<Claim> {
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
        let sum = |store: &mut Store| store.linears().map(|linear| linear.private_bytes()).sum();
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
            let any = store.exceptions_len() > 0;
            if any {
                store.forget_exceptions();
            }
            any
        });
        if forgot == Some(true) {
            self.identities.borrow_mut().clear();
        }
    }

    // Images.

    /// Takes the image of the store; the number it is known by.
    pub fn take_image(&self) -> Res<usize> {
        self.at_rest("take its image")?;
        self.none_suspended()?;
        self.forget_exceptions();
        let image = self.leave_memories(self.claim(|_| true), StoreImage::take)?;
        // What is shown of a memory that moved is shown no more.
        self.sync_buffers();
        let image = image.map_err(|error| self.no_image(&error))?;
        self.generation.set(self.generation.get().max(1));
        Ok(self.keep_image(image))
    }
    fn keep_image(&self, image: StoreImage) -> usize {
        let mut images = self.images.borrow_mut();
        let lineage = self.lineage.borrow().clone();
        images.push(Some(Point { image, lineage }));
        images.len() - 1
    }
    /// The same where there is an image already; the store goes on as it is, as another generation. With its number: the bytes
    /// that are kept for it alone.
    pub fn take_point(&self) -> Res<(usize, usize)> {
        self.at_rest("take an image of it")?;
        self.none_suspended()?;
        let taken = match self.claim(|_| true) {
            None => self.with(StoreImage::take_changes)?,
            Some(_) => self.with(|store| {
                let linears: Vec<_> = store.linears().cloned().collect();
                linears.iter().for_each(|linear| linear.hold());
                let taken = StoreImage::take_changes(store);
                linears.iter().for_each(|linear| linear.let_go());
                taken
            })?,
        };
        let image = taken.map_err(|error| self.no_image(&error))?;
        let generation = self.generation.get();
        let lineage = self.lineage.borrow().and(generation, generation);
        self.lineage.replace(lineage);
        self.generation.set(self.generation.get() + 1);
        let bytes = image.own_bytes();
        Ok((self.keep_image(image), bytes))
    }
    /// A function object of the image that the store went back to, which stands for its wasm function again.
    pub fn know_function(&self, key: usize, js: Value) -> Res<()> {
        let reference = self.env.follow(js)?;
        if let Some(other) = self.functions.borrow_mut().insert(key, reference) {
            self.env.forget(other);
        }
        self.late.borrow_mut().push(key);
        Ok(())
    }
    pub fn drop_image(&self, number: usize) {
        if let Some(image) = self.images.borrow_mut().get_mut(number) {
            *image = None;
        }
    }
    /// Brings the store back to an image. Buffers of all memories are detached, and function objects made since are of no use.
    pub fn rewind(&self, number: usize) -> Res<(RecycleOutcome, Made)> {
        self.at_rest("rewind it")?;
        let images = self.images.borrow();
        let Some(Point { image, lineage }) = images.get(number).and_then(Option::as_ref) else {
            return Err(self.stale());
        };
        let claim = self.give_up_all_buffers();
        self.suspended.end();
        self.forget_exceptions();
        self.generation.set(self.generation.get() + 1);
        self.lineage.borrow_mut().clone_from(lineage);
        for key in self.late.borrow_mut().drain(..) {
            if let Some(reference) = self.functions.borrow_mut().remove(&key) {
                self.env.forget(reference);
            }
        }
        let outcome = self.leave_memories(claim, |store| image.restore(store))?;
        let outcome = outcome.map_err(|error| self.no_image(&error))?;
        self.report();
        Ok(outcome)
    }
    /// What differs from an image, in words.
    pub fn differences(&self, number: usize) -> Res<Vec<String>> {
        let images = self.images.borrow();
        let Some(Point { image, .. }) = images.get(number).and_then(Option::as_ref) else {
            return Err(self.stale());
        };
        let found = self.with(|store| image.differences(store))?;
        found.map_err(|error| self.no_image(&error))
    }
    /// Runs what may put other regions in place of those that the memories have, which are left to whoever claims them.
    fn leave_memories<R>(
        &self,
        claim: Option<Claim>,
        work: impl FnOnce(&mut Store) -> R,
    ) -> Res<R> {
        let Some(claim) = claim else {
            return self.with(work);
        };
        let (done, left) = self.with(|store| {
            let linears: Vec<_> = store.linears().cloned().collect();
            linears.iter().for_each(|linear| linear.hold());
            let done = work(store);
            let left = linears.iter().flat_map(|linear| {
                let left = linear.take_left();
                linear.let_go();
                left
            });
            (done, left.collect::<Vec<_>>())
        })?;
        if !left.is_empty() {
            self.give_up_buffers(|_| true);
            self.lent.end();
            in_flight::park(self.env, left, claim);
        }
        Ok(done)
    }
    fn at_rest(&self, what: &str) -> Res<()> {
        if self.depth() == 0 {
            return Ok(());
        }
        let message = format!("the module is still on the stack: {what} after the call returned");
        Err(self.raise(ErrorKind::Busy, &message))
    }
    /// An image has no stacks.
    fn none_suspended(&self) -> Res<()> {
        if self.suspended.is_empty() {
            return Ok(());
        }
        let message =
            "a call of the module waits for a promise: take the image after it has returned";
        Err(self.raise(ErrorKind::Busy, message))
    }
    #[cold]
    fn no_image(&self, error: &ImageError) -> Failed {
        let kind = match error {
            ImageError::System(_) => ErrorKind::Range,
            _ => ErrorKind::Runtime,
        };
        self.raise(kind, &error.to_string())
    }
    pub fn generation(&self) -> u64 {
        self.generation.get()
    }
    /// Whether what was made in `generation` is of this one, or of all.
    #[inline]
    pub fn is_current(&self, generation: u64) -> bool {
        generation == 0
            || generation == self.generation.get()
            || self.lineage.borrow().has(generation)
    }

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
                    let memories = store.take_linears();
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
