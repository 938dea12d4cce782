//! What outlives a call: references. What does not: scopes.

use super::{Env, Failure, Res, Value};
use napi::sys;
use std::ptr;

/// A reference to an object or function, owned by whoever calls [`Env::forget`].
#[derive(Clone, Copy, Debug)]
pub struct Ref(sys::napi_ref);

impl Env {
    fn refer(self, value: Value, count: u32) -> Res<Ref> {
        let mut reference = ptr::null_mut();
        // SAFETY: a live value.
        self.check(unsafe {
            sys::napi_create_reference(self.0, value.raw(), count, &mut reference)
        })?;
        Ok(Ref(reference))
    }
    /// A reference that keeps the value.
    pub fn keep(self, value: Value) -> Res<Ref> {
        self.refer(value, 1)
    }
    /// A reference that does not keep the value: something in JavaScript must, for as long as it is used.
    pub fn follow(self, value: Value) -> Res<Ref> {
        self.refer(value, 0)
    }
    /// The value; fails when it was collected.
    #[inline]
    pub fn deref(self, reference: Ref) -> Res<Value> {
        let mut value = ptr::null_mut();
        // SAFETY: a reference that was not deleted.
        let status = unsafe { sys::napi_get_reference_value(self.0, reference.0, &mut value) };
        if status == sys::Status::napi_ok
            && let Some(value) = Value::from_raw(value)
        {
            return Ok(value);
        }
        Err(Failure::Refused(status))
    }
    pub fn forget(self, reference: Ref) {
        // SAFETY: deleted once: its owner gives it up here.
        unsafe { sys::napi_delete_reference(self.0, reference.0) };
    }
}

/// A reference that is deleted with its owner, on the thread of its environment.
#[derive(Debug)]
pub struct Reference {
    env: Env,
    reference: Ref,
}

impl Reference {
    pub fn new(env: Env, value: Value) -> Option<Self> {
        let reference = env.keep(value).ok()?;
        Some(Self { env, reference })
    }
    /// A reference that does not keep its value: `value` gives nothing once that is collected.
    pub fn weak(env: Env, value: Value) -> Option<Self> {
        let reference = env.follow(value).ok()?;
        Some(Self { env, reference })
    }
    /// A weak reference to what the sandbox's JavaScript object, `keeper`, holds under `name`: a strong one would lead
    /// back to the sandbox, and nobody could ever collect it.
    pub fn kept_by(env: Env, keeper: Value, name: &str, value: Value) -> Option<Self> {
        env.define(keeper, name, value).ok()?;
        Self::weak(env, value)
    }
    pub fn value(&self) -> Option<Value> {
        self.env.deref(self.reference).ok()
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        self.env.forget(self.reference);
    }
}

/// Values made in here die with it.
pub struct Scope {
    env: Env,
    scope: sys::napi_handle_scope,
}

impl Scope {
    #[inline]
    pub fn open(env: Env) -> Self {
        let mut scope = ptr::null_mut();
        // SAFETY: closed in `drop`, in reverse order of opening.
        unsafe { sys::napi_open_handle_scope(env.0, &mut scope) };
        Self { env, scope }
    }
    /// For whoever keeps scopes in order by itself.
    pub fn into_raw(self) -> usize {
        let scope = self.scope as usize;
        std::mem::forget(self);
        scope
    }
    /// # Safety
    /// `raw` is of [`Scope::into_raw`], once, and the last that is open.
    pub unsafe fn from_raw(env: Env, raw: usize) -> Self {
        let scope = raw as sys::napi_handle_scope;
        Self { env, scope }
    }
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        if !self.scope.is_null() {
            // SAFETY: opened by `open`.
            unsafe { sys::napi_close_handle_scope(self.env.0, self.scope) };
        }
    }
}
