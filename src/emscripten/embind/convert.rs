//! Values across the border: from what wasm passes to JavaScript, and back.

use super::funcs::call_i32;
use super::numbers::{Wire, bigint_to_wire, number_from_wire, number_of, out_of_range, to_number};
use super::records::{record_from_wire, record_to_wire};
use super::registry::{EnumStyle, FuncId, Registry, TypeIdx, TypeKind};
use super::{Out, pointers, strings};
use crate::emscripten::Runtime;
use crate::emscripten::js::{HandleRef, JsValue, Kind};
use crate::engine::{Result, Unwind, ValRaw};
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;
use wasmer_types::Type;

/// An argument as the binding hands it over.
#[derive(Clone, Copy, Debug)]
pub enum Arg {
    Value(JsValue),
    Handle(HandleRef),
}

/// What has to be undone after a call.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Destructor {
    Free(u32),
    Call(FuncId, u32),
}

pub type Destructors = SmallVec<[Destructor; 4]>;

pub fn run_destructor(rt: &mut Runtime, destructor: Destructor) -> Result {
    match destructor {
        Destructor::Free(ptr) => rt.embind_free(ptr),
        Destructor::Call(func, ptr) => call_i32(rt, func, &[ptr]).map(drop),
    }
}

/// Last in, first out.
pub fn run_destructors(rt: &mut Runtime, mut destructors: Destructors) -> Result {
    while let Some(destructor) = destructors.pop() {
        run_destructor(rt, destructor)?;
    }
    Ok(())
}

/// A wasm value as JavaScript.
#[inline]
pub fn from_wire(
    rt: &mut Runtime,
    reg: &Registry,
    ty: TypeIdx,
    raw: ValRaw,
    wasm: Type,
) -> Result<Out> {
    Ok(Out::Js(match &reg.ty(ty).kind {
        kind @ TypeKind::Int { .. } => rt.js.number(number_from_wire(kind, raw, wasm)),
        TypeKind::Float { .. } => rt.js.number(number_of(raw, wasm)),
        TypeKind::Bool { .. } => rt.js.boolean(number_of(raw, wasm) != 0.0),
        TypeKind::Pointer(index) => return pointers::from_wire(rt, reg, *index, raw.u32()),
        TypeKind::Void => rt.js.undefined(),
        TypeKind::BigInt { signed } => match wasm {
            Type::I64 if *signed => rt.js.bigint_i64(raw.i64()),
            Type::I64 => rt.js.bigint_u64(raw.i64() as u64),
            _ => rt.js.number(number_of(raw, wasm)),
        },
        TypeKind::StdString { utf8 } => strings::std_string_from_wire(rt, raw.u32(), *utf8)?,
        TypeKind::WideString { unit } => strings::wide_from_wire(rt, raw.u32(), *unit)?,
        TypeKind::Emval { .. } => return rt.emval_take_out(raw.u32()),
        TypeKind::MemoryView(_) => return read_value(rt, reg, ty, raw.u32()),
        TypeKind::Enum(index) => enum_from_wire(rt, reg, *index, number_of(raw, wasm))?,
        TypeKind::Record(index) => record_from_wire(rt, reg, *index, raw.u32())?,
    }))
}

fn enum_from_wire(rt: &mut Runtime, reg: &Registry, index: u32, value: f64) -> Result<JsValue> {
    let entry = &reg.enums[index as usize];
    match entry.style {
        EnumStyle::Object => {
            let js = rt.js();
            js.enum_value(rt, index, value)
        }
        EnumStyle::Number => Ok(rt.js.number(value)),
        EnumStyle::String => Ok(
            match entry
                .values
                .iter()
                .rev()
                .find(|(_, v)| f64::from(*v) == value)
            {
                Some((name, _)) => rt.js.string_utf8(name.as_bytes())?,
                None => rt.js.undefined(),
            },
        ),
    }
}

/// The value of that type in memory: what emval's argument packs hold.
pub fn read_value(rt: &mut Runtime, reg: &Registry, ty: TypeIdx, at: u32) -> Result<Out> {
    let sized = |rt: &Runtime, size: u32, signed: bool| -> Result<ValRaw> {
        Ok(ValRaw::from_i32(match (size, signed) {
            (1, true) => i32::from(rt.wasm.read_i8(at)?),
            (1, false) => i32::from(rt.wasm.read_u8(at)?),
            (2, true) => i32::from(rt.wasm.read_i16(at)?),
            (2, false) => i32::from(rt.wasm.read_u16(at)?),
            _ => rt.wasm.read_i32(at)?,
        }))
    };
    let (raw, wasm) = match &reg.ty(ty).kind {
        TypeKind::Void => {
            let name = &reg.ty(ty).name;
            return Err(Unwind::script(
                "TypeError",
                format!("{name} cannot be read from memory"),
            ));
        }
        TypeKind::Bool { size, .. } => (sized(rt, *size, true)?, Type::I32),
        TypeKind::Int { size, signed, .. } => (sized(rt, *size, *signed)?, Type::I32),
        TypeKind::BigInt { .. } => (ValRaw::from_i64(rt.wasm.read_i64(at)?), Type::I64),
        TypeKind::Float { size: 4 } => (ValRaw::from_f32(rt.wasm.read_f32(at)?), Type::F32),
        TypeKind::Float { .. } => (ValRaw::from_f64(rt.wasm.read_f64(at)?), Type::F64),
        TypeKind::Enum(index) => {
            let entry = &reg.enums[*index as usize];
            let raw = sized(rt, entry.size, entry.signed)?;
            let value = if entry.signed {
                f64::from(raw.i32())
            } else {
                f64::from(raw.u32())
            };
            return Ok(Out::Js(enum_from_wire(rt, reg, *index, value)?));
        }
        TypeKind::MemoryView(kind) => {
            let (count, data) = (rt.wasm.read_u32(at)?, rt.wasm.read_u32(at.wrapping_add(4))?);
            let js = rt.js();
            return Ok(Out::Js(js.view(rt, *kind, data, count)?));
        }
        TypeKind::StdString { .. }
        | TypeKind::WideString { .. }
        | TypeKind::Emval { .. }
        | TypeKind::Record(_)
        | TypeKind::Pointer(_) => (ValRaw::from_u32(rt.wasm.read_u32(at)?), Type::I32),
    };
    from_wire(rt, reg, ty, raw, wasm)
}

/// A JavaScript value as what wasm takes.
#[inline]
pub fn to_wire(
    rt: &mut Runtime,
    reg: &Registry,
    ty: TypeIdx,
    arg: Arg,
    destructors: &mut Destructors,
) -> Result<Wire> {
    let info = reg.ty(ty);
    if let TypeKind::Pointer(index) = info.kind {
        return Ok(Wire::Number(f64::from(pointers::to_wire(
            rt,
            reg,
            index,
            arg,
            destructors,
        )?)));
    }
    let value = match arg {
        Arg::Value(value) => value,
        Arg::Handle(handle) => Out::Handle {
            handle,
            smart: false,
        }
        .into_js(rt)?,
    };
    Ok(Wire::Number(match &info.kind {
        TypeKind::Int { min, max, .. } => {
            let number = to_number(rt, value, &info.name, rt.abi.embind_checks)?;
            if rt.abi.embind_checks && (number < *min || number > *max) {
                return Err(out_of_range(rt, value, &info.name, *min, *max));
            }
            number
        }
        TypeKind::Float { .. } => to_number(rt, value, &info.name, rt.abi.embind_checks)?,
        TypeKind::Bool {
            when_true,
            when_false,
            ..
        } => f64::from(if rt.js.truthy(value) {
            *when_true
        } else {
            *when_false
        }),
        TypeKind::BigInt { signed } => return bigint_to_wire(rt, value, &info.name, *signed),
        TypeKind::StdString { utf8 } => {
            f64::from(strings::std_string_to_wire(rt, value, *utf8, destructors)?)
        }
        TypeKind::WideString { unit } => f64::from(strings::wide_to_wire(
            rt,
            value,
            *unit,
            &info.name,
            destructors,
        )?),
        TypeKind::Emval { .. } => f64::from(rt.emval_handle(value)?),
        TypeKind::Enum(index) => enum_to_wire(rt, reg, *index, value)?,
        TypeKind::Record(index) => f64::from(record_to_wire(rt, reg, *index, value, destructors)?),
        TypeKind::Void => 0.0,
        TypeKind::MemoryView(_) => {
            return Err(Unwind::script(
                "TypeError",
                format!("{} cannot be passed from JavaScript to C++", info.name),
            ));
        }
        TypeKind::Pointer(_) => 0.0,
    }))
}

fn enum_to_wire(rt: &mut Runtime, reg: &Registry, index: u32, value: JsValue) -> Result<f64> {
    let entry = &reg.enums[index as usize];
    let js = rt.js();
    match entry.style {
        EnumStyle::Number => to_number(rt, value, &entry.name, false),
        EnumStyle::String => {
            let name = js.display(rt, value);
            // An unknown name is `undefined` to embind, which wasm takes as 0.
            Ok(entry
                .values
                .iter()
                .rev()
                .find(|(n, _)| *n == name)
                .map_or(0.0, |(_, v)| f64::from(*v)))
        }
        EnumStyle::Object => {
            if matches!(js.kind(value), Kind::Undefined | Kind::Null) {
                let shown = js.display(rt, value);
                return Err(Unwind::script(
                    "TypeError",
                    format!("Cannot read properties of {shown} (reading 'value')"),
                ));
            }
            let number = js.get_named(rt, value, "value")?;
            to_number(rt, number, &entry.name, false)
        }
    }
}
