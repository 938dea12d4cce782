//! Values across the border: from what wasm passes to JavaScript, and back.

use super::funcs::{call_getter, call_i32, call_setter, setter_type};
use super::registry::{EnumStyle, FuncId, Registry, TypeIdx, TypeKind};
use super::{Out, pointers, strings};
use crate::emscripten::Runtime;
use crate::emscripten::js::{HandleRef, JsValue, Kind, Operator};
use crate::engine::{Raw, Unwind};
use smallvec::SmallVec;
use wasmer_types::Type;

/// An argument as the binding hands it over.
#[derive(Clone, Copy, Debug)]
pub enum Arg {
    Value(JsValue),
    Handle(HandleRef),
}

/// What has to be undone after a call.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Destructor {
    Free(u32),
    Call(FuncId, u32),
}

pub type Destructors = SmallVec<[Destructor; 4]>;

pub fn run_destructor(rt: &mut Runtime, destructor: Destructor) -> Result<(), Unwind> {
    match destructor {
        Destructor::Free(ptr) => rt.embind_free(ptr),
        Destructor::Call(func, ptr) => call_i32(rt, func, &[ptr]).map(drop),
    }
}

/// Last in, first out.
pub fn run_destructors(rt: &mut Runtime, mut destructors: Destructors) -> Result<(), Unwind> {
    while let Some(destructor) = destructors.pop() {
        run_destructor(rt, destructor)?;
    }
    Ok(())
}

/// A converted argument: the number that JavaScript would hand to wasm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wire {
    Number(f64),
    Big(i64),
}

impl Wire {
    /// As the WebAssembly JavaScript API converts it to a parameter.
    #[inline]
    pub fn raw(self, ty: Type) -> Raw {
        match (self, ty) {
            (Wire::Number(n), Type::I32) => Raw::from_i32(to_int32(n)),
            (Wire::Number(n), Type::F64) => Raw::from_f64(n),
            (Wire::Number(n), Type::F32) => Raw::from_f32(n as f32),
            (Wire::Number(n), _) => Raw::from_i64(n as i64),
            (Wire::Big(n), Type::I64) => Raw::from_i64(n),
            (Wire::Big(n), Type::I32) => Raw::from_i32(n as i32),
            (Wire::Big(n), Type::F32) => Raw::from_f32(n as f32),
            (Wire::Big(n), _) => Raw::from_f64(n as f64),
        }
    }
    pub fn number(self) -> f64 {
        match self {
            Wire::Number(n) => n,
            Wire::Big(n) => n as f64,
        }
    }
    pub fn i64(self) -> i64 {
        match self {
            Wire::Number(n) => n as i64,
            Wire::Big(n) => n,
        }
    }
}

/// JavaScript's ToInt32.
#[inline]
pub fn to_int32(n: f64) -> i32 {
    let i = n as i32;
    if f64::from(i) == n {
        return i;
    }
    if !n.is_finite() {
        return 0;
    }
    const TWO_32: f64 = 4_294_967_296.0;
    (n.trunc() % TWO_32) as i64 as i32
}

/// A wasm value as the number that JavaScript would see.
#[inline]
pub fn number_of(raw: Raw, ty: Type) -> f64 {
    match ty {
        Type::I32 => f64::from(raw.i32()),
        Type::F64 => raw.f64(),
        Type::F32 => f64::from(raw.f32()),
        _ => raw.i64() as f64,
    }
}

/// A number or a boolean as a number: unsigned integers come as signed ones.
#[inline]
fn number_from_wire(kind: &TypeKind, raw: Raw, wasm: Type) -> f64 {
    match kind {
        TypeKind::Int {
            size,
            signed: false,
            ..
        } if wasm == Type::I32 => {
            let shift = 32 - 8 * size.min(&4);
            f64::from(raw.u32() << shift >> shift)
        }
        _ => number_of(raw, wasm),
    }
}

/// A wasm value as JavaScript.
#[inline]
pub fn from_wire(
    rt: &mut Runtime,
    reg: &Registry,
    ty: TypeIdx,
    raw: Raw,
    wasm: Type,
) -> Result<Out, Unwind> {
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

fn enum_from_wire(
    rt: &mut Runtime,
    reg: &Registry,
    index: u32,
    value: f64,
) -> Result<JsValue, Unwind> {
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
                Some((name, _)) => rt.js.string_utf8(name.as_bytes()),
                None => rt.js.undefined(),
            },
        ),
    }
}

/// The value of that type in memory: what emval's argument packs hold.
pub fn read_value(rt: &mut Runtime, reg: &Registry, ty: TypeIdx, at: u32) -> Result<Out, Unwind> {
    let sized = |rt: &Runtime, size: u32, signed: bool| -> Result<Raw, Unwind> {
        Ok(Raw::from_i32(match (size, signed) {
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
        TypeKind::BigInt { .. } => (Raw::from_i64(rt.wasm.read_i64(at)?), Type::I64),
        TypeKind::Float { size: 4 } => (Raw::from_f32(rt.wasm.read_f32(at)?), Type::F32),
        TypeKind::Float { .. } => (Raw::from_f64(rt.wasm.read_f64(at)?), Type::F64),
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
            let (count, data) = (rt.wasm.read_u32(at)?, rt.wasm.read_u32(at + 4)?);
            let js = rt.js();
            return Ok(Out::Js(js.view(rt, *kind, data, count)?));
        }
        TypeKind::StdString { .. }
        | TypeKind::WideString { .. }
        | TypeKind::Emval { .. }
        | TypeKind::Record(_)
        | TypeKind::Pointer(_) => (Raw::from_u32(rt.wasm.read_u32(at)?), Type::I32),
    };
    from_wire(rt, reg, ty, raw, wasm)
}

fn record_from_wire(
    rt: &mut Runtime,
    reg: &Registry,
    index: u32,
    ptr: u32,
) -> Result<JsValue, Unwind> {
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
) -> Result<(), Unwind> {
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
pub fn record_from_leaves<P: super::invoke::Passed>(
    rt: &mut Runtime,
    reg: &Registry,
    index: u32,
    passed: &P,
    at: &mut usize,
    destructors: &mut Destructors,
) -> Result<u32, Unwind> {
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

fn record_to_wire(
    rt: &mut Runtime,
    reg: &Registry,
    index: u32,
    value: JsValue,
    destructors: &mut Destructors,
) -> Result<u32, Unwind> {
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

/// A JavaScript value as what wasm takes.
#[inline]
pub fn to_wire(
    rt: &mut Runtime,
    reg: &Registry,
    ty: TypeIdx,
    arg: Arg,
    destructors: &mut Destructors,
) -> Result<Wire, Unwind> {
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
        TypeKind::Emval { .. } => f64::from(rt.emval_handle(value)),
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

#[inline]
fn to_number(rt: &mut Runtime, value: JsValue, name: &str, check: bool) -> Result<f64, Unwind> {
    match rt.js.to_f64(value) {
        Some(number) => Ok(number),
        None => to_number_slow(rt, value, name, check),
    }
}

#[cold]
fn to_number_slow(
    rt: &mut Runtime,
    value: JsValue,
    name: &str,
    check: bool,
) -> Result<f64, Unwind> {
    let js = rt.js();
    if let Some(boolean) = js.to_bool(value) {
        return Ok(f64::from(u8::from(boolean)));
    }
    if check {
        let shown = js.display(rt, value);
        return Err(Unwind::script(
            "TypeError",
            format!("Cannot convert \"{shown}\" to {name}"),
        ));
    }
    let undefined = js.undefined();
    let number = js.operator(rt, Operator::Number, value, undefined)?;
    Ok(js.to_f64(number).unwrap_or(f64::NAN))
}

#[cold]
fn out_of_range(rt: &mut Runtime, value: JsValue, name: &str, min: f64, max: f64) -> Unwind {
    let shown = rt.js().display(rt, value);
    Unwind::script(
        "TypeError",
        format!(
            "Passing a number \"{shown}\" from JS side to C/C++ side to an argument of type \"{name}\", \
             which is outside the valid range [{min}, {max}]!"
        ),
    )
}

fn bigint_to_wire(
    rt: &mut Runtime,
    value: JsValue,
    name: &str,
    signed: bool,
) -> Result<Wire, Unwind> {
    let js = rt.js();
    if let Some((negative, words)) = js.to_bigint(value) {
        let low = words.first().copied().unwrap_or(0);
        let fits = words.len() <= 1
            && match (signed, negative) {
                (true, false) => low <= i64::MAX as u64,
                (true, true) => low <= 1 << 63,
                (false, false) => true,
                (false, true) => low == 0,
            };
        // Up to 3.1.44 bigints were checked in every build; later only with ASSERTIONS.
        if !fits && (rt.abi.embind_checks || rt.abi.embind_args_suffix) {
            let shown = js.display(rt, value);
            let (min, max) = if signed {
                (i64::MIN as i128, i64::MAX as i128)
            } else {
                (0, u64::MAX as i128)
            };
            return Err(Unwind::script(
                "TypeError",
                format!(
                    "Passing a number \"{shown}\" from JS side to C/C++ side to an argument of type \"{name}\", \
                     which is outside the valid range [{min}, {max}]!"
                ),
            ));
        }
        return Ok(Wire::Big(
            (if negative { low.wrapping_neg() } else { low }) as i64,
        ));
    }
    match js.to_f64(value) {
        Some(number) if !rt.abi.embind_args_suffix => {
            if number.fract() != 0.0 || !number.is_finite() {
                let shown = js.display(rt, value);
                return Err(Unwind::script(
                    "RangeError",
                    format!(
                        "The number {shown} cannot be converted to a BigInt because it is not an integer"
                    ),
                ));
            }
            Ok(Wire::Big(number as i128 as i64))
        }
        _ => {
            let shown = js.display(rt, value);
            Err(Unwind::script(
                "TypeError",
                format!("Cannot convert \"{shown}\" to {name}"),
            ))
        }
    }
}

fn enum_to_wire(
    rt: &mut Runtime,
    reg: &Registry,
    index: u32,
    value: JsValue,
) -> Result<f64, Unwind> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_wrap_as_javascript_wraps_them() {
        for (n, i) in [
            (1.0, 1),
            (-1.9, -1),
            (4294967295.0, -1),
            (2147483648.0, i32::MIN),
            (-2147483649.0, i32::MAX),
            (1e20, 1661992960),
            (-1e20, -1661992960),
            (f64::NAN, 0),
            (f64::INFINITY, 0),
        ] {
            assert_eq!(to_int32(n), i, "{n}");
        }
    }

    #[test]
    fn wires_take_the_parameters_type() {
        assert_eq!(Wire::Number(4294967295.0).raw(Type::I32).i32(), -1);
        assert_eq!(Wire::Number(0.5).raw(Type::F32).f32(), 0.5);
        assert_eq!(Wire::Big(-1).raw(Type::I64).i64(), -1);
        assert_eq!(Wire::Number(3.7).number(), 3.7);
    }
}
