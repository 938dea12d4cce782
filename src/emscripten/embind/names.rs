//! C++ names of types, and the errors that need them.

use crate::emscripten::{Runtime, text};
use crate::engine::{Result, Unwind, ValRaw};
use rustc_hash::FxHashSet;

/// The names of the types that are missing behind `types`, through what announced types need.
pub fn missing_types(rt: &mut Runtime, types: &[u32]) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    let mut seen = FxHashSet::default();
    let mut stack: Vec<u32> = types.iter().rev().copied().collect();
    while let Some(raw) = stack.pop() {
        if rt.embind.reg.type_of_raw(raw).is_some() || !seen.insert(raw) {
            continue;
        }
        match rt.embind.reg.dependencies.get(&raw) {
            Some(needs) => stack.extend(needs.iter().rev()),
            None => missing.push(raw),
        }
    }
    missing.into_iter().map(|raw| type_name(rt, raw)).collect()
}

/// The C++ name of a type id, as the module's own `__getTypeName` gives it.
pub fn type_name(rt: &mut Runtime, raw: u32) -> Result<String> {
    if rt.wasm.export("__getTypeName").is_none() {
        return Ok(format!("type {raw}"));
    }
    let at = rt
        .call_export("__getTypeName", &[ValRaw::from_u32(raw)])?
        .u32();
    let name = latin1(rt, at)?;
    rt.embind_free(at)?;
    Ok(name)
}

/// A C string, a character to a byte.
pub fn latin1(rt: &Runtime, at: u32) -> Result<String> {
    text::latin1(rt.wasm.pace(), rt.wasm.c_str(at)?)
}

/// The error of calling something whose types never came.
pub fn throw_unbound(rt: &mut Runtime, message: &str, types: &[u32]) -> Unwind {
    if types.is_empty() {
        return Unwind::binding(message);
    }
    match missing_types(rt, types) {
        Ok(names) => Unwind::script(
            "UnboundTypeError",
            format!("{message}: {}", names.join(", ")),
        ),
        Err(unwind) => unwind,
    }
}
