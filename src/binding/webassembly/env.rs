//! Raw N-API in a form that Rust can hold: a failed call means that a JavaScript exception is pending.

use napi::sys;
use std::ffi::c_void;
use std::ptr;

pub type Js = sys::napi_value;

/// A JavaScript exception is pending in the environment: return to JavaScript.
#[derive(Debug)]
pub struct Pending;

pub type Res<T> = Result<T, Pending>;

/// The JavaScript environment of this thread.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Env(pub sys::napi_env);

/// Makes an `extern "C"` callback of a function that takes the environment and `N` arguments.
macro_rules! callback {
    ($(#[$doc:meta])* $name:ident, $count:literal, |$env:ident, $args:ident| $body:expr) => {
        $(#[$doc])*
        ///
        /// # Safety
        ///
        /// Node-API calls it, on the thread of the environment, with an environment and a call that are live.
        pub unsafe extern "C" fn $name(raw: napi::sys::napi_env, info: napi::sys::napi_callback_info) -> napi::sys::napi_value {
            let $env = $crate::binding::webassembly::env::Env(raw);
            $env.guard(|| {
                let $args: [$crate::binding::webassembly::env::Js; $count] = $env.args(info);
                $body
            })
        }
    };
}
pub(crate) use callback;

impl Env {
    /// Runs `body`; a panic becomes a JavaScript error, so that none crosses into C.
    pub fn guard(self, body: impl FnOnce() -> Res<Js>) -> Js {
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)) {
            Ok(Ok(value)) => value,
            Ok(Err(Pending)) => ptr::null_mut(),
            Err(payload) => {
                let message = payload
                    .downcast_ref::<String>()
                    .map(String::as_str)
                    .or_else(|| payload.downcast_ref::<&str>().copied())
                    .unwrap_or("unknown panic");
                self.throw_plain(&format!("internal error in emvm: {message}"));
                ptr::null_mut()
            }
        }
    }
    /// The first `N` arguments; those not given are `undefined`.
    pub fn args<const N: usize>(self, info: sys::napi_callback_info) -> [Js; N] {
        let mut args = [ptr::null_mut(); N];
        let mut count = N;
        // SAFETY: `args` has room for `count` values.
        unsafe {
            sys::napi_get_cb_info(
                self.0,
                info,
                &mut count,
                args.as_mut_ptr(),
                ptr::null_mut(),
                ptr::null_mut(),
            )
        };
        args
    }
    /// Turns a status into a result; makes sure that an exception is pending after a failure.
    #[inline]
    pub fn check(self, status: sys::napi_status) -> Res<()> {
        if status == sys::Status::napi_ok {
            Ok(())
        } else {
            Err(self.failed(status))
        }
    }
    #[cold]
    fn failed(self, status: sys::napi_status) -> Pending {
        let mut pending = false;
        // SAFETY: plain query.
        unsafe { sys::napi_is_exception_pending(self.0, &mut pending) };
        if !pending {
            self.throw_plain(&format!("internal error in emvm: Node-API status {status}"));
        }
        Pending
    }
    #[cold]
    pub fn throw_plain(self, message: &str) -> Pending {
        let message = self.string(message);
        let mut error = ptr::null_mut();
        // SAFETY: `message` is a string value.
        unsafe {
            if sys::napi_create_error(self.0, ptr::null_mut(), message, &mut error)
                == sys::Status::napi_ok
            {
                sys::napi_throw(self.0, error);
            }
        }
        Pending
    }
    #[cold]
    pub fn throw_type(self, message: &str) -> Pending {
        let message = self.string(message);
        let mut error = ptr::null_mut();
        // SAFETY: `message` is a string value.
        unsafe {
            if sys::napi_create_type_error(self.0, ptr::null_mut(), message, &mut error)
                == sys::Status::napi_ok
            {
                sys::napi_throw(self.0, error);
            }
        }
        Pending
    }
    pub fn throw(self, value: Js) -> Pending {
        // SAFETY: `value` is alive in the current scope.
        unsafe { sys::napi_throw(self.0, value) };
        Pending
    }
    /// Takes the pending exception.
    pub fn take_exception(self) -> Js {
        let mut value = ptr::null_mut();
        // SAFETY: writes a value or leaves null.
        unsafe { sys::napi_get_and_clear_last_exception(self.0, &mut value) };
        if value.is_null() {
            self.undefined()
        } else {
            value
        }
    }
}

macro_rules! make {
    ($($name:ident($($arg:ident: $t:ty),*) $call:ident;)*) => {
        $(
            #[inline]
            pub fn $name(self, $($arg: $t),*) -> Js {
                let mut value = ptr::null_mut();
                // SAFETY: writes one value.
                unsafe { sys::$call(self.0, $($arg,)* &mut value) };
                value
            }
        )*
    };
}

/// Values.
impl Env {
    make! {
        undefined() napi_get_undefined;
        null() napi_get_null;
        int(value: i32) napi_create_int32;
        uint(value: u32) napi_create_uint32;
        number(value: f64) napi_create_double;
        bigint(value: i64) napi_create_bigint_int64;
        array(len: usize) napi_create_array_with_length;
        object() napi_create_object;
        boolean(value: bool) napi_get_boolean;
    }
    pub fn string(self, text: &str) -> Js {
        let mut value = ptr::null_mut();
        // SAFETY: pointer and length of one slice.
        unsafe {
            sys::napi_create_string_utf8(
                self.0,
                text.as_ptr().cast(),
                text.len() as isize,
                &mut value,
            )
        };
        value
    }
    /// An address or a number below 2^53.
    pub fn address(self, value: usize) -> Js {
        self.number(value as f64)
    }
    pub fn set_index(self, array: Js, index: usize, value: Js) {
        // SAFETY: an ordinary array made by emvm.
        unsafe { sys::napi_set_element(self.0, array, index as u32, value) };
    }
    pub fn get_index(self, array: Js, index: usize) -> Res<Js> {
        let mut value = ptr::null_mut();
        // SAFETY: plain property access.
        self.check(unsafe { sys::napi_get_element(self.0, array, index as u32, &mut value) })?;
        Ok(value)
    }
    pub fn len(self, array: Js) -> Res<usize> {
        let mut len = 0;
        // SAFETY: plain query.
        self.check(unsafe { sys::napi_get_array_length(self.0, array, &mut len) })?;
        Ok(len as usize)
    }
    pub fn list(self, values: impl ExactSizeIterator<Item = Js>) -> Js {
        let array = self.array(values.len());
        for (at, value) in values.enumerate() {
            self.set_index(array, at, value);
        }
        array
    }
    pub fn get(self, object: Js, name: &std::ffi::CStr) -> Res<Js> {
        let mut value = ptr::null_mut();
        // SAFETY: plain property access.
        self.check(unsafe {
            sys::napi_get_named_property(self.0, object, name.as_ptr(), &mut value)
        })?;
        Ok(value)
    }
    pub fn kind(self, value: Js) -> sys::napi_valuetype {
        let mut kind = 0;
        // SAFETY: plain query.
        unsafe { sys::napi_typeof(self.0, value, &mut kind) };
        kind
    }
    pub fn is(self, value: Js, kind: sys::napi_valuetype) -> bool {
        self.kind(value) == kind
    }
    pub fn to_f64(self, value: Js) -> Res<f64> {
        let mut number = 0.0;
        // SAFETY: plain query.
        self.check(unsafe { sys::napi_get_value_double(self.0, value, &mut number) })?;
        Ok(number)
    }
    pub fn to_usize(self, value: Js) -> Res<usize> {
        self.to_f64(value).map(|number| number as usize)
    }
    pub fn to_u32(self, value: Js) -> Res<u32> {
        self.to_f64(value).map(|number| number as u32)
    }
    pub fn to_bool(self, value: Js) -> Res<bool> {
        let mut flag = false;
        // SAFETY: plain query.
        self.check(unsafe { sys::napi_get_value_bool(self.0, value, &mut flag) })?;
        Ok(flag)
    }
    pub fn to_string(self, value: Js) -> Res<String> {
        let mut len = 0;
        // SAFETY: first asks for the length, then gives room for it and the NUL.
        unsafe {
            self.check(sys::napi_get_value_string_utf8(
                self.0,
                value,
                ptr::null_mut(),
                0,
                &mut len,
            ))?;
            let mut bytes = vec![0u8; len + 1];
            self.check(sys::napi_get_value_string_utf8(
                self.0,
                value,
                bytes.as_mut_ptr().cast(),
                bytes.len(),
                &mut len,
            ))?;
            bytes.truncate(len);
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        }
    }
    /// The bytes of a Uint8Array, copied.
    pub fn bytes(self, value: Js) -> Res<Vec<u8>> {
        self.with_bytes(value, <[u8]>::to_vec)
    }
    /// The bytes of a Uint8Array where they are; `look` runs no JavaScript.
    pub fn with_bytes<R>(self, value: Js, look: impl FnOnce(&[u8]) -> R) -> Res<R> {
        let (mut kind, mut len, mut data, mut buffer, mut offset) =
            (0, 0, ptr::null_mut(), ptr::null_mut(), 0);
        // SAFETY: N-API gives pointer and length of the view, good until JavaScript runs again.
        unsafe {
            self.check(sys::napi_get_typedarray_info(
                self.0,
                value,
                &mut kind,
                &mut len,
                &mut data,
                &mut buffer,
                &mut offset,
            ))?;
            if data.is_null() || len == 0 {
                return Ok(look(&[]));
            }
            Ok(look(std::slice::from_raw_parts(data.cast::<u8>(), len)))
        }
    }
    pub fn array_buffer(self, bytes: &[u8]) -> Res<Js> {
        let (mut data, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the new buffer has room for `bytes.len()`.
        unsafe {
            self.check(sys::napi_create_arraybuffer(
                self.0,
                bytes.len(),
                &mut data,
                &mut value,
            ))?;
            if !bytes.is_empty() {
                ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast(), bytes.len());
            }
        }
        Ok(value)
    }
    #[inline]
    pub fn call(self, function: Js, args: &[Js]) -> Res<Js> {
        let mut value = ptr::null_mut();
        // SAFETY: pointer and length of one slice.
        self.check(unsafe {
            sys::napi_call_function(
                self.0,
                self.undefined(),
                function,
                args.len(),
                args.as_ptr(),
                &mut value,
            )
        })?;
        Ok(value)
    }
    pub fn function(self, name: &str, callback: sys::napi_callback, data: *mut c_void) -> Res<Js> {
        let mut value = ptr::null_mut();
        // SAFETY: pointer and length of one slice; the caller keeps `data` alive.
        self.check(unsafe {
            sys::napi_create_function(
                self.0,
                name.as_ptr().cast(),
                name.len() as isize,
                callback,
                data,
                &mut value,
            )
        })?;
        Ok(value)
    }
    /// Gives `value` to JavaScript, to be dropped by the collector.
    pub fn external<T>(self, value: T) -> Res<Js> {
        unsafe extern "C" fn finalize<T>(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
            // SAFETY: the box given to `napi_create_external`, finalized once.
            drop(unsafe { Box::from_raw(data.cast::<T>()) });
        }
        let data = Box::into_raw(Box::new(value));
        let mut js = ptr::null_mut();
        // SAFETY: the finalizer frees the box.
        self.check(unsafe {
            sys::napi_create_external(
                self.0,
                data.cast(),
                Some(finalize::<T>),
                ptr::null_mut(),
                &mut js,
            )
        })?;
        Ok(js)
    }
    /// What `external` was given.
    ///
    /// # Safety
    /// `value` is an external made with the same `T`, and stays reachable for `'a`.
    pub unsafe fn from_external<'a, T>(self, value: Js) -> Res<&'a T> {
        let mut data = ptr::null_mut();
        // SAFETY: see above.
        unsafe {
            self.check(sys::napi_get_value_external(self.0, value, &mut data))?;
            Ok(&*data.cast::<T>())
        }
    }
}

/// A strong reference to an object or function.
#[derive(Clone, Copy)]
pub struct Ref(sys::napi_ref);

impl Env {
    pub fn keep(self, value: Js) -> Res<Ref> {
        let mut reference = ptr::null_mut();
        // SAFETY: `value` is an object or a function.
        self.check(unsafe { sys::napi_create_reference(self.0, value, 1, &mut reference) })?;
        Ok(Ref(reference))
    }
    /// A reference that does not keep the value: something in JavaScript must, for as long as it is used.
    pub fn follow(self, value: Js) -> Res<Ref> {
        let mut reference = ptr::null_mut();
        // SAFETY: `value` is an object or a function.
        self.check(unsafe { sys::napi_create_reference(self.0, value, 0, &mut reference) })?;
        Ok(Ref(reference))
    }
    #[inline]
    pub fn deref(self, reference: Ref) -> Js {
        let mut value = ptr::null_mut();
        // SAFETY: a reference that was not deleted, to a value that is alive.
        unsafe { sys::napi_get_reference_value(self.0, reference.0, &mut value) };
        value
    }
    pub fn forget(self, reference: Ref) {
        // SAFETY: deleted once: its owner gives it up here.
        unsafe { sys::napi_delete_reference(self.0, reference.0) };
    }
}

/// Values made in here die with it.
pub struct Scope(Env, sys::napi_handle_scope);

impl Scope {
    #[inline]
    pub fn open(env: Env) -> Self {
        let mut scope = ptr::null_mut();
        // SAFETY: closed in `drop`, in reverse order of opening.
        unsafe { sys::napi_open_handle_scope(env.0, &mut scope) };
        Self(env, scope)
    }
}

impl Drop for Scope {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: opened by `open`.
        unsafe { sys::napi_close_handle_scope(self.0.0, self.1) };
    }
}
