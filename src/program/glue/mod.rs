//! What the Emscripten JavaScript beside a wasm says about it. The glue is parsed, never run.

mod api;
mod constants;
mod evidence;
mod facts;
mod fragments;
mod module_keys;
mod names;
mod nesting;
mod packed;
pub mod parse;
pub mod wasm_literal;
mod wrapped;

pub use constants::Limits;
pub use evidence::Evidence;
#[cfg(test)]
pub use fragments::Role;
pub use fragments::{Fragment, is_live_name};
pub use names::fastcomp_name;

use super::wasm_facts::WasmFacts;
use oxc_ast::AstKind;
use parse::Ast;
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};

/// Which imports the native host answers, and which of the glue's own names its facade provides.
#[derive(Clone, Copy)]
pub struct Host<'h> {
    /// Whether the native host answers the import of this canonical name.
    pub is_native: &'h (dyn Fn(&str) -> bool + Sync),
    /// Whether the facade provides this variable of Emscripten's JavaScript (`UTF8ToString`, `FS`, `_malloc` ...).
    pub provides: &'h (dyn Fn(&str) -> bool + Sync),
    /// Whether that variable changes over time (`HEAPU8` after growth): fragments read it as `$live.NAME` each time.
    pub is_live: &'h (dyn Fn(&str) -> bool + Sync),
}

/// Everything read from the glue.
#[derive(Clone, Debug, Default)]
pub struct GlueFacts {
    pub names: NameState,
    /// (module, field) as in the wasm -> the canonical name, as current Emscripten spells it in wasm.
    /// Function imports of other modules than `env` in fastcomp builds are called `module.field`.
    pub import_names: HashMap<(String, String), String>,
    /// Function imports that the glue's import table has no entry for.
    pub missing_imports: Vec<(String, String)>,
    /// wasm export -> canonical name.
    pub export_names: HashMap<String, String>,
    /// Properties that the glue puts on `Module` for its users during start-up, in order of appearance. May hold
    /// `then`, which a facade must not have.
    pub module_keys: Vec<String>,
    /// Those of them that start-up functions set to `true` or `false`.
    pub module_flags: BTreeMap<String, bool>,
    /// Those of them that are addresses of data.
    pub module_addresses: BTreeMap<String, u32>,
    /// Properties of `Module` that are exports: the property -> the export's name in the wasm.
    pub export_keys: HashMap<String, String>,
    /// Options that the glue reads from `Module`.
    pub module_options: Vec<String>,
    /// JavaScript cut out of the glue, see [`Fragment`].
    pub fragment: Option<Fragment>,
    /// Imports answered by the fragment, by canonical name.
    pub js_imports: Vec<String>,
    /// Imports that neither the native host nor the fragment answers.
    pub unanswered_imports: Vec<String>,
    /// `EM_ASM` bodies: address (or index, before addresses were used) -> the function expression's text.
    pub em_asm: BTreeMap<u32, String>,
    pub layout: Layout,
    /// Canonical names of the exports that run constructors, in order; empty where `__wasm_call_ctors` is all.
    pub constructors: Vec<String>,
    pub uses: Uses,
    pub shape: Shape,
    /// Names of `.wasm` files that the glue spells.
    pub wasm_names: Vec<String>,
    /// What the glue's text says about the ABI.
    pub evidence: Evidence,
}

/// Whether the names of imports can be read back from the glue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NameState {
    #[default]
    Recoverable,
    /// Closure or another minifier went over it: only the glue host can run it.
    Minified { reason: String },
}

/// Memory layout that the host has to set up, as the glue computes it. All `None` for builds since 2.0.3, where the
/// wasm does it itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Layout {
    /// `DYNAMICTOP_PTR` and `DYNAMIC_BASE`: before constructors, the u32 at the first must be the second.
    pub dynamic: Option<(u32, u32)>,
    pub stack_base: Option<u32>,
    pub stack_max: Option<u32>,
    pub stack_top: Option<u32>,
    pub static_base: Option<u32>,
    pub static_top: Option<u32>,
    /// Initial memory in bytes.
    pub total_memory: Option<u32>,
    pub total_stack: Option<u32>,
    pub memory: Option<Limits>,
    pub table: Option<Limits>,
    /// Function pointers that stand for JavaScript functions (fastcomp): the first, and how many
    /// (RESERVED_FUNCTION_POINTERS).
    pub function_pointers: Option<(u32, u32)>,
    /// Values of imported globals (fastcomp): (module, field) -> value.
    pub globals: Vec<(String, String, f64)>,
}

/// Features of Emscripten that glue shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Uses {
    pub asyncify: bool,
    pub pthreads: bool,
    pub dynamic_linking: bool,
    pub embind: bool,
    /// `NODERAWFS`: its files are the real disk's, through Node's own `fs`.
    pub node_files: bool,
    /// JavaScript promise integration: imports that suspend the wasm.
    pub jspi: bool,
}

/// How a user of the package would get at the module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Shape {
    /// `MODULARIZE`: the runtime lives in a factory function.
    pub modularize: bool,
    /// The file has `import` or `export`.
    pub esm: bool,
    /// It assigns `module.exports` or `exports`.
    pub commonjs: bool,
    /// What it exports where that is not one module or factory: an API of the package's own, with the glue inside.
    pub api: Vec<String>,
    /// JavaScript outside of the factory puts a function of its own in its place.
    pub wrapped: bool,
}

/// Reads all facts. `facts` is of the wasm that belongs to the glue.
pub fn read(ast: &Ast<'_>, facts: &WasmFacts, host: Host<'_>) -> GlueFacts {
    let mut out = GlueFacts::default();
    let table = names::import_table(ast, facts);
    let fastcomp = super::is_fastcomp(facts);
    let imports = names::import_names(facts, table.as_ref(), fastcomp, host.is_native);
    let factory = match &table {
        Some(table) => table.factory,
        None => facts::factory_without_table(ast),
    };
    let exports = names::export_names(ast, facts, Some(factory), fastcomp);
    out.names = facts::name_state(ast, factory, facts, table.as_ref(), &imports);
    out.import_names = imports.names;
    out.missing_imports = imports.missing;
    out.export_names = exports.names.clone();
    facts::read(ast, facts, factory, table.as_ref(), &exports, &mut out);
    let fragments = fragments::cut(ast, facts, factory, table.as_ref(), &exports, &out, host);
    out.em_asm = fragments.em_asm;
    out.js_imports = fragments.imports;
    out.unanswered_imports = fragments.unanswered;
    out.fragment = fragments.fragment;
    out
}

/// How many of the wasm's function imports the best table in the file answers, plus exports that the file names.
pub fn coverage(ast: &Ast<'_>, facts: &WasmFacts) -> usize {
    let hits = names::import_table(ast, facts).map_or(0, |t| {
        t.hits * 1000 / facts.function_imports().count().max(1)
    });
    let exports: std::collections::HashSet<&str> =
        facts.exports.iter().map(|e| e.name.as_str()).collect();
    let named: std::collections::HashSet<&str> = ast
        .nodes
        .iter()
        .filter_map(|n| match n.kind() {
            AstKind::StringLiteral(s) => exports.get(s.value.as_str()).copied(),
            AstKind::IdentifierName(name) => exports.get(name.name.as_str()).copied(),
            _ => None,
        })
        .collect();
    hits + named.len() * 1000 / exports.len().max(1)
}

/// Names of `.wasm` files that string literals spell, in order.
pub fn wasm_file_names(ast: &Ast<'_>) -> Vec<String> {
    facts::wasm_file_names(ast)
}

/// Whether the file has anything of Emscripten's runtime: a bundle of it at least names one of its pieces.
pub fn looks_like_emscripten(ast: &Ast<'_>) -> bool {
    ast.nodes.iter().any(|n| match n.kind() {
        AstKind::StringLiteral(s) => matches!(
            s.value.as_str(),
            "onRuntimeInitialized"
                | "instantiateWasm"
                | "wasmBinary"
                | "locateFile"
                | "noInitialRun"
        ),
        AstKind::IdentifierName(name) => matches!(
            name.name.as_str(),
            "onRuntimeInitialized"
                | "instantiateWasm"
                | "wasmBinary"
                | "noInitialRun"
                | "_emscripten_resize_heap"
        ),
        AstKind::IdentifierReference(id) => matches!(
            id.name.as_str(),
            "wasmImports" | "asmLibraryArg" | "wasmExports"
        ),
        _ => false,
    })
}

/// Relative paths that the file requires or imports.
pub fn relative_requires(ast: &Ast<'_>) -> Vec<String> {
    let mut paths: Vec<String> = Vec::new();
    for node in ast.nodes.iter() {
        let path = match node.kind() {
            AstKind::CallExpression(call) if parse::is_identifier(&call.callee, "require") => {
                match call.arguments.first().and_then(|a| a.as_expression()) {
                    Some(oxc_ast::ast::Expression::StringLiteral(s)) => s.value.as_str(),
                    _ => continue,
                }
            }
            AstKind::ImportDeclaration(import) => import.source.value.as_str(),
            _ => continue,
        };
        if path.starts_with('.') && !paths.iter().any(|p| p == path) {
            paths.push(path.to_string());
        }
    }
    paths
}
