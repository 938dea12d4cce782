//! Types may be used before they are registered: what waits for which type, and what then happens.

use super::convert::from_wire;
use super::registry::*;
use super::{Embind, Out};
use crate::emscripten::Runtime;
use crate::emscripten::js::Kind;
use crate::engine::{Raw, Unwind};
use rustc_hash::FxHashMap;
use std::sync::Arc;
use wasmer_types::Type;

/// Registrations under way. Empty again after start-up, but for types that never came.
#[derive(Default)]
pub struct Builder {
    /// Type id to the waits it takes part in.
    awaiting: FxHashMap<u32, Vec<usize>>,
    waits: Vec<Wait>,
    /// Value objects and arrays that are not finalized yet.
    pub records: FxHashMap<u32, Record>,
}

struct Wait {
    missing: usize,
    action: Option<Action>,
}

/// What to do once the types are there.
pub enum Action {
    Class {
        raw: u32,
        pointer: u32,
        const_pointer: u32,
        base: u32,
        class: Box<Class>,
    },
    Constructor {
        class: u32,
        types: Vec<u32>,
        func: FuncId,
        context: u32,
    },
    Method {
        class: u32,
        name: String,
        types: Vec<u32>,
        func: FuncId,
        context: u32,
        pure_virtual: bool,
    },
    Static {
        class: u32,
        name: String,
        types: Vec<u32>,
        func: FuncId,
        context: u32,
    },
    Property {
        class: u32,
        name: String,
        getter: (u32, FuncId, u32),
        setter: Option<(u32, FuncId, u32)>,
        is_static: bool,
    },
    /// The types of a function are known.
    Bind {
        callable: CallableId,
        types: Vec<u32>,
        func: FuncId,
        context: u32,
    },
    /// A bound static method goes to the derived classes known by then.
    Inherit {
        class: u32,
        name: String,
        member: Member,
    },
    Accessors {
        class: u32,
        getter: (CallableId, u32, FuncId, u32),
        setter: Option<(CallableId, u32, FuncId, u32)>,
        is_static: bool,
    },
    Record {
        raw: u32,
    },
    SmartPointer {
        raw: u32,
        pointee: u32,
        pointer: Box<Pointer>,
    },
    Constant {
        name: String,
        raw: u32,
        value: f64,
    },
    Iterable {
        class: u32,
        size: String,
        get: String,
    },
}

/// Runs `action` as soon as all of `needs` are registered; until then `announces` are known to be on their way.
pub fn when(
    rt: &mut Runtime,
    announces: &[u32],
    needs: &[u32],
    action: Action,
) -> Result<(), Unwind> {
    if !announces.is_empty() {
        let reg = rt.embind.registry_mut();
        for raw in announces {
            reg.dependencies.insert(*raw, needs.to_vec());
        }
    }
    let Embind { builder, reg, .. } = &mut rt.embind;
    let missing: Vec<u32> = needs
        .iter()
        .copied()
        .filter(|n| reg.type_of_raw(*n).is_none())
        .collect();
    if missing.is_empty() {
        return run(rt, action);
    }
    let wait = builder.waits.len();
    for raw in &missing {
        builder.awaiting.entry(*raw).or_default().push(wait);
    }
    builder.waits.push(Wait {
        missing: missing.len(),
        action: Some(action),
    });
    Ok(())
}

/// Registers a type and wakes who waits for it.
pub fn register_type(
    rt: &mut Runtime,
    raw: u32,
    name: String,
    kind: TypeKind,
    ignore_duplicates: bool,
) -> Result<(), Unwind> {
    if raw == 0 {
        return Err(Unwind::binding(format!(
            "type \"{name}\" must have a positive integer typeid pointer"
        )));
    }
    if rt.embind.reg.type_of_raw(raw).is_some() {
        if ignore_duplicates {
            return Ok(());
        }
        return Err(Unwind::binding(format!(
            "Cannot register type '{name}' twice"
        )));
    }
    let reg = rt.embind.registry_mut();
    let index = reg.types.len() as TypeIdx;
    reg.types.push(TypeInfo { raw, name, kind });
    reg.by_raw.insert(raw, index);
    reg.dependencies.remove(&raw);
    for wait in rt.embind.builder.awaiting.remove(&raw).unwrap_or_default() {
        let wait = &mut rt.embind.builder.waits[wait];
        wait.missing -= 1;
        if wait.missing == 0
            && let Some(action) = wait.action.take()
        {
            run(rt, action)?;
        }
    }
    Ok(())
}

fn class_index(rt: &Runtime, raw: u32) -> Result<u32, Unwind> {
    let reg = &rt.embind.reg;
    reg.type_of_raw(raw)
        .and_then(|t| reg.class_of_type(t))
        .ok_or_else(|| Unwind::script("InternalError", format!("type {raw} is not a class")))
}

fn run(rt: &mut Runtime, action: Action) -> Result<(), Unwind> {
    match action {
        Action::Class {
            raw,
            pointer,
            const_pointer,
            base,
            class,
        } => build_class(rt, raw, pointer, const_pointer, base, *class),
        Action::Constructor {
            class,
            types,
            func,
            context,
        } => build_constructor(rt, class, types, func, context),
        Action::Method {
            class,
            name,
            types,
            func,
            context,
            pure_virtual,
        } => {
            let class = class_index(rt, class)?;
            build_method(rt, class, name, types, (func, context), pure_virtual)
        }
        Action::Static {
            class,
            name,
            types,
            func,
            context,
        } => {
            let class = class_index(rt, class)?;
            build_static(rt, class, name, types, (func, context))
        }
        Action::Property {
            class,
            name,
            getter,
            setter,
            is_static,
        } => {
            let class = class_index(rt, class)?;
            build_property(rt, class, name, getter, setter, is_static)
        }
        Action::Bind {
            callable,
            types,
            func,
            context,
        } => bind(rt, callable, &types, func, context),
        Action::Inherit {
            class,
            name,
            member,
        } => {
            let reg = rt.embind.registry_mut();
            for derived in reg.class(class).derived.clone() {
                let derived = &mut reg.classes[derived as usize];
                if derived.statics.get(&name).is_none() {
                    derived.statics.set(&name, member);
                }
            }
            Ok(())
        }
        Action::Accessors {
            class,
            getter,
            setter,
            is_static,
        } => {
            bind_accessor(rt, class, getter, true, is_static)?;
            setter.map_or(Ok(()), |setter| {
                bind_accessor(rt, class, setter, false, is_static)
            })
        }
        Action::Record { raw } => build_record(rt, raw),
        Action::SmartPointer {
            raw,
            pointee,
            mut pointer,
        } => {
            let reg = rt.embind.registry_mut();
            let Some(TypeKind::Pointer(plain)) =
                reg.type_of_raw(pointee).map(|t| reg.ty(t).kind.clone())
            else {
                return Err(Unwind::script(
                    "InternalError",
                    format!("{} does not point to a class", pointer.name),
                ));
            };
            pointer.class = reg.pointer(plain).class;
            if let Some(smart) = &mut pointer.smart {
                smart.pointee = plain;
            }
            let name = pointer.name.clone();
            reg.pointers.push(*pointer);
            let index = reg.pointers.len() as u32 - 1;
            register_type(rt, raw, name, TypeKind::Pointer(index), false)
        }
        Action::Constant { name, raw, value } => build_constant(rt, name, raw, value),
        Action::Iterable { class, size, get } => {
            let class = class_index(rt, class)?;
            let class = &mut rt.embind.registry_mut().classes[class as usize];
            class.iterable.get_or_insert((size, get));
            Ok(())
        }
    }
}

fn build_class(
    rt: &mut Runtime,
    raw: u32,
    pointer: u32,
    const_pointer: u32,
    base: u32,
    mut class: Class,
) -> Result<(), Unwind> {
    if base != 0 {
        class.base = Some(class_index(rt, base)?);
    }
    let (name, legal, parent) = (class.name.clone(), class.legal_name.clone(), class.base);
    let reg = rt.embind.registry_mut();
    let index = reg.classes.len() as u32;
    reg.classes.push(class);
    if let Some(parent) = parent {
        reg.classes[parent as usize].derived.push(index);
    }
    let first = reg.pointers.len() as u32;
    let names = [name.clone(), format!("{name}*"), format!("{name} const*")];
    for (i, name) in names.iter().enumerate() {
        reg.pointers.push(Pointer {
            name: name.clone(),
            class: index,
            is_reference: i == 0,
            is_const: i == 2,
            smart: None,
        });
    }
    reg.actual.insert(raw, (first + 1, first + 2));
    match reg.public(&legal) {
        Some(Public::Table(_)) => {}
        _ => reg.set_public(&legal, Public::Class(index)),
    }
    for (i, (raw, name)) in [raw, pointer, const_pointer]
        .into_iter()
        .zip(names)
        .enumerate()
    {
        register_type(rt, raw, name, TypeKind::Pointer(first + i as u32), false)?;
    }
    Ok(())
}

/// A callable that throws until its types are there.
pub fn unbound(
    rt: &mut Runtime,
    human: String,
    role: Role,
    argc: u32,
    verb: &str,
    types: &[u32],
) -> CallableId {
    let message = format!("Cannot {verb} {human} due to unbound types");
    let reg = rt.embind.registry_mut();
    let state = State::Unbound {
        message,
        types: types.to_vec(),
    };
    reg.callables.push(Callable {
        human,
        role,
        argc,
        state,
    });
    reg.callables.len() as CallableId - 1
}

fn build_constructor(
    rt: &mut Runtime,
    class: u32,
    types: Vec<u32>,
    func: FuncId,
    context: u32,
) -> Result<(), Unwind> {
    let class = class_index(rt, class)?;
    let name = rt.embind.reg.class(class).name.clone();
    let argc = (types.len() as u32).saturating_sub(1);
    let taken = rt
        .embind
        .reg
        .class(class)
        .constructors
        .as_ref()
        .is_some_and(|ctors| ctors.contains_key(&argc));
    if taken {
        return Err(Unwind::binding(format!(
            "Cannot register multiple constructors with identical number of parameters ({argc}) for class \
             '{name}'! Overload resolution is currently only performed using the parameter count, not actual \
             type info!"
        )));
    }
    let callable = unbound(
        rt,
        name.clone(),
        Role::Constructor,
        argc,
        "construct",
        &types,
    );
    let reg = rt.embind.registry_mut();
    reg.callables[callable as usize].human = format!("constructor {name}");
    reg.classes[class as usize]
        .constructors
        .get_or_insert_default()
        .insert(argc, callable);
    let needs = types.clone();
    when(
        rt,
        &[],
        &needs,
        Action::Bind {
            callable,
            types,
            func,
            context,
        },
    )
}

/// Methods that every handle has, and what every object has: embind finds them on the prototype chain.
fn is_inborn(name: &str) -> bool {
    const INBORN: [&str; 17] = [
        "isAliasOf",
        "clone",
        "delete",
        "isDeleted",
        "deleteLater",
        "constructor",
        "toString",
        "toLocaleString",
        "valueOf",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "__proto__",
    ];
    INBORN.contains(&name)
}

fn new_table(reg: &mut Registry, human: &str) -> u32 {
    reg.tables.push(OverloadTable {
        human: human.to_owned(),
        by_argc: Default::default(),
    });
    reg.tables.len() as u32 - 1
}

fn build_method(
    rt: &mut Runtime,
    class: u32,
    name: String,
    types: Vec<u32>,
    (func, context): (FuncId, u32),
    pure_virtual: bool,
) -> Result<(), Unwind> {
    let human = format!("{}.{name}", rt.embind.reg.class(class).name);
    let argc = (types.len() as u32).saturating_sub(2);
    let callable = unbound(rt, human.clone(), Role::Method, argc, "call", &types);
    let reg = rt.embind.registry_mut();
    if pure_virtual {
        reg.classes[class as usize].pure_virtual.push(name.clone());
    }
    let class_name =
        |reg: &Registry, class: u32| reg.classes.get(class as usize).map(|c| c.name.clone());
    let single = Member::One {
        callable,
        argc,
        class,
    };
    match reg.find_method(class, &name) {
        None if !is_inborn(&name) => reg.classes[class as usize].methods.set(&name, single),
        None => {
            let table = new_table(reg, &human);
            reg.tables[table as usize].by_argc.insert(argc, callable);
            reg.classes[class as usize]
                .methods
                .set(&name, Member::Table(table));
        }
        Some(Member::One {
            argc: had,
            class: by,
            ..
        }) if had == argc && class_name(reg, by) != class_name(reg, class) => {
            reg.classes[class as usize].methods.set(&name, single);
        }
        Some(Member::One {
            callable: had,
            argc: had_argc,
            ..
        }) => {
            let table = new_table(reg, &human);
            let entries = &mut reg.tables[table as usize].by_argc;
            entries.insert(had_argc, had);
            entries.insert(argc, callable);
            reg.classes[class as usize]
                .methods
                .set(&name, Member::Table(table));
        }
        // The table may be a base class's: embind adds the overload there.
        Some(Member::Table(table)) => {
            reg.tables[table as usize].by_argc.insert(argc, callable);
        }
    }
    let needs = types.clone();
    when(
        rt,
        &[],
        &needs,
        Action::Bind {
            callable,
            types,
            func,
            context,
        },
    )
}

fn build_static(
    rt: &mut Runtime,
    class: u32,
    name: String,
    types: Vec<u32>,
    (func, context): (FuncId, u32),
) -> Result<(), Unwind> {
    let human = format!("{}.{name}", rt.embind.reg.class(class).name);
    let argc = (types.len() as u32).saturating_sub(1);
    let callable = unbound(rt, human.clone(), Role::Function, argc, "call", &types);
    let reg = rt.embind.registry_mut();
    let statics = &reg.classes[class as usize].statics;
    let member = match statics.get(&name) {
        None => Member::One {
            callable,
            argc,
            class: u32::MAX,
        },
        Some(Member::One {
            callable: had,
            argc: had_argc,
            ..
        }) => {
            let table = new_table(reg, &human);
            let entries = &mut reg.tables[table as usize].by_argc;
            entries.insert(had_argc, had);
            entries.insert(argc, callable);
            Member::Table(table)
        }
        Some(Member::Table(table)) => {
            reg.tables[table as usize].by_argc.insert(argc, callable);
            Member::Table(table)
        }
    };
    reg.classes[class as usize].statics.set(&name, member);
    let inherits = !rt.abi.embind_args_suffix;
    let needs = types.clone();
    when(
        rt,
        &[],
        &needs,
        Action::Bind {
            callable,
            types,
            func,
            context,
        },
    )?;
    if inherits {
        let member = Member::One {
            callable,
            argc,
            class: u32::MAX,
        };
        return when(
            rt,
            &[],
            &needs,
            Action::Inherit {
                class,
                name,
                member,
            },
        );
    }
    Ok(())
}

fn build_property(
    rt: &mut Runtime,
    class: u32,
    name: String,
    getter: (u32, FuncId, u32),
    setter: Option<(u32, FuncId, u32)>,
    is_static: bool,
) -> Result<(), Unwind> {
    let human = format!("{}.{name}", rt.embind.reg.class(class).name);
    let mut types = vec![getter.0];
    types.extend(setter.map(|s| s.0));
    let (get_role, set_role) = match is_static {
        true => (Role::StaticGetter, Role::StaticSetter),
        false => (Role::Getter, Role::Setter),
    };
    let get = unbound(rt, human.clone(), get_role, 0, "access", &types);
    let set = setter.map(|s| {
        (
            unbound(rt, human.clone(), set_role, 1, "access", &types),
            s.0,
            s.1,
            s.2,
        )
    });
    let owner = &mut rt.embind.registry_mut().classes[class as usize];
    let list = if is_static {
        &mut owner.static_properties
    } else {
        &mut owner.properties
    };
    let property = Property {
        name: name.clone(),
        getter: get,
        setter: set.map(|s| s.0),
        human,
    };
    match list.iter_mut().find(|p| p.name == name) {
        Some(old) => *old = property,
        None => list.push(property),
    }
    let getter = (get, getter.0, getter.1, getter.2);
    when(
        rt,
        &[],
        &types,
        Action::Accessors {
            class,
            getter,
            setter: set,
            is_static,
        },
    )
}

fn type_index(rt: &Runtime, raw: u32) -> Result<TypeIdx, Unwind> {
    rt.embind
        .reg
        .type_of_raw(raw)
        .ok_or_else(|| Unwind::script("InternalError", format!("type {raw} is not registered")))
}

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
fn bind(
    rt: &mut Runtime,
    callable: CallableId,
    types: &[u32],
    func: FuncId,
    context: u32,
) -> Result<(), Unwind> {
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
            passing: passing(reg, *ty),
        })
        .collect();
    let optional = args
        .iter()
        .rev()
        .take_while(|ty| matches!(reg.ty(**ty).kind, TypeKind::Emval { optional: true }))
        .count();
    State::Bound(Plan {
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
    })
}

/// Larger value objects cross as objects.
const MOST_ARGUMENT_LEAVES: u32 = 8;
/// As many as the binding has registers for.
pub const MOST_RESULT_LEAVES: u32 = 32;

fn passing(reg: &Registry, ty: TypeIdx) -> Passing {
    match reg.ty(ty).kind {
        TypeKind::Pointer(_) => Passing::Handle,
        _ => reg
            .leaves_of_type(ty, MOST_ARGUMENT_LEAVES)
            .map_or(Passing::Value, Passing::Leaves),
    }
}

fn bind_accessor(
    rt: &mut Runtime,
    class: u32,
    (callable, raw, func, context): (CallableId, u32, FuncId, u32),
    is_getter: bool,
    is_static: bool,
) -> Result<(), Unwind> {
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

fn build_record(rt: &mut Runtime, raw: u32) -> Result<(), Unwind> {
    let Some(mut record) = rt.embind.builder.records.remove(&raw) else {
        return Ok(());
    };
    for field in &mut record.fields {
        field.get_type = type_index(rt, field.get_type)?;
        field.set_type = type_index(rt, field.set_type)?;
    }
    let name = record.name.clone();
    let reg = rt.embind.registry_mut();
    reg.records.push(record);
    let index = reg.records.len() as u32 - 1;
    register_type(rt, raw, name, TypeKind::Record(index), false)
}

fn build_constant(rt: &mut Runtime, name: String, raw: u32, value: f64) -> Result<(), Unwind> {
    let ty = type_index(rt, raw)?;
    let reg = Arc::clone(&rt.embind.reg);
    let constant = match &reg.ty(ty).kind {
        TypeKind::Void => Constant::Undefined,
        TypeKind::Bool { .. } => Constant::Bool(value != 0.0),
        TypeKind::Int { signed: true, .. } | TypeKind::Float { .. } => Constant::Number(value),
        TypeKind::Int { size, .. } => {
            let shift = 32 - 8 * size.min(&4);
            let bits = super::convert::to_int32(value) as u32;
            Constant::Number(f64::from(bits << shift >> shift))
        }
        TypeKind::BigInt { .. } => Constant::Number(value),
        TypeKind::Enum(index) => Constant::Enum(*index, value),
        _ => {
            // The value comes as a double even when it is a pointer.
            let wire = Raw::from_u32(value as i64 as u32);
            let out = from_wire(rt, &reg, ty, wire, Type::I32)?;
            constant_of(rt, out)?
        }
    };
    drop(reg);
    let reg = rt.embind.registry_mut();
    reg.constants.push(constant);
    let index = reg.constants.len() as u32 - 1;
    reg.set_public(&name, Public::Constant(index));
    Ok(())
}

/// Values that no JavaScript object stands behind keep the image free of JavaScript.
fn constant_of(rt: &mut Runtime, out: Out) -> Result<Constant, Unwind> {
    let value = out.into_js(rt)?;
    let js = rt.js();
    Ok(match js.kind(value) {
        Kind::Undefined => Constant::Undefined,
        Kind::Null => Constant::Null,
        Kind::Boolean => Constant::Bool(js.truthy(value)),
        Kind::Number => Constant::Number(js.to_f64(value).unwrap_or(f64::NAN)),
        Kind::String => Constant::Text(js.to_utf16(value).unwrap_or_default()),
        _ => Constant::Js(js.keep(value)),
    })
}

/// The names of the types that are missing behind `types`, through what announced types need.
pub fn missing_types(rt: &mut Runtime, types: &[u32]) -> Result<Vec<String>, Unwind> {
    let mut missing = Vec::new();
    let mut seen = Vec::new();
    let mut stack: Vec<u32> = types.iter().rev().copied().collect();
    while let Some(raw) = stack.pop() {
        if seen.contains(&raw) || rt.embind.reg.type_of_raw(raw).is_some() {
            continue;
        }
        seen.push(raw);
        match rt.embind.reg.dependencies.get(&raw) {
            Some(needs) => stack.extend(needs.iter().rev()),
            None => missing.push(raw),
        }
    }
    missing.into_iter().map(|raw| type_name(rt, raw)).collect()
}

/// The C++ name of a type id, as the module's own `__getTypeName` gives it.
pub fn type_name(rt: &mut Runtime, raw: u32) -> Result<String, Unwind> {
    if rt.wasm.export("__getTypeName").is_none() {
        return Ok(format!("type {raw}"));
    }
    let at = rt
        .call_export("__getTypeName", &[Raw::from_u32(raw)])?
        .u32();
    let name = latin1(rt.wasm.c_str(at)?);
    rt.embind_free(at)?;
    Ok(name)
}

pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
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
