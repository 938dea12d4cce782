//! What the facade is made from, as lines of JSON: each is read when a thread needs it.

use super::registry::*;
use super::short;
use crate::emscripten::abi::Abi;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::{Arc, Weak};

/// Descriptions of registries that somebody has.
static DESCRIBED: Mutex<Vec<(Weak<Registry>, Arc<str>)>> = Mutex::new(Vec::new());

/// What [`describe`] gives, made once for all sandboxes that share a registry, in whatever thread. One that is changed while others have it
/// is another registry.
pub fn described(reg: &Arc<Registry>, abi: &Abi) -> Arc<str> {
    let known = DESCRIBED.lock().iter().find_map(|(known, text)| {
        let is_it = known.strong_count() > 0 && std::ptr::eq(known.as_ptr(), Arc::as_ptr(reg));
        is_it.then(|| text.clone())
    });
    known.unwrap_or_else(|| {
        let text: Arc<str> = describe(reg, abi).into();
        let mut all = DESCRIBED.lock();
        all.retain(|(known, _)| known.strong_count() > 0);
        all.push((Arc::downgrade(reg), text.clone()));
        text
    })
}

/// The whole registry as the facade needs it: a line of what is the same for all, with the names of symbols, their kinds and their
/// indices; then a line for each callable, table, class and enum.
///
/// Functions are named by their index; the facade gets the native functions in the same order.
///
/// - a table: `[name, argc, callable, argc, callable, ...]`.
/// - an enum: `[name, style, name, value, name, value, ...]`.
pub fn describe(reg: &Registry, abi: &Abi) -> String {
    let tables = reg.tables.iter().map(|table| {
        let entries = table.by_argc.iter();
        let entries = entries.map(|(argc, callable)| json!([argc, callable]));
        flat([json!([table.human])].into_iter().chain(entries))
    });
    let enums = reg.enums.iter().map(|entry| {
        let values = entry.values.iter();
        let values = values.map(|(name, value)| json!([name, value]));
        let head = json!([entry.name, entry.style as u32]);
        flat([head].into_iter().chain(values))
    });
    let kind_of = |public: &Public| match *public {
        Public::Function { callable, .. } => ('f', callable),
        Public::Table(table) => ('t', table),
        Public::Class(class) => ('c', class),
        Public::UnboundClass(callable) => ('u', callable),
        Public::Enum(index) => ('e', index),
        Public::Constant(index) => ('k', index),
    };
    let symbols = || reg.public.iter().map(|(_, public)| kind_of(public));
    let callables = reg.callables.iter();
    let records = reg.records.iter();
    let head = json!({
        "checkCounts": abi.embind_counts,
        "argsSuffix": abi.embind_args_suffix,
        "finalizers": abi.finalizers,
        "anonymous": abi.anonymous_classes,
        "records": list(records.map(|record| record_json(reg, record))),
        "names": list(reg.public.iter().map(|(name, _)| json!(name))),
        "kinds": symbols().map(|(kind, _)| kind).collect::<String>(),
        "indices": list(symbols().map(|(_, index)| json!(index))),
        "counts": [reg.callables.len(), reg.tables.len(), reg.classes.len(), reg.enums.len()],
    });
    // JSON has no line ends but those that stand between tokens, of which there are none.
    let lines: Vec<String> = [head]
        .into_iter()
        .chain(callables.map(|callable| callable_json(reg, callable)))
        .chain(tables)
        .chain(reg.classes.iter().map(class_json))
        .chain(enums)
        .map(|line| line.to_string())
        .collect();
    // The first line has an end in any case.
    lines.join("\n") + "\n"
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
    fn a_registry_is_described_once_and_a_changed_one_again() {
        let abi = Abi::default();
        let mut reg = Arc::new(Registry::default());
        let first = described(&reg, &abi);
        assert!(Arc::ptr_eq(&first, &described(&reg, &abi)));
        let image = reg.clone();
        Arc::make_mut(&mut reg)
            .public
            .push(("added".into(), Public::Class(0)));
        assert!(described(&reg, &abi).contains("added"));
        assert!(Arc::ptr_eq(&first, &described(&image, &abi)));
        drop(image);
        // Nobody else has it: it is changed in another place all the same.
        Arc::make_mut(&mut reg).public.clear();
        assert_eq!(&*described(&reg, &abi), &*first);
    }
}
