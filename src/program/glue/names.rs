//! Name tables: which Emscripten function stands behind each import, and what each export is called.

use super::parse::{Ast, body_of, identifier, member, target_identifier, target_member};
use crate::program::wasm_facts::{Item, WasmFacts};
use oxc_ast::AstKind;
use oxc_ast::ast::{Expression, ObjectExpression, ObjectPropertyKind};
use oxc_semantic::{NodeId, ScopeId};
use oxc_span::{GetSpan, Span};
use oxc_syntax::symbol::SymbolId;
use std::collections::HashMap;

/// The object literal that the glue gives to the wasm as imports (`wasmImports`, `asmLibraryArg`, `env` ...).
pub struct ImportTable<'a, 'b> {
    pub entries: HashMap<String, &'b Expression<'a>>,
    /// The function or program whose top level declares what the table names.
    pub factory: Factory<'a>,
    /// How many of the wasm's function imports have an entry.
    pub hits: usize,
}

/// The function body (or the whole file) that holds Emscripten's runtime.
#[derive(Clone, Copy)]
pub struct Factory<'a> {
    pub node: AstKind<'a>,
    pub scope: ScopeId,
    pub span: Span,
}

/// Finds the import table: the object literal with an entry for most of the wasm's function imports.
pub fn import_table<'a, 'b>(ast: &'b Ast<'a>, facts: &WasmFacts) -> Option<ImportTable<'a, 'b>> {
    let wanted: std::collections::HashSet<&str> = facts
        .function_imports()
        .map(|(i, _)| i.name.as_str())
        .collect();
    let known: std::collections::HashSet<&str> =
        facts.imports.iter().map(|i| i.name.as_str()).collect();
    let mut best: Option<(usize, usize, NodeId, &'b ObjectExpression<'a>)> = None;
    for node in ast.nodes.iter() {
        let AstKind::ObjectExpression(object) = node.kind() else {
            continue;
        };
        let mut hits = 0;
        let mut extra = 0;
        for property in &object.properties {
            let Some(name) = property.as_property().and_then(|p| p.key.static_name()) else {
                continue;
            };
            if wanted.contains(&*name) {
                // `{ "a": wasmImports }` names the table of the module `a`: it is none itself.
                let holds = property
                    .as_property()
                    .is_some_and(|p| is_object(ast, &p.value));
                hits += usize::from(!holds);
            } else if !known.contains(&*name) {
                extra += 1;
            }
        }
        if hits == 0 || hits * 2 < wanted.len() {
            continue;
        }
        // Of two that cover as much, the one with fewer strangers: a file may hold the glue of several builds.
        let better = best
            .as_ref()
            .is_none_or(|(h, e, ..)| hits > *h || (hits == *h && extra < *e));
        if better {
            best = Some((hits, extra, node.id(), object));
        }
    }
    let (hits, _, node, object) = best?;
    let mut entries = HashMap::new();
    for property in &object.properties {
        let ObjectPropertyKind::ObjectProperty(property) = property else {
            continue;
        };
        if let Some(name) = property.key.static_name() {
            entries.insert(name.into_owned(), &property.value);
        }
    }
    let factory = factory_of(ast, &entries, node);
    Some(ImportTable {
        entries,
        factory,
        hits,
    })
}

/// A variable that holds an object literal.
fn is_object(ast: &Ast<'_>, value: &Expression<'_>) -> bool {
    let Some(symbol) = identifier(value).and_then(|id| ast.symbol(id)) else {
        return false;
    };
    let declaration = ast.nodes.kind(ast.scoping.symbol_declaration(symbol));
    matches!(declaration, AstKind::VariableDeclarator(d)
        if matches!(d.init.as_ref().map(oxc_ast::ast::Expression::without_parentheses), Some(Expression::ObjectExpression(_))))
}

/// The scope that declares most of the functions named in the table.
fn factory_of<'a>(
    ast: &Ast<'a>,
    entries: &HashMap<String, &Expression<'a>>,
    table: NodeId,
) -> Factory<'a> {
    let mut votes: HashMap<ScopeId, usize> = HashMap::new();
    for value in entries.values() {
        if let Some(symbol) = identifier(value).and_then(|id| ast.symbol(id)) {
            *votes
                .entry(ast.scoping.symbol_scope_id(symbol))
                .or_default() += 1;
        }
    }
    let scope = votes.into_iter().max_by_key(|(_, n)| *n).map_or_else(
        || {
            ast.enclosing_function(table)
                .map_or(ast.scoping.root_scope_id(), |f| function_scope(ast, &f))
        },
        |(scope, _)| scope,
    );
    factory(ast, scope)
}

fn function_scope(ast: &Ast<'_>, function: &AstKind<'_>) -> ScopeId {
    match function {
        AstKind::Function(f) => f.scope_id.get(),
        AstKind::ArrowFunctionExpression(a) => a.scope_id.get(),
        _ => None,
    }
    .unwrap_or_else(|| ast.scoping.root_scope_id())
}

pub fn factory<'a>(ast: &Ast<'a>, scope: ScopeId) -> Factory<'a> {
    // A block scope (bundlers wrap modules in blocks) belongs to the function around it.
    let node = ast.scoping.get_node_id(scope);
    let mut kind = ast.nodes.kind(node);
    if body_of(&kind).is_none() {
        kind = ast
            .ancestors(node)
            .find(|k| body_of(k).is_some())
            .unwrap_or(AstKind::Program(ast.program));
    }
    let scope = match kind {
        AstKind::Program(_) => ast.scoping.root_scope_id(),
        other => function_scope(ast, &other),
    };
    Factory {
        node: kind,
        scope,
        span: kind.span(),
    }
}

/// What the glue's JavaScript names say about the imports.
#[derive(Default)]
pub struct ImportNames {
    pub names: HashMap<(String, String), String>,
    /// Imports (module, field) whose name could not be told.
    pub unnamed: Vec<(String, String)>,
    /// Imports that no table entry answers.
    pub missing: Vec<(String, String)>,
}

/// Canonical names of all function imports. `table` may be absent: then the wasm's own names count.
pub fn import_names(
    facts: &WasmFacts,
    table: Option<&ImportTable<'_, '_>>,
    fastcomp: bool,
    is_native: &dyn Fn(&str) -> bool,
) -> ImportNames {
    let mut out = ImportNames::default();
    for (import, _) in facts.function_imports() {
        let key = (import.module.clone(), import.name.clone());
        let value = table.and_then(|t| t.entries.get(&import.name));
        let arithmetic = matches!(import.module.as_str(), "asm2wasm" | "global.Math");
        if table.is_some() && value.is_none() && !arithmetic {
            out.missing.push(key.clone());
        }
        let minified = import.name.len() <= 3 && !arithmetic;
        let name = if minified {
            match value.and_then(|v| identifier(v)) {
                Some(id) => {
                    let name = without_underscore(bundled(&id.name));
                    if name == import.name || is_native(name) || plausible(name) {
                        Some(name.to_string())
                    } else {
                        None
                    }
                }
                // A readable short name, such as `pow` or `exp`, with or without an inline function behind it.
                None if is_native(&import.name) => Some(import.name.clone()),
                None => None,
            }
        } else if fastcomp {
            Some(fastcomp_name(&import.module, &import.name))
        } else {
            Some(import.name.clone())
        };
        match name {
            Some(name) => {
                out.names.insert(key, name);
            }
            None => out.unnamed.push(key),
        }
    }
    out
}

/// fastcomp writes C names with a leading underscore and JavaScript library names without.
pub fn fastcomp_name(module: &str, name: &str) -> String {
    match module {
        "env" => {
            let name = without_underscore(name);
            name.strip_prefix("__wasi_").unwrap_or(name).to_string()
        }
        // `f64-rem` of `asm2wasm`, `pow` of `global.Math`: the module is part of what they mean.
        _ => format!("{module}.{name}"),
    }
}

/// Takes off exactly the underscore that JavaScript adds to a C name.
pub fn without_underscore(name: &str) -> &str {
    name.strip_prefix('_')
        .filter(|rest| !rest.is_empty())
        .unwrap_or(name)
}

/// Bundlers rename on collision: `_fd_write$1`.
pub fn bundled(name: &str) -> &str {
    match name.split_once('$') {
        Some((base, digits)) if !base.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => {
            base
        }
        _ => name,
    }
}

/// A name that a person wrote rather than a minifier.
fn plausible(name: &str) -> bool {
    name.len() >= 4 || matches!(name, "abs" | "cos" | "exp" | "log" | "pow" | "sin" | "tan")
}

/// What the glue says about exports.
#[derive(Default)]
pub struct ExportNames {
    pub names: HashMap<String, String>,
    /// Variables of the factory that hold an export (or call it): name of the export they hold.
    pub symbols: HashMap<SymbolId, String>,
    /// Properties of `Module` that hold an export: property -> export.
    pub keys: HashMap<String, String>,
    /// Exports called with nothing around them in `initRuntime`, in order: constructors.
    pub called_at_start: Vec<String>,
}

/// Reads `_malloc=wasmExports["c"]` and its elder forms back.
pub fn export_names(
    ast: &Ast<'_>,
    facts: &WasmFacts,
    factory: Option<Factory<'_>>,
    fastcomp: bool,
) -> ExportNames {
    let mut out = ExportNames::default();
    let exports: HashMap<&str, &Item> = facts
        .exports
        .iter()
        .map(|e| (e.name.as_str(), &e.item))
        .collect();
    let mut told: HashMap<&str, String> = HashMap::new();
    for node in ast.nodes.iter() {
        let (name, span) = match node.kind() {
            AstKind::StaticMemberExpression(m) if is_exports_object(&m.object) => {
                (m.property.name.as_str(), m.span)
            }
            AstKind::ComputedMemberExpression(m) if is_exports_object(&m.object) => {
                match &m.expression {
                    Expression::StringLiteral(s) => (s.value.as_str(), m.span),
                    _ => continue,
                }
            }
            AstKind::CallExpression(call) => {
                let wrapper = identifier(&call.callee)
                    .is_some_and(|id| bundled(&id.name) == "createExportWrapper");
                match call.arguments.first().and_then(|a| a.as_expression()) {
                    Some(Expression::StringLiteral(s)) if wrapper => (s.value.as_str(), call.span),
                    _ => continue,
                }
            }
            _ => continue,
        };
        if factory.is_some_and(|f| !super::parse::contains(f.span, span)) {
            continue;
        }
        let Some((export, item)) = exports.get_key_value(name) else {
            continue;
        };
        let holder = holder_of(ast, node.id(), span);
        for key in holder.keys {
            out.keys.insert(key, (*export).to_string());
        }
        if let Some(symbol) = holder.symbol {
            out.symbols.insert(symbol, (*export).to_string());
        }
        match holder.name {
            Some(js) => {
                told.entry(export)
                    .or_insert_with(|| js_export_name(&js, item));
            }
            None if holder.at_start => out.called_at_start.push((*export).to_string()),
            None => {}
        }
    }
    for export in &facts.exports {
        let js = told.get(export.name.as_str());
        let minified = export.name.len() <= 3;
        let name = match (&export.item, js) {
            (Item::Memory(_), _) => "memory".to_string(),
            (Item::Table(_), _) => "__indirect_function_table".to_string(),
            (_, Some(js)) if minified => js.clone(),
            (_, None) if minified && out.called_at_start.contains(&export.name) => {
                "__wasm_call_ctors".into()
            }
            _ if fastcomp => without_underscore(&export.name).to_string(),
            _ => export.name.clone(),
        };
        out.names.insert(export.name.clone(), name);
    }
    out
}

fn js_export_name(js: &str, item: &Item) -> String {
    match item {
        Item::Function(_) | Item::Global(_) => without_underscore(bundled(js)).to_string(),
        _ => js.to_string(),
    }
}

fn is_exports_object(object: &Expression<'_>) -> bool {
    const NAMES: [&str; 4] = ["wasmExports", "asm", "exports", "wasmRawExports"];
    match member(object) {
        Some((_, property)) => NAMES.contains(&property),
        None => identifier(object).is_some_and(|id| {
            let name = bundled(&id.name);
            // esbuild writes `wasmExports2` for what shadows another one.
            NAMES.contains(&name.trim_end_matches(|c: char| c.is_ascii_digit()))
        }),
    }
}

#[derive(Default)]
struct Holder {
    keys: Vec<String>,
    name: Option<String>,
    symbol: Option<SymbolId>,
    at_start: bool,
}

/// What an export is assigned to, through the one-line wrappers of every era:
/// `_f = Module["_f"] = function() { return (_f = Module["_f"] = Module["asm"]["c"]).apply(null, arguments) }`.
fn holder_of(ast: &Ast<'_>, node: NodeId, span: Span) -> Holder {
    let mut holder = Holder::default();
    let mut returned = false;
    for kind in ast.ancestors(node) {
        match kind {
            AstKind::AssignmentExpression(a) if super::parse::contains(a.right.span(), span) => {
                if let Some(id) = target_identifier(&a.left) {
                    holder.name.get_or_insert_with(|| id.name.to_string());
                    if holder.symbol.is_none() {
                        holder.symbol = ast.symbol(id);
                    }
                } else if let Some((object, key)) = target_member(&a.left) {
                    if super::parse::is_identifier(object, "Module") {
                        holder.keys.push(key.to_string());
                    }
                    holder.name.get_or_insert_with(|| key.to_string());
                }
            }
            AstKind::VariableDeclarator(d) => {
                if let Some(id) = d.id.get_binding_identifier() {
                    holder.name.get_or_insert_with(|| id.name.to_string());
                    if holder.symbol.is_none() {
                        holder.symbol = id.symbol_id.get();
                    }
                }
                break;
            }
            AstKind::ReturnStatement(_) => returned = true,
            AstKind::ArrowFunctionExpression(arrow) => {
                if arrow.body.is_function_body() && !returned {
                    break;
                }
                returned = false;
            }
            AstKind::Function(function) => {
                if !returned {
                    let name = function.id.as_ref().map(|id| id.name.as_str());
                    holder.at_start |= matches!(name, Some("initRuntime"));
                    break;
                }
                // `function _f() { return Module["asm"]["_f"].apply(null, arguments) }`
                if let Some(id) = &function.id {
                    holder.name.get_or_insert_with(|| id.name.to_string());
                    if holder.symbol.is_none() {
                        holder.symbol = id.symbol_id.get();
                    }
                    break;
                }
                returned = false;
            }
            AstKind::CallExpression(call) => {
                let callee = identifier(&call.callee).map(|id| id.name.as_str());
                holder.at_start |= matches!(callee, Some("addOnInit"));
            }
            AstKind::ObjectProperty(_) | AstKind::Program(_) => break,
            _ => {}
        }
    }
    holder
}
