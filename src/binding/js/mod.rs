//! JavaScript for the native host, over raw N-API: of each sandbox, what is kept, the facade's hooks, the registers.

mod values;

use super::raw::{self, Reference, get};
use super::sandbox::SandboxCell;
use crate::emscripten::Runtime;
use crate::emscripten::js::{Js, JsValue, Kind};
use crate::engine::Unwind;
use napi::sys;
use std::cell::{Cell, RefCell};
use std::ptr;

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

/// Numbers that cross with a call beside its result: id and key of a handle, or key and kind of a new one, or all that
/// a value object holds.
pub const REGISTERS: usize = 32;

/// JavaScript, for one sandbox.
pub struct NapiJs {
    env: sys::napi_env,
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
    registers: RefCell<Option<Reference>>,
    /// The memory of `registers`, which lives as long.
    registers_at: Cell<*mut f64>,
}

fn raw_of(value: JsValue) -> sys::napi_value {
    value.0 as sys::napi_value
}

fn opaque(value: sys::napi_value) -> JsValue {
    JsValue(value as usize)
}

impl NapiJs {
    /// `sandbox`: the JavaScript object that owns the cell.
    pub fn new(env: sys::napi_env, cell: *const SandboxCell, sandbox: sys::napi_value) -> Self {
        Self {
            env,
            cell,
            kept: Reference::kept_by(env, sandbox, "#kept", raw::array(env, [])),
            keeper: Reference::kept_by(env, sandbox, "#keeper", raw::object(env)),
            kept_len: Cell::new(0),
            kept_free: RefCell::default(),
            operators: RefCell::default(),
            hooks: RefCell::default(),
            timers: RefCell::default(),
            registers: RefCell::default(),
            registers_at: Cell::new(ptr::null_mut()),
        }
    }

    /// The facade's functions, in the order of [`Hook`].
    pub fn set_hooks(&self, hooks: sys::napi_value) {
        let keeper = self.keeper.as_ref().and_then(Reference::value);
        let kept = |keeper| Reference::kept_by(self.env, keeper, "#hooks", hooks);
        *self.hooks.borrow_mut() = keeper.and_then(kept);
    }

    /// The facade's timers.
    pub fn set_timers(&self, function: sys::napi_value) {
        let keeper = self.keeper.as_ref().and_then(Reference::value);
        let kept = |keeper| Reference::kept_by(self.env, keeper, "#timers", function);
        *self.timers.borrow_mut() = keeper.and_then(kept);
    }

    /// The numbers shared with the facade.
    pub fn registers(&self) -> Option<sys::napi_value> {
        if let Some(value) = self.registers.borrow().as_ref().and_then(Reference::value) {
            return Some(value);
        }
        let mut data = ptr::null_mut();
        let bytes = REGISTERS * size_of::<f64>();
        let buffer = get!(napi_create_arraybuffer, self.env, bytes, &mut data)?;
        let kind = sys::TypedarrayType::float64_array;
        let array = get!(napi_create_typedarray, self.env, kind, REGISTERS, buffer, 0)?;
        *self.registers.borrow_mut() = Reference::new(self.env, array);
        self.registers_at.set(data.cast());
        Some(array)
    }

    pub fn write_register(&self, index: usize, value: f64) {
        let at = self.registers_at.get();
        if !at.is_null() && index < REGISTERS {
            // SAFETY: the buffer has that many numbers and is kept alive by `registers`; nobody detaches it.
            unsafe { at.add(index).write(value) };
        }
    }

    fn read_register(&self, index: usize) -> f64 {
        let at = self.registers_at.get();
        if at.is_null() || index >= REGISTERS {
            return -1.0;
        }
        // SAFETY: as above.
        unsafe { at.add(index).read() }
    }

    fn undefined_value(&self) -> sys::napi_value {
        raw::undefined(self.env)
    }

    /// JavaScript is about to run within a call: views of a memory that has grown meanwhile end first.
    fn follow_memory(&self, rt: &Runtime) {
        let memory = rt.wasm.memory();
        // SAFETY: the cell lives longer than its instance, which holds this.
        let cell = unsafe { &*self.cell };
        cell.buffer.follow(self.env, memory.as_ptr(), memory.len());
    }

    /// Why an N-API call failed that may run JavaScript.
    #[cold]
    fn failure(&self, otherwise: impl FnOnce() -> Unwind) -> Unwind {
        match get!(napi_is_exception_pending, self.env) {
            Some(true) => {
                let error = raw::take_exception(self.env);
                // SAFETY: the cell lives longer than its instance, which holds this.
                let cell = unsafe { &*self.cell };
                super::crossing::restored(self.env, cell, error)
                    .unwrap_or_else(|| Unwind::Js(self.keep_error(opaque(error)).0))
            }
            _ => otherwise(),
        }
    }

    fn hook(&self, hook: Hook) -> Result<sys::napi_value, Unwind> {
        let hooks = self.hooks.borrow().as_ref().and_then(Reference::value);
        hooks.and_then(|hooks| get!(napi_get_element, self.env, hooks, hook as u32)).ok_or_else(|| {
            Unwind::Unsupported(
                "C++ objects in JavaScript before the module has started; open the source with host: 'glue'"
                    .into(),
            )
        })
    }

    fn call_hook(&self, hook: Hook, args: &[sys::napi_value]) -> Result<sys::napi_value, Unwind> {
        let function = self.hook(hook)?;
        get!(
            napi_call_function,
            self.env,
            self.undefined_value(),
            function,
            args.len(),
            args.as_ptr()
        )
        .ok_or_else(|| self.failure(|| Unwind::Bug("a hook of the facade failed".into())))
    }

    fn number_value(&self, value: f64) -> sys::napi_value {
        raw::number(self.env, value)
    }

    fn key(&self, name: &str) -> sys::napi_value {
        raw::string(self.env, name)
    }

    fn unreadable(&self, object: JsValue, name: &str) -> Unwind {
        let what = if self.kind(object) == Kind::Null {
            "null"
        } else {
            "undefined"
        };
        Unwind::script(
            "TypeError",
            format!("Cannot read properties of {what} (reading '{name}')"),
        )
    }

    fn text_of(&self, value: sys::napi_value) -> Option<String> {
        let length = get!(
            napi_get_value_string_utf8,
            self.env,
            value,
            ptr::null_mut(),
            0
        )?;
        let mut bytes = vec![0; length + 1];
        get!(
            napi_get_value_string_utf8,
            self.env,
            value,
            bytes.as_mut_ptr().cast(),
            bytes.len()
        )?;
        bytes.truncate(length);
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Address and length of the bytes that a value of one-byte elements shows.
    fn bytes_of(&self, value: JsValue) -> Option<(*const u8, usize)> {
        let value = raw_of(value);
        if get!(napi_is_typedarray, self.env, value)? {
            let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
            let (mut buffer, mut offset) = (ptr::null_mut(), 0);
            // SAFETY: a typed array, and places for each answer.
            let status = unsafe {
                sys::napi_get_typedarray_info(
                    self.env,
                    value,
                    &mut kind,
                    &mut length,
                    &mut data,
                    &mut buffer,
                    &mut offset,
                )
            };
            let narrow = kind == sys::TypedarrayType::int8_array
                || kind == sys::TypedarrayType::uint8_array
                || kind == sys::TypedarrayType::uint8_clamped_array;
            return (status == sys::Status::napi_ok && narrow)
                .then_some((data.cast_const().cast(), length));
        }
        if get!(napi_is_arraybuffer, self.env, value)? {
            let mut data = ptr::null_mut();
            let length = get!(napi_get_arraybuffer_info, self.env, value, &mut data)?;
            return Some((data.cast_const().cast(), length));
        }
        None
    }
}
