//! What V8 can and Node-API cannot: buffers over large memories of which its collector is not told, and what a promise has.
//!
//! V8 counts a buffer's bytes as if they had been allocated now: with more than 32 MB of young ones it collects garbage whenever an
//! ArrayBuffer is made, and one of more than 64 MB begins a marking. A recycle makes such buffers over memory that is there already. V8 counts nothing where a buffer's memory is never freed with it, which
//! its public interface can say and Node-API cannot: so this is V8's own. Where V8 does not export it, there is none.

use super::node_api::{Env, Value};
use super::v8;
use napi::sys;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, Ordering};

/// Buffers of fewer bytes are counted as always: that tells V8 how much a forgotten sandbox holds.
pub const LEAST: usize = 64 << 20;
/// The same where generations follow one another, and tell V8 themselves what they hold.
pub const LEAST_REPLACED: usize = 1 << 20;
/// So many descriptions of memories are kept. Those of further ones are counted as always.
const MOST_STORES: usize = 1 << 14;

type Deleter = unsafe extern "C" fn(*mut c_void, usize, *mut c_void);

/// What is returned in memory: a `std::unique_ptr`, which is one word. A value of this size is returned in the same way.
#[repr(C)]
struct ReturnSlot([MaybeUninit<usize>; 3]);

/// A `std::shared_ptr`, with what counts its owners.
#[repr(C)]
struct SharedPtr {
    value: usize,
    control: usize,
}

/// What counts the owners of a `std::shared_ptr`: this is what its copies point to.
#[repr(C)]
struct Control {
    /// Called when the last owner goes, which is not V8: we are one.
    functions: *const [unsafe extern "C" fn(); 8],
    uses: AtomicI32,
    weak: AtomicI32,
}

unsafe extern "C" fn never() {
    std::process::abort()
}

static FUNCTIONS: [unsafe extern "C" fn(); 8] = [never; 8];

/// Who has the memory of a buffer: V8 for as long as the buffer, or one that took its memory away, is alive and not detached.
#[derive(Debug)]
pub struct Owners(NonNull<Control>);

// SAFETY: V8 counts on other threads, too; what is shared is atomic.
unsafe impl Send for Owners {}
// SAFETY: as above.
unsafe impl Sync for Owners {}

impl Owners {
    fn new() -> Self {
        let control = Control {
            functions: &raw const FUNCTIONS,
            uses: AtomicI32::new(1),
            weak: AtomicI32::new(1),
        };
        Self(NonNull::from(Box::leak(Box::new(control))))
    }

    fn uses(&self) -> &AtomicI32 {
        // SAFETY: alive until this is dropped; `uses` and `functions` are read by V8 only.
        unsafe { &(*self.0.as_ptr()).uses }
    }

    /// Whether nobody but us has it.
    pub fn are_gone(&self) -> bool {
        self.uses().load(Ordering::Acquire) == 1
    }
}

impl Drop for Owners {
    fn drop(&mut self) {
        // Else V8 will look at it once more: a few words are left.
        if self.are_gone() {
            // SAFETY: made by `Box::leak`, and nobody else has it.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}

struct V8 {
    isolate: v8::Current,
    store: unsafe extern "C" fn(*mut c_void, usize, Deleter, *mut c_void) -> ReturnSlot,
    buffer: unsafe extern "C" fn(v8::Isolate, *mut SharedPtr) -> usize,
    keeps: Deleter,
}

impl V8 {
    fn get() -> Option<&'static Self> {
        static V8: OnceLock<Option<V8>> = OnceLock::new();
        // SAFETY: the names tell parameters and results; the C++ ABI passes and returns them as is written here.
        let find = || unsafe {
            Some(V8 {
                isolate: v8::function(v8::CURRENT)?,
                store: v8::function(c"_ZN2v811ArrayBuffer15NewBackingStoreEPvmPFvS1_mS1_ES1_")?,
                buffer: v8::function(
                    c"_ZN2v811ArrayBuffer3NewEPNS_7IsolateESt10shared_ptrINS_12BackingStoreEE",
                )?,
                keeps: v8::function(c"_ZN2v812BackingStore12EmptyDeleterEPvmS1_")?,
            })
        };
        V8.get_or_init(find).as_ref()
    }
}

thread_local! {
    /// V8's description of a memory, by place and length: a few words each, never freed.
    static STORES: RefCell<HashMap<(usize, usize), usize>> = RefCell::default();
}

/// Whether this V8 takes memory that is not its own (one with a sandbox ends the process where it is given some; Node-API
/// knows), and counts the owners of such memory as is expected.
fn works(env: Env, v8: &V8) -> bool {
    thread_local! {
        static KNOWN: OnceCell<bool> = const { OnceCell::new() };
    }
    let probe = || {
        let byte: *mut u8 = Box::leak(Box::new(0));
        // SAFETY: the byte stays for ever.
        if unsafe { env.external_buffer(byte, 1, None, std::ptr::null_mut()) }.is_err() {
            return false;
        }
        let made = make(env, v8, byte, 1);
        made.is_some_and(|(buffer, owners)| {
            let owned = owners.uses().load(Ordering::Acquire) == 2;
            owned && env.detach(buffer).is_ok() && owners.are_gone()
        })
    };
    KNOWN.with(|known| *known.get_or_init(probe))
}

/// A buffer over memory that stays as long as it has owners. `None` where there is no such buffer to be had.
pub fn buffer(env: Env, base: *mut u8, len: usize) -> Option<(Value, Owners)> {
    if !cfg!(target_pointer_width = "64") {
        return None;
    }
    let v8 = V8::get()?;
    works(env, v8).then(|| make(env, v8, base, len)).flatten()
}

fn make(env: Env, v8: &V8, base: *mut u8, len: usize) -> Option<(Value, Owners)> {
    let store = STORES.with_borrow_mut(|stores| {
        if stores.len() >= MOST_STORES && !stores.contains_key(&(base as usize, len)) {
            return 0;
        }
        *stores.entry((base as usize, len)).or_insert_with(|| {
            // SAFETY: V8 keeps the address and the length, and calls nothing.
            let made = unsafe { (v8.store)(base.cast(), len, v8.keeps, std::ptr::null_mut()) };
            // SAFETY: the one word of the pointer that was returned.
            unsafe { made.0[0].assume_init() }
        })
    });
    if store == 0 {
        return None;
    }
    let owners = Owners::new();
    // The argument is an owner.
    owners.uses().fetch_add(1, Ordering::AcqRel);
    let mut shared = SharedPtr {
        value: store,
        control: owners.0.as_ptr() as usize,
    };
    // SAFETY: this thread runs JavaScript, in a scope of handles; the store is never freed.
    let made = unsafe {
        let isolate = (v8.isolate)();
        (!isolate.is_null()).then(|| (v8.buffer)(isolate, &raw mut shared))
    };
    // Whoever calls destroys the argument: it is empty when V8 moved it into the buffer.
    if shared.control != 0 {
        owners.uses().fetch_sub(1, Ordering::AcqRel);
    }
    let value = Value::from_raw(made? as *mut _)?;
    let shows = |bytes: &[u8]| bytes.as_ptr() == base.cast_const() && bytes.len() == len;
    env.with_bytes(value, shows)
        .ok()?
        .then_some((value, owners))
}

/// What a promise is fulfilled or rejected with; `None` while it is pending, or where V8 does not tell.
pub fn promise_value(env: Env, promise: Value) -> Option<Value> {
    type State = unsafe extern "C" fn(sys::napi_value) -> i32;
    type Result = unsafe extern "C" fn(sys::napi_value) -> sys::napi_value;
    static FOUND: OnceLock<Option<(State, Result)>> = OnceLock::new();
    // SAFETY: methods that take the address of a handle's slot, which is what a value is, and give a number and a handle.
    let find = || unsafe {
        Some((
            v8::function(c"_ZN2v87Promise5StateEv")?,
            v8::function(c"_ZN2v87Promise6ResultEv")?,
        ))
    };
    let (state, result) = (*FOUND.get_or_init(find))?;
    if !env.is_promise(promise) {
        return None;
    }
    // SAFETY: the value is a promise.
    unsafe {
        match state(promise.raw()) {
            1 | 2 => Value::from_raw(result(promise.raw())),
            _ => None,
        }
    }
}
