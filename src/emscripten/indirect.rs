//! Calls of C function pointers from the host.

use super::Runtime;
use super::js_imports::to_int32;
use crate::engine::{Result, TrapKind, Unwind, ValRaw};
use smallvec::SmallVec;
use wasmer_types::{FunctionType, Type};

type Slots = SmallVec<[ValRaw; 8]>;

impl Runtime {
    /// Calls a C function pointer. `letters` are Emscripten's: the result first, then the arguments.
    ///
    /// A function of another type is called as JavaScript would call it: what is missing is zero, what is too much is
    /// left out, numbers are converted.
    pub fn call_pointer(&mut self, letters: &str, pointer: u32, args: &[ValRaw]) -> Result<ValRaw> {
        let missing = || Unwind::trap(TrapKind::IndirectCall);
        let (result, params) = letters.split_at(1);
        if self.abi.calls_by_dyncall {
            // The module's own dynCall takes the pointer.
            let export = |result| self.wasm.export(&format!("dynCall_{result}{params}"));
            let func = export(result)
                .or_else(|| export("v"))
                .or_else(|| export("i"))
                .ok_or_else(missing)?;
            let mut all = Slots::from_slice(&[ValRaw::from_u32(pointer)]);
            all.extend_from_slice(args);
            let fits = |ty: FunctionType| ty.params().len() == all.len() && ty.results().len() <= 1;
            if !self.wasm.type_of(func).is_some_and(fits) {
                return Err(missing());
            }
            return self.call(func, &all);
        }
        let func = self.wasm.table_get(pointer).ok_or_else(missing)?;
        let ty = self.wasm.type_of(func).ok_or_else(missing)?;
        let given = params.bytes().map(type_of_letter);
        if ty.results().len() <= 1 && given.clone().eq(ty.params().iter().copied()) {
            let value = self.call(func, args)?;
            return Ok(converted(value, ty.results().first(), result));
        }
        if ty.results().len() > 1 || ty.params().len() > MOST_PARAMS {
            return Err(missing());
        }
        let mut slots: Slots = SmallVec::new();
        let mut given = given.zip(args);
        for wanted in ty.params() {
            slots.push(match given.next() {
                Some((from, raw)) => number(*wanted, as_f64(from, *raw), from, *raw)?,
                None if *wanted == Type::I64 => return Err(no_bigint()),
                None if *wanted == Type::F32 => ValRaw::from_f32(f32::NAN),
                None if *wanted == Type::F64 => ValRaw::from_f64(f64::NAN),
                None => ValRaw::default(),
            });
        }
        let value = self.call(func, &slots)?;
        Ok(converted(value, ty.results().first(), result))
    }

    /// The same, where all arguments are i32 and so is the result, if there is any.
    pub fn call_indirect(&mut self, pointer: u32, args: &[ValRaw]) -> Result<ValRaw> {
        const LETTERS: &str = "viiiiiiii";
        self.call_pointer(&LETTERS[..=args.len().min(8)], pointer, args)
    }
}

/// Wasm allows a thousand; a function that has more than this is not what the pointer was meant for.
const MOST_PARAMS: usize = 64;

fn no_bigint() -> Unwind {
    Unwind::script("TypeError", "Cannot convert a number to a BigInt")
}

fn type_of_letter(letter: u8) -> Type {
    match letter {
        b'j' => Type::I64,
        b'f' => Type::F32,
        b'd' => Type::F64,
        _ => Type::I32,
    }
}

fn as_f64(ty: Type, raw: ValRaw) -> f64 {
    match ty {
        Type::F32 => f64::from(raw.f32()),
        Type::F64 => raw.f64(),
        _ => f64::from(raw.i32()),
    }
}

fn number(wanted: Type, value: f64, from: Type, raw: ValRaw) -> Result<ValRaw> {
    Ok(match (from, wanted) {
        (Type::I64, Type::I64) => raw,
        (Type::I64, _) | (_, Type::I64) => return Err(no_bigint()),
        (_, Type::F32) => ValRaw::from_f32(value as f32),
        (_, Type::F64) => ValRaw::from_f64(value),
        _ => ValRaw::from_i32(to_int32(value)),
    })
}

/// A result as the caller's letter wants it.
fn converted(value: ValRaw, ty: Option<&Type>, letter: &str) -> ValRaw {
    let Some(ty) = ty else {
        return ValRaw::default();
    };
    match (letter, ty) {
        ("v", _) | ("i", Type::I32) | ("j", Type::I64) | ("f", Type::F32) | ("d", Type::F64) => {
            value
        }
        ("i", Type::F32 | Type::F64) => ValRaw::from_i32(to_int32(as_f64(*ty, value))),
        ("d", _) => ValRaw::from_f64(as_f64(*ty, value)),
        _ => value,
    }
}
