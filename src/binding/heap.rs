//! The C library's heap, which V8's buffers lie in.

use napi_derive::napi;

/// Large buffers of JavaScript's are gone: their memory goes back to the system.
#[napi(catch_unwind)]
pub fn trim_heap() {
    crate::memory::trim();
}
