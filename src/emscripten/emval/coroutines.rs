//! C++20 coroutines over `val`: what `co_await` waits for, the promise that a coroutine gives, and C++ exceptions as
//! JavaScript values, which is how one leaves a coroutine.

use crate::emscripten::js::JsValue;
use crate::emscripten::{Runtime, exceptions};
use crate::engine::{Args, Result, Unwind, ValRaw};

/// `(promise, awaiter)`: goes on with the coroutine once the promise has settled.
pub fn suspend(rt: &mut Runtime, a: &mut Args) -> Result {
    let (promise, awaiter) = (rt.emval_value(a.u32(0))?, a.u32(1));
    let js = rt.js();
    js.suspend(rt, promise, awaiter)
}

/// Gives the coroutine what its promise came to.
pub fn resume(rt: &mut Runtime, awaiter: u32, value: JsValue, rejected: bool) -> Result {
    // Before `_emval_coro_reject` a rejection was nobody's.
    if rejected && rt.wasm.export("_emval_coro_reject").is_none() {
        return Err(super::throw_value(rt, value));
    }
    let name = if rejected {
        "_emval_coro_reject"
    } else {
        "_emval_coro_resume"
    };
    let handle = rt.emval_handle(value)?;
    let args = [ValRaw::from_u32(awaiter), ValRaw::from_u32(handle)];
    rt.call_export(name, &args).map(drop)
}

/// `(resolve, reject) -> promise`: writes handles of the functions that settle it.
pub fn make_promise(rt: &mut Runtime, a: &mut Args) -> Result {
    let (resolve_at, reject_at) = (a.u32(0), a.u32(1));
    let js = rt.js();
    let made = js.make_promise(rt)?;
    let [promise, resolve, reject] = made;
    let handle = rt.emval_handle(resolve)?;
    rt.wasm.write_u32(resolve_at, handle)?;
    let handle = rt.emval_handle(reject)?;
    rt.wasm.write_u32(reject_at, handle)?;
    let handle = rt.emval_handle(promise)?;
    a.ret_u32(handle)
}

/// What rethrowing the C++ exception being handled unwinds with.
pub fn current(rt: &mut Runtime) -> Unwind {
    // With wasm exceptions the module knows, else the host.
    if let Some(rethrow) = rt.wasm.export("__cxa_rethrow") {
        return match rt.call(rethrow, &[]) {
            Err(unwind) => unwind,
            Ok(_) => Unwind::Abort("no exception to throw".into()),
        };
    }
    exceptions::rethrow_current(rt)
}

/// The C++ exception being handled, as JavaScript would catch it.
pub fn from_current_exception(rt: &mut Runtime, a: &mut Args) -> Result {
    let unwind = current(rt);
    if !matches!(unwind, Unwind::Cpp(_) | Unwind::WasmException(_)) {
        return Err(unwind);
    }
    let js = rt.js();
    let error = js.error_of(rt, unwind);
    let handle = rt.emval_handle(error)?;
    a.ret_u32(handle)
}

/// Whether a value is a C++ exception that C++ can catch when it is thrown again.
pub fn is_catchable(rt: &mut Runtime, a: &mut Args) -> Result {
    let value = rt.emval_value(a.u32(0))?;
    let unwind = rt.js.unwind_of(value);
    let catchable = matches!(unwind, Some(Unwind::Cpp(_) | Unwind::WasmException(_)));
    a.ret_i32(i32::from(catchable))
}
