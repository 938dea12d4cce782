//! A sandbox as the addon keeps it, and the one way in for every call from JavaScript.

use super::errors;
use super::memory::MemoryBuffer;
use super::raw::{self, Reference, get};
use crate::emscripten::js::{JsRef, JsValue};
use crate::emscripten::{Runtime, exceptions::Description};
use crate::engine::{Owner, Unwind};
use crate::instance::Instance;
use napi::sys;
use std::cell::{Cell, RefCell, UnsafeCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

// SAFETY: every `Runtime` lives in an `Instance`'s box from before it is linked until after its store is dropped, is
// never moved out of it, and is only used on the thread of its JavaScript environment.
unsafe impl Owner for Runtime {
    fn wasm(&mut self) -> &mut crate::engine::Wasm {
        &mut self.wasm
    }
}

/// A sandbox. Its address is the data of the raw callbacks, so it is boxed and stays in place as long as any of their
/// functions can be called: each of those holds the JavaScript object that owns it.
pub struct SandboxCell {
    pub env: sys::napi_env,
    pub buffer: MemoryBuffer,
    /// `None` before start-up and after `dispose`. Borrowed for the length of a call; calls nest through callbacks, and
    /// an outer call does not touch it while an inner one runs.
    instance: UnsafeCell<Option<Instance>>,
    /// How many native calls of this sandbox are on the stack, in wasm or not yet: while it is not 0, the instance
    /// stays. Arguments are converted before wasm is entered, and a getter or `valueOf` among them may do anything.
    entered: Cell<u32>,
    /// `(className, message) => Error`: the module's own `BindingError` and its kin, made by the facade.
    script_error: RefCell<Option<Reference>>,
    /// `(error) => void`: told of traps, aborts and time-outs, for those who watch a sandbox.
    fault_hook: RefCell<Option<Reference>>,
    /// `(errno, code, text) => Error`: the facade's `FS.ErrnoError`.
    errno_error: RefCell<Option<Reference>>,
    /// JavaScript errors on their way through the module. What C++ catches never comes out.
    carried: RefCell<Vec<JsRef>>,
}

impl SandboxCell {
    pub fn new(env: sys::napi_env) -> Box<Self> {
        Box::new(Self {
            env,
            buffer: MemoryBuffer::default(),
            instance: UnsafeCell::new(None),
            entered: Cell::new(0),
            script_error: RefCell::new(None),
            fault_hook: RefCell::new(None),
            errno_error: RefCell::new(None),
            carried: RefCell::default(),
        })
    }

    /// A native call of the sandbox is on the stack: nothing may be replaced under it.
    pub fn is_busy(&self) -> bool {
        self.entered.get() > 0 || self.instance().is_some_and(|instance| instance.is_busy())
    }

    /// Keeps the instance in place until the guard is dropped.
    pub fn hold(&self) -> Held<'_> {
        self.entered.set(self.entered.get() + 1);
        Held(self)
    }

    /// The instance, unless disposed.
    ///
    /// The reference must not be used across anything that runs JavaScript or wasm: see `instance`.
    #[expect(
        clippy::mut_from_ref,
        reason = "one thread; exclusive by the rule above"
    )]
    pub fn instance(&self) -> Option<&mut Instance> {
        // SAFETY: only this environment's thread gets here, and callers keep to the rule above.
        unsafe { &mut *self.instance.get() }.as_mut()
    }

    pub fn set_instance(&self, instance: Option<Instance>) {
        // SAFETY: as above; callers have checked that the module is not on the stack.
        unsafe { *self.instance.get() = instance };
    }

    pub fn set_fault_hook(&self, function: sys::napi_value) {
        *self.fault_hook.borrow_mut() = Reference::weak(self.env, function);
    }

    /// Tells of a fault. No exception may be pending; one that the hook throws is dropped.
    fn tell(&self, error: sys::napi_value) {
        let hook = self.fault_hook.borrow().as_ref().and_then(Reference::value);
        if let Some(hook) = hook
            && get!(
                napi_call_function,
                self.env,
                raw::undefined(self.env),
                hook,
                1,
                &raw const error
            )
            .is_none()
        {
            raw::take_exception(self.env);
        }
    }

    pub fn set_script_error(&self, keeper: sys::napi_value, function: sys::napi_value) {
        *self.script_error.borrow_mut() =
            Reference::kept_by(self.env, keeper, "#scriptError", function);
    }

    pub fn set_errno_error(&self, keeper: sys::napi_value, function: sys::napi_value) {
        *self.errno_error.borrow_mut() =
            Reference::kept_by(self.env, keeper, "#errnoError", function);
    }

    /// An error of the file system.
    pub fn errno_error(
        &self,
        env: sys::napi_env,
        number: i32,
        name: &str,
        text: &str,
    ) -> sys::napi_value {
        let args = [
            raw::number(env, number.into()),
            raw::string(env, name),
            raw::string(env, text),
        ];
        let made = self.errno_error.borrow().as_ref().and_then(|function| {
            get!(
                napi_call_function,
                env,
                raw::undefined(env),
                function.value()?,
                3,
                args.as_ptr()
            )
        });
        let plain =
            || get!(napi_create_error, env, args[1], args[2]).unwrap_or(std::ptr::null_mut());
        made.unwrap_or_else(plain)
    }

    /// Gives up everything that lives in the JavaScript environment.
    pub fn release(&self) {
        self.buffer.detach(self.env);
        self.drop_errors();
        self.set_instance(None);
        self.script_error.borrow_mut().take();
        self.fault_hook.borrow_mut().take();
        self.errno_error.borrow_mut().take();
    }

    /// An error of one of the module's own classes.
    pub fn script_error(&self, env: sys::napi_env, class: &str, message: &str) -> sys::napi_value {
        let made = self.script_error.borrow().as_ref().and_then(|function| {
            let args = [raw::string(env, class), raw::string(env, message)];
            get!(
                napi_call_function,
                env,
                raw::undefined(env),
                function.value()?,
                2,
                args.as_ptr()
            )
        });
        made.unwrap_or_else(|| {
            let text = raw::string(env, message);
            let none = std::ptr::null_mut();
            match class {
                "TypeError" => get!(napi_create_type_error, env, none, text),
                "RangeError" => get!(napi_create_range_error, env, none, text),
                _ => get!(napi_create_error, env, none, text),
            }
            .unwrap_or(none)
        })
    }

    /// The JavaScript error that crossed wasm under this key.
    pub fn take_js_error(&self, key: u32) -> Option<sys::napi_value> {
        let at = self
            .carried
            .borrow()
            .iter()
            .position(|kept| kept.0 == key)?;
        let kept = self.carried.borrow_mut().swap_remove(at);
        let js = &self.instance()?.runtime.js;
        let value = js.value(kept).0 as sys::napi_value;
        js.release(kept);
        Some(value)
    }

    pub fn carry_error(&self, kept: JsRef) {
        self.carried.borrow_mut().push(kept);
    }

    /// The outermost call is over: nothing throws these any more.
    fn drop_errors(&self) {
        if self.carried.borrow().is_empty() {
            return;
        }
        let left = std::mem::take(&mut *self.carried.borrow_mut());
        if let Some(instance) = self.instance() {
            for kept in left {
                instance.runtime.js.release(kept);
            }
        }
    }

    /// Runs the exception's `what()`: a call like any other, for limits and recycling.
    pub fn describe_exception(&self, ptr: u32) -> Option<Description> {
        let interrupter = self.instance()?.interrupter.clone();
        // Within a call that goes on, its limit holds; `enter` has ended the limit of an outermost one.
        let own = self.entered.get() <= 1;
        let _held = self.hold();
        if own {
            interrupter.begin();
        }
        let describe = || Some(self.instance()?.runtime.describe_exception(ptr));
        let described = catch_unwind(AssertUnwindSafe(describe)).ok().flatten();
        if own {
            interrupter.end(None);
        }
        described
    }

    /// The ArrayBuffer over the linear memory as it is now.
    pub fn array_buffer(&self, env: sys::napi_env) -> Option<sys::napi_value> {
        let memory = self.instance()?.runtime.wasm.memory_mut();
        let (base, len) = (memory.as_mut_ptr(), memory.len());
        self.buffer.value(env, base, len)
    }

    /// The ArrayBuffer for a view of it that ends at `end`.
    pub fn array_buffer_for(&self, env: sys::napi_env, end: usize) -> Option<sys::napi_value> {
        let memory = self.instance()?.runtime.wasm.memory_mut();
        let (base, len) = (memory.as_mut_ptr(), memory.len());
        self.buffer.value_for(env, base, len, end)
    }
}

/// A native call of a sandbox is on the stack.
pub struct Held<'a>(&'a SandboxCell);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.entered.set(self.0.entered.get() - 1);
    }
}

/// What a panic said. No panic may cross N-API.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without text".into())
}

/// Runs a call into a sandbox's module: guards it, limits it, and turns what it ended with into a value or a pending
/// JavaScript exception.
///
/// # Safety
/// `cell` is alive (see [`SandboxCell`]) and `env` is its environment.
pub unsafe fn enter(
    env: sys::napi_env,
    cell: *const SandboxCell,
    call: impl FnOnce(&mut Runtime) -> Result<JsValue, Unwind>,
) -> sys::napi_value {
    // SAFETY: by the caller's promise.
    let cell = unsafe { &*cell };
    let Some(instance) = cell.instance() else {
        errors::throw(
            env,
            "EMVM_ERR_DISPOSED",
            "the sandbox was disposed: open another one",
        );
        return std::ptr::null_mut();
    };
    let outermost = cell.entered.get() == 0;
    let _held = cell.hold();
    instance.stats.calls += 1;
    if outermost {
        instance.runtime.forget_refusals();
        instance.interrupter.begin();
    }
    // What never enters wasm, or stays in host code for long, would not see that it is being stopped.
    let called = if !outermost && instance.interrupter.is_raised() {
        Err(Unwind::unreachable())
    } else {
        catch_unwind(AssertUnwindSafe(|| call(&mut instance.runtime)))
            .unwrap_or_else(|panic| Err(Unwind::Bug(panic_text(&*panic))))
    };
    // The call may have run JavaScript that disposed of nothing (that is refused while it runs) but changed anything else.
    let Some(instance) = cell.instance() else {
        return std::ptr::null_mut();
    };
    let (value, unwind) = match called {
        Ok(value) => (value.0 as sys::napi_value, None),
        Err(unwind) => (std::ptr::null_mut(), Some(unwind)),
    };
    let unwind = if outermost {
        instance.interrupter.end(unwind)
    } else if unwind.is_some() {
        instance.interrupter.name(unwind)
    } else {
        None
    };
    let memory = instance.runtime.wasm.memory();
    cell.buffer.follow(env, memory.as_ptr(), memory.len());
    match unwind {
        None => {
            if outermost {
                cell.drop_errors();
            }
            value
        }
        Some(Unwind::KeepAlive) => raw::undefined(env),
        Some(unwind) => {
            instance.note(&unwind);
            let unwind = instance.runtime.explain(unwind);
            let fault = outermost && unwind.is_fault();
            let error = errors::of_unwind(env, cell, unwind);
            if outermost {
                cell.drop_errors();
            }
            if fault {
                cell.tell(error);
            }
            errors::throw_value(env, error);
            std::ptr::null_mut()
        }
    }
}
