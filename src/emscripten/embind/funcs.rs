//! The module's functions that embind was told of by table index, resolved and checked once per sandbox.

use super::registry::FuncId;
use crate::emscripten::Runtime;
use crate::engine::{Func, Result, Shortcut, Unwind, ValRaw, WasmInstance};
use smallvec::SmallVec;
use wasmer_types::Type;

/// A function that C++ named by a pointer, and its type, so that nobody can call it with another.
#[derive(Clone, Debug)]
pub struct ResolvedFunction {
    pub func: Func,
    /// Where pointers are called through the module's `dynCall_<signature>`, see [`crate::emscripten::Abi`]: it takes them first.
    pub pointer: Option<u32>,
    /// Without that pointer.
    pub params: SmallVec<[Type; 8]>,
    pub result: Option<Type>,
    /// All parameters are i32 and so is the result, if any: most of embind's own helpers.
    pub all_i32: bool,
    /// More than one result: embind has no such function.
    pub odd: bool,
    /// Of calls that take and give i32s.
    shortcut: Shortcut,
}

impl ResolvedFunction {
    pub fn of(
        wasm: &WasmInstance,
        by_dyncall: bool,
        pointer: u32,
        signature: &str,
    ) -> Option<Self> {
        let func = if by_dyncall {
            // A float may have been promoted on its way through JavaScript.
            wasm.export(&format!("dynCall_{signature}"))
                .or_else(|| wasm.export(&format!("dynCall_{}", signature.replace('f', "d"))))?
        } else {
            wasm.table_get(pointer)?
        };
        let ty = wasm.type_of(func)?;
        let result = ty.results().first().copied();
        let params: SmallVec<[Type; 8]> = ty
            .params()
            .iter()
            .skip(usize::from(by_dyncall))
            .copied()
            .collect();
        Some(ResolvedFunction {
            func,
            pointer: by_dyncall.then_some(pointer),
            all_i32: params.iter().all(|t| *t == Type::I32)
                && result.is_none_or(|t| t == Type::I32),
            odd: ty.results().len() > 1
                || (by_dyncall && ty.params().first().is_none_or(|t| *t != Type::I32)),
            params,
            result,
            shortcut: Shortcut::default(),
        })
    }

    /// The same for another pointer, where it is called by `dynCall_<signature>`.
    pub fn at(&self, pointer: u32) -> Self {
        Self {
            pointer: self.pointer.map(|_| pointer),
            ..self.clone()
        }
    }

    /// Calls it; `args` have been checked against `params`, and it is not `odd`.
    fn call(&self, rt: &mut Runtime, args: &[ValRaw]) -> Result<ValRaw> {
        call_checked(rt, self.func, self.pointer, args.iter().copied())
    }
}

/// Calls a function that takes just these arguments, after the pointer, and gives at most one result.
fn call_checked(
    rt: &mut Runtime,
    func: Func,
    pointer: Option<u32>,
    args: impl Iterator<Item = ValRaw>,
) -> Result<ValRaw> {
    let mut slots: SmallVec<[ValRaw; 6]> = pointer.map(ValRaw::from_u32).into_iter().collect();
    slots.extend(args);
    if slots.is_empty() {
        // For the result.
        slots.push(ValRaw::default());
    }
    rt.enter(func, &mut slots)?;
    Ok(slots[0])
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
pub fn call_i32(rt: &mut Runtime, id: FuncId, args: &[u32]) -> Result<u32> {
    let Some(resolved) = rt.embind.resolved(id) else {
        return Err(unknown_function(rt, id));
    };
    if !resolved.all_i32 || resolved.odd || resolved.params.len() != args.len() {
        return Err(misfit(rt, id));
    }
    let (func, pointer) = (resolved.func, resolved.pointer);
    if let Some(result) = short_i32(rt, id, args)? {
        return Ok(result);
    }
    let args = args.iter().map(|arg| ValRaw::from_u32(*arg));
    Ok(call_checked(rt, func, pointer, args)?.u32())
}

/// The call, when it is one of a short function.
#[inline]
fn short_i32(rt: &mut Runtime, id: FuncId, args: &[u32]) -> Result<Option<u32>> {
    let resolved = rt.embind.funcs.get_mut(id as usize);
    let Some(Some(resolved)) = resolved.filter(|_| args.len() <= MOST_SHORT) else {
        return Ok(None);
    };
    if !resolved.shortcut.is_open(&mut rt.wasm, resolved.func) || resolved.pointer.is_some() {
        return Ok(None);
    }
    // Host code may call such functions on and on.
    rt.wasm.pace().go_on()?;
    let mut bits = [0; MOST_SHORT];
    for (bits, arg) in bits.iter_mut().zip(args) {
        *bits = u64::from(*arg);
    }
    let result = resolved.shortcut.take(&mut rt.wasm, &bits[..args.len()]);
    Ok(result.map(|bits| bits as u32))
}

/// Helpers take no more.
const MOST_SHORT: usize = 4;

/// Calls a getter `(context, pointer) -> value`.
pub fn call_getter(rt: &mut Runtime, id: FuncId, context: u32, ptr: u32) -> Result<(ValRaw, Type)> {
    let Some(resolved) = rt.embind.resolved(id) else {
        return Err(unknown_function(rt, id));
    };
    if resolved.odd || resolved.params[..] != [Type::I32, Type::I32] {
        return Err(misfit(rt, id));
    }
    let Some(result) = resolved.result else {
        return Err(misfit(rt, id));
    };
    let resolved = resolved.clone();
    let raw = resolved.call(rt, &[ValRaw::from_u32(context), ValRaw::from_u32(ptr)])?;
    Ok((raw, result))
}

/// The type of a setter's value: `(context, pointer, value)`.
pub fn setter_type(rt: &Runtime, id: FuncId) -> Result<Type> {
    match rt.embind.resolved(id) {
        None => Err(unknown_function(rt, id)),
        Some(r) if !r.odd && r.params.len() == 3 && r.params[..2] == [Type::I32, Type::I32] => {
            Ok(r.params[2])
        }
        Some(_) => Err(misfit(rt, id)),
    }
}

/// Calls a setter whose value type [`setter_type`] gave.
pub fn call_setter(rt: &mut Runtime, id: FuncId, context: u32, ptr: u32, value: ValRaw) -> Result {
    setter_type(rt, id)?;
    let Some(resolved) = rt.embind.resolved(id).cloned() else {
        return Err(unknown_function(rt, id));
    };
    let args = [ValRaw::from_u32(context), ValRaw::from_u32(ptr), value];
    resolved.call(rt, &args).map(drop)
}
