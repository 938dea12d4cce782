//! V8's own functions, as far as Node exports them: what its public interface can and Node-API cannot.

use std::ffi::{CStr, c_void};

/// `v8::Isolate*`.
pub type Isolate = *mut c_void;

/// `v8::Isolate::GetCurrent`: that of the thread's JavaScript.
pub type Current = unsafe extern "C" fn() -> Isolate;

pub const CURRENT: &CStr = c"_ZN2v87Isolate10GetCurrentEv";

/// A function by its C++ name, which tells its parameters and, but for the result, its type. `None` where Node does not export
/// it.
///
/// # Safety
/// `F` is a function pointer that passes and returns what the function does, in the ABI that C++ has on this platform.
pub unsafe fn function<F: Copy>(name: &CStr) -> Option<F> {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    let found = address(name)?;
    // SAFETY: as large, and a pointer to that function by the caller's promise.
    Some(unsafe { std::mem::transmute_copy(&found) })
}

#[cfg(unix)]
fn address(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: a look-up by name among what the process has loaded.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

#[cfg(not(unix))]
fn address(_: &CStr) -> Option<*mut c_void> {
    None
}
