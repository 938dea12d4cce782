//! JavaScript for the native host, over raw N-API: of each sandbox, what is kept, the facade's hooks, the registers.

mod registers;
mod values;

use super::node_api::{Env, Failure, Reference, Res, Value};
use super::sandbox::SandboxCell;
use super::{crossing, ending};
use crate::emscripten::Runtime;
use crate::emscripten::js::{Js, JsValue, Kind};
use crate::engine::{Result, Unwind};
pub use registers::Reading;
use registers::Registers;
use std::cell::{Cell, OnceCell, RefCell};
use std::ptr::NonNull;

/// What the facade does for the native host, by position in the array it gives.
#[derive(Clone, Copy)]
#[repr(u32)]
enum Hook {
    /// `(id, key, smart) => object`
    MakeHandle = 0,
    /// `(value) => boolean`; writes id and key to the registers
    HandleOf = 1,
    /// `(index, value) => object`
    EnumValue = 2,
    /// `(name, class, properties) => constructor`
    Inheriting = 3,
    /// `(id, key) => function`
    DeleteFunction = 4,
    /// `flushPendingDeletes`, not called but handed out
    Flush = 5,
    /// `(name) => value`
    ModuleProperty = 6,
    /// `(promise, awaiter)`
    Suspend = 7,
    /// `() => [promise, resolve, reject]`
    MakePromise = 8,
}

const OPERATORS: &str = "(function (operator, left, right) { 'use strict'; switch (operator) { \
    case 0: return left == right; \
    case 1: return left < right; \
    case 2: return left > right; \
    case 3: return left in right; \
    case 4: return delete left[right]; \
    case 5: return left instanceof right; \
    case 6: return left[Symbol.iterator](); \
    case 7: return Array.from(left); \
    case 8: return left.set(right); \
    case 9: return +left } })";

/// JavaScript, for one sandbox.
pub struct NapiJs {
    env: Env,
    /// Valid as long as the instance that owns this.
    cell: *const SandboxCell,
    /// A JavaScript array: what is kept alive, by [`JsRef`]. The sandbox's object keeps the array.
    kept: Option<Reference>,
    /// An object that the sandbox's object keeps, for what comes later.
    keeper: Option<Reference>,
    kept_len: Cell<u32>,
    kept_free: RefCell<Vec<u32>>,
    operators: RefCell<Option<Reference>>,
    hooks: RefCell<Option<Reference>>,
    /// `(what, id, ms, isTurn) => void`: the facade's timers. What: a [`TimerKind`](crate::emscripten::js::TimerKind),
    /// or -1 to clear one, or -2 to clear all.
    timers: RefCell<Option<Reference>>,
    registers: OnceCell<Registers>,
}

/// An opaque value is a `Value` of the environment that runs.
impl From<Value> for JsValue {
    #[inline]
    fn from(value: Value) -> Self {
        match NonNull::new(value.raw().cast()) {
            Some(place) => Self(place),
            None => unreachable!("a value is never null"),
        }
    }
}

impl From<JsValue> for Value {
    #[inline]
    fn from(value: JsValue) -> Self {
        match Self::from_raw(value.0.as_ptr().cast()) {
            Some(value) => value,
            None => unreachable!("a value is never null"),
        }
    }
}

impl NapiJs {
    /// `sandbox`: the JavaScript object that owns the cell.
    pub fn new(cell: &SandboxCell, sandbox: Value) -> Self {
        let env = cell.env;
        Self {
            env,
            cell,
            kept: Reference::kept_by(env, sandbox, "#kept", env.array(0)),
            keeper: Reference::kept_by(env, sandbox, "#keeper", env.object()),
            kept_len: Cell::new(0),
            kept_free: RefCell::default(),
            operators: RefCell::default(),
            hooks: RefCell::default(),
            timers: RefCell::default(),
            registers: OnceCell::new(),
        }
    }

    fn cell(&self) -> &SandboxCell {
        // SAFETY: the cell lives longer than its instance, which holds this, and than the functions of the facade, whose
        // owner holds the sandbox.
        unsafe { &*self.cell }
    }

    /// The facade's functions, in the order of [`Hook`].
    pub fn set_hooks(&self, hooks: Value) {
        let keeper = self.keeper.as_ref().and_then(Reference::value);
        let kept = |keeper| Reference::kept_by(self.env, keeper, "#hooks", hooks);
        *self.hooks.borrow_mut() = keeper.and_then(kept);
    }

    /// The facade's timers.
    pub fn set_timers(&self, function: Value) {
        let keeper = self.keeper.as_ref().and_then(Reference::value);
        let kept = |keeper| Reference::kept_by(self.env, keeper, "#timers", function);
        *self.timers.borrow_mut() = keeper.and_then(kept);
    }

    #[inline]
    pub fn registers(&self) -> Res<&Registers> {
        if let Some(known) = self.registers.get() {
            return Ok(known);
        }
        let made = Registers::new(self.env)?;
        self.cell().reads_fields(made.reading());
        Ok(self.registers.get_or_init(|| made))
    }

    /// Counts in a register how often handles have changed.
    pub(super) fn count_changes(&self) {
        if let Some(registers) = self.registers.get() {
            registers.count_change();
        }
    }

    /// What the facade reads fields in; `None` where it cannot.
    pub fn field_buffer(&self) -> Option<Value> {
        let shared = self.registers.get().is_some_and(Registers::are_shared);
        shared.then(|| self.cell().field_buffer())?
    }

    /// The numbers shared with the facade, as an array.
    pub fn register_array(&self) -> Res<Value> {
        self.registers()?.array()
    }

    #[inline]
    pub fn write_register(&self, index: usize, value: f64) {
        if let Ok(registers) = self.registers() {
            registers.write(index, value);
        }
    }

    #[inline]
    pub fn read_register(&self, index: usize) -> f64 {
        self.registers()
            .map_or(-1.0, |registers| registers.read(index))
    }

    /// JavaScript is about to run within a call: views of a memory that has grown meanwhile end first.
    fn follow_memory(&self, rt: &Runtime) {
        let memory = rt.wasm.memory();
        let buffer = &self.cell().buffer;
        buffer.follow(self.env, memory.as_ptr(), memory.len());
    }

    /// What unwinds wasm for a call of Node-API that failed. `otherwise`: it was refused.
    #[cold]
    pub fn unwind(&self, failed: Failure, otherwise: impl FnOnce() -> Unwind) -> Unwind {
        match failed {
            Failure::Thrown if ending::has_ended() => {
                // Nothing catches this one.
                let interrupter = self.cell().look(|instance| instance.interrupter.clone());
                if let Some(interrupter) = interrupter {
                    interrupter.interrupt();
                }
                Unwind::Interrupted
            }
            Failure::Thrown => {
                let error = self.env.take_exception();
                crossing::restored(self.env, self.cell(), error)
                    .unwrap_or_else(|| Unwind::Js(self.keep_error(error.into()).0))
            }
            Failure::TooLong => Unwind::StringTooLong,
            Failure::Refused(_) => otherwise(),
        }
    }

    /// A value that could not be made.
    #[cold]
    fn unmade(&self, failed: Failure) -> Unwind {
        self.unwind(failed, || {
            Unwind::Bug(format!("a value was not made: {failed:?}"))
        })
    }

    /// What Node-API made or found; `refused`: why it did not.
    fn found(&self, found: Res<Value>, refused: impl FnOnce() -> Unwind) -> Result<JsValue> {
        let unwind = |failed| self.unwind(failed, refused);
        found.map(JsValue::from).map_err(unwind)
    }

    fn hook(&self, hook: Hook) -> Result<Value> {
        let hooks = self.hooks.borrow().as_ref().and_then(Reference::value);
        let found = hooks.map(|hooks| self.env.get_index(hooks, hook as u32));
        match found {
            Some(Ok(function)) => Ok(function),
            _ => Err(Unwind::Unsupported(
                "C++ objects in JavaScript before the module has started; open the source with host: 'glue'"
                    .into(),
            )),
        }
    }

    fn call_hook(&self, hook: Hook, args: &[Value]) -> Result<JsValue> {
        let function = self.hook(hook)?;
        let bug = || Unwind::Bug("a hook of the facade failed".into());
        self.found(self.env.call(function, args), bug)
    }

    fn key(&self, name: &str) -> Result<Value> {
        self.env.string(name).map_err(|failed| self.unmade(failed))
    }

    fn unreadable(&self, object: JsValue, name: &str) -> Unwind {
        let what = if self.kind(object) == Kind::Null {
            "null"
        } else {
            "undefined"
        };
        type_error(format!(
            "Cannot read properties of {what} (reading '{name}')"
        ))
    }
}

fn type_error(text: String) -> Unwind {
    Unwind::script("TypeError", text)
}
