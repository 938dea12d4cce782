//! Numbers, booleans and bigints across the border.

use super::registry::TypeKind;
use crate::emscripten::js::{JsValue, Operator};
use crate::emscripten::{Runtime, to_int32};
use crate::engine::{Result, Unwind, ValRaw};
use wasmer_types::Type;

/// A converted argument: the number that JavaScript would hand to wasm.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wire {
    Number(f64),
    Big(i64),
}

impl Wire {
    /// As the WebAssembly JavaScript API converts it to a parameter.
    #[inline]
    pub fn raw(self, ty: Type) -> ValRaw {
        match (self, ty) {
            (Wire::Number(n), Type::I32) => ValRaw::from_i32(to_int32(n)),
            (Wire::Number(n), Type::F64) => ValRaw::from_f64(n),
            (Wire::Number(n), Type::F32) => ValRaw::from_f32(n as f32),
            (Wire::Number(n), _) => ValRaw::from_i64(n as i64),
            (Wire::Big(n), Type::I64) => ValRaw::from_i64(n),
            (Wire::Big(n), Type::I32) => ValRaw::from_i32(n as i32),
            (Wire::Big(n), Type::F32) => ValRaw::from_f32(n as f32),
            (Wire::Big(n), _) => ValRaw::from_f64(n as f64),
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

/// A wasm value as the number that JavaScript would see.
#[inline]
pub fn number_of(raw: ValRaw, ty: Type) -> f64 {
    match ty {
        Type::I32 => f64::from(raw.i32()),
        Type::F64 => raw.f64(),
        Type::F32 => f64::from(raw.f32()),
        _ => raw.i64() as f64,
    }
}

/// A number or a boolean as a number: unsigned integers come as signed ones.
#[inline]
pub fn number_from_wire(kind: &TypeKind, raw: ValRaw, wasm: Type) -> f64 {
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

#[inline]
pub fn to_number(rt: &mut Runtime, value: JsValue, name: &str, check: bool) -> Result<f64> {
    match rt.js.to_f64(value) {
        Some(number) => Ok(number),
        None => to_number_slow(rt, value, name, check),
    }
}

/// Anything but a plain number. A C++ exception that was caught is the pointer that Emscripten would have thrown.
#[cold]
pub fn to_number_slow(rt: &mut Runtime, value: JsValue, name: &str, check: bool) -> Result<f64> {
    let js = rt.js();
    if let Some(boolean) = js.to_bool(value) {
        return Ok(f64::from(u8::from(boolean)));
    }
    if let Some(Unwind::Cpp(at)) = js.unwind_of(value) {
        return Ok(f64::from(at));
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
pub fn out_of_range(rt: &mut Runtime, value: JsValue, name: &str, min: f64, max: f64) -> Unwind {
    let shown = rt.js().display(rt, value);
    Unwind::script(
        "TypeError",
        format!(
            "Passing a number \"{shown}\" from JS side to C/C++ side to an argument of type \"{name}\", \
             which is outside the valid range [{min}, {max}]!"
        ),
    )
}

pub fn bigint_to_wire(rt: &mut Runtime, value: JsValue, name: &str, signed: bool) -> Result<Wire> {
    let js = rt.js();
    if let Some((negative, words)) = js.to_bigint(value) {
        let low = words.first().copied().unwrap_or(0);
        let fits = words.len() <= 1
            && match (signed, negative) {
                (true, false) => i64::try_from(low).is_ok(),
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
            if let Some(Unwind::Cpp(at)) = js.unwind_of(value) {
                return Ok(Wire::Big(i64::from(at)));
            }
            let shown = js.display(rt, value);
            Err(Unwind::script(
                "TypeError",
                format!("Cannot convert \"{shown}\" to {name}"),
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wires_take_the_parameters_type() {
        assert_eq!(Wire::Number(4294967295.0).raw(Type::I32).i32(), -1);
        assert_eq!(Wire::Number(0.5).raw(Type::F32).f32(), 0.5);
        assert_eq!(Wire::Big(-1).raw(Type::I64).i64(), -1);
        assert_eq!(Wire::Number(3.7).number(), 3.7);
    }
}
