//! Value objects and value arrays.

use super::convert::{Arg, Destructor, Destructors, from_wire, run_destructors, to_wire};
use super::funcs::{call_getter, call_i32, call_setter, setter_type};
use super::numbers::{Wire, number_from_wire};
use super::registry::{Registry, TypeKind};
use crate::emscripten::Runtime;
use crate::emscripten::js::{JsValue, Kind};
use crate::engine::{Result, Unwind};
use smallvec::SmallVec;

pub fn record_from_wire(rt: &mut Runtime, reg: &Registry, index: u32, ptr: u32) -> Result<JsValue> {
    let record = &reg.records[index as usize];
    let js = rt.js();
    let object = if record.is_array {
        js.array()
    } else {
        js.object()
    };
    for (i, field) in record.fields.iter().enumerate() {
        let (raw, wasm) = call_getter(rt, field.getter, field.getter_context, ptr)?;
        let value = from_wire(rt, reg, field.get_type, raw, wasm)?.into_js(rt)?;
        if record.is_array {
            js.set_index(rt, object, i as u32, value)?;
        } else {
            js.set_named(rt, object, &field.name, value)?;
        }
    }
    call_i32(rt, record.destroy, &[ptr])?;
    Ok(object)
}

/// The numbers and booleans in a value object.
pub type Leaves = SmallVec<[f64; 8]>;

/// Reads a value object of numbers depth first, and destroys the C++ one.
pub fn leaves_from_wire(
    rt: &mut Runtime,
    reg: &Registry,
    index: u32,
    ptr: u32,
    leaves: &mut Leaves,
) -> Result {
    let record = &reg.records[index as usize];
    for field in &record.fields {
        let (raw, wasm) = call_getter(rt, field.getter, field.getter_context, ptr)?;
        match &reg.ty(field.get_type).kind {
            TypeKind::Record(inner) => leaves_from_wire(rt, reg, *inner, raw.u32(), leaves)?,
            kind => leaves.push(number_from_wire(kind, raw, wasm)),
        }
    }
    call_i32(rt, record.destroy, &[ptr]).map(drop)
}

/// Makes a value object of values that the facade took out of a JavaScript one.
pub fn record_from_leaves<P: super::invoke::CallArguments>(
    rt: &mut Runtime,
    reg: &Registry,
    index: u32,
    passed: &P,
    at: &mut usize,
    destructors: &mut Destructors,
) -> Result<u32> {
    let record = &reg.records[index as usize];
    let ptr = call_i32(rt, record.construct, &[])?;
    for field in &record.fields {
        let mut inner = Destructors::new();
        let wire = match reg.ty(field.set_type).kind {
            TypeKind::Record(nested) => {
                let nested = record_from_leaves(rt, reg, nested, passed, at, &mut inner)?;
                Wire::Number(f64::from(nested))
            }
            _ => {
                *at += 1;
                let value = Arg::Value(passed.value(*at - 1));
                to_wire(rt, reg, field.set_type, value, &mut inner)?
            }
        };
        let wasm = setter_type(rt, field.setter)?;
        call_setter(rt, field.setter, field.setter_context, ptr, wire.raw(wasm))?;
        run_destructors(rt, inner)?;
    }
    destructors.push(Destructor::Call(record.destroy, ptr));
    Ok(ptr)
}

pub fn record_to_wire(
    rt: &mut Runtime,
    reg: &Registry,
    index: u32,
    value: JsValue,
    destructors: &mut Destructors,
) -> Result<u32> {
    let record = &reg.records[index as usize];
    let js = rt.js();
    let kind = js.kind(value);
    if matches!(kind, Kind::Undefined | Kind::Null) && record.is_array {
        let shown = js.display(rt, value);
        return Err(Unwind::script(
            "TypeError",
            format!("Cannot read properties of {shown} (reading 'length')"),
        ));
    }
    if record.is_array {
        let length = js.get_named(rt, value, "length")?;
        let expected = record.fields.len();
        if js.to_f64(length) != Some(expected as f64) {
            let actual = js.display(rt, length);
            return Err(Unwind::script(
                "TypeError",
                format!(
                    "Incorrect number of tuple elements for {}: expected={expected}, actual={actual}",
                    record.name
                ),
            ));
        }
    } else {
        if !matches!(kind, Kind::Object | Kind::Function) {
            let Some(first) = record.fields.first() else {
                return call_i32(rt, record.construct, &[]);
            };
            let shown = js.display(rt, value);
            return Err(Unwind::script(
                "TypeError",
                format!(
                    "Cannot use 'in' operator to search for '{}' in {shown}",
                    first.name
                ),
            ));
        }
        for field in &record.fields {
            let optional = matches!(
                reg.ty(field.get_type).kind,
                TypeKind::Emval { optional: true }
            );
            if !optional && !js.has_named(rt, value, &field.name)? {
                if rt.abi.embind_bare_fields {
                    return Err(Unwind::script("TypeError", "Missing field"));
                }
                let gap = if rt.abi.embind_args_suffix { "  " } else { " " };
                return Err(Unwind::script(
                    "TypeError",
                    format!("Missing field:{gap}\"{}\"", field.name),
                ));
            }
        }
    }
    let ptr = call_i32(rt, record.construct, &[])?;
    for (i, field) in record.fields.iter().enumerate() {
        let item = if record.is_array {
            js.get_index(rt, value, i as u32)?
        } else {
            js.get_named(rt, value, &field.name)?
        };
        let wasm = setter_type(rt, field.setter)?;
        let mut inner = Destructors::new();
        let wire = to_wire(rt, reg, field.set_type, Arg::Value(item), &mut inner)?;
        call_setter(rt, field.setter, field.setter_context, ptr, wire.raw(wasm))?;
        run_destructors(rt, inner)?;
    }
    destructors.push(Destructor::Call(record.destroy, ptr));
    Ok(ptr)
}
