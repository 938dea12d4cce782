//! The imports by which the module's constructors describe its C++ classes, functions and values.

mod classes;
mod records;
mod types;

pub use classes::legal_name;

use super::members;
use super::names::latin1;
use super::registry::*;
use super::resolve::bind_when_known;
use crate::emscripten::{ImportFn, Runtime};
use crate::engine::{Args, Result, Unwind};
use classes::*;
use records::*;
use types::*;

pub const IMPORTS: &[(&str, ImportFn)] = &[
    ("_embind_register_void", register_void),
    ("_embind_register_bool", register_bool),
    ("_embind_register_integer", register_integer),
    ("_embind_register_bigint", register_bigint),
    ("_embind_register_float", register_float),
    ("_embind_register_std_string", register_std_string),
    ("_embind_register_std_wstring", register_std_wstring),
    ("_embind_register_emval", register_emval),
    ("_embind_register_user_type", register_emval),
    ("_embind_register_user_type_definition", register_emval),
    ("_embind_register_optional", register_optional),
    ("_embind_register_memory_view", register_memory_view),
    ("_embind_register_function", register_function),
    ("_embind_register_class", register_class),
    (
        "_embind_register_class_constructor",
        register_class_constructor,
    ),
    ("_embind_register_class_function", register_class_function),
    (
        "_embind_register_class_class_function",
        register_class_class_function,
    ),
    ("_embind_register_class_property", register_class_property),
    (
        "_embind_register_class_class_property",
        register_class_class_property,
    ),
    ("_embind_register_value_object", register_value_object),
    (
        "_embind_register_value_object_field",
        register_value_object_field,
    ),
    ("_embind_finalize_value_object", finalize_record),
    ("_embind_register_value_array", register_value_array),
    (
        "_embind_register_value_array_element",
        register_value_array_element,
    ),
    ("_embind_finalize_value_array", finalize_record),
    ("_embind_register_enum", register_enum),
    ("_embind_register_enum_value", register_enum_value),
    ("_embind_register_constant", register_constant),
    ("_embind_register_smart_ptr", register_smart_ptr),
    ("_embind_register_iterable", register_iterable),
    (
        "_embind_create_inheriting_constructor",
        create_inheriting_constructor,
    ),
];

/// A name, which counts as part of what the module registers.
fn text(rt: &mut Runtime, at: u32) -> Result<String> {
    let length = rt.wasm.c_str(at)?.len();
    rt.embind.builder.charge(length)?;
    latin1(rt, at)
}

/// A function's name without the argument names that newer bindings append.
fn function_name(rt: &mut Runtime, at: u32) -> Result<String> {
    let name = text(rt, at)?;
    let name = name.trim();
    Ok(name.split('(').next().unwrap_or(name).to_owned())
}

fn type_list(rt: &mut Runtime, count: u32, at: u32) -> Result<Vec<u32>> {
    /// Result, receiver and the parameters that a wasm function can have.
    const MOST: u32 = 1002;
    if count > MOST {
        return Err(Unwind::binding(format!(
            "a function of {count} types is registered: at most {MOST} are possible"
        )));
    }
    rt.embind.builder.charge(4 * count as usize)?;
    let bytes = rt
        .wasm
        .bytes(at, count.checked_mul(4).ok_or_else(Unwind::out_of_bounds)?)?;
    Ok(bytes
        .chunks_exact(4)
        .map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]))
        .collect())
}

/// Registration is over once the image is taken: the facade is made from what is known then.
fn open(rt: &mut Runtime) -> Result {
    if rt.embind.is_closed() {
        return Err(Unwind::Unsupported(
            "embind registrations after start-up (a side module?); open the source with host: 'glue'".into(),
        ));
    }
    rt.embind.builder.count()
}

/// Notes a function pointer with its signature.
fn require_function(rt: &mut Runtime, signature: u32, index: u32) -> Result<FuncId> {
    open(rt)?;
    let signature = if signature == 0 {
        String::new()
    } else {
        text(rt, signature)?
    };
    Ok(rt
        .embind
        .add_function(&rt.wasm, rt.abi.calls_by_dyncall, index, signature))
}

fn optional_function(rt: &mut Runtime, signature: u32, index: u32) -> Result<Option<FuncId>> {
    if index == 0 {
        Ok(None)
    } else {
        require_function(rt, signature, index).map(Some)
    }
}

/// Makes room for a callable among the module's symbols.
fn expose_function(rt: &mut Runtime, name: &str, callable: CallableId, argc: u32) -> Result {
    // Older generations looked in the wrong place for a duplicate of a function that had no overloads yet, and let the
    // second registration win.
    let lenient = rt.abi.embind_args_suffix;
    let reg = rt.embind.registry_mut();
    let duplicate = || {
        Unwind::binding(format!(
            "Cannot register multiple overloads of a function with the same number of arguments ({argc})!"
        ))
    };
    match reg.public(name) {
        None => reg.set_public(name, Public::Function { callable, argc }),
        Some(Public::Table(table)) => {
            let table = &mut reg.tables[table as usize];
            if table.by_argc.contains_key(&argc) {
                return Err(Unwind::binding(format!(
                    "Cannot register public name '{name}' twice"
                )));
            }
            table.by_argc.insert(argc, callable);
        }
        Some(Public::Function { argc: had, .. }) if had == argc && !lenient => {
            return Err(duplicate());
        }
        Some(other) => {
            let mut table = OverloadTable {
                human: name.to_owned(),
                by_argc: Default::default(),
            };
            if let Public::Function { callable, argc } = other {
                table.by_argc.insert(argc, callable);
            }
            table.by_argc.insert(argc, callable);
            reg.tables.push(table);
            let index = reg.tables.len() as u32 - 1;
            reg.set_public(name, Public::Table(index));
        }
    }
    Ok(())
}

fn register_function(rt: &mut Runtime, a: &mut Args) -> Result {
    let types = type_list(rt, a.u32(1), a.u32(2))?;
    let name = function_name(rt, a.u32(0))?;
    let func = require_function(rt, a.u32(3), a.u32(4))?;
    let argc = a.u32(1).saturating_sub(1);
    let callable = members::unbound(rt, name.clone(), Role::Function, argc, "call", &types);
    expose_function(rt, &name, callable, argc)?;
    bind_when_known(rt, callable, types, func, a.u32(5))
}
