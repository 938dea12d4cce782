//! Classes and what belongs to them, in the order and with the overload rules of embind.

use super::plan::bind_accessor;
use super::registry::*;
use super::resolve::{bind_when_known, check_bases, class_index, register_type, when};
use crate::emscripten::Runtime;
use crate::engine::{Result, Unwind};

pub fn build_class(
    rt: &mut Runtime,
    raw: u32,
    pointer: u32,
    const_pointer: u32,
    base: u32,
    mut class: Class,
) -> Result {
    if base != 0 {
        class.base = Some(class_index(rt, base)?);
        check_bases(rt, &class.name, class.base)?;
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

pub fn build_constructor(
    rt: &mut Runtime,
    class: u32,
    types: Vec<u32>,
    func: FuncId,
    context: u32,
) -> Result {
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
    bind_when_known(rt, callable, types, func, context)
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

/// A new table of overloads, by their numbers of arguments.
fn overloads<const N: usize>(reg: &mut Registry, human: &str, all: [(u32, u32); N]) -> Member {
    reg.tables.push(OverloadTable {
        human: human.to_owned(),
        by_argc: all.into_iter().collect(),
    });
    Member::Table(reg.tables.len() as u32 - 1)
}

pub fn build_method(
    rt: &mut Runtime,
    class: u32,
    name: String,
    types: Vec<u32>,
    (func, context): (FuncId, u32),
    pure_virtual: bool,
) -> Result {
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
            let table = overloads(reg, &human, [(argc, callable)]);
            reg.classes[class as usize].methods.set(&name, table);
        }
        // Only a function whose types are not known yet remembers whose it is: embind puts the newer in the place of any other.
        Some(Member::One {
            callable: had,
            argc: had_argc,
            class: by,
        }) if had_argc == argc
            && (matches!(reg.callables[had as usize].state, State::Bound(_))
                || class_name(reg, by) != class_name(reg, class)) =>
        {
            reg.classes[class as usize].methods.set(&name, single);
        }
        Some(Member::One {
            callable: had,
            argc: had_argc,
            ..
        }) => {
            let table = overloads(reg, &human, [(had_argc, had), (argc, callable)]);
            reg.classes[class as usize].methods.set(&name, table);
        }
        // The table may be a base class's: embind adds the overload there.
        Some(Member::Table(table)) => {
            reg.tables[table as usize].by_argc.insert(argc, callable);
        }
    }
    bind_when_known(rt, callable, types, func, context)
}

pub fn build_static(
    rt: &mut Runtime,
    class: u32,
    name: String,
    types: Vec<u32>,
    (func, context): (FuncId, u32),
) -> Result {
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
        }) => overloads(reg, &human, [(had_argc, had), (argc, callable)]),
        Some(Member::Table(table)) => {
            reg.tables[table as usize].by_argc.insert(argc, callable);
            Member::Table(table)
        }
    };
    reg.classes[class as usize].statics.set(&name, member);
    let inherits = !rt.abi.embind_args_suffix;
    let needs = types.clone();
    bind_when_known(rt, callable, types, func, context)?;
    if inherits {
        let member = Member::One {
            callable,
            argc,
            class: u32::MAX,
        };
        // It goes to the derived classes that are known by then.
        return when(rt, &[], &needs, move |rt| {
            let reg = rt.embind.registry_mut();
            for derived in reg.class(class).derived.clone() {
                let derived = &mut reg.classes[derived as usize];
                if derived.statics.get(&name).is_none() {
                    derived.statics.set(&name, member);
                }
            }
            Ok(())
        });
    }
    Ok(())
}

/// How C++ reads or writes a property.
#[derive(Clone, Copy)]
pub struct Accessor {
    pub ty: u32,
    pub function: FuncId,
    pub context: u32,
}

/// A property as it is registered.
pub struct Accessors {
    pub name: String,
    pub getter: Accessor,
    pub setter: Option<Accessor>,
    pub is_static: bool,
}

pub fn build_property(rt: &mut Runtime, class: u32, accessors: Accessors) -> Result {
    let Accessors {
        name,
        getter,
        setter,
        is_static,
    } = accessors;
    let human = format!("{}.{name}", rt.embind.reg.class(class).name);
    let mut types = vec![getter.ty];
    types.extend(setter.map(|s| s.ty));
    let (get_role, set_role) = match is_static {
        true => (Role::StaticGetter, Role::StaticSetter),
        false => (Role::Getter, Role::Setter),
    };
    let get = unbound(rt, human.clone(), get_role, 0, "access", &types);
    let set = setter.map(|s| {
        (
            unbound(rt, human.clone(), set_role, 1, "access", &types),
            s.ty,
            s.function,
            s.context,
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
    let getter = (get, getter.ty, getter.function, getter.context);
    when(rt, &[], &types, move |rt| {
        bind_accessor(rt, class, getter, true, is_static)?;
        set.map_or(Ok(()), |setter| {
            bind_accessor(rt, class, setter, false, is_static)
        })
    })
}

pub fn build_smart_pointer(
    rt: &mut Runtime,
    raw: u32,
    pointee: u32,
    mut pointer: Pointer,
) -> Result {
    let reg = rt.embind.registry_mut();
    let Some(TypeKind::Pointer(plain)) = reg.type_of_raw(pointee).map(|t| reg.ty(t).kind.clone())
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
    reg.pointers.push(pointer);
    let index = reg.pointers.len() as u32 - 1;
    register_type(rt, raw, name, TypeKind::Pointer(index), false)
}
