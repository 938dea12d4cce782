//! Imports answered by JavaScript functions: the user's own, and those cut out of the glue.

use super::Runtime;
use super::js::{JsRef, JsValue, Kind};
use crate::engine::{Args, Result, Unwind, ValRaw};
use wasmer_types::Type;

/// An unresolved import, where start-up was allowed to go on without it: its first call says so.
pub fn missing_import(rt: &mut Runtime, a: &mut Args) -> Result {
    let (module, name, signature) = rt
        .missing
        .get(a.index() as usize)
        .cloned()
        .unwrap_or_default();
    Err(Unwind::MissingImport {
        module,
        name,
        signature,
    })
}

/// Calls the JavaScript function that answers this import: numbers as numbers, i64 as bigint.
pub fn js_import(rt: &mut Runtime, a: &mut Args) -> Result {
    let function = rt.js_imports.get(a.index() as usize).copied().flatten();
    let Some(function) = function else {
        return Err(Unwind::Bug(format!(
            "import {} has no JavaScript function",
            a.index()
        )));
    };
    rt.ran_javascript = true;
    rt.ran_package |= a.index() as usize >= rt.user_imports;
    let js = rt.js();
    let scope = js.open_scope();
    let called = call(rt, a, function);
    js.close_scope(scope);
    called
}

/// Calls a function of JavaScript with the arguments of wasm, whose result it becomes.
pub fn call(rt: &mut Runtime, a: &mut Args, function: JsRef) -> Result {
    let js = rt.js();
    let args: smallvec::SmallVec<[JsValue; 8]> = a
        .ty()
        .params()
        .iter()
        .zip(a.raw())
        .map(|(ty, raw)| to_js(&*js, *ty, *raw))
        .collect();
    let result = js.call(rt, js.value(function), js.undefined(), &args)?;
    if let Some(ty) = a.ty().results().first().copied() {
        let raw = from_js(rt, ty, result)?;
        a.ret_raw(raw)?;
    }
    Ok(())
}

/// A wasm value as JavaScript sees it.
pub fn to_js(js: &dyn super::js::Js, ty: Type, raw: ValRaw) -> JsValue {
    match ty {
        Type::I32 => js.number(f64::from(raw.i32())),
        Type::I64 => js.bigint_i64(raw.i64()),
        Type::F32 => js.number(f64::from(raw.f32())),
        Type::F64 => js.number(raw.f64()),
        _ => js.undefined(),
    }
}

/// A JavaScript value as wasm takes it, converted as the WebAssembly JavaScript API does.
pub fn from_js(rt: &mut Runtime, ty: Type, value: JsValue) -> Result<ValRaw> {
    let js = rt.js();
    if ty == Type::I64 {
        return match js.to_bigint(value) {
            Some((negative, words)) => {
                let low = words.first().copied().unwrap_or(0);
                Ok(ValRaw::from_u64(if negative {
                    low.wrapping_neg()
                } else {
                    low
                }))
            }
            None => Err(Unwind::script(
                "TypeError",
                format!("Cannot convert {} to a BigInt", js.display(rt, value)),
            )),
        };
    }
    let number = match (js.to_f64(value), js.kind(value)) {
        (Some(number), _) => number,
        (None, Kind::Boolean) => f64::from(u8::from(js.truthy(value))),
        (None, Kind::Undefined) => f64::NAN,
        (None, Kind::Null) => 0.0,
        (None, _) => {
            let number = js.operator(rt, super::js::Operator::Number, value, value)?;
            js.to_f64(number).unwrap_or(f64::NAN)
        }
    };
    Ok(match ty {
        Type::F32 => ValRaw::from_f32(number as f32),
        Type::F64 => ValRaw::from_f64(number),
        _ => ValRaw::from_i32(to_int32(number)),
    })
}

/// ECMAScript's ToInt32.
#[inline]
pub fn to_int32(number: f64) -> i32 {
    match exact_int(number) {
        Some(int) => int,
        None => wrapped_int(number),
    }
}

/// The integer of 32 bits that a number is, if it is one; 0 for -0.
#[inline]
pub fn exact_int(number: f64) -> Option<i32> {
    // Its bits end in those of the integer nearest to the number: quicker than a cast, which looks for what is no integer.
    let int = (number + 6_755_399_441_055_744.0).to_bits() as i32;
    (f64::from(int) == number).then_some(int)
}

#[cold]
fn wrapped_int(number: f64) -> i32 {
    if !number.is_finite() {
        return 0;
    }
    (number.trunc() % 4_294_967_296.0) as i64 as i32
}

#[cfg(test)]
mod tests {
    use super::to_int32;

    #[test]
    fn to_int32_wraps_as_javascript_does() {
        let cases = [
            (1.9, 1),
            (-1.9, -1),
            (2147483648.0, i32::MIN),
            (4294967297.0, 1),
            (-4294967297.0, -1),
            (1e20, 1661992960),
            (-0.0, 0),
            (2147483647.0, i32::MAX),
            (-2147483648.0, i32::MIN),
            (-2147483649.0, i32::MAX),
        ];
        for (number, int) in cases {
            assert_eq!(to_int32(number), int, "{number}");
        }
        assert_eq!(to_int32(f64::NAN), 0);
        assert_eq!(to_int32(f64::INFINITY), 0);
    }
}
