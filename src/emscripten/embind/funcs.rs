//! The module's functions that embind was told of by table index, resolved and checked once per sandbox.

use super::registry::FuncId;
use crate::emscripten::Runtime;
use crate::engine::{Func, Raw, Unwind, Wasm};
use smallvec::SmallVec;
use wasmer_types::Type;

/// A table entry and its type, so that nobody can call it with another.
#[derive(Clone, Debug)]
pub struct Resolved {
    pub func: Func,
    pub params: SmallVec<[Type; 8]>,
    pub result: Option<Type>,
    /// All parameters are i32 and so is the result, if any: most of embind's own helpers.
    pub all_i32: bool,
    /// More than one result: embind has no such function.
    pub odd: bool,
}

impl Resolved {
    pub fn of(wasm: &Wasm, table_index: u32) -> Option<Self> {
        let func = wasm.table_get(table_index)?;
        let ty = wasm.type_of(func)?;
        let result = ty.results().first().copied();
        Some(Resolved {
            func,
            params: ty.params().iter().copied().collect(),
            result,
            all_i32: ty.params().iter().all(|t| *t == Type::I32)
                && result.is_none_or(|t| t == Type::I32),
            odd: ty.results().len() > 1,
        })
    }
}

pub fn unknown_function(rt: &Runtime, id: FuncId) -> Unwind {
    let (index, signature) = &rt.embind.reg.funcs[id as usize];
    Unwind::binding(format!(
        "unknown function pointer with signature {signature}: {index}"
    ))
}

fn misfit(rt: &Runtime, id: FuncId) -> Unwind {
    let (index, signature) = &rt.embind.reg.funcs[id as usize];
    Unwind::binding(format!(
        "function {index} does not have the type it was registered with ({signature})"
    ))
}

/// Calls a helper that takes and gives pointers or other i32s; 0 when it returns nothing.
pub fn call_i32(rt: &mut Runtime, id: FuncId, args: &[u32]) -> Result<u32, Unwind> {
    let Some(resolved) = rt.embind.resolved(id) else {
        return Err(unknown_function(rt, id));
    };
    if !resolved.all_i32 || resolved.odd || resolved.params.len() != args.len() {
        return Err(misfit(rt, id));
    }
    let func = resolved.func;
    let raws: SmallVec<[Raw; 4]> = args.iter().map(|a| Raw::from_u32(*a)).collect();
    Ok(rt.call(func, &raws)?.u32())
}

/// Calls a getter `(context, pointer) -> value`.
pub fn call_getter(
    rt: &mut Runtime,
    id: FuncId,
    context: u32,
    ptr: u32,
) -> Result<(Raw, Type), Unwind> {
    let Some(resolved) = rt.embind.resolved(id) else {
        return Err(unknown_function(rt, id));
    };
    let (func, result) = (resolved.func, resolved.result);
    if resolved.odd || resolved.params[..] != [Type::I32, Type::I32] {
        return Err(misfit(rt, id));
    }
    let Some(result) = result else {
        return Err(misfit(rt, id));
    };
    Ok((
        rt.call(func, &[Raw::from_u32(context), Raw::from_u32(ptr)])?,
        result,
    ))
}

/// The type of a setter's value: `(context, pointer, value)`.
pub fn setter_type(rt: &Runtime, id: FuncId) -> Result<Type, Unwind> {
    match rt.embind.resolved(id) {
        None => Err(unknown_function(rt, id)),
        Some(r) if !r.odd && r.params.len() == 3 && r.params[..2] == [Type::I32, Type::I32] => {
            Ok(r.params[2])
        }
        Some(_) => Err(misfit(rt, id)),
    }
}

/// Calls a setter whose value type [`setter_type`] gave.
pub fn call_setter(
    rt: &mut Runtime,
    id: FuncId,
    context: u32,
    ptr: u32,
    value: Raw,
) -> Result<(), Unwind> {
    setter_type(rt, id)?;
    let Some(func) = rt.embind.resolved(id).map(|r| r.func) else {
        return Err(unknown_function(rt, id));
    };
    rt.call(func, &[Raw::from_u32(context), Raw::from_u32(ptr), value])
        .map(drop)
}
