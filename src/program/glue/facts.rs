//! Facts other than names: layout, constructors, what is attached to `Module`, how the file is loaded.

use super::constants;
use super::names::{ExportNames, Factory, ImportNames, ImportTable, without_underscore};
use super::parse::{Ast, body_of, contains, identifier, is_identifier, member};
use super::{GlueFacts, Layout, NameState, Shape, Uses};
use crate::program::wasm_facts::{Item, WasmFacts};
use oxc_ast::AstKind;
use oxc_ast::ast::AssignmentTarget;
use oxc_span::GetSpan;

/// Without a table of imports (a wasm that imports no function) the factory is the function that makes `Module`.
pub fn factory_without_table<'a>(ast: &Ast<'a>) -> Factory<'a> {
    let scope = ast
        .nodes
        .iter()
        .find_map(|node| match node.kind() {
            AstKind::VariableDeclarator(d) => {
                let id =
                    d.id.get_binding_identifier()
                        .filter(|id| id.name == "Module")?;
                Some(ast.scoping.symbol_scope_id(id.symbol_id.get()?))
            }
            _ => None,
        })
        .unwrap_or_else(|| ast.scoping.root_scope_id());
    super::names::factory(ast, scope)
}

/// Whether enough names were told for the native host.
pub fn name_state(
    ast: &Ast<'_>,
    factory: Factory<'_>,
    facts: &WasmFacts,
    table: Option<&ImportTable<'_, '_>>,
    imports: &ImportNames,
) -> NameState {
    let wanted = facts.function_imports().count();
    let minified = |reason: String| NameState::Minified { reason };
    if !readable_runtime(ast, factory) {
        return minified(
            "the glue's own JavaScript was renamed by Closure or another minifier".into(),
        );
    }
    if imports.unnamed.is_empty() {
        return NameState::Recoverable;
    }
    let (module, name) = &imports.unnamed[0];
    let Some(table) = table else {
        return minified(format!(
            "imports are renamed ({module}.{name}), and the glue has no readable table of them"
        ));
    };
    let unnamed = imports.unnamed.len();
    minified(format!(
        "{unnamed} of {wanted} imports ({module}.{name} first) have no readable name in the glue's table, which answers {}",
        table.hits
    ))
}

/// Whether the parts of the runtime still have their names.
fn readable_runtime(ast: &Ast<'_>, factory: Factory<'_>) -> bool {
    const PARTS: [&str; 14] = [
        "Module",
        "createWasm",
        "run",
        "HEAPU8",
        "HEAP8",
        "wasmMemory",
        "wasmExports",
        "asm",
        "initRuntime",
        "preRun",
        "updateMemoryViews",
        "updateGlobalBufferAndViews",
        "runDependencies",
        "moduleOverrides",
    ];
    let declared = |name: &str| {
        ast.scoping
            .find_binding(factory.scope, name.into())
            .is_some()
    };
    PARTS.iter().filter(|name| declared(name)).count() >= 4
}

/// The rest of the facts.
pub fn read(
    ast: &Ast<'_>,
    facts: &WasmFacts,
    factory: Factory<'_>,
    table: Option<&ImportTable<'_, '_>>,
    exports: &ExportNames,
    out: &mut GlueFacts,
) {
    let body = body_of(&factory.node).unwrap_or_default();
    let constants = constants::read(ast, body);
    out.layout = layout(&constants, facts, table);
    out.constructors = constructors(ast, factory, exports, out);
    super::module_keys::read(ast, factory, exports, out);
    out.wasm_names = wasm_file_names(ast);
    out.evidence = super::evidence::read(ast, factory);
    out.uses = Uses {
        node_files: ast.text.contains("NODERAWFS"),
        jspi: ast.text.contains("WebAssembly.Suspending"),
        asyncify: facts.export("asyncify_start_unwind").is_some()
            || out
                .export_names
                .values()
                .any(|name| name == "asyncify_start_unwind"),
        pthreads: facts.memories.iter().any(|m| m.shared)
            || out
                .import_names
                .values()
                .any(|name| name.contains("pthread_create")),
        dynamic_linking: facts.dynamic_linking(),
        embind: out
            .import_names
            .values()
            .any(|name| name.starts_with("_embind_register_")),
    };
    out.shape = Shape {
        modularize: !matches!(factory.node, AstKind::Program(_)),
        esm: ast.module,
        commonjs: assigns_exports(ast),
        api: super::api::names(ast),
        wrapped: super::wrapped::is_wrapped(ast, factory),
    };
}

fn layout(
    constants: &constants::Constants,
    facts: &WasmFacts,
    table: Option<&ImportTable<'_, '_>>,
) -> Layout {
    let pointer = constants.u32("DYNAMICTOP_PTR");
    // What the glue stores at the pointer counts; builds that declare both in one `var` store it in a function.
    let stored = pointer.and_then(|at| constants.stores.iter().rev().find(|(a, _)| *a == at));
    let base = stored
        .map(|(_, value)| *value)
        .or_else(|| constants.u32("DYNAMIC_BASE"));
    let globals = facts
        .imports
        .iter()
        .filter(|import| {
            matches!(import.item, Item::Global(_)) && !import.module.starts_with("GOT.")
        })
        .filter_map(|import| {
            let value = match (import.module.as_str(), import.name.as_str()) {
                ("global", "NaN") => f64::NAN,
                ("global", "Infinity") => f64::INFINITY,
                (_, "tableBase" | "__table_base") => 0.0,
                (_, "memoryBase" | "__memory_base") => f64::from(
                    constants
                        .u32("STATIC_BASE")
                        .or(constants.u32("GLOBAL_BASE"))
                        .unwrap_or(1024),
                ),
                (_, field) => {
                    // The glue's own name of it, where the wasm's is minified.
                    let value = table.and_then(|t| t.entries.get(field));
                    let name = value
                        .and_then(|v| identifier(v))
                        .map_or(field, |id| id.name.as_str());
                    let numbers = &constants.numbers;
                    *numbers
                        .get(name)
                        .or_else(|| numbers.get(without_underscore(name)))?
                }
            };
            Some((import.module.clone(), import.name.clone(), value))
        })
        .collect();
    Layout {
        dynamic: pointer.zip(base),
        stack_base: constants.u32("STACK_BASE"),
        stack_max: constants.u32("STACK_MAX"),
        stack_top: constants.u32("STACKTOP"),
        static_base: constants
            .u32("STATIC_BASE")
            .or_else(|| constants.u32("GLOBAL_BASE")),
        static_top: constants.u32("STATICTOP"),
        total_memory: constants.initial_memory(),
        total_stack: constants
            .u32("TOTAL_STACK")
            .or_else(|| constants.u32("STACK_SIZE")),
        memory: constants.memory,
        table: constants.table,
        function_pointers: constants
            .u32("jsCallStartIndex")
            .zip(constants.u32("functionPointers")),
        globals,
    }
}

/// `__ATINIT__.push({func: function() { globalCtors() }}, ...)` and `addOnInit(wasmExports["d"])`, in order.
fn constructors(
    ast: &Ast<'_>,
    factory: Factory<'_>,
    exports: &ExportNames,
    out: &GlueFacts,
) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let canonical = |export: &str| {
        out.export_names
            .get(export)
            .cloned()
            .unwrap_or_else(|| export.to_string())
    };
    for node in ast.nodes.iter() {
        let AstKind::CallExpression(call) = node.kind() else {
            continue;
        };
        let queued = match member(&call.callee) {
            Some((object, "push" | "unshift")) => is_identifier(object, "__ATINIT__"),
            Some(_) => false,
            None => is_identifier(&call.callee, "addOnInit"),
        };
        if !queued || !contains(factory.span, call.span) {
            continue;
        }
        for id in ast.references_in(call.span) {
            if !call.arguments.iter().any(|a| contains(a.span(), id.span)) {
                continue;
            }
            if let Some(export) = ast
                .symbol(id)
                .and_then(|symbol| exports.symbols.get(&symbol))
            {
                let name = canonical(export);
                if !found.contains(&name) {
                    found.push(name);
                }
            }
        }
    }
    for export in &exports.called_at_start {
        let name = canonical(export);
        if !found.contains(&name) {
            found.push(name);
        }
    }
    if found.is_empty()
        && out
            .export_names
            .values()
            .any(|name| name == "__wasm_call_ctors")
    {
        found.push("__wasm_call_ctors".into());
    }
    found
}

/// String literals that end in `.wasm`, in order.
pub fn wasm_file_names(ast: &Ast<'_>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for node in ast.nodes.iter() {
        let value = match node.kind() {
            AstKind::StringLiteral(s) => s.value.as_str(),
            AstKind::TemplateElement(t) => t.value.cooked.as_ref().map_or("", |s| s.as_str()),
            _ => continue,
        };
        let fits = value.len() > 5
            && value.len() < 260
            && value.ends_with(".wasm")
            && !value.contains([' ', '\n']);
        if fits && !names.iter().any(|n| n == value) {
            names.push(value.to_string());
        }
    }
    names
}

fn assigns_exports(ast: &Ast<'_>) -> bool {
    ast.nodes.iter().any(|node| {
        let AstKind::AssignmentExpression(a) = node.kind() else {
            return false;
        };
        let object = match &a.left {
            AssignmentTarget::StaticMemberExpression(m) => {
                Some((&m.object, Some(m.property.name.as_str())))
            }
            AssignmentTarget::ComputedMemberExpression(m) => Some((&m.object, None)),
            _ => None,
        };
        let Some((object, property)) = object else {
            return false;
        };
        let Some(id) = identifier(object) else {
            return false;
        };
        if ast.symbol(id).is_some() {
            return false;
        }
        id.name == "exports" || (id.name == "module" && property == Some("exports"))
    })
}
