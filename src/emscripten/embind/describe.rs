//! What the facade is made from, as JSON: read once per sandbox.

use super::registry::*;
use super::short;
use crate::emscripten::abi::Abi;
use std::fmt::Write;

/// The whole registry as the facade needs it.
///
/// Functions are named by their index; the facade gets the native functions in the same order.
pub fn describe(reg: &Registry, abi: &Abi) -> String {
    let mut json = Json(String::with_capacity(1 << 16));
    json.0.push('{');
    let _ = write!(
        json.0,
        "\"checkCounts\":{},\"argsSuffix\":{},\"finalizers\":{},\"anonymous\":{},\"callables\":[",
        abi.embind_counts, abi.embind_args_suffix, abi.finalizers, abi.anonymous_classes
    );
    json.list(&reg.callables, |json, callable| {
        callable_json(json, reg, callable);
    });
    json.0.push_str("],\"records\":[");
    json.list(&reg.records, |json, record| record_json(json, reg, record));
    json.0.push_str("],\"tables\":[");
    json.list(&reg.tables, |json, table| {
        json.0.push('[');
        json.text(&table.human);
        for (argc, callable) in &table.by_argc {
            let _ = write!(json.0, ",{argc},{callable}");
        }
        json.0.push(']');
    });
    json.0.push_str("],\"classes\":[");
    json.list(&reg.classes, class_json);
    json.0.push_str("],\"enums\":[");
    json.list(&reg.enums, |json, entry| {
        json.0.push('[');
        json.text(&entry.name);
        let _ = write!(json.0, ",{}", entry.style as u32);
        for (name, value) in &entry.values {
            json.0.push(',');
            json.text(name);
            let _ = write!(json.0, ",{value}");
        }
        json.0.push(']');
    });
    json.0.push_str("],\"symbols\":[");
    json.list(&reg.public, |json, (name, public)| {
        json.0.push('[');
        json.text(name);
        let (kind, index) = match public {
            Public::Function { callable, .. } => ('f', callable),
            Public::Table(table) => ('t', table),
            Public::Class(class) => ('c', class),
            Public::UnboundClass(callable) => ('u', callable),
            Public::Enum(index) => ('e', index),
            Public::Constant(index) => ('k', index),
        };
        let _ = write!(json.0, ",\"{kind}\",{index}]");
    });
    json.0.push_str("]}");
    json.0
}

/// `[human, role, argc, required, parameters, result]`. A parameter or result: `h` for class handles, a record's index for
/// value objects taken apart, `e` for results that may be a handle or anything else, `v` for other values. Where all are
/// numbers, parameters are `n` and the result is what [`short::kind`] says.
fn callable_json(json: &mut Json, reg: &Registry, callable: &Callable) {
    json.0.push('[');
    json.text(&callable.human);
    let role = callable.role as u32;
    let _ = write!(json.0, ",{role},{},", callable.argc);
    let State::Bound(plan) = &callable.state else {
        // Calling throws before the arguments are looked at, and before they are counted.
        json.0.push_str("-1,[");
        json.list(0..callable.argc, |json, _| json.0.push_str("\"v\""));
        json.0.push_str("],\"v\"]");
        return;
    };
    let _ = write!(json.0, "{},[", plan.required);
    let record = |ty: TypeIdx| match reg.ty(ty).kind {
        TypeKind::Record(record) => record.to_string(),
        _ => "\"v\"".into(),
    };
    json.list(plan.args.iter(), |json, param| match param.passing {
        Passing::Number if plan.plain => json.0.push_str("\"n\""),
        Passing::Value | Passing::Number => json.0.push_str("\"v\""),
        Passing::Handle => json.0.push_str("\"h\""),
        Passing::Leaves(_) => json.0.push_str(&record(param.ty)),
    });
    json.0.push_str("],");
    let handle =
        plan.result_wasm.is_some() && matches!(reg.ty(plan.result).kind, TypeKind::Pointer(_));
    if let Some(kind) = short::kind(reg, plan).filter(|_| plan.plain) {
        let _ = write!(json.0, "\"{kind}\"");
    } else if callable.gives_val(reg) {
        json.0.push_str("\"e\"");
    } else if handle {
        json.0.push_str("\"h\"");
    } else if plan.leaves.is_some() {
        json.0.push_str(&record(plan.result));
    } else {
        json.0.push_str("\"v\"");
    }
    json.0.push(']');
}

/// `[isArray, name, leaf, name, leaf, ...]`; a leaf: `n` for numbers, `b` for booleans, a record's index. `null` for
/// records that hold something else.
fn record_json(json: &mut Json, reg: &Registry, record: &Record) {
    if record.leaves.is_none() {
        json.0.push_str("null");
        return;
    }
    let _ = write!(json.0, "[{}", u8::from(record.is_array));
    for field in &record.fields {
        json.0.push(',');
        json.text(&field.name);
        let _ = match reg.ty(field.get_type).kind {
            TypeKind::Record(inner) => write!(json.0, ",{inner}"),
            TypeKind::Bool { .. } => write!(json.0, ",\"b\""),
            _ => write!(json.0, ",\"n\""),
        };
    }
    json.0.push(']');
}

fn class_json(json: &mut Json, class: &Class) {
    json.0.push_str("{\"name\":");
    json.text(&class.name);
    let base = class.base.map_or(-1, i64::from);
    let _ = write!(json.0, ",\"base\":{base},\"constructors\":");
    match &class.constructors {
        None => json.0.push_str("null"),
        Some(constructors) => {
            json.0.push('[');
            json.list(constructors.iter(), |json, (argc, callable)| {
                let _ = write!(json.0, "{argc},{callable}");
            });
            json.0.push(']');
        }
    }
    for (key, members) in [("methods", &class.methods), ("statics", &class.statics)] {
        let _ = write!(json.0, ",\"{key}\":[");
        json.list(&members.names, |json, (name, member)| {
            json.text(name);
            let _ = match member {
                Member::One { callable, .. } => write!(json.0, ",0,{callable}"),
                Member::Table(table) => write!(json.0, ",1,{table}"),
            };
        });
        json.0.push(']');
    }
    for (key, properties) in [
        ("properties", &class.properties),
        ("staticProperties", &class.static_properties),
    ] {
        let _ = write!(json.0, ",\"{key}\":[");
        json.list(properties, |json, property| {
            json.text(&property.name);
            let setter = property.setter.map_or(-1, i64::from);
            let _ = write!(json.0, ",{},{setter}", property.getter);
        });
        json.0.push(']');
    }
    json.0.push_str(",\"pureVirtual\":[");
    json.list(&class.pure_virtual, |json, name| json.text(name));
    json.0.push_str("],\"iterable\":");
    match &class.iterable {
        None => json.0.push_str("null"),
        Some((size, get)) => {
            json.0.push('[');
            json.text(size);
            json.0.push(',');
            json.text(get);
            json.0.push(']');
        }
    }
    json.0.push('}');
}

struct Json(String);

impl Json {
    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        for (i, item) in items.into_iter().enumerate() {
            if i != 0 {
                self.0.push(',');
            }
            each(self, item);
        }
    }
    fn text(&mut self, text: &str) {
        self.0.push('"');
        for c in text.chars() {
            match c {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                c if u32::from(c) < 0x20 => {
                    let _ = write!(self.0, "\\u{:04x}", u32::from(c));
                }
                c => self.0.push(c),
            }
        }
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_escaped() {
        let mut json = Json(String::new());
        json.text("a\"b\\c\u{1}é");
        assert_eq!(json.0, "\"a\\\"b\\\\c\\u0001é\"");
    }
}
