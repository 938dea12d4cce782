//! What V8 can and Node-API cannot: buffers over large memories of which its collector is not told, and what a promise has.
//!
//! V8 begins a marking whenever a buffer of more than 64 MB is made, since it counts its bytes as if they had been allocated now. A recycle
//! makes such buffers over memory that is there already. V8 counts nothing where a buffer's memory is never freed with it, which
//! its public interface can say and Node-API cannot: so this is V8's own. Where V8 does not export it, there is none.

use super::ending::symbol;
use super::node_api::{Env, Value};
use napi::sys;
use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::sync::OnceLock;

/// Fewer bytes than that are counted as always.
pub const LEAST: usize = 32 << 20;

type Deleter = unsafe extern "C" fn(*mut c_void, usize, *mut c_void);

/// What is returned in memory: a `std::unique_ptr`, which is one word. A value of this size is returned in the same way.
#[repr(C)]
struct Returned([MaybeUninit<usize>; 3]);

/// A `std::shared_ptr` without an owner.
#[repr(C)]
struct Shared {
    value: usize,
    control: usize,
}

struct V8 {
    isolate: unsafe extern "C" fn() -> *mut c_void,
    store: unsafe extern "C" fn(*mut c_void, usize, Deleter, *mut c_void) -> Returned,
    buffer: unsafe extern "C" fn(*mut c_void, *mut Shared) -> usize,
    keeps: Deleter,
}

impl V8 {
    fn get() -> Option<&'static Self> {
        static V8: OnceLock<Option<V8>> = OnceLock::new();
        // SAFETY: the names tell parameters and results; the C++ ABI passes and returns them as is written here.
        let find = || unsafe {
            Some(V8 {
                isolate: std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> *mut c_void>(
                    symbol(c"_ZN2v87Isolate10GetCurrentEv")?,
                ),
                store: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(*mut c_void, usize, Deleter, *mut c_void) -> Returned,
                >(symbol(
                    c"_ZN2v811ArrayBuffer15NewBackingStoreEPvmPFvS1_mS1_ES1_",
                )?),
                buffer: std::mem::transmute::<
                    *mut c_void,
                    unsafe extern "C" fn(*mut c_void, *mut Shared) -> usize,
                >(symbol(
                    c"_ZN2v811ArrayBuffer3NewEPNS_7IsolateESt10shared_ptrINS_12BackingStoreEE",
                )?),
                keeps: std::mem::transmute::<*mut c_void, Deleter>(symbol(
                    c"_ZN2v812BackingStore12EmptyDeleterEPvmS1_",
                )?),
            })
        };
        V8.get_or_init(find).as_ref()
    }
}

thread_local! {
    /// V8's description of a memory, by place and length. Whoever took a buffer's memory away has it, too, and nobody can tell how
    /// long: they are a few words each and never freed.
    static STORES: RefCell<HashMap<(usize, usize), usize>> = RefCell::default();
}

/// Whether this V8 takes memory that is not its own. One with a sandbox ends the process where it is given some; Node-API knows.
fn shows_foreign_memory(env: Env) -> bool {
    thread_local! {
        static KNOWN: OnceCell<bool> = const { OnceCell::new() };
    }
    let probe = || {
        let byte = Box::leak(Box::new(0u8));
        // SAFETY: the byte stays for ever.
        unsafe { env.external_buffer(byte, 1, None, std::ptr::null_mut()) }.is_ok()
    };
    KNOWN.with(|known| *known.get_or_init(probe))
}

/// A buffer over memory that stays as long as anybody has it. `None` where there is no such buffer to be had.
pub fn buffer(env: Env, base: *mut u8, len: usize) -> Option<Value> {
    if !cfg!(target_pointer_width = "64") {
        return None;
    }
    let v8 = V8::get()?;
    if !shows_foreign_memory(env) {
        return None;
    }
    let store = STORES.with_borrow_mut(|stores| {
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
    let mut shared = Shared {
        value: store,
        control: 0,
    };
    // SAFETY: this thread runs JavaScript, in a scope of handles; the store is never freed, so that it needs no owner.
    let made = unsafe {
        let isolate = (v8.isolate)();
        if isolate.is_null() {
            return None;
        }
        (v8.buffer)(isolate, &raw mut shared)
    };
    let value = Value::from_raw(made as *mut _)?;
    let shows = |bytes: &[u8]| bytes.as_ptr() == base.cast_const() && bytes.len() == len;
    env.with_bytes(value, shows).ok()?.then_some(value)
}

/// What a promise is fulfilled or rejected with; `None` while it is pending, or where V8 does not tell.
pub fn promise_value(env: Env, promise: Value) -> Option<Value> {
    static FIND: OnceLock<Option<[usize; 2]>> = OnceLock::new();
    let find = || {
        let names = [c"_ZN2v87Promise5StateEv", c"_ZN2v87Promise6ResultEv"];
        let [state, result] = names.map(|name| symbol(name).map(|found| found as usize));
        Some([state?, result?])
    };
    let [state, result] = (*FIND.get_or_init(find))?;
    if !env.is_promise(promise) {
        return None;
    }
    // SAFETY: methods of V8's that take the address of a handle's slot, which is what a value is, and give a number and a handle.
    unsafe {
        let state: unsafe extern "C" fn(sys::napi_value) -> i32 = std::mem::transmute(state);
        let result: unsafe extern "C" fn(sys::napi_value) -> sys::napi_value =
            std::mem::transmute(result);
        match state(promise.raw()) {
            1 | 2 => Value::from_raw(result(promise.raw())),
            _ => None,
        }
    }
}
