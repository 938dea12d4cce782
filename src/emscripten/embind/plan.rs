//! How to call a function whose types are known: decided once, checked against the function's wasm type.

use super::registry::*;
use super::resolve::type_index;
use super::short::is_plain;
use crate::emscripten::Runtime;
use crate::engine::{Result, Unwind};
use wasmer_types::Type;

/// As many as the binding has registers for.
pub const MOST_RESULT_LEAVES: u32 = 32;

/// Larger value objects cross as objects.
const MOST_ARGUMENT_LEAVES: u32 = 8;

/// Whether a C++ value of that kind can be passed as that wasm type.
fn fits(kind: &TypeKind, wasm: Type) -> bool {
    match kind {
        TypeKind::Float { .. } => matches!(wasm, Type::F32 | Type::F64),
        TypeKind::BigInt { .. } => wasm == Type::I64,
        _ => wasm == Type::I32,
    }
}

fn set_state(rt: &mut Runtime, callable: CallableId, state: State) {
    rt.embind.registry_mut().callables[callable as usize].state = state;
}

/// `types` is result, then receiver (methods), then arguments.
pub fn bind(
    rt: &mut Runtime,
    callable: CallableId,
    types: &[u32],
    func: FuncId,
    context: u32,
) -> Result {
    let method = rt.embind.reg.callables[callable as usize].role == Role::Method;
    let Some((result, rest)) = types.split_first() else {
        return Err(Unwind::binding(
            "argTypes array size mismatch! Must at least get return value and receiver (this) types!",
        ));
    };
    let result = type_index(rt, *result)?;
    let mut indices = Vec::with_capacity(rest.len());
    for raw in rest {
        indices.push(type_index(rt, *raw)?);
    }
    let this = match method {
        false => This::None,
        true => match indices.first().map(|t| &rt.embind.reg.ty(*t).kind) {
            Some(TypeKind::Pointer(pointer)) => This::Pointer(*pointer),
            _ => {
                return Err(Unwind::binding(
                    "argTypes array size mismatch! Must at least get return value and receiver (this) types!",
                ));
            }
        },
    };
    let args = &indices[usize::from(method)..];
    let state = plan(rt, func, context, this, args, result, &indices);
    set_state(rt, callable, state);
    Ok(())
}

fn plan(
    rt: &Runtime,
    func: FuncId,
    context: u32,
    this: This,
    args: &[TypeIdx],
    result: TypeIdx,
    destroyed: &[TypeIdx],
) -> State {
    let reg = &rt.embind.reg;
    let unusable = |message: String| State::Unbound {
        message,
        types: Vec::new(),
    };
    let Some(resolved) = rt.embind.resolved(func) else {
        let (index, signature) = &reg.funcs[func as usize];
        return unusable(format!(
            "unknown function pointer with signature {signature}: {index}"
        ));
    };
    let lead = 1 + usize::from(!matches!(this, This::None));
    let returns = result != NO_TYPE && !matches!(reg.ty(result).kind, TypeKind::Void);
    let right = !resolved.odd
        && resolved.params.len() == lead + args.len()
        && resolved.params[..lead].iter().all(|t| *t == Type::I32)
        && args
            .iter()
            .zip(&resolved.params[lead..])
            .all(|(ty, wasm)| fits(&reg.ty(*ty).kind, *wasm))
        && (!returns
            || resolved
                .result
                .is_some_and(|wasm| fits(&reg.ty(result).kind, wasm)));
    if !right {
        let (index, signature) = &reg.funcs[func as usize];
        return unusable(format!(
            "function {index} does not have the type it was registered with ({signature})"
        ));
    }
    let params: Vec<Param> = args
        .iter()
        .zip(&resolved.params[lead..])
        .map(|(ty, wasm)| Param {
            ty: *ty,
            wasm: *wasm,
            passing: passing(reg, *ty, rt.abi.embind_checks),
        })
        .collect();
    let optional = args
        .iter()
        .rev()
        .take_while(|ty| matches!(reg.ty(**ty).kind, TypeKind::Emval { optional: true }))
        .count();
    let mut plan = Plan {
        func,
        context,
        this,
        required: (params.len() - optional) as u32,
        args: params.into_boxed_slice(),
        result,
        result_wasm: if returns { resolved.result } else { None },
        leaves: if returns {
            reg.leaves_of_type(result, MOST_RESULT_LEAVES)
        } else {
            None
        },
        lifo: destroyed
            .iter()
            .any(|ty| reg.static_destructor(*ty).is_none()),
        plain: false,
    };
    plan.plain = is_plain(reg, &plan);
    State::Bound(plan)
}

fn passing(reg: &Registry, ty: TypeIdx, checks: bool) -> Passing {
    match reg.ty(ty).kind {
        TypeKind::Pointer(_) => Passing::Handle,
        TypeKind::Float { .. } => Passing::Number,
        TypeKind::Int { .. } if !checks => Passing::Number,
        _ => reg
            .leaves_of_type(ty, MOST_ARGUMENT_LEAVES)
            .map_or(Passing::Value, Passing::Leaves),
    }
}

pub fn bind_accessor(
    rt: &mut Runtime,
    class: u32,
    (callable, raw, func, context): (CallableId, u32, FuncId, u32),
    is_getter: bool,
    is_static: bool,
) -> Result {
    let ty = type_index(rt, raw)?;
    let this = if is_static {
        This::None
    } else {
        This::Class(class)
    };
    let state = if is_getter {
        plan(rt, func, context, this, &[], ty, &[])
    } else {
        plan(rt, func, context, this, &[ty], NO_TYPE, &[])
    };
    let state = match state {
        State::Bound(mut plan) => {
            plan.lifo = true;
            State::Bound(plan)
        }
        other => other,
    };
    set_state(rt, callable, state);
    Ok(())
}
