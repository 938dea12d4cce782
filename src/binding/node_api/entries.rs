//! The way in from JavaScript: arguments of a callback, and lists of native functions behind one callback.

use super::{Env, Res, Value};
use napi::sys;
use smallvec::SmallVec;
use std::ffi::c_void;
use std::ptr;

/// How many arguments come without an allocation.
pub const FEW: usize = 14;

/// The most arguments that an [`Entry`] looks at.
const MOST: usize = 6;

/// The arguments of an [`Entry`]; those not given are `undefined`.
pub type Arguments = [Value; MOST];

/// A native function of a list.
pub struct Entry {
    pub name: &'static str,
    run: fn(Env, &Arguments) -> Res<Value>,
}

impl Entry {
    pub const fn new(name: &'static str, run: fn(Env, &Arguments) -> Res<Value>) -> Self {
        Self { name, run }
    }
}

/// The callback of all entries; its data says which.
pub(super) unsafe extern "C" fn dispatch(
    raw: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    let env = Env::new(raw);
    env.guard(|| {
        let (mut args, mut count, mut data) = ([ptr::null_mut(); MOST], MOST, ptr::null_mut());
        let (at, no_this) = (args.as_mut_ptr(), ptr::null_mut());
        // SAFETY: `args` has room for `count` values.
        env.check(unsafe { sys::napi_get_cb_info(raw, info, &mut count, at, no_this, &mut data) })?;
        // SAFETY: the data of a function that `Env::entry` made.
        let entry = unsafe { &*data.cast::<Entry>() };
        let undefined = env.undefined();
        let args = args.map(|arg| Value::from_raw(arg).unwrap_or(undefined));
        (entry.run)(env, &args)
    })
}

/// Reads the arguments and the data of a callback and hands them on; what goes wrong is thrown. `run` lets no panic through.
#[inline]
pub fn with_arguments(
    raw: sys::napi_env,
    info: sys::napi_callback_info,
    run: impl FnOnce(Env, &[Value], *mut c_void) -> Res<Value>,
) -> sys::napi_value {
    let env = Env::new(raw);
    let outcome = || {
        let (mut few, mut count, mut data) = ([ptr::null_mut(); FEW], FEW, ptr::null_mut());
        let (at, no_this) = (few.as_mut_ptr(), ptr::null_mut());
        // SAFETY: `few` has room for `count` values.
        env.check(unsafe { sys::napi_get_cb_info(raw, info, &mut count, at, no_this, &mut data) })?;
        if count <= FEW {
            return run(env, values(&few[..count])?, data);
        }
        let mut many: SmallVec<[sys::napi_value; 2 * FEW]> =
            SmallVec::from_elem(ptr::null_mut(), count);
        let at = many.as_mut_ptr();
        // SAFETY: as above.
        env.check(unsafe {
            sys::napi_get_cb_info(raw, info, &mut count, at, no_this, ptr::null_mut())
        })?;
        run(env, values(&many)?, data)
    };
    env.answer(outcome())
}

/// Reads the data of a callback, which takes no arguments; `None` is `undefined`. `run` lets no panic through.
#[inline]
pub fn with_data(
    raw: sys::napi_env,
    info: sys::napi_callback_info,
    run: impl FnOnce(Env, *mut c_void) -> Res<Option<Value>>,
) -> sys::napi_value {
    let env = Env::new(raw);
    let (none, mut data) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: writes the data, and nothing else.
    let status = unsafe {
        sys::napi_get_cb_info(raw, info, none, ptr::null_mut(), ptr::null_mut(), &mut data)
    };
    match env.check(status).and_then(|()| run(env, data)) {
        Ok(Some(value)) => value.raw(),
        Ok(None) => ptr::null_mut(),
        Err(failed) => env.answer(Err(failed)),
    }
}

/// Node-API gives no null for an argument; were there one, nothing would be called.
#[inline]
fn values(raw: &[sys::napi_value]) -> Res<&[Value]> {
    if raw.iter().any(|value| value.is_null()) {
        return Err(super::Failure::Refused(sys::Status::napi_invalid_arg));
    }
    // SAFETY: none is null, and `Value` has the layout of a `napi_value`.
    Ok(unsafe { std::slice::from_raw_parts(raw.as_ptr().cast(), raw.len()) })
}

/// The same with as many arguments as `want` says for the data; those not given are `undefined`.
#[inline]
pub fn with_padded(
    raw: sys::napi_env,
    info: sys::napi_callback_info,
    want: impl FnOnce(*mut c_void) -> usize,
    run: impl FnOnce(Env, &[Value], *mut c_void) -> Res<Value>,
) -> sys::napi_value {
    let env = Env::new(raw);
    env.guard(|| {
        let (mut few, mut count, mut data) = ([ptr::null_mut(); FEW], FEW, ptr::null_mut());
        let (at, no_this) = (few.as_mut_ptr(), ptr::null_mut());
        // SAFETY: `few` has room for `count` values; Node-API fills up with `undefined`.
        env.check(unsafe { sys::napi_get_cb_info(raw, info, &mut count, at, no_this, &mut data) })?;
        let wanted = want(data);
        if wanted <= FEW {
            return run(env, values(&few[..wanted])?, data);
        }
        let mut many: SmallVec<[sys::napi_value; 2 * FEW]> =
            SmallVec::from_elem(ptr::null_mut(), wanted);
        let (at, mut count) = (many.as_mut_ptr(), wanted);
        // SAFETY: as above.
        env.check(unsafe {
            sys::napi_get_cb_info(raw, info, &mut count, at, no_this, ptr::null_mut())
        })?;
        run(env, values(&many)?, data)
    })
}
