//! Node-API, checked: a value is never null, and every answer is looked at. The only folder that calls `napi::sys`.
//!
//! A call that fails gives a [`Failure`]. It becomes a JavaScript exception where native code returns to JavaScript
//! ([`Env::raise`]), or an [`Unwind`](crate::engine::Unwind) where wasm waits.

mod buffers;
mod entries;
mod objects;
mod references;
mod values;
mod work;

pub use crate::emscripten::js::ViewKind;
pub use entries::{Arguments, Entry, with_arguments, with_data, with_padded};
pub use objects::Kind;
pub use references::{Ref, Reference, Scope};

use napi::sys;
use std::ptr::{self, NonNull};

/// A JavaScript value of the current handle scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Value(NonNull<sys::napi_value__>);

impl Value {
    /// A value that Node-API or napi-rs gave.
    #[inline]
    pub fn from_raw(raw: sys::napi_value) -> Option<Self> {
        NonNull::new(raw).map(Self)
    }
    #[inline]
    pub fn raw(self) -> sys::napi_value {
        self.0.as_ptr()
    }
}

/// Why a call of Node-API gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// A JavaScript exception is pending.
    Thrown,
    /// A text that is longer than a JavaScript string can be.
    TooLong,
    /// Node-API refused, with this status; nothing is pending.
    Refused(sys::napi_status),
}

pub type Res<T> = Result<T, Failure>;

/// The JavaScript environment of this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct Env(sys::napi_env);

/// As Node says it, with Node's own code.
pub const TOO_LONG: &str = "Cannot create a string longer than 0x1fffffe8 characters";
pub const TOO_LONG_CODE: &str = "ERR_STRING_TOO_LONG";

/// The longest text of an error, in bytes; the rest is left out.
const LONGEST_MESSAGE: usize = 1 << 20;

impl Env {
    /// `raw` is the environment of the running thread, as Node-API or napi-rs gave it.
    #[inline]
    pub fn new(raw: sys::napi_env) -> Self {
        Self(raw)
    }
    #[inline]
    pub fn raw(self) -> sys::napi_env {
        self.0
    }

    /// The event loop of libuv that runs this thread's JavaScript.
    pub fn event_loop(self) -> Option<*const std::ffi::c_void> {
        let mut uv = ptr::null_mut();
        // SAFETY: writes one address.
        let status = unsafe { sys::napi_get_uv_event_loop(self.0, &mut uv) };
        (status == sys::Status::napi_ok && !uv.is_null()).then_some(uv.cast_const().cast())
    }

    #[inline]
    fn check(self, status: sys::napi_status) -> Res<()> {
        if status == sys::Status::napi_ok {
            Ok(())
        } else {
            Err(self.failed(status))
        }
    }
    #[cold]
    fn failed(self, status: sys::napi_status) -> Failure {
        let mut pending = false;
        // SAFETY: writes one flag.
        unsafe { sys::napi_is_exception_pending(self.0, &mut pending) };
        if pending {
            Failure::Thrown
        } else {
            Failure::Refused(status)
        }
    }
    /// The value that a call writes.
    #[inline]
    fn given(self, call: impl FnOnce(&mut sys::napi_value) -> sys::napi_status) -> Res<Value> {
        let mut raw = ptr::null_mut();
        self.check(call(&mut raw))?;
        Value::from_raw(raw).ok_or(Failure::Refused(sys::Status::napi_generic_failure))
    }
    /// The same for calls that cannot fail in a live environment: a panic, which ends at the gate, if one does.
    #[inline]
    fn sure(self, call: impl FnOnce(&mut sys::napi_value) -> sys::napi_status) -> Value {
        let mut raw = ptr::null_mut();
        let status = call(&mut raw);
        match Value::from_raw(raw) {
            Some(value) if status == sys::Status::napi_ok => value,
            _ => unmade(status),
        }
    }
    /// The number or flag that a call writes.
    #[inline]
    fn told<T: Default>(self, call: impl FnOnce(&mut T) -> sys::napi_status) -> Res<T> {
        let mut told = T::default();
        self.check(call(&mut told))?;
        Ok(told)
    }
    /// The same; nothing where the value is of another kind.
    #[inline]
    fn read<T: Default>(self, call: impl FnOnce(&mut T) -> sys::napi_status) -> Option<T> {
        let mut read = T::default();
        (call(&mut read) == sys::Status::napi_ok).then_some(read)
    }

    /// Runs `body` and gives Node-API what it expects: the value, or null with an exception pending. No panic gets through.
    #[inline]
    pub fn guard(self, body: impl FnOnce() -> Res<Value>) -> sys::napi_value {
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
            Ok(Ok(value)) => value.raw(),
            Ok(Err(failed)) => {
                self.raise(failed);
                ptr::null_mut()
            }
            Err(panic) => {
                let text = panic_text(&*panic);
                // Making the error may fail as well; then JavaScript sees `undefined`.
                let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                    self.throw_plain(&format!("internal error in emvm: {text}"));
                }));
                ptr::null_mut()
            }
        }
    }

    /// What Node-API expects for an outcome whose making let no panic through.
    #[inline]
    pub fn answer(self, outcome: Res<Value>) -> sys::napi_value {
        match outcome {
            Ok(value) => value.raw(),
            Err(failed) => self.answer_failed(failed),
        }
    }
    #[cold]
    fn answer_failed(self, failed: Failure) -> sys::napi_value {
        self.guard(|| Err(failed))
    }

    // Exceptions.

    /// Makes sure that a JavaScript exception is pending.
    pub fn raise(self, failed: Failure) {
        match failed {
            Failure::Thrown => {}
            Failure::TooLong => {
                self.throw(self.error_with_code(TOO_LONG_CODE, TOO_LONG));
            }
            Failure::Refused(status) => {
                self.throw_plain(&format!("internal error in emvm: Node-API status {status}"));
            }
        }
    }
    /// The exception that a failure is, taken.
    pub fn exception_of(self, failed: Failure) -> Value {
        self.raise(failed);
        self.take_exception()
    }
    pub fn throw(self, value: Value) -> Failure {
        // SAFETY: a live value of this environment.
        let status = unsafe { sys::napi_throw(self.0, value.raw()) };
        match self.check(status) {
            Ok(()) => Failure::Thrown,
            Err(failed) => failed,
        }
    }
    #[cold]
    pub fn throw_plain(self, message: &str) -> Failure {
        self.throw(self.error(message))
    }
    #[cold]
    pub fn throw_type(self, message: &str) -> Failure {
        self.throw(self.type_error(message))
    }
    /// Whether Node lets JavaScript run in this thread; not any more once it is to end.
    pub fn runs_scripts(self) -> bool {
        let object = self.object();
        let (name, mut value) = (c"x", ptr::null_mut());
        // SAFETY: a live object and a C string; a call that Node refuses where no script may run.
        let status = unsafe {
            sys::napi_get_named_property(self.0, object.raw(), name.as_ptr(), &mut value)
        };
        status == sys::Status::napi_ok
    }
    /// Takes the pending exception; `undefined` when there is none.
    pub fn take_exception(self) -> Value {
        // SAFETY: writes one value.
        self.given(|value| unsafe { sys::napi_get_and_clear_last_exception(self.0, value) })
            .unwrap_or_else(|_| self.undefined())
    }

    /// The text of an error, cut where it is longer than anybody reads.
    pub fn message(self, text: &str) -> Value {
        let text = match text.len() {
            0..=LONGEST_MESSAGE => text,
            _ => &text[..text.floor_char_boundary(LONGEST_MESSAGE)],
        };
        let (at, len) = (text.as_ptr().cast(), text.len() as isize);
        // SAFETY: pointer and length of one slice.
        self.sure(|value| unsafe { sys::napi_create_string_utf8(self.0, at, len, value) })
    }
    pub fn error(self, message: &str) -> Value {
        let text = self.message(message);
        let none = ptr::null_mut();
        // SAFETY: a string, and no code.
        self.sure(|value| unsafe { sys::napi_create_error(self.0, none, text.raw(), value) })
    }
    pub fn error_with_code(self, code: &str, message: &str) -> Value {
        let (code, text) = (self.message(code), self.message(message));
        // SAFETY: two strings.
        self.given(|value| unsafe { sys::napi_create_error(self.0, code.raw(), text.raw(), value) })
            // The code is a property, which cannot be set in a thread that is being ended.
            .unwrap_or_else(|_| self.error(message))
    }
    pub fn type_error(self, message: &str) -> Value {
        let text = self.message(message);
        let none = ptr::null_mut();
        // SAFETY: a string, and no code.
        self.sure(|value| unsafe { sys::napi_create_type_error(self.0, none, text.raw(), value) })
    }
    pub fn range_error(self, message: &str) -> Value {
        let text = self.message(message);
        let none = ptr::null_mut();
        // SAFETY: a string, and no code.
        self.sure(|value| unsafe { sys::napi_create_range_error(self.0, none, text.raw(), value) })
    }

    /// What V8's collector is told of a linear memory that goes without it: the part that is taken for touched.
    pub fn touched(len: usize) -> i64 {
        (len / 16) as i64
    }

    /// Tells V8's collector of memory outside its heap that came or went.
    pub fn adjust_external_memory(self, delta: i64) {
        let mut total = 0;
        // SAFETY: only counts.
        unsafe { sys::napi_adjust_external_memory(self.0, delta, &mut total) };
    }
}

#[cold]
fn unmade(status: sys::napi_status) -> ! {
    panic!("Node-API made no value: status {status}")
}

/// What a panic said.
pub fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without text".into())
}
