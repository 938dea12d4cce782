//! ToWebAssemblyValue and ToJSValue.

use super::realm::Realm;
use crate::binding::node_api::{Kind, Res, Value};
use crate::webassembly::{FuncRef, ValueKind};
use std::ptr::NonNull;
use wasmer_types::RawValue;

/// A JavaScript value as wasm bits.
#[inline]
pub fn to_wasm(realm: &Realm, value: Value, kind: ValueKind) -> Res<RawValue> {
    let env = realm.env;
    let mut raw = RawValue::default();
    match kind {
        ValueKind::I32 => {
            let int = match env.as_i32(value) {
                Some(int) => int,
                None => env.as_i32(coerce(realm, value)?).unwrap_or(0),
            };
            raw.u64 = u64::from(int as u32);
        }
        ValueKind::F64 => {
            raw.f64 = match env.as_f64(value) {
                Some(double) => double,
                None => env.to_f64(coerce(realm, value)?)?,
            };
        }
        ValueKind::F32 => {
            let double = match env.as_f64(value) {
                Some(double) => double,
                None => env.to_f64(coerce(realm, value)?)?,
            };
            raw.f32 = double as f32;
        }
        ValueKind::I64 => {
            raw.i64 = match env.as_i64(value) {
                Some(int) => int,
                None => to_bigint(realm, value)?,
            };
        }
        _ => return reference(realm, value, kind),
    }
    Ok(raw)
}

/// `Number(value)`; may run JavaScript.
#[cold]
fn coerce(realm: &Realm, value: Value) -> Res<Value> {
    realm.env.coerce_to_number(value)
}

/// ToBigInt64; may run JavaScript.
#[cold]
fn to_bigint(realm: &Realm, value: Value) -> Res<i64> {
    let env = realm.env;
    let bigint = env.call(env.deref(realm.helpers.to_bigint)?, &[value])?;
    Ok(env.as_i64(bigint).unwrap_or(0))
}

/// A function or any other value as wasm refers to it.
#[cold]
fn reference(realm: &Realm, value: Value, kind: ValueKind) -> Res<RawValue> {
    let env = realm.env;
    let mut raw = RawValue::default();
    match kind {
        ValueKind::FuncRef => {
            if !env.is(value, Kind::Null) {
                let address = env.call(env.deref(realm.helpers.function_address)?, &[value])?;
                raw.funcref = env.to_usize(address)?;
            }
        }
        ValueKind::ExternRef => {
            if !env.is(value, Kind::Null) {
                let number = env.call(env.deref(realm.helpers.extern_in)?, &[value])?;
                raw.externref = env.to_usize(number)?;
            }
        }
        _ => {
            return Err(env.throw_type("type incompatibility when transforming from/to JS"));
        }
    }
    Ok(raw)
}

/// Wasm bits as a JavaScript value.
#[inline]
pub fn to_js(realm: &Realm, raw: RawValue, kind: ValueKind) -> Res<Value> {
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
                number => env.call(env.deref(realm.helpers.extern_out)?, &[env.address(number)]),
            },
            ValueKind::V128 | ValueKind::ExnRef => {
                Err(env.throw_type("type incompatibility when transforming from/to JS"))
            }
        }
    }
}
