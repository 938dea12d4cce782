//! JavaScript cut out of the glue: import functions that the native host does not answer, `EM_ASM` bodies, and what
//! pre-js and post-js add to `Module`, with every declaration of the factory that they refer to.
//!
//! Decisions about top-level statements with effects: a declaration that is needed brings along the top-level
//! statements that assign it or its properties (`x = ...`, `x.y = ...`, `Object.assign(x, ...)`), that call a method
//! of it (`x.staticInit()`), and that call a function which assigns it (`init_x()`). Nothing is brought along for a
//! name that the facade provides, or that is part of the runtime's own start-up ([`RUNTIME`]).

use super::names::{ExportNames, Factory, ImportTable, bundled};
use super::parse::{Ast, body_of, contains, identifier, root_identifier, target_identifier};
use super::{GlueFacts, Host, NameState};
use crate::program::wasm_facts::WasmFacts;
use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentTarget, Expression, PropertyKey, Statement};
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};
use oxc_syntax::symbol::SymbolId;
use std::collections::{BTreeMap, HashMap, HashSet};

/// JavaScript source that is the body of one function. Its parameters are `free_names`, in that order; it returns
/// `{ imports: {name: function}, asm: {address: function}, pre, extras }`, the last two functions or `null`.
/// `pre` is to run before start-up (it may set `Module` options such as `onRuntimeInitialized`), `extras` after it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fragment {
    pub source: String,
    pub free_names: Vec<FreeName>,
    pub has_pre: bool,
    pub has_extras: bool,
    /// `extras` is an async function.
    pub extras_async: bool,
    /// A declaration that was cut out awaits: the fragment must be the body of an async function.
    pub is_async: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FreeName {
    pub name: String,
    pub role: Role,
}

/// Who supplies a free name.
#[derive(Clone, Debug, PartialEq, Eq)]
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
    ImportMeta,
}

/// The parameter through which changing variables are read.
pub const LIVE: &str = "$live";
/// The parameter that stands for `import.meta`.
pub const IMPORT_META: &str = "$import_meta";

/// `require` for what the glue imports: the file may have a `require` of its own.
const REQUIRE: &str = "$require";

/// Variables of the runtime that change while it runs.
pub fn is_live_name(name: &str) -> bool {
    matches!(
        name,
        "HEAP8"
            | "HEAPU8"
            | "HEAP16"
            | "HEAPU16"
            | "HEAP32"
            | "HEAPU32"
            | "HEAPF32"
            | "HEAPF64"
            | "HEAP64"
            | "HEAPU64"
            | "HEAP_DATA_VIEW"
            | "buffer"
            | "wasmMemory"
            | "ABORT"
            | "EXITSTATUS"
            | "runtimeInitialized"
            | "runtimeExited"
            | "calledRun"
            | "noExitRuntime"
            | "runtimeKeepaliveCounter"
            | "tempRet0"
            | "DYNAMICTOP"
    )
}

/// Names of the runtime's start-up and shell: never cut out, always supplied from outside.
const RUNTIME: [&str; 63] = [
    "Module",
    "moduleArg",
    "wasmExports",
    "asm",
    "wasmTable",
    "wasmImports",
    "asmLibraryArg",
    "wasmBinary",
    "wasmBinaryFile",
    "wasmModule",
    "run",
    "createWasm",
    "out",
    "err",
    "abort",
    "FS",
    "ENV",
    "ENVIRONMENT_IS_NODE",
    "ENVIRONMENT_IS_WEB",
    "ENVIRONMENT_IS_WORKER",
    "ENVIRONMENT_IS_SHELL",
    "ENVIRONMENT_IS_PTHREAD",
    "ENVIRONMENT_HAS_NODE",
    "scriptDirectory",
    "_scriptName",
    "_scriptDir",
    "thisProgram",
    "arguments_",
    "quit_",
    "readAsync",
    "readBinary",
    "read_",
    "fs",
    "nodePath",
    "nodeFS",
    "addRunDependency",
    "removeRunDependency",
    "runDependencies",
    "dependenciesFulfilled",
    "preRun",
    "preMain",
    "initRuntime",
    "exitRuntime",
    "postRun",
    "addOnPreRun",
    "addOnInit",
    "addOnPostRun",
    "addOnPreMain",
    "addOnExit",
    "__ATPRERUN__",
    "__ATINIT__",
    "__ATMAIN__",
    "__ATEXIT__",
    "__ATPOSTRUN__",
    "moduleRtn",
    "readyPromiseResolve",
    "readyPromiseReject",
    "stackSave",
    "stackRestore",
    "stackAlloc",
    "updateMemoryViews",
    "doRun",
    "callMain",
];

const COMMON_JS: [&str; 5] = ["require", "module", "exports", "__filename", "__dirname"];

/// The result of [`cut`].
#[derive(Default)]
pub struct Fragments {
    pub fragment: Option<Fragment>,
    pub imports: Vec<String>,
    pub em_asm: BTreeMap<u32, String>,
}

/// A piece of the glue that goes to the top level of the fragment.
#[derive(Clone, Copy)]
enum Piece {
    /// A function or class declaration, or a whole statement.
    Whole,
    /// One declarator of a `var`, `let` or `const`.
    Declarator(&'static str),
    /// An expression that is a statement of its own.
    Expression,
}

struct Cutter<'a, 'b> {
    ast: &'b Ast<'a>,
    factory: Factory<'a>,
    exports: &'b ExportNames,
    export_names: &'b HashMap<String, String>,
    host: Host<'b>,
    module: Option<SymbolId>,
    body: &'b [Statement<'a>],
    /// Top-level expressions with effects on a symbol.
    effects: HashMap<SymbolId, Vec<Span>>,
    /// Top-level calls `f()`.
    calls: HashMap<SymbolId, Vec<Span>>,
    seen: HashSet<SymbolId>,
    pieces: BTreeMap<(u32, u32), Piece>,
    /// Declarations made from ES imports.
    requires: BTreeMap<u32, String>,
    free: BTreeMap<String, Role>,
    edits: BTreeMap<u32, (Span, String)>,
    /// Spans of pre-js and post-js statements: what they declare is hoisted as a whole.
    regions: Vec<Span>,
    queue: Vec<Span>,
    awaits: Vec<Span>,
    /// Variable declarations by position.
    variables: Vec<(u32, NodeId)>,
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
    let mut cutter = Cutter {
        ast,
        factory,
        exports,
        export_names: &glue.export_names,
        host,
        module: None,
        body,
        effects: HashMap::new(),
        calls: HashMap::new(),
        seen: HashSet::new(),
        pieces: BTreeMap::new(),
        requires: BTreeMap::new(),
        free: BTreeMap::new(),
        edits: BTreeMap::new(),
        regions: Vec::new(),
        queue: Vec::new(),
        awaits: own_awaits(ast, &factory),
        variables: ast
            .nodes
            .iter()
            .filter(|n| matches!(n.kind(), AstKind::VariableDeclaration(_)))
            .map(|n| (n.kind().span().start, n.id()))
            .collect(),
    };
    cutter.variables.sort_unstable();
    cutter.index();
    let windows = Windows::find(ast, &factory, body);
    let pre: Vec<&Statement<'_>> = windows.pre.iter().filter_map(|i| body.get(*i)).collect();
    let post: Vec<&Statement<'_>> = windows.post.iter().filter_map(|i| body.get(*i)).collect();
    cutter.regions = pre.iter().chain(&post).map(|s| s.span()).collect();

    let mut imports: BTreeMap<String, Span> = BTreeMap::new();
    if let Some(table) = table {
        for (import, _) in facts.function_imports() {
            let key = (import.module.clone(), import.name.clone());
            let Some(name) = glue.import_names.get(&key) else {
                continue;
            };
            if (host.is_native)(name) {
                continue;
            }
            let Some(value) = table.entries.get(&import.name) else {
                continue;
            };
            // A name that nothing declares could not be called either.
            if identifier(value).is_some_and(|id| ast.symbol(id).is_none()) {
                continue;
            }
            imports.insert(name.clone(), value.span());
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
    if imports.is_empty() && asm.is_empty() && pre.is_empty() && post.is_empty() {
        return out;
    }
    let source = cutter.source(&imports, &out.em_asm, &pre, &post, &hoisted);
    out.fragment = Some(Fragment {
        source,
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
        is_async: cutter
            .pieces
            .keys()
            .any(|(start, end)| cutter.awaits(Span::new(*start, *end))),
    });
    out
}

/// Spans of the `await`s that belong to the factory itself.
fn own_awaits(ast: &Ast<'_>, factory: &Factory<'_>) -> Vec<Span> {
    ast.nodes
        .iter()
        .filter(|n| matches!(n.kind(), AstKind::AwaitExpression(_)))
        .filter(|n| {
            ast.enclosing_function(n.id())
                .is_none_or(|f| f.span() == factory.node.span())
        })
        .map(|n| n.kind().span())
        .collect()
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
        match value.map(|v| v.without_parentheses()) {
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

impl<'a> Cutter<'a, '_> {
    /// Finds `Module`, and which top-level expressions have effects on which symbols.
    fn index(&mut self) {
        self.module = self
            .ast
            .scoping
            .find_binding(self.factory.scope, "Module".into());
        for statement in self.body {
            let Statement::ExpressionStatement(e) = statement else {
                continue;
            };
            match &e.expression {
                Expression::SequenceExpression(s) => {
                    s.expressions.iter().for_each(|e| self.index_effect(e))
                }
                other => self.index_effect(other),
            }
        }
    }

    fn index_effect(&mut self, expression: &Expression<'a>) {
        let span = expression.span();
        let root = match expression.without_parentheses() {
            Expression::AssignmentExpression(a) => match &a.left {
                AssignmentTarget::AssignmentTargetIdentifier(id) => Some(&**id),
                AssignmentTarget::StaticMemberExpression(m) => root_identifier(&m.object),
                AssignmentTarget::ComputedMemberExpression(m) => root_identifier(&m.object),
                _ => None,
            },
            Expression::CallExpression(call) => {
                if let Some(id) = identifier(&call.callee) {
                    if let Some(symbol) = self.ast.symbol(id) {
                        self.calls.entry(symbol).or_default().push(span);
                    }
                    None
                } else {
                    let root = root_identifier(&call.callee);
                    match root {
                        Some(id) if id.name == "Object" => call
                            .arguments
                            .first()
                            .and_then(|a| a.as_expression())
                            .and_then(root_identifier),
                        other => other,
                    }
                }
            }
            _ => None,
        };
        if let Some(symbol) = root.and_then(|id| self.ast.symbol(id)) {
            self.effects.entry(symbol).or_default().push(span);
        }
    }

    fn run(&mut self) {
        while let Some(span) = self.queue.pop() {
            self.scan(span);
        }
    }

    /// Follows every name used within `span`.
    fn scan(&mut self, span: Span) {
        let ast = self.ast;
        for node in ast.reference_nodes(span) {
            match self.ast.nodes.kind(node) {
                AstKind::IdentifierReference(id) => match self.ast.symbol(id) {
                    Some(symbol) => self.use_symbol(symbol, id.span, node, span),
                    None => self.use_global(id.name.as_str(), id.span, node),
                },
                AstKind::ImportMeta(meta) => {
                    self.free.insert(IMPORT_META.into(), Role::ImportMeta);
                    self.edits
                        .insert(meta.span.start, (meta.span, IMPORT_META.into()));
                }
                _ => {}
            }
        }
    }

    fn use_global(&mut self, name: &str, span: Span, node: NodeId) {
        if (self.host.is_live)(name) {
            self.live(name, span, node);
        } else if name == "Module" {
            self.free.insert(name.into(), Role::Module);
        } else if COMMON_JS.contains(&name) {
            self.free.insert(name.into(), Role::CommonJs(name.into()));
        } else if (self.host.provides)(name) {
            self.free.insert(name.into(), Role::Provided(name.into()));
        }
    }

    fn live(&mut self, name: &str, span: Span, node: NodeId) {
        let shorthand =
            matches!(self.ast.nodes.parent_kind(node), AstKind::ObjectProperty(p) if p.shorthand);
        let text = match shorthand {
            true => format!("{}:{LIVE}.{name}", self.ast.slice(span)),
            false => format!("{LIVE}.{name}"),
        };
        self.free.insert(LIVE.into(), Role::Live);
        self.edits.insert(span.start, (span, text));
    }

    fn use_symbol(&mut self, symbol: SymbolId, span: Span, node: NodeId, within: Span) {
        let declared = self.ast.scoping.symbol_span(symbol);
        let scope = self.ast.scoping.symbol_scope_id(symbol);
        let outer = scope == self.factory.scope
            || self
                .ast
                .scoping
                .scope_ancestors(self.factory.scope)
                .any(|ancestor| ancestor == scope);
        if !outer && contains(within, declared) {
            return;
        }
        let name = self.ast.scoping.symbol_name(symbol).to_string();
        let base = bundled(&name).to_string();
        if (self.host.is_live)(&base) {
            return self.live(&base, span, node);
        }
        if !self.seen.insert(symbol) {
            return;
        }
        if self.regions.iter().any(|r| contains(*r, declared)) {
            return;
        }
        if Some(symbol) == self.module || self.is_factory_parameter(symbol) {
            self.free.insert(name, Role::Module);
        } else if (self.host.provides)(&base) {
            self.free.insert(name, Role::Provided(base));
        } else if COMMON_JS.contains(&base.as_str()) {
            self.free.insert(name, Role::CommonJs(base));
        } else if let Some(export) = self.exports.symbols.get(&symbol) {
            let canonical = self.export_names.get(export).unwrap_or(export).clone();
            self.free.insert(name, Role::Export(canonical));
        } else if RUNTIME.contains(&base.as_str()) {
            self.free.insert(name, Role::Provided(base));
        } else {
            self.cut_symbol(symbol);
        }
    }

    fn is_factory_parameter(&self, symbol: SymbolId) -> bool {
        let span = self.ast.scoping.symbol_span(symbol);
        let params = match self.factory.node {
            AstKind::Function(f) => f.params.span,
            AstKind::ArrowFunctionExpression(a) => a.params.span,
            _ => return false,
        };
        contains(params, span)
    }

    /// Brings along the declarations of a symbol and what sets it up.
    fn cut_symbol(&mut self, symbol: SymbolId) {
        let declarations: Vec<NodeId> = self.ast.scoping.symbol_declarations(symbol).collect();
        for node in declarations {
            self.cut_declaration(node);
        }
        for span in self.effects.get(&symbol).cloned().unwrap_or_default() {
            self.take(span, Piece::Expression);
        }
        let writes: Vec<NodeId> = self
            .ast
            .scoping
            .get_resolved_references(symbol)
            .filter(|r| r.is_write())
            .map(|r| r.node_id())
            .collect();
        for node in writes {
            self.cut_write(node);
        }
    }

    fn cut_declaration(&mut self, node: NodeId) {
        let kind = self.ast.nodes.kind(node);
        match kind {
            AstKind::Function(f) => self.take(f.span, Piece::Whole),
            AstKind::Class(c) => self.take(c.span, Piece::Whole),
            AstKind::VariableDeclarator(d) => self.cut_declarator(node, d.span),
            AstKind::ImportDefaultSpecifier(_)
            | AstKind::ImportSpecifier(_)
            | AstKind::ImportNamespaceSpecifier(_) => self.cut_import(node),
            _ => {
                // The binding inside of a pattern: its declarator is further up.
                let declarator = self
                    .ast
                    .nodes
                    .ancestors(node)
                    .find(|n| matches!(n.kind(), AstKind::VariableDeclarator(_)));
                if let Some(n) = declarator {
                    let (id, span) = (n.id(), n.kind().span());
                    self.cut_declarator(id, span);
                }
            }
        }
    }

    fn cut_declarator(&mut self, node: NodeId, span: Span) {
        let parent = self.ast.nodes.parent_id(node);
        let AstKind::VariableDeclaration(declaration) = self.ast.nodes.kind(parent) else {
            return;
        };
        let statement = self.top_level_statement(span);
        match statement {
            Some(s) if s.span() == declaration.span || !self.at_top_level(node) => {
                let keyword = declaration.kind.as_str();
                self.take(span, Piece::Declarator(keyword));
            }
            // Inside of a top-level `if`, `for` or block: the whole of it decides the value.
            Some(s) => self.take(s.span(), Piece::Whole),
            None => self.take(span, Piece::Declarator(declaration.kind.as_str())),
        }
    }

    /// `import x from "m"` as a `require`.
    fn cut_import(&mut self, node: NodeId) {
        let Some(declaration) = self.ast.ancestors(node).find_map(|k| match k {
            AstKind::ImportDeclaration(d) => Some(d),
            _ => None,
        }) else {
            return;
        };
        let source = declaration.source.value.as_str();
        let (at, text) = match self.ast.nodes.kind(node) {
            AstKind::ImportDefaultSpecifier(s) => (
                s.span.start,
                format!(
                    "var {0}={REQUIRE}({source:?});{0}={0}&&{0}.__esModule?{0}.default:{0};",
                    s.local.name
                ),
            ),
            AstKind::ImportNamespaceSpecifier(s) => (
                s.span.start,
                format!("var {}={REQUIRE}({source:?});", s.local.name),
            ),
            AstKind::ImportSpecifier(s) => (
                s.span.start,
                format!(
                    "var {}={REQUIRE}({source:?})[{:?}];",
                    s.local.name,
                    s.imported.name().as_str()
                ),
            ),
            _ => return,
        };
        self.free
            .insert(REQUIRE.into(), Role::CommonJs("require".into()));
        self.requires.insert(at, text);
    }

    fn cut_write(&mut self, node: NodeId) {
        let span = self.ast.nodes.kind(node).span();
        if self.at_top_level(node) {
            if let Some(statement) = self.top_level_statement(span)
                && !matches!(
                    statement,
                    Statement::VariableDeclaration(_) | Statement::ExpressionStatement(_)
                )
            {
                self.take(statement.span(), Piece::Whole);
            }
            return;
        }
        // Written within a function that the top level calls: `init_x()`.
        let function = self
            .ast
            .nodes
            .ancestors(node)
            .filter(|n| {
                matches!(
                    n.kind(),
                    AstKind::Function(_) | AstKind::ArrowFunctionExpression(_)
                )
            })
            .take_while(|n| n.kind().span() != self.factory.node.span())
            .last()
            .map(|n| n.id());
        let Some(function) = function else { return };
        let symbol = match self.ast.nodes.kind(function) {
            AstKind::Function(f) if f.id.is_some() => {
                f.id.as_ref().and_then(|id| id.symbol_id.get())
            }
            _ => match self.ast.nodes.parent_kind(function) {
                AstKind::VariableDeclarator(d) => {
                    d.id.get_binding_identifier()
                        .and_then(|id| id.symbol_id.get())
                }
                _ => None,
            },
        };
        let Some(symbol) = symbol else { return };
        if RUNTIME.contains(&self.ast.scoping.symbol_name(symbol)) {
            return;
        }
        for span in self.calls.get(&symbol).cloned().unwrap_or_default() {
            self.take(span, Piece::Expression);
        }
    }

    fn at_top_level(&self, node: NodeId) -> bool {
        match self.ast.enclosing_function(node) {
            Some(function) => function.span() == self.factory.node.span(),
            None => true,
        }
    }

    fn top_level_statement(&self, span: Span) -> Option<&Statement<'a>> {
        let at = self.body.partition_point(|s| s.span().end < span.end);
        self.body.get(at).filter(|s| contains(s.span(), span))
    }

    fn take(&mut self, span: Span, piece: Piece) {
        if self.regions.iter().any(|r| contains(*r, span)) {
            return;
        }
        if self.pieces.insert((span.start, span.end), piece).is_none() {
            self.queue.push(span);
        }
    }

    /// Pre-js and post-js become functions, while what they declare must be seen by all of the fragment: their
    /// function declarations move to the top level, their variables are declared there and only assigned in place.
    fn hoist(&mut self, pre: &[&Statement<'a>], post: &[&Statement<'a>]) -> Vec<String> {
        let mut hoisted: Vec<String> = Vec::new();
        for statement in pre.iter().chain(post) {
            let region = statement.span();
            self.queue.push(region);
            match statement {
                Statement::FunctionDeclaration(_) => continue,
                Statement::ClassDeclaration(class) => {
                    if let Some(id) = &class.id {
                        hoisted.push(id.name.to_string());
                        let at = Span::new(class.span.start, class.span.start);
                        self.edits.insert(at.start, (at, format!("{}=", id.name)));
                    }
                    continue;
                }
                _ => {}
            }
            let from = self.variables.partition_point(|(at, _)| *at < region.start);
            let inside: Vec<NodeId> = self.variables[from..]
                .iter()
                .take_while(|(at, _)| *at < region.end)
                .map(|(_, node)| *node)
                .collect();
            for node in inside {
                let AstKind::VariableDeclaration(declaration) = self.ast.nodes.kind(node) else {
                    continue;
                };
                let direct = declaration.span == region;
                let function_scoped = declaration.kind.is_var() && self.at_top_level(node);
                if !contains(region, declaration.span) || !(direct || function_scoped) {
                    continue;
                }
                for declarator in &declaration.declarations {
                    for id in declarator.id.get_binding_identifiers() {
                        let parameter = id
                            .symbol_id
                            .get()
                            .is_some_and(|s| self.is_factory_parameter(s));
                        if !parameter && !hoisted.iter().any(|h| *h == id.name.as_str()) {
                            hoisted.push(id.name.to_string());
                        }
                    }
                }
                let Some(first) = declaration.declarations.first() else {
                    continue;
                };
                let keyword = Span::new(declaration.span.start, first.span.start);
                let pattern = first.id.is_object_pattern() && first.init.is_some();
                self.edits.insert(
                    keyword.start,
                    (keyword, if pattern { "(" } else { "" }.to_string()),
                );
                if pattern && let Some(last) = declaration.declarations.last() {
                    let end = Span::new(last.span.end, last.span.end);
                    self.edits.insert(end.start, (end, ")".into()));
                }
            }
        }
        hoisted
    }

    /// The text of a span with all edits made.
    fn render(&self, span: Span) -> String {
        let mut out = String::new();
        let mut at = span.start;
        for (edit, text) in self.edits.range(span.start..=span.end).map(|(_, e)| e) {
            if edit.start < at || edit.end > span.end {
                continue;
            }
            out.push_str(self.ast.slice(Span::new(at, edit.start)));
            out.push_str(text);
            at = edit.end;
        }
        out.push_str(self.ast.slice(Span::new(at, span.end)));
        out
    }

    fn source(
        &self,
        imports: &BTreeMap<String, Span>,
        asm: &BTreeMap<u32, String>,
        pre: &[&Statement<'a>],
        post: &[&Statement<'a>],
        hoisted: &[String],
    ) -> String {
        let mut out = String::new();
        if self.strict() {
            out.push_str("\"use strict\";\n");
        }
        for text in self.requires.values() {
            out.push_str(text);
            out.push('\n');
        }
        let hoisted: Vec<&str> = hoisted
            .iter()
            .map(String::as_str)
            .filter(|name| !self.free.contains_key(*name))
            .collect();
        if !hoisted.is_empty() {
            out.push_str(&format!("var {};\n", hoisted.join(",")));
        }
        for statement in pre.iter().chain(post) {
            if matches!(statement, Statement::FunctionDeclaration(_)) {
                out.push_str(&self.render(statement.span()));
                out.push('\n');
            }
        }
        let mut end = 0;
        for (&(start, stop), piece) in &self.pieces {
            // Within a statement that is there as a whole.
            if stop <= end {
                continue;
            }
            let text = self.render(Span::new(start, stop));
            match piece {
                Piece::Whole => out.push_str(&text),
                Piece::Declarator(keyword) => out.push_str(&format!("{keyword} {text};")),
                Piece::Expression => out.push_str(&format!("{text};")),
            }
            out.push('\n');
            end = stop;
        }
        out.push_str("return {\nimports: {\n");
        for (name, span) in imports {
            out.push_str(&format!("{name:?}: {},\n", self.render(*span)));
        }
        out.push_str("},\nasm: {\n");
        for (address, text) in asm {
            out.push_str(&format!("{address}: {text},\n"));
        }
        out.push_str("},\npre: ");
        self.function(pre, &mut out);
        out.push_str(",\nextras: ");
        self.function(post, &mut out);
        out.push_str("\n};\n");
        out
    }

    fn function(&self, statements: &[&Statement<'a>], out: &mut String) {
        if statements.is_empty() {
            out.push_str("null");
            return;
        }
        if statements.iter().any(|s| self.awaits(s.span())) {
            out.push_str("async ");
        }
        out.push_str("function () {\n");
        for statement in statements {
            if !matches!(statement, Statement::FunctionDeclaration(_)) {
                out.push_str(&self.render(statement.span()));
                out.push_str(";\n");
            }
        }
        out.push('}');
    }

    fn awaits(&self, span: Span) -> bool {
        self.awaits.iter().any(|a| contains(span, *a))
    }

    fn strict(&self) -> bool {
        let directives = match self.factory.node {
            AstKind::Function(f) => f.body.as_ref().map(|b| &b.directives),
            AstKind::ArrowFunctionExpression(a) => a.body.as_function_body().map(|b| &b.directives),
            _ => None,
        };
        self.ast.module
            || self
                .ast
                .program
                .directives
                .iter()
                .any(|d| d.directive == "use strict")
            || directives.is_some_and(|d| d.iter().any(|d| d.directive == "use strict"))
    }
}

/// Indices of the factory's statements that are pre-js and post-js.
#[derive(Default)]
struct Windows {
    pre: Vec<usize>,
    post: Vec<usize>,
}

impl Windows {
    fn find(ast: &Ast<'_>, factory: &Factory<'_>, body: &[Statement<'_>]) -> Windows {
        let mut windows = Windows::default();
        let run = body.iter().rposition(is_run);
        if let Some(run) = run {
            for (index, statement) in body.iter().enumerate().skip(run + 1) {
                if matches!(statement, Statement::ReturnStatement(_)) {
                    break;
                }
                let empty = matches!(statement, Statement::EmptyStatement(_));
                if !empty && !is_epilogue(ast, factory, statement) {
                    windows.post.push(index);
                }
            }
        }
        let names: Vec<HashSet<&str>> = body.iter().take(200).map(declared_names).collect();
        let position = |wanted: &[&str]| {
            names
                .iter()
                .position(|n| wanted.iter().any(|w| n.contains(w)))
        };
        let module = position(&["Module"]);
        let shell = position(&["moduleOverrides", "ENVIRONMENT_IS_WEB", "arguments_"]);
        let overrides = position(&["moduleOverrides", "arguments_"]);
        let environment = names
            .iter()
            .rposition(|n| n.iter().any(|name| name.starts_with("ENVIRONMENT_IS_")));
        let first = module.zip(shell).map(|(from, to)| from + 1..to);
        let second = environment.zip(overrides).map(|(from, to)| from + 1..to);
        for index in first.into_iter().chain(second).flatten() {
            let Some(statement) = body.get(index) else {
                continue;
            };
            if !windows.pre.contains(&index) && adds_to_module(ast, factory, statement) {
                windows.pre.push(index);
            }
        }
        windows.pre.sort_unstable();
        windows
    }
}

fn declared_names<'b>(statement: &'b Statement<'_>) -> HashSet<&'b str> {
    match statement {
        Statement::VariableDeclaration(d) => d
            .declarations
            .iter()
            .filter_map(|d| d.id.get_binding_identifier())
            .map(|id| id.name.as_str())
            .collect(),
        Statement::ExpressionStatement(e) => match &e.expression {
            Expression::AssignmentExpression(a) => target_identifier(&a.left)
                .map(|id| id.name.as_str())
                .into_iter()
                .collect(),
            _ => HashSet::new(),
        },
        _ => HashSet::new(),
    }
}

/// `run();`, alone or at the end of a chain such as `createWasm().then(() => run())`.
fn is_run(statement: &Statement<'_>) -> bool {
    let Statement::ExpressionStatement(e) = statement else {
        return false;
    };
    let last = match &e.expression {
        Expression::SequenceExpression(s) => s.expressions.last(),
        other => Some(other),
    };
    let Some(Expression::CallExpression(call)) = last.map(|e| e.without_parentheses()) else {
        return false;
    };
    identifier(&call.callee).is_some_and(|id| id.name == "run")
}

/// What Emscripten itself writes after post-js.
fn is_epilogue(ast: &Ast<'_>, factory: &Factory<'_>, statement: &Statement<'_>) -> bool {
    const OWN: [&str; 6] = [
        "moduleRtn",
        "moduleArg",
        "readyPromise",
        "readyPromiseResolve",
        "readyPromiseReject",
        "define",
    ];
    const LOADERS: [&str; 3] = ["module", "exports", "define"];
    let script = matches!(factory.node, AstKind::Program(_));
    let span = statement.span();
    matches!(
        statement,
        Statement::ExportDefaultDeclaration(_)
            | Statement::ExportNamedDeclaration(_)
            | Statement::ExportAllDeclaration(_)
            | Statement::ImportDeclaration(_)
    ) || ast.references_in(span).any(|id| {
        let name = id.name.as_str();
        OWN.contains(&name) || (script && LOADERS.contains(&name) && ast.symbol(id).is_none())
    })
}

/// The statement assigns a property of `Module` (in place, not in some function it declares), and is not one that
/// Emscripten writes itself.
fn adds_to_module(ast: &Ast<'_>, factory: &Factory<'_>, statement: &Statement<'_>) -> bool {
    let span = statement.span();
    let text = ast.slice(span);
    if [
        "readyPromise",
        "Module[\"ready\"]",
        "Module.ready",
        "moduleRtn",
        "moduleArg",
    ]
    .iter()
    .any(|own| text.contains(own))
    {
        return false;
    }
    ast.nodes.iter().any(|n| match n.kind() {
        AstKind::AssignmentExpression(a) if contains(span, a.span) => {
            super::parse::target_member(&a.left)
                .is_some_and(|(object, _)| super::parse::is_identifier(object, "Module"))
                && ast.enclosing_function(n.id()).is_none_or(|f| {
                    f.span() == factory.node.span()
                        || !contains(span, f.span())
                        || iife(ast, n.id())
                })
        }
        _ => false,
    })
}

/// Whether the nearest function around a node is called on the spot.
fn iife(ast: &Ast<'_>, node: NodeId) -> bool {
    let mut inside = false;
    for kind in ast.ancestors(node) {
        match kind {
            AstKind::Function(_) | AstKind::ArrowFunctionExpression(_) if !inside => inside = true,
            AstKind::ParenthesizedExpression(_) | AstKind::StaticMemberExpression(_) if inside => {}
            AstKind::CallExpression(_) => return inside,
            _ if inside => return false,
            _ => {}
        }
    }
    false
}
