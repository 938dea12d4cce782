//! Facts other than names: layout, constructors, what is attached to `Module`, how the file is loaded.

use super::constants;
use super::names::{ExportNames, Factory, ImportNames, ImportTable, without_underscore};
use super::parse::{Ast, body_of, contains, identifier, is_identifier, member, target_member};
use super::{GlueFacts, Layout, NameState, Shape, Uses};
use crate::program::wasm_facts::{Item, WasmFacts};
use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentTarget, Expression};
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};
use oxc_syntax::symbol::SymbolId;
use std::collections::{HashMap, HashSet};

/// Properties of `Module` that come from the user: assigning them is no export.
const OPTIONS: [&str; 51] = [
    "preInit",
    "preRun",
    "postRun",
    "arguments",
    "thisProgram",
    "quit",
    "onAbort",
    "onExit",
    "onRuntimeInitialized",
    "locateFile",
    "wasmBinary",
    "instantiateWasm",
    "print",
    "printErr",
    "noInitialRun",
    "noExitRuntime",
    "setStatus",
    "monitorRunDependencies",
    "stdin",
    "stdout",
    "stderr",
    "INITIAL_MEMORY",
    "TOTAL_MEMORY",
    "STACK_SIZE",
    "TOTAL_STACK",
    "ENVIRONMENT",
    "noFSInit",
    "logReadFiles",
    "preloadPlugins",
    "read",
    "readAsync",
    "readBinary",
    "readArrayBuffer",
    "load",
    "dynamicLibraries",
    "mainScriptUrlOrBlob",
    "canvas",
    "elementPointerLock",
    "fetchSettings",
    "memoryInitializerRequest",
    "memoryInitializerPrefixURL",
    "cdInitializerPrefixURL",
    "pthreadMainPrefixURL",
    "filePackagePrefixURL",
    "wasmMemory",
    "buffer",
    "expectedDataFileDownloads",
    "finishedDataFileDownloads",
    "wasm",
    "statusMessage",
    "loadWasmModuleToWorker",
];

pub fn is_option(key: &str) -> bool {
    OPTIONS.contains(&key)
}

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
    exports: &ExportNames,
    out: &mut GlueFacts,
) {
    let body = body_of(&factory.node).unwrap_or_default();
    let constants = constants::read(ast, body);
    out.layout = layout(&constants, facts);
    out.constructors = constructors(ast, factory, exports, out);
    module_properties(ast, factory, out);
    out.wasm_names = wasm_file_names(ast);
    out.evidence = super::evidence::read(ast, factory);
    out.uses = Uses {
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
    };
}

fn layout(constants: &constants::Constants, facts: &WasmFacts) -> Layout {
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
                (_, name) => *constants
                    .numbers
                    .get(name)
                    .or_else(|| constants.numbers.get(without_underscore(name)))?,
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

/// Functions of the factory that run during start-up, as far as direct calls tell: called at top level, or by one of
/// these.
fn startup_functions(ast: &Ast<'_>, factory: Factory<'_>) -> HashSet<Span> {
    let mut calls: HashMap<Option<Span>, Vec<SymbolId>> = HashMap::new();
    let mut spans: HashMap<SymbolId, Span> = HashMap::new();
    for node in ast.nodes.iter() {
        if !contains(factory.span, node.kind().span()) {
            continue;
        }
        match node.kind() {
            AstKind::CallExpression(call) => {
                let callee = identifier(&call.callee).and_then(|id| ast.symbol(id));
                // `removeRunDependency`-like callbacks are given by name: `addOnInit(f)`, `.then(run)`.
                let given = call
                    .arguments
                    .iter()
                    .filter_map(|a| a.as_expression())
                    .filter_map(identifier);
                let given = given.filter_map(|id| ast.symbol(id));
                let within = outermost_function(ast, factory, node.id());
                calls
                    .entry(within)
                    .or_default()
                    .extend(callee.into_iter().chain(given));
            }
            AstKind::Function(f) => {
                if let Some(symbol) = f.id.as_ref().and_then(|id| id.symbol_id.get()) {
                    spans.insert(symbol, f.span);
                }
            }
            AstKind::VariableDeclarator(d) => {
                let function = match d.init.as_ref().map(|i| i.without_parentheses()) {
                    Some(Expression::FunctionExpression(f)) => Some(f.span),
                    Some(Expression::ArrowFunctionExpression(a)) => Some(a.span),
                    _ => None,
                };
                let symbol =
                    d.id.get_binding_identifier()
                        .and_then(|id| id.symbol_id.get());
                if let (Some(symbol), Some(span)) = (symbol, function) {
                    spans.insert(symbol, span);
                }
            }
            _ => {}
        }
    }
    let mut reached = HashSet::new();
    let mut queue: Vec<Span> = Vec::new();
    let mut visit = |from: Option<Span>, queue: &mut Vec<Span>| {
        for symbol in calls.get(&from).into_iter().flatten() {
            if let Some(span) = spans.get(symbol)
                && reached.insert(*span)
            {
                queue.push(*span);
            }
        }
    };
    visit(None, &mut queue);
    while let Some(span) = queue.pop() {
        visit(Some(span), &mut queue);
    }
    reached
}

/// The function right below the factory that holds a node; `None` at its top level, functions called on the spot
/// counting as top level.
fn outermost_function(ast: &Ast<'_>, factory: Factory<'_>, node: NodeId) -> Option<Span> {
    let mut outermost = None;
    let mut pending: Option<Span> = None;
    for kind in ast.ancestors(node) {
        if let (Some(span), AstKind::CallExpression(call)) = (pending, kind) {
            if call.callee.without_parentheses().span() == span {
                pending = None;
            }
        } else if let Some(span) =
            pending.filter(|_| !matches!(kind, AstKind::ParenthesizedExpression(_)))
        {
            outermost = Some(span);
            pending = None;
        }
        if kind.span() == factory.span {
            break;
        }
        if matches!(
            kind,
            AstKind::Function(_) | AstKind::ArrowFunctionExpression(_)
        ) {
            pending = Some(kind.span());
        }
    }
    outermost
}

/// `Module["x"] = ...`: exports of the glue. Reads of `Module["x"]`: its options.
fn module_properties(ast: &Ast<'_>, factory: Factory<'_>, out: &mut GlueFacts) {
    let startup = startup_functions(ast, factory);
    for node in ast.nodes.iter() {
        match node.kind() {
            AstKind::AssignmentExpression(a) if contains(factory.span, a.span) => {
                let Some((object, key)) = target_member(&a.left) else {
                    continue;
                };
                if !is_identifier(object, "Module")
                    || is_option(key)
                    || out.module_keys.iter().any(|k| k == key)
                {
                    continue;
                }
                let runs = outermost_function(ast, factory, node.id())
                    .is_none_or(|f| startup.contains(&f));
                if runs && !is_unexported_stub(ast, &a.right) {
                    out.module_keys.push(key.to_string());
                }
            }
            AstKind::StaticMemberExpression(m) if is_identifier(&m.object, "Module") => {
                option_read(ast, node.id(), m.property.name.as_str(), out);
            }
            AstKind::ComputedMemberExpression(m) if is_identifier(&m.object, "Module") => {
                if let Expression::StringLiteral(s) = &m.expression {
                    option_read(ast, node.id(), s.value.as_str(), out);
                }
            }
            _ => {}
        }
    }
}

fn option_read(ast: &Ast<'_>, node: oxc_semantic::NodeId, key: &str, out: &mut GlueFacts) {
    if !is_option(key) || out.module_options.iter().any(|k| k == key) {
        return;
    }
    let written = match ast.nodes.parent_kind(node) {
        AstKind::AssignmentExpression(a) => contains(a.left.span(), ast.nodes.kind(node).span()),
        _ => false,
    };
    if !written {
        out.module_options.push(key.to_string());
    }
}

/// ASSERTIONS builds attach a function that aborts with "'x' was not exported".
fn is_unexported_stub(ast: &Ast<'_>, right: &Expression<'_>) -> bool {
    let text = ast.slice(right.span());
    text.len() < 400
        && (text.contains("was not exported") || text.contains("not included in DEFAULT_LIBRARY"))
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
