//! JavaScript cut out of the glue: import functions that the native host does not answer, `EM_ASM` bodies, and what
//! pre-js and post-js add to `Module`, with every declaration of the factory that they refer to.
//!
//! Decisions about top-level statements with effects: a declaration that is needed brings along the top-level
//! statements that assign it or its properties (`x = ...`, `x.y = ...`, `Object.assign(x, ...)`), that call a method
//! of it (`x.staticInit()`), and that call a function which assigns it (`init_x()`). Nothing is brought along for a
//! name that the facade provides, or that is part of the runtime's own start-up ([`RUNTIME`]).

mod cutter;
mod render;
mod runtime_names;
mod state;
mod windows;
mod writes;

pub use runtime_names::is_live_name;

use super::names::{ExportNames, Factory, ImportTable};
use super::parse::{Ast, body_of, contains, identifier, target_identifier};
use super::{GlueFacts, Host, NameState};
use crate::program::wasm_facts::WasmFacts;
use cutter::Cutter;
use oxc_ast::AstKind;
use oxc_ast::ast::{Expression, PropertyKey, Statement};
use oxc_span::{GetSpan, Span};
use serde::Serialize;
use std::collections::BTreeMap;
use windows::Windows;

/// JavaScript source that is the body of one function. Its parameters are `free_names`, in that order; it returns
/// `{ imports: {name: function}, asm: {address: function}, pre, extras }`, the last two functions or `null`.
/// `pre` is to run before start-up (it may set `Module` options such as `onRuntimeInitialized`), `extras` after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fragment {
    pub source: String,
    pub free_names: Vec<FreeName>,
    pub has_pre: bool,
    /// Bytes of the package's own JavaScript in it.
    pub bytes: usize,
    pub has_extras: bool,
    /// `extras` is an async function.
    pub extras_async: bool,
    /// A declaration that was cut out awaits: the fragment must be the body of an async function.
    pub is_async: bool,
    /// Pre-js or post-js puts another object in the place of `Module`: a facade cannot follow that.
    pub replaces_module: bool,
    /// Its functions change variables of their own: a recycle makes it anew.
    pub keeps_state: bool,
}

/// A name that a fragment uses and does not declare.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FreeName {
    pub name: String,
    pub role: Role,
}

/// Who supplies a free name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The module object, under whatever name the factory knows it.
    Module,
    /// The variable of Emscripten's runtime that has this name; bundlers may have renamed it in the glue.
    Provided(String),
    /// A function that calls the export of this canonical name.
    Export(String),
    /// `require`, `module`, `exports`, `__filename` or `__dirname`, as the glue file would have it.
    CommonJs(String),
    /// [`LIVE`]: an object whose getters give changing variables their current values.
    Live,
    /// [`IMPORT_META`]: what `import.meta` is in the glue file.
    #[serde(rename = "import.meta")]
    ImportMeta,
}

/// The parameter through which changing variables are read.
pub const LIVE: &str = "$live";
/// The parameter that stands for `import.meta`.
pub const IMPORT_META: &str = "$import_meta";

/// `require` for what the glue imports: the file may have a `require` of its own.
const REQUIRE: &str = "$require";

/// The result of [`cut`].
#[derive(Default)]
pub struct Fragments {
    pub fragment: Option<Fragment>,
    pub imports: Vec<String>,
    /// Imports that neither the native host nor the glue has a function for.
    pub unanswered: Vec<String>,
    pub em_asm: BTreeMap<u32, String>,
}

/// Cuts out everything that a native host needs from the glue.
pub fn cut(
    ast: &Ast<'_>,
    facts: &WasmFacts,
    factory: Factory<'_>,
    table: Option<&ImportTable<'_, '_>>,
    exports: &ExportNames,
    glue: &GlueFacts,
    host: Host<'_>,
) -> Fragments {
    let mut out = Fragments::default();
    if glue.names != NameState::Recoverable {
        return out;
    }
    let body = body_of(&factory.node).unwrap_or_default();
    let mut cutter = Cutter::new(ast, factory, exports, &glue.export_names, host, body);
    let windows = Windows::find(ast, &factory, body);
    let pre: Vec<&Statement<'_>> = windows.pre.iter().filter_map(|i| body.get(*i)).collect();
    let post: Vec<&Statement<'_>> = windows.post.iter().filter_map(|i| body.get(*i)).collect();
    cutter.regions = pre.iter().chain(&post).map(|s| s.span()).collect();

    let mut imports: BTreeMap<String, Span> = BTreeMap::new();
    for (import, _) in facts.function_imports() {
        let key = (import.module.clone(), import.name.clone());
        let Some(name) = glue.import_names.get(&key).filter(|n| !(host.is_native)(n)) else {
            continue;
        };
        // A name that nothing declares could not be called either.
        let value = table.and_then(|t| t.entries.get(&import.name));
        match value.filter(|v| identifier(v).is_none_or(|id| ast.symbol(id).is_some())) {
            Some(value) => {
                imports.insert(name.clone(), value.span());
            }
            None => out.unanswered.push(name.clone()),
        }
    }
    let asm = asm_consts(ast, &factory);
    for span in imports.values().chain(asm.values()) {
        cutter.queue.push(*span);
    }
    let hoisted = cutter.hoist(&pre, &post);
    cutter.run();

    out.imports = imports.keys().cloned().collect();
    out.em_asm = asm
        .iter()
        .map(|(at, span)| (*at, cutter.render(*span)))
        .collect();
    if imports.is_empty()
        && asm.is_empty()
        && pre.is_empty()
        && post.is_empty()
        && !windows.exports_another
    {
        return out;
    }
    let source = cutter.source(&imports, &out.em_asm, &pre, &post, &hoisted);
    let told = writes::tell(&source);
    out.fragment = Some(Fragment {
        // What cannot tell of its writes is made anew.
        keeps_state: told.is_none() || state::keeps_state(&source),
        bytes: source.len(),
        source: told.unwrap_or(source),
        free_names: cutter
            .free
            .iter()
            .map(|(name, role)| FreeName {
                name: name.clone(),
                role: role.clone(),
            })
            .collect(),
        has_pre: !pre.is_empty(),
        has_extras: !post.is_empty(),
        extras_async: post.iter().any(|s| cutter.awaits(s.span())),
        is_async: cutter.is_async(),
        replaces_module: cutter.replaces_module || windows.exports_another,
    });
    out
}

/// `ASM_CONSTS`: an object keyed by address, or before that an array.
fn asm_consts(ast: &Ast<'_>, factory: &Factory<'_>) -> BTreeMap<u32, Span> {
    let mut out = BTreeMap::new();
    for node in ast.nodes.iter() {
        let value = match node.kind() {
            AstKind::VariableDeclarator(d) if contains(factory.span, d.span) => {
                d.id.get_binding_identifier()
                    .filter(|id| id.name.as_str().split('$').next() == Some("ASM_CONSTS"))
                    .and(d.init.as_ref())
            }
            AstKind::AssignmentExpression(a) if contains(factory.span, a.span) => {
                target_identifier(&a.left)
                    .filter(|id| id.name.as_str().split('$').next() == Some("ASM_CONSTS"))
                    .map(|_| &a.right)
            }
            _ => None,
        };
        match value.map(oxc_ast::ast::Expression::without_parentheses) {
            Some(Expression::ObjectExpression(object)) => {
                for property in object.properties.iter().filter_map(|p| p.as_property()) {
                    let address = match &property.key {
                        PropertyKey::NumericLiteral(n) => Some(n.value as u32),
                        key => key.static_name().and_then(|name| name.parse().ok()),
                    };
                    if let Some(address) = address {
                        out.insert(address, property.value.span());
                    }
                }
            }
            Some(Expression::ArrayExpression(array)) => {
                for (index, element) in array.elements.iter().enumerate() {
                    if let Some(e) = element.as_expression() {
                        out.insert(index as u32, e.span());
                    }
                }
            }
            _ => {}
        }
    }
    out
}
