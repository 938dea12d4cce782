//! What the facade is made from, as JSON: a head, and the rest one by one, as a thread needs it.

use super::registry::*;
use super::short;
use crate::emscripten::abi::Abi;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::{Arc, Weak};

/// Heads of registries that somebody has.
static HEADS: Mutex<Vec<(Weak<Registry>, Arc<str>)>> = Mutex::new(Vec::new());

/// What [`head`] gives, made once for all threads that share a registry. One that is changed while others have it is another registry.
pub fn shared_head(reg: &Arc<Registry>, abi: &Abi) -> Arc<str> {
    let known = HEADS.lock().iter().find_map(|(known, text)| {
        let is_it = known.strong_count() > 0 && std::ptr::eq(known.as_ptr(), Arc::as_ptr(reg));
        is_it.then(|| text.clone())
    });
    known.unwrap_or_else(|| {
        let text: Arc<str> = head(reg, abi).into();
        let mut all = HEADS.lock();
        all.retain(|(known, _)| known.strong_count() > 0);
        all.push((Arc::downgrade(reg), text.clone()));
        text
    })
}

/// What is the same for all functions and classes; how many callables, tables, classes and enums there are, which are named by their
/// index; and the names of all symbols, in runs.
fn head(reg: &Registry, abi: &Abi) -> String {
    let records = reg.records.iter();
    json!({
        "checkCounts": abi.embind_counts,
        "argsSuffix": abi.embind_args_suffix,
        "finalizers": abi.finalizers,
        "anonymous": abi.anonymous_classes,
        "records": list(records.map(|record| record_json(reg, record))),
        "counts": [reg.callables.len(), reg.tables.len(), reg.classes.len(), reg.enums.len()],
        "runs": runs(reg),
    })
    .to_string()
}

/// Symbols in their order: names of those that are made when they are asked for, names of numbers with these, and so on. Numbers between
/// functions are made with them, as long as they are few.
fn runs(reg: &Registry) -> Vec<Value> {
    const BETWEEN: usize = 16;
    let mut runs = vec![Vec::new()];
    let mut numbers = Vec::new();
    for (name, public) in &reg.public {
        match number(reg, *public) {
            Some(value) => numbers.extend([json!(name), value]),
            None => {
                let few = numbers.len() < 2 * BETWEEN;
                let numbers = std::mem::take(&mut numbers);
                match runs.last_mut() {
                    Some(run) if few => run.extend(numbers.into_iter().step_by(2)),
                    _ => runs.extend([numbers, Vec::new()]),
                }
                runs.last_mut()
                    .into_iter()
                    .for_each(|run| run.push(json!(name)));
            }
        }
    }
    runs.push(numbers);
    runs.into_iter().map(Value::Array).collect()
}

/// A constant that is a number and that JSON can write.
fn number(reg: &Registry, public: Public) -> Option<Value> {
    let Public::Constant(at) = public else {
        return None;
    };
    let Constant::Number(value) = *reg.constants.get(at as usize)? else {
        return None;
    };
    let is_whole = value.abs() < 1e15 && value.fract() == 0.0;
    let is_written = value.is_finite() && (value != 0.0 || value.is_sign_positive());
    is_written.then(|| {
        if is_whole {
            json!(value as i64)
        } else {
            json!(value)
        }
    })
}

/// One of the callables (0), tables (1), classes (2) or enums (3).
///
/// - a table: `[name, argc, callable, argc, callable, ...]`.
/// - an enum: `[name, style, name, value, name, value, ...]`.
pub fn one(reg: &Registry, list: u32, index: usize) -> Option<String> {
    let value = match list {
        0 => callable_json(reg, reg.callables.get(index)?),
        1 => table_json(reg.tables.get(index)?),
        2 => class_json(reg.classes.get(index)?),
        3 => enum_json(reg.enums.get(index)?),
        _ => return None,
    };
    Some(value.to_string())
}

/// What has a name: the kind, as a letter, and the index.
pub fn symbol(public: Public) -> (char, u32) {
    match public {
        Public::Function { callable, .. } => ('f', callable),
        Public::Table(table) => ('t', table),
        Public::Class(class) => ('c', class),
        Public::UnboundClass(callable) => ('u', callable),
        Public::Enum(index) => ('e', index),
        Public::Constant(index) => ('k', index),
    }
}

fn table_json(table: &OverloadTable) -> Value {
    let entries = table.by_argc.iter();
    let entries = entries.map(|(argc, callable)| json!([argc, callable]));
    flat([json!([table.human])].into_iter().chain(entries))
}

fn enum_json(entry: &Enum) -> Value {
    let values = entry.values.iter();
    let values = values.map(|(name, value)| json!([name, value]));
    let head = json!([entry.name, entry.style as u32]);
    flat([head].into_iter().chain(values))
}

fn list(items: impl Iterator<Item = Value>) -> Value {
    Value::Array(items.collect())
}

/// One list of the items of many.
fn flat(lists: impl IntoIterator<Item = Value>) -> Value {
    let items = lists.into_iter().flat_map(|list| match list {
        Value::Array(items) => items,
        other => vec![other],
    });
    list(items)
}

/// `[human, role, argc, required, parameters, result]`. A parameter or result: `h` for class handles, a record's index for
/// value objects taken apart, `e` for results that may be a handle or anything else, `v` for other values. Where all are
/// numbers, parameters are `n` and the result is what [`short::kind`] says.
fn callable_json(reg: &Registry, callable: &Callable) -> Value {
    let (human, role, argc) = (&callable.human, callable.role as u32, callable.argc);
    let State::Bound(plan) = &callable.state else {
        // Calling throws before the arguments are looked at, and before they are counted.
        return json!([human, role, argc, -1, vec!["v"; argc as usize], "v"]);
    };
    let record = |ty: TypeIdx| match reg.ty(ty).kind {
        TypeKind::Record(record) => json!(record),
        _ => json!("v"),
    };
    let parameters = plan.args.iter().map(|param| match param.passing {
        Passing::Number if plan.plain => json!("n"),
        Passing::Value | Passing::Number => json!("v"),
        Passing::Handle => json!("h"),
        Passing::Leaves(_) => record(param.ty),
    });
    let handle =
        plan.result_wasm.is_some() && matches!(reg.ty(plan.result).kind, TypeKind::Pointer(_));
    let result = match short::kind(reg, plan).filter(|_| plan.plain) {
        Some(kind) => json!(kind),
        None if callable.gives_val(reg) => json!("e"),
        None if handle => json!("h"),
        None if plan.leaves.is_some() => record(plan.result),
        None => json!("v"),
    };
    json!([human, role, argc, plan.required, list(parameters), result])
}

/// `[isArray, name, leaf, name, leaf, ...]`; a leaf: `n` for numbers, `b` for booleans, a record's index. `null` for
/// records that hold something else.
fn record_json(reg: &Registry, record: &Record) -> Value {
    if record.leaves.is_none() {
        return Value::Null;
    }
    let fields = record.fields.iter().map(|field| {
        let leaf = match reg.ty(field.get_type).kind {
            TypeKind::Record(inner) => json!(inner),
            TypeKind::Bool { .. } => json!("b"),
            _ => json!("n"),
        };
        json!([field.name, leaf])
    });
    flat([json!(u8::from(record.is_array))].into_iter().chain(fields))
}

/// Members follow each other in one list: `name, 0, callable` or `name, 1, table`; properties: `name, getter, setter`.
fn class_json(class: &Class) -> Value {
    let index = |optional: Option<u32>| optional.map_or(-1, i64::from);
    let constructors = class.constructors.as_ref().map(|constructors| {
        let each = constructors.iter();
        flat(each.map(|(argc, callable)| json!([argc, callable])))
    });
    let members = |members: &Members| {
        flat(members.names.iter().map(|(name, member)| match member {
            Member::One { callable, .. } => json!([name, 0, callable]),
            Member::Table(table) => json!([name, 1, table]),
        }))
    };
    let properties = |properties: &[Property]| {
        let each = properties.iter();
        flat(each.map(|it| json!([it.name, it.getter, index(it.setter)])))
    };
    json!({
        "name": class.name,
        "base": index(class.base),
        "constructors": constructors,
        "methods": members(&class.methods),
        "statics": members(&class.statics),
        "properties": properties(&class.properties),
        "staticProperties": properties(&class.static_properties),
        "pureVirtual": class.pure_virtual,
        "iterable": class.iterable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_made_once_and_that_of_a_changed_registry_again() {
        let abi = Abi::default();
        let mut reg = Arc::new(Registry::default());
        let first = shared_head(&reg, &abi);
        assert!(Arc::ptr_eq(&first, &shared_head(&reg, &abi)));
        let image = reg.clone();
        Arc::make_mut(&mut reg).set_public("added", Public::Class(0));
        assert!(shared_head(&reg, &abi).contains("added"));
        assert!(Arc::ptr_eq(&first, &shared_head(&image, &abi)));
        drop(image);
        // Nobody else has it: it is changed in another place all the same.
        *Arc::make_mut(&mut reg) = Registry::default();
        assert_eq!(&*shared_head(&reg, &abi), &*first);
    }

    #[test]
    fn one_is_described_at_a_time() {
        let mut reg = Registry::default();
        reg.tables.push(OverloadTable {
            human: "add".into(),
            by_argc: [(2, 7)].into_iter().collect(),
        });
        assert_eq!(one(&reg, 1, 0).as_deref(), Some(r#"["add",2,7]"#));
        assert_eq!(one(&reg, 1, 1), None);
        assert_eq!(one(&reg, 4, 0), None);
        reg.constants = vec![Constant::Number(1.0), Constant::Number(0.5), Constant::Null];
        for (name, public) in [("add", Public::Table(0)), ("ONE", Public::Constant(0))] {
            reg.set_public(name, public);
        }
        let runs = |reg: &Registry| {
            serde_json::from_str::<Value>(&head(reg, &Abi::default())).unwrap()["runs"].clone()
        };
        assert_eq!(runs(&reg), json!([["add"], ["ONE", 1]]));
        for (name, public) in [("HALF", Public::Constant(1)), ("none", Public::Constant(2))] {
            reg.set_public(name, public);
        }
        assert_eq!(runs(&reg), json!([["add", "ONE", "HALF", "none"], []]));
        for at in 0..20 {
            reg.set_public(&format!("C{at}"), Public::Constant(1));
        }
        reg.set_public("sub", Public::Table(0));
        assert_eq!(runs(&reg)[1].as_array().map(Vec::len), Some(40));
        assert_eq!(runs(&reg)[2], json!(["sub"]));
    }
}
