//! Errors and faults of a sandbox, as its JavaScript side makes them, hears of them, and carries them through the module.

use super::SandboxCell;
use crate::binding::node_api::{Env, Reference, Value};
use crate::emscripten::exceptions::Description;
use crate::emscripten::js::JsRef;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl SandboxCell {
    pub fn set_fault_hook(&self, function: Value) {
        *self.fault_hook.borrow_mut() = Reference::weak(self.env, function);
    }

    /// Tells of a fault. No exception may be pending; one that the hook throws is dropped.
    pub(super) fn tell(&self, error: Value) {
        let hook = self.fault_hook.borrow().as_ref().and_then(Reference::value);
        if let Some(hook) = hook
            && let Err(failed) = self.env.call(hook, &[error])
        {
            self.env.exception_of(failed);
        }
    }

    pub fn set_explainer(&self, function: Value) {
        *self.explainer.borrow_mut() = Reference::weak(self.env, function);
    }

    /// What the module says of a C++ exception. No exception may be pending.
    pub fn explain(&self, ptr: u32) -> Option<String> {
        let explainer = self
            .explainer
            .borrow()
            .as_ref()
            .and_then(Reference::value)?;
        let env = self.env;
        match env.call(explainer, &[env.number(f64::from(ptr))]) {
            Ok(text) => env.to_string(text).ok(),
            Err(failed) => {
                env.exception_of(failed);
                None
            }
        }
    }

    pub fn set_script_error(&self, keeper: Value, function: Value) {
        *self.script_error.borrow_mut() =
            Reference::kept_by(self.env, keeper, "#scriptError", function);
    }

    pub fn set_errno_error(&self, keeper: Value, function: Value) {
        *self.errno_error.borrow_mut() =
            Reference::kept_by(self.env, keeper, "#errnoError", function);
    }

    /// An error of the file system.
    pub fn errno_error(&self, number: i32, name: &str, text: &str) -> Value {
        let env = self.env;
        let args = [env.int(number), env.message(name), env.message(text)];
        made_by(env, &self.errno_error, &args).unwrap_or_else(|| env.error_with_code(name, text))
    }

    /// An error of one of the module's own classes.
    pub fn script_error(&self, class: &str, message: &str) -> Value {
        let env = self.env;
        let args = [env.message(class), env.message(message)];
        made_by(env, &self.script_error, &args).unwrap_or_else(|| match class {
            "TypeError" => env.type_error(message),
            "RangeError" => env.range_error(message),
            _ => env.error(message),
        })
    }

    /// The JavaScript error that crossed wasm under this key.
    pub fn take_js_error(&self, key: u32) -> Option<Value> {
        let at = self
            .carried
            .borrow()
            .iter()
            .position(|kept| kept.0 == key)?;
        let kept = self.carried.borrow_mut().swap_remove(at);
        let js = self.look(|instance| instance.runtime.js())?;
        let value = js.value(kept);
        js.release(kept);
        Some(value.into())
    }

    pub fn carry_error(&self, kept: JsRef) {
        self.carried.borrow_mut().push(kept);
    }

    /// The outermost call is over: nothing throws these any more.
    pub(super) fn drop_errors(&self) {
        if self.carried.borrow().is_empty() {
            return;
        }
        let left = std::mem::take(&mut *self.carried.borrow_mut());
        if let Some(js) = self.look(|instance| instance.runtime.js()) {
            for kept in left {
                js.release(kept);
            }
        }
    }

    /// Runs the exception's `what()`: a call like any other, for limits and recycling.
    pub fn describe_exception(&self, ptr: u32) -> Option<Description> {
        // Within a call that goes on, its limit holds; `enter` has ended the limit of an outermost one.
        let own = self.gate.entered() <= 1;
        let mut held = self.hold()?;
        let interrupter = held.state().interrupter.clone();
        if own {
            interrupter.begin();
        }
        let describe = || held.state().runtime.describe_exception(ptr);
        let described = catch_unwind(AssertUnwindSafe(describe)).ok();
        if own {
            interrupter.end(None);
        }
        described
    }
}

/// What a function of the facade makes of these.
fn made_by(env: Env, function: &RefCell<Option<Reference>>, args: &[Value]) -> Option<Value> {
    let function = function.borrow().as_ref().and_then(Reference::value)?;
    match env.call(function, args) {
        Ok(made) => Some(made),
        Err(failed) => {
            env.exception_of(failed);
            None
        }
    }
}
