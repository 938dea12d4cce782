//! Argument and result types of what was registered, as JSON: what TypeScript declarations are made from.

use super::registry::*;
use rustc_hash::FxHashMap;
use serde_json::{Value, json};

/// `{ types, callables, records }`.
///
/// - `types`: `[name, kind, detail?]`; what the others name by index. The detail of an optional is the type it may hold, or null
///   when that was never registered.
/// - `callables`: in the order of the registry; `[required, result, parameter, ...]`, or `null` when a type of it was
///   never registered, so that calling it throws.
/// - `records`: `[isArray, name, [field, type], ...]`.
pub fn signatures(reg: &Registry) -> String {
    let held = |raw: &u32, inner: &u32| Some((reg.type_of_raw(*raw)?, reg.type_of_raw(*inner)));
    let optionals: FxHashMap<TypeIdx, Option<TypeIdx>> = reg
        .optionals
        .iter()
        .filter_map(|(raw, inner)| held(raw, inner))
        .collect();
    let types = reg.types.iter().zip(0..);
    let types: Vec<Value> = types
        .map(|(ty, index)| match optionals.get(&index) {
            Some(inner) => json!([ty.name, "optional", inner]),
            None => type_json(reg, ty),
        })
        .collect();
    let callables: Vec<Value> = reg.callables.iter().map(callable_json).collect();
    let records: Vec<Value> = reg.records.iter().map(record_json).collect();
    json!({ "types": types, "callables": callables, "records": records }).to_string()
}

fn type_json(reg: &Registry, ty: &TypeInfo) -> Value {
    let name = &ty.name;
    match ty.kind {
        TypeKind::Void => json!([name, "void"]),
        TypeKind::Bool { .. } => json!([name, "bool"]),
        TypeKind::Int { .. } | TypeKind::Float { .. } => json!([name, "number"]),
        TypeKind::BigInt { .. } => json!([name, "bigint"]),
        TypeKind::StdString { .. } => json!([name, "string"]),
        TypeKind::WideString { .. } => json!([name, "wide"]),
        TypeKind::Emval { .. } => json!([name, "val"]),
        TypeKind::MemoryView(kind) => json!([name, "view", kind as u8]),
        TypeKind::Enum(index) => json!([name, "enum", index]),
        TypeKind::Record(index) => json!([name, "record", index]),
        TypeKind::Pointer(index) => json!([name, "class", reg.pointer(index).class]),
    }
}

fn callable_json(callable: &Callable) -> Value {
    let State::Bound(plan) = &callable.state else {
        return Value::Null;
    };
    let mut parts = vec![json!(plan.required), json!(plan.result)];
    parts.extend(plan.args.iter().map(|param| json!(param.ty)));
    Value::Array(parts)
}

fn record_json(record: &Record) -> Value {
    let mut parts = vec![json!(record.is_array), json!(record.name)];
    let fields = record.fields.iter();
    parts.extend(fields.map(|field| json!([field.name, field.get_type])));
    Value::Array(parts)
}
