//! What JavaScript is told about a program, as JSON. Its exports, of which there may be tens of thousands, are asked for apart.

use crate::binding::allocations;
use crate::emscripten;
use crate::instance::Program;
use crate::program::{self, NameState};
use rustc_hash::FxHashSet;
use serde_json::{Value, json};

pub(super) fn facts(program: &Program) -> Value {
    let reading = program.reading();
    let glue = reading.glue.as_ref();
    let imports: Vec<Value> = reading
        .facts
        .function_imports()
        .map(|(import, signature)| {
            let name = program.import_name(&import.module, &import.name);
            let by = if emscripten::answer(&name).is_some() {
                "native"
            } else if program.js_imports().contains(&name) {
                "glue"
            } else {
                "nobody"
            };
            json!({ "module": import.module, "field": import.name, "name": name, "signature": signature.to_string(), "by": by })
        })
        .collect();
    let memory = reading.facts.memories.first();
    json!({
        "key": blake3::Hash::from_bytes(reading.key).to_hex().as_str(),
        "imports": imports,
        "jsImports": program.js_imports(),
        "emAsm": glue.map(|g| g.em_asm.clone()).unwrap_or_default(),
        "fragment": glue.and_then(|g| g.fragment.as_ref()),
        "moduleKeys": glue.map(|g| g.module_keys.clone()).unwrap_or_default(),
        "moduleAddresses": glue.map(|g| g.module_addresses.clone()).unwrap_or_default(),
        "moduleFlags": glue.map(|g| g.module_flags.clone()).unwrap_or_default(),
        "moduleOptions": glue.map(|g| g.module_options.clone()).unwrap_or_default(),
        "hasGlue": glue.is_some(),
        "minified": glue.and_then(|g| match &g.names { NameState::Minified { reason } => Some(reason.clone()), NameState::Recoverable => None }),
        "uses": glue.map(|g| g.uses),
        "shape": glue.map(|g| &g.shape),
        "fastcomp": program.abi().fastcomp,
        "functionPointers": glue.and_then(|g| g.layout.function_pointers).map(|(first, count)| json!({ "first": first, "count": count })),
        "wasmOrigin": origin(&reading.wasm_origin),
        "versionMin": reading.versions.from,
        "versionMax": reading.versions.to,
        "assertions": glue.is_some_and(|g| g.evidence.assertions),
        "conventions": glue.map(|g| json!({
            "int64": g.evidence.int64.map(|kind| format!("{kind:?}")),
            "unsignedPointers": g.evidence.unsigned_pointers,
            "codePoints": g.evidence.code_points,
        })),
        "absoluteLinks": program.abi().absolute_links,
        "noInitialRun": glue.is_some_and(|g| g.evidence.no_initial_run),
        "awaitsWasm": glue.is_some_and(|g| g.evidence.awaits_wasm),
        "linuxErrno": program.abi().linux_errno,
        "memory": memory.map(|m| json!({ "min": m.min, "max": m.max, "shared": m.shared, "memory64": m.memory64, "imported": m.imported })),
        "allocators": program.allocators().map(allocations::describe),
        "restorable": program.restorable().err(),
        "producers": reading.facts.producers,
        "targetFeatures": reading.facts.target_features,
        "hasNames": reading.facts.has_names,
        "wasmBytes": reading.wasm.len(),
    })
}

pub(super) fn exports(program: &Program) -> Value {
    let exports = program.reading().facts.exports.iter();
    exports
        .map(|export| json!({ "field": export.name, "name": program.export_name(&export.name), "item": item(&export.item) }))
        .collect()
}

/// What the native host needs of them to begin with:
///
/// - `functions`: by name, how many numbers one takes, or -1 where JavaScript cannot call it;
/// - `keys` and `names`: under which names the package puts which of the functions on its module;
/// - `late`: those that its own JavaScript has before the module has started;
/// - `numbers`: exported globals that it puts there, each with its value.
pub(super) fn exported(program: &Program) -> Value {
    use program::wasm_facts::Item;
    let reading = program.reading();
    let wanted = reading.glue.as_ref().map(|glue| {
        let keys = glue.module_keys.iter();
        keys.map(String::as_str).collect::<FxHashSet<_>>()
    });
    let has = |key: &str| wanted.as_ref().is_some_and(|wanted| wanted.contains(key));
    let is_wanted = |key: &str| wanted.is_none() || has(key);
    let key_of = |name: &str| {
        let usual = format!("_{name}");
        if is_wanted(&usual) {
            return Some(usual);
        }
        if has(name) {
            return Some(name.to_owned());
        }
        (name == "__main_argc_argv" && has("_main")).then(|| "_main".to_owned())
    };
    let mut functions = serde_json::Map::new();
    let (mut keys, mut names, mut late, mut numbers) = (vec![], vec![], vec![], vec![]);
    let mut seen = FxHashSet::default();
    for export in &reading.facts.exports {
        let name = program.export_name(&export.name);
        match &export.item {
            Item::Function(signature) => {
                let taken = signature.taken().map_or(-1, |count| count as i64);
                let is_new = functions.insert(name.clone(), taken.into()).is_none();
                if is_new && name.starts_with("dynCall_") && is_wanted(&name) {
                    late.push(name.clone());
                }
                let key = key_of(&name).filter(|_| taken >= 0);
                if let Some(key) = key.filter(|key| seen.insert(key.clone())) {
                    keys.push(key);
                    names.push(name);
                }
            }
            Item::Global(global) => {
                let key = format!("_{name}");
                if has(&key) {
                    numbers.extend([json!(key), json!(global.constant)]);
                }
            }
            _ => {}
        }
    }
    json!({ "functions": functions, "keys": keys, "names": names, "late": late, "numbers": numbers })
}

fn origin(origin: &program::WasmOrigin) -> Value {
    use program::WasmOrigin;
    match origin {
        WasmOrigin::Source => json!({ "kind": "source" }),
        WasmOrigin::Embedded => json!({ "kind": "embedded" }),
        WasmOrigin::Beside(path) => json!({ "kind": "beside", "path": path.to_string_lossy() }),
        WasmOrigin::Given => json!({ "kind": "given" }),
    }
}

fn item(item: &program::wasm_facts::Item) -> Value {
    use program::wasm_facts::Item;
    match item {
        Item::Function(signature) => {
            json!({ "kind": "function", "signature": signature.to_string() })
        }
        Item::Memory(_) => json!({ "kind": "memory" }),
        Item::Table(_) => json!({ "kind": "table" }),
        Item::Global(global) => {
            json!({ "kind": "global", "mutable": global.mutable, "value": global.constant })
        }
        Item::Tag => json!({ "kind": "tag" }),
    }
}
