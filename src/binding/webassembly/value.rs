//! ToWebAssemblyValue and ToJSValue.

use super::env::{Js, Res};
use super::realm::Realm;
use crate::webassembly::{FuncRef, ValueKind};
use napi::sys;
use std::ptr::{self, NonNull};
use wasmer_types::RawValue;

/// A JavaScript value as wasm bits.
#[inline]
pub fn to_wasm(realm: &Realm, value: Js, kind: ValueKind) -> Res<RawValue> {
    let env = realm.env;
    let mut raw = RawValue::default();
    // SAFETY: N-API queries that write the value they name; a failed one leaves it alone.
    unsafe {
        match kind {
            ValueKind::I32 => {
                let mut int = 0;
                if sys::napi_get_value_int32(env.0, value, &mut int) != sys::Status::napi_ok {
                    let number = coerce(realm, value)?;
                    env.check(sys::napi_get_value_int32(env.0, number, &mut int))?;
                }
                raw.u64 = u64::from(int as u32);
            }
            ValueKind::F64 | ValueKind::F32 => {
                let mut double = 0.0;
                if sys::napi_get_value_double(env.0, value, &mut double) != sys::Status::napi_ok {
                    let number = coerce(realm, value)?;
                    env.check(sys::napi_get_value_double(env.0, number, &mut double))?;
                }
                if kind == ValueKind::F64 {
                    raw.f64 = double;
                } else {
                    raw.f32 = double as f32;
                }
            }
            ValueKind::I64 => {
                let (mut int, mut lossless) = (0, false);
                if sys::napi_get_value_bigint_int64(env.0, value, &mut int, &mut lossless)
                    != sys::Status::napi_ok
                {
                    let bigint = env.call(env.deref(realm.helpers.to_bigint), &[value])?;
                    env.check(sys::napi_get_value_bigint_int64(
                        env.0,
                        bigint,
                        &mut int,
                        &mut lossless,
                    ))?;
                }
                raw.i64 = int;
            }
            ValueKind::FuncRef => {
                if !env.is(value, sys::ValueType::napi_null) {
                    let address = env.call(env.deref(realm.helpers.function_address), &[value])?;
                    raw.funcref = env.to_usize(address)?;
                }
            }
            ValueKind::ExternRef => {
                if !env.is(value, sys::ValueType::napi_null) {
                    let number = env.call(env.deref(realm.helpers.extern_in), &[value])?;
                    raw.externref = env.to_usize(number)?;
                }
            }
            ValueKind::V128 | ValueKind::ExnRef => {
                return Err(env.throw_type("type incompatibility when transforming from/to JS"));
            }
        }
    }
    Ok(raw)
}

#[cold]
fn coerce(realm: &Realm, value: Js) -> Res<Js> {
    let mut number = ptr::null_mut();
    // SAFETY: may run user code (`valueOf`), which may throw.
    let status = unsafe { sys::napi_coerce_to_number(realm.env.0, value, &mut number) };
    realm.env.check(status)?;
    Ok(number)
}

/// Wasm bits as a JavaScript value.
#[inline]
pub fn to_js(realm: &Realm, raw: RawValue, kind: ValueKind) -> Res<Js> {
    let env = realm.env;
    // SAFETY: wasm is typed: the bits are those of `kind`.
    unsafe {
        match kind {
            ValueKind::I32 => Ok(env.int(raw.i32)),
            ValueKind::F64 => Ok(env.number(raw.f64)),
            ValueKind::F32 => Ok(env.number(f64::from(raw.f32))),
            ValueKind::I64 => Ok(env.bigint(raw.i64)),
            ValueKind::FuncRef => {
                match NonNull::new(raw.funcref as *mut wasmer_vm::VMCallerCheckedAnyfunc) {
                    Some(function) => {
                        realm.function_object(wasmer_vm::VMFuncRef(function) as FuncRef)
                    }
                    None => Ok(env.null()),
                }
            }
            ValueKind::ExternRef => match raw.externref {
                0 => Ok(env.null()),
                number => env.call(env.deref(realm.helpers.extern_out), &[env.address(number)]),
            },
            ValueKind::V128 | ValueKind::ExnRef => {
                Err(env.throw_type("type incompatibility when transforming from/to JS"))
            }
        }
    }
}
