//! The linear memory as JavaScript sees it: one external ArrayBuffer at a time, dead after growth and recycle.

use super::raw::{Reference, get};
use napi::sys;
use std::cell::RefCell;

/// The ArrayBuffer over a sandbox's memory, made when asked for.
#[derive(Debug, Default)]
pub struct MemoryBuffer {
    current: RefCell<Option<Current>>,
}

#[derive(Debug)]
struct Current {
    reference: Reference,
    base: *const u8,
    len: usize,
}

impl MemoryBuffer {
    /// The buffer over `[base, base + len)`: the same object as long as these stay the same.
    ///
    /// `None` where the runtime allows no external buffers (Electron from 21 on).
    pub fn value(&self, env: sys::napi_env, base: *mut u8, len: usize) -> Option<sys::napi_value> {
        self.follow(env, base, len);
        if let Some(value) = self
            .current
            .borrow()
            .as_ref()
            .and_then(|c| c.reference.value())
        {
            return Some(value);
        }
        let buffer = get!(
            napi_create_external_arraybuffer,
            env,
            base.cast(),
            len,
            None,
            std::ptr::null_mut()
        )?;
        let reference = Reference::new(env, buffer)?;
        *self.current.borrow_mut() = Some(Current {
            reference,
            base,
            len,
        });
        Some(buffer)
    }

    /// Detaches the buffer when the memory is no longer the one it shows.
    pub fn follow(&self, env: sys::napi_env, base: *const u8, len: usize) {
        let changed = self
            .current
            .borrow()
            .as_ref()
            .is_some_and(|c| c.base != base || c.len != len);
        if changed {
            self.detach(env);
        }
    }

    /// Gives every view of the memory length 0.
    pub fn detach(&self, env: sys::napi_env) {
        let Some(current) = self.current.take() else {
            return;
        };
        let mut scope = std::ptr::null_mut();
        // SAFETY: the scope is closed below; the buffer is ours and external, so detaching it is allowed. V8 does not
        // free external memory on detach: the region stays the sandbox's.
        unsafe {
            sys::napi_open_handle_scope(env, &mut scope);
            if let Some(buffer) = current.reference.value() {
                sys::napi_detach_arraybuffer(env, buffer);
            }
            sys::napi_close_handle_scope(env, scope);
        }
    }
}

/// Whether the runtime lets addons make ArrayBuffers over memory of their own. Electron's V8 keeps all buffers in a cage
/// and refuses; the views of a module's memory cannot be had there.
pub fn external_buffers(env: sys::napi_env) -> bool {
    static PROBE: [u8; 8] = [0; 8];
    // Nobody sees the buffer, so nobody writes through it.
    let probe = (&raw const PROBE).cast_mut();
    let made = get!(
        napi_create_external_arraybuffer,
        env,
        probe.cast(),
        PROBE.len(),
        None,
        std::ptr::null_mut()
    );
    made.is_some()
}
