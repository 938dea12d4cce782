//! What the glue puts on `Module` for its users, and what it reads from it.

use super::GlueFacts;
use super::names::{ExportNames, Factory};
use super::parse::{Ast, contains, identifier, is_identifier, target_member};
use oxc_ast::AstKind;
use oxc_ast::ast::Expression;
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};
use oxc_syntax::operator::UnaryOperator;
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

fn is_option(key: &str) -> bool {
    OPTIONS.contains(&key)
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
                let function = match d
                    .init
                    .as_ref()
                    .map(oxc_ast::ast::Expression::without_parentheses)
                {
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
pub fn read(ast: &Ast<'_>, factory: Factory<'_>, exports: &ExportNames, out: &mut GlueFacts) {
    let startup = startup_functions(ast, factory);
    out.export_keys = exports.keys.clone();
    for node in ast.nodes.iter() {
        match node.kind() {
            AstKind::AssignmentExpression(a) if contains(factory.span, a.span) => {
                let Some((object, key)) = target_member(&a.left) else {
                    continue;
                };
                if !is_identifier(object, "Module")
                    || (is_option(key) && !is_variable(&a.right, key))
                    || out.module_keys.iter().any(|k| k == key)
                {
                    continue;
                }
                let within = outermost_function(ast, factory, node.id());
                // Views of memory are always given, whoever starts the module.
                let runs = key.starts_with("HEAP") || within.is_none_or(|f| startup.contains(&f));
                if runs && !is_unexported_stub(ast, &a.right) {
                    if let (Some(_), Some(flag)) = (within, boolean(&a.right)) {
                        out.module_flags.insert(key.to_string(), flag);
                    }
                    // Exported data: its address stands in the glue.
                    if let (true, Some(address)) = (key.starts_with('_'), integer(&a.right)) {
                        out.module_addresses.insert(key.to_string(), address);
                    }
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

/// `Module["wasmMemory"] = wasmMemory`: a name that users may give is exported all the same.
fn is_variable(right: &Expression<'_>, name: &str) -> bool {
    identifier(right).is_some_and(|id| id.name == name)
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

fn integer(value: &Expression<'_>) -> Option<u32> {
    match value.without_parentheses() {
        Expression::NumericLiteral(number) if number.value == f64::from(number.value as u32) => {
            Some(number.value as u32)
        }
        _ => None,
    }
}

/// `true`, `false`, and how minifiers write them.
fn boolean(value: &Expression<'_>) -> Option<bool> {
    match value.without_parentheses() {
        Expression::BooleanLiteral(literal) => Some(literal.value),
        Expression::UnaryExpression(not) if not.operator == UnaryOperator::LogicalNot => {
            match &not.argument {
                Expression::NumericLiteral(number) => Some(number.value == 0.0),
                _ => None,
            }
        }
        _ => None,
    }
}
