//! What the facade is made from, as JSON: read once per sandbox.

use super::registry::*;
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
        "\"checkCounts\":{},\"argsSuffix\":{},\"finalizers\":{},\"callables\":[",
        abi.embind_counts, abi.embind_args_suffix, abi.finalizers
    );
    json.list(&reg.callables, |json, callable| {
        callable_json(json, reg, callable)
    });
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

/// `[human, role, argc, required, parameters, result]`; parameters: `h` for class handles, `v` for other values.
fn callable_json(json: &mut Json, reg: &Registry, callable: &Callable) {
    json.0.push('[');
    json.text(&callable.human);
    let (required, shape, handle) = match &callable.state {
        State::Bound(plan) => {
            let shape: String = plan
                .args
                .iter()
                .map(|p| if p.handle { 'h' } else { 'v' })
                .collect();
            let handle = plan.result_wasm.is_some()
                && matches!(reg.ty(plan.result).kind, TypeKind::Pointer(_));
            (plan.required, shape, handle)
        }
        // Calling throws before the arguments are looked at, and before they are counted.
        State::Unbound { .. } => (u32::MAX, "v".repeat(callable.argc as usize), false),
    };
    let role = callable.role as u32;
    let required = if required == u32::MAX {
        -1
    } else {
        i64::from(required)
    };
    let _ = write!(
        json.0,
        ",{role},{},{required},\"{shape}\",{}]",
        callable.argc,
        u8::from(handle)
    );
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
