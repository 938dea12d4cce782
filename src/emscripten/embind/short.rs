//! Functions that take and give numbers, and calls of the short ones among them, which enter no wasm: see
//! [`crate::engine::Shortcut`].

use super::handles;
use super::invoke::CallArguments;
use super::numbers::{number_from_wire, number_of};
use super::registry::{CallableId, Passing, Plan, Registry, Role, State, This, TypeKind};
use crate::emscripten::Runtime;
use crate::engine::{Load, Shortcut, ValRaw};
use wasmer_types::Type;

/// More parameters than this are passed the ordinary way.
const MOST: usize = 10;

/// A result that is no more than a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plain {
    Nothing,
    Int(i32),
    Number(f64),
    Bool(bool),
}

/// Whether a plan's arguments and result are numbers, which neither run JavaScript nor need memory.
pub fn is_plain(reg: &Registry, plan: &Plan) -> bool {
    let takes_number = |passing| passing == Passing::Number;
    plan.args.iter().all(|param| takes_number(param.passing))
        && plan.args.len() + 3 <= MOST
        && kind(reg, plan).is_some()
}

/// How a plain result is told to the facade: `u` for nothing, `i` for integers of 32 bits with a sign, `n` for other numbers, `b`
/// for booleans.
pub fn kind(reg: &Registry, plan: &Plan) -> Option<char> {
    let Some(wasm) = plan.result_wasm else {
        return Some('u');
    };
    match reg.ty(plan.result).kind {
        TypeKind::Int { size, signed, .. } if wasm == Type::I32 && (signed || size < 4) => {
            Some('i')
        }
        TypeKind::Int { .. } | TypeKind::Float { .. } => Some('n'),
        TypeKind::Bool { .. } => Some('b'),
        _ => None,
    }
}

impl Plain {
    /// What a function with a plain plan gave.
    #[inline]
    pub fn of(reg: &Registry, plan: &Plan, raw: ValRaw) -> Self {
        let Some(wasm) = plan.result_wasm else {
            return Plain::Nothing;
        };
        match &reg.ty(plan.result).kind {
            TypeKind::Int { signed: true, .. } if wasm == Type::I32 => Plain::Int(raw.i32()),
            TypeKind::Bool { .. } => Plain::Bool(number_of(raw, wasm) != 0.0),
            kind @ TypeKind::Int { .. } => Plain::Number(number_from_wire(kind, raw, wasm)),
            _ => Plain::Number(number_of(raw, wasm)),
        }
    }
}

/// How the facade reads a property by itself: the kind of its view, the address of the field's place in the object, and the class
/// whose handles have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    pub view: FieldView,
    pub context: u32,
    pub class: u32,
}

/// By their number in `lib/facade/embind/fields.js`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldView {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
}

/// The field that a property only reads, where that is known by now.
pub fn field(rt: &Runtime, reg: &Registry, id: CallableId) -> Option<Field> {
    let callable = reg.callables.get(id as usize)?;
    let State::Bound(plan) = &callable.state else {
        return None;
    };
    let This::Class(class) = plan.this else {
        return None;
    };
    let resolved = rt.embind.resolved(plan.func)?;
    if callable.role != Role::Getter || !plan.plain || resolved.pointer.is_some() {
        return None;
    }
    let load = rt.embind.shortcuts.get(id as usize)?.field()?;
    let (signed, size) = match reg.ty(plan.result).kind {
        TypeKind::Int { signed, size, .. } => (signed, size),
        TypeKind::Bool { .. } => (false, 1),
        _ => (true, 0),
    };
    let view = match (plan.result_wasm?, load) {
        (Type::F64, Load::U64) => FieldView::F64,
        (Type::F32, Load::U32) => FieldView::F32,
        (Type::I32, Load::U8) => FieldView::U8,
        (Type::I32, Load::U16) if signed || size >= 2 => FieldView::U16,
        (Type::I32, Load::I8) if signed => FieldView::I8,
        (Type::I32, Load::I16) if signed => FieldView::I16,
        (Type::I32, Load::U32) if signed => FieldView::I32,
        (Type::I32, Load::U32) if size >= 4 => FieldView::U32,
        _ => return None,
    };
    let context = plan.context;
    context.is_multiple_of(4).then_some(Field {
        view,
        context,
        class,
    })
}

/// The call, when it is one of a short function; with the address of its object, if it has one. `None`: nothing has happened, and it is to be made the ordinary way.
#[inline]
pub fn invoke<P: CallArguments>(
    rt: &mut Runtime,
    reg: &Registry,
    id: CallableId,
    passed: &P,
) -> Option<(Plain, u32)> {
    let State::Bound(plan) = &reg.callables.get(id as usize)?.state else {
        return None;
    };
    if !plan.plain {
        return None;
    }
    let resolved = rt.embind.funcs.get(plan.func as usize)?.as_ref()?;
    let (func, pointer) = (resolved.func, resolved.pointer);
    let Some(shortcut) = rt.embind.shortcuts.get_mut(id as usize) else {
        let count = reg.callables.len();
        rt.embind.shortcuts.resize(count, Shortcut::default());
        return None;
    };
    if !shortcut.is_open(&mut rt.wasm, func) {
        return None;
    }
    let mut arguments = [0u64; MOST];
    let mut count = 0;
    let mut push = |bits: u64| {
        arguments[count] = bits;
        count += 1;
    };
    if let Some(pointer) = pointer {
        push(pointer.into());
    }
    push(plan.context.into());
    let wanted = match plan.this {
        This::None => None,
        This::Class(class) => Some((class, true)),
        This::Pointer(pointer) => {
            let pointer = reg.pointer(pointer);
            if pointer.smart.is_some() {
                return None;
            }
            Some((pointer.class, pointer.is_const))
        }
    };
    let (mut at, mut object) = (0, 0);
    if let Some((class, constant)) = wanted {
        let held = handles::live(rt, passed.handle_ref(0)?)?;
        let of = reg.pointer(held.pointer);
        if held.ptr == 0 || of.class != class || (of.is_const && !constant) {
            return None;
        }
        object = held.ptr;
        push(object.into());
        at = 2;
    }
    for param in &plan.args {
        push(passed.as_raw(at, param.wasm)?.u64());
        at += 1;
    }
    let shortcut = rt.embind.shortcuts.get_mut(id as usize)?;
    let result = shortcut.take(&mut rt.wasm, &arguments[..count])?;
    Some((Plain::of(reg, plan, ValRaw::from_u64(result)), object))
}
