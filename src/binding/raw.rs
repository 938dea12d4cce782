//! Small helpers over raw N-API, for hot paths and for values that napi-rs has no shape for.

use napi::sys;
use std::ptr;

/// Calls an N-API function that writes one result, and gives it; `None` when the call failed.
macro_rules! get {
    ($function:ident, $($arg:expr),+) => {{
        let mut out = std::mem::MaybeUninit::uninit();
        // SAFETY: the arguments are live N-API values of this environment; the result is written on success.
        unsafe { if napi::sys::$function($($arg),+, out.as_mut_ptr()) == napi::sys::Status::napi_ok { Some(out.assume_init()) } else { None } }
    }};
}
pub(super) use get;

pub fn undefined(env: sys::napi_env) -> sys::napi_value {
    get!(napi_get_undefined, env).unwrap_or(ptr::null_mut())
}

pub fn null(env: sys::napi_env) -> sys::napi_value {
    get!(napi_get_null, env).unwrap_or(ptr::null_mut())
}

pub fn string(env: sys::napi_env, text: &str) -> sys::napi_value {
    get!(
        napi_create_string_utf8,
        env,
        text.as_ptr().cast(),
        text.len() as isize
    )
    .unwrap_or(ptr::null_mut())
}

pub fn number(env: sys::napi_env, value: f64) -> sys::napi_value {
    get!(napi_create_double, env, value).unwrap_or(ptr::null_mut())
}

pub fn boolean(env: sys::napi_env, value: bool) -> sys::napi_value {
    get!(napi_get_boolean, env, value).unwrap_or(ptr::null_mut())
}

pub fn object(env: sys::napi_env) -> sys::napi_value {
    get!(napi_create_object, env).unwrap_or(ptr::null_mut())
}

pub fn array(
    env: sys::napi_env,
    items: impl IntoIterator<Item = sys::napi_value>,
) -> sys::napi_value {
    let array = get!(napi_create_array, env).unwrap_or(ptr::null_mut());
    for (i, item) in items.into_iter().enumerate() {
        // SAFETY: both are live values of this environment.
        unsafe { sys::napi_set_element(env, array, i as u32, item) };
    }
    array
}

pub fn set(env: sys::napi_env, object: sys::napi_value, name: &str, value: sys::napi_value) {
    let key = string(env, name);
    // SAFETY: all are live values of this environment.
    unsafe { sys::napi_set_property(env, object, key, value) };
}

/// A reference to a value that outlives the call; persistent unless it says otherwise.
#[derive(Debug)]
pub struct Reference {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl Reference {
    pub fn new(env: sys::napi_env, value: sys::napi_value) -> Option<Self> {
        let reference = get!(napi_create_reference, env, value, 1)?;
        Some(Self { env, reference })
    }

    /// A reference that does not keep its value: `value` gives nothing once that is collected.
    pub fn weak(env: sys::napi_env, value: sys::napi_value) -> Option<Self> {
        let reference = get!(napi_create_reference, env, value, 0)?;
        Some(Self { env, reference })
    }

    /// A reference that does not keep the value alive: for what leads back to the sandbox, or nobody could ever collect
    /// it. The sandbox's JavaScript object, `keeper`, holds the value under `name` instead.
    pub fn kept_by(
        env: sys::napi_env,
        keeper: sys::napi_value,
        name: &str,
        value: sys::napi_value,
    ) -> Option<Self> {
        set(env, keeper, name, value);
        let reference = get!(napi_create_reference, env, value, 0)?;
        Some(Self { env, reference })
    }

    pub fn value(&self) -> Option<sys::napi_value> {
        get!(napi_get_reference_value, self.env, self.reference)
            .filter(|v: &sys::napi_value| !v.is_null())
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // SAFETY: made in `new`, deleted once, on the thread of its environment: sandboxes do not leave it.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

/// The pending JavaScript exception, taken.
pub fn take_exception(env: sys::napi_env) -> sys::napi_value {
    get!(napi_get_and_clear_last_exception, env).unwrap_or_else(|| undefined(env))
}
