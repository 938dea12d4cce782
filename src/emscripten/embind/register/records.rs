//! Value objects and value arrays.

use super::{open, require_function, text};
use crate::emscripten::Runtime;
use crate::emscripten::embind::registry::*;
use crate::emscripten::embind::resolve::{build_record, when};
use crate::engine::{Args, Result, Unwind};

pub(super) fn register_record(rt: &mut Runtime, a: &mut Args, is_array: bool) -> Result {
    let record = Record {
        name: text(rt, a.u32(1))?,
        construct: require_function(rt, a.u32(2), a.u32(3))?,
        destroy: require_function(rt, a.u32(4), a.u32(5))?,
        is_array,
        fields: Vec::new(),
        leaves: None,
        depth: 1,
    };
    rt.embind.builder.records.insert(a.u32(0), record);
    Ok(())
}

pub(super) fn register_value_object(rt: &mut Runtime, a: &mut Args) -> Result {
    register_record(rt, a, false)
}

pub(super) fn register_value_array(rt: &mut Runtime, a: &mut Args) -> Result {
    register_record(rt, a, true)
}

/// `at` is the index of the getter's return type among the arguments.
pub(super) fn register_field(rt: &mut Runtime, a: &mut Args, name: String, at: usize) -> Result {
    let field = Field {
        name,
        get_type: a.u32(at),
        getter: require_function(rt, a.u32(at + 1), a.u32(at + 2))?,
        getter_context: a.u32(at + 3),
        set_type: a.u32(at + 4),
        setter: require_function(rt, a.u32(at + 5), a.u32(at + 6))?,
        setter_context: a.u32(at + 7),
    };
    let Some(record) = rt.embind.builder.records.get_mut(&a.u32(0)) else {
        return Err(Unwind::script(
            "InternalError",
            "field of an unregistered value object",
        ));
    };
    // A field that is registered again replaces the first, in its place.
    let old = record
        .fields
        .iter_mut()
        .find(|f| !record.is_array && f.name == field.name);
    match old {
        Some(old) => *old = field,
        None => record.fields.push(field),
    }
    Ok(())
}

pub(super) fn register_value_object_field(rt: &mut Runtime, a: &mut Args) -> Result {
    let name = text(rt, a.u32(1))?;
    register_field(rt, a, name, 2)
}

pub(super) fn register_value_array_element(rt: &mut Runtime, a: &mut Args) -> Result {
    register_field(rt, a, String::new(), 1)
}

pub(super) fn finalize_record(rt: &mut Runtime, a: &mut Args) -> Result {
    open(rt)?;
    let raw = a.u32(0);
    let Some(record) = rt.embind.builder.records.get(&raw) else {
        return Err(Unwind::script(
            "InternalError",
            "finalizing an unregistered value object",
        ));
    };
    let needs: Vec<u32> = record
        .fields
        .iter()
        .map(|f| f.get_type)
        .chain(record.fields.iter().map(|f| f.set_type))
        .collect();
    when(rt, &[raw], &needs, move |rt| build_record(rt, raw))
}
