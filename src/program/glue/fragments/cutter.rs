//! Follows references through the factory and takes along what they need.

use super::runtime_names::{COMMON_JS, RUNTIME};
use super::{IMPORT_META, LIVE, REQUIRE, Role};
use crate::program::glue::Host;
use crate::program::glue::names::{ExportNames, Factory, bundled};
use crate::program::glue::parse::{Ast, contains, identifier, root_identifier};
use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentTarget, Expression, Statement};
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};
use oxc_syntax::symbol::SymbolId;
use std::collections::{BTreeMap, HashMap, HashSet};

/// A piece of the glue that goes to the top level of the fragment.
#[derive(Clone, Copy)]
pub enum Piece {
    /// A function or class declaration, or a whole statement.
    Whole,
    /// One declarator of a `var`, `let` or `const`.
    Declarator(&'static str),
    /// An expression that is a statement of its own.
    Expression,
}

/// Cuts functions out of the glue, with all that they use.
pub struct Cutter<'a, 'b> {
    pub ast: &'b Ast<'a>,
    pub factory: Factory<'a>,
    pub exports: &'b ExportNames,
    pub export_names: &'b HashMap<String, String>,
    pub host: Host<'b>,
    pub module: Option<SymbolId>,
    pub body: &'b [Statement<'a>],
    /// Top-level expressions with effects on a symbol.
    pub effects: HashMap<SymbolId, Vec<Span>>,
    /// Top-level calls `f()`.
    pub calls: HashMap<SymbolId, Vec<Span>>,
    pub seen: HashSet<SymbolId>,
    pub pieces: BTreeMap<(u32, u32), Piece>,
    /// Declarations made from ES imports.
    pub requires: BTreeMap<u32, String>,
    pub free: BTreeMap<String, Role>,
    pub edits: BTreeMap<u32, (Span, String)>,
    /// Spans of pre-js and post-js statements: what they declare is hoisted as a whole.
    pub regions: Vec<Span>,
    pub queue: Vec<Span>,
    pub awaits: Vec<Span>,
    /// Variable declarations by position.
    pub variables: Vec<(u32, NodeId)>,
    pub replaces_module: bool,
    /// Where `Module` is written to, but rendered as what adds to it.
    pub adopted: Vec<Span>,
}

impl<'a, 'b> Cutter<'a, 'b> {
    pub fn new(
        ast: &'b Ast<'a>,
        factory: Factory<'a>,
        exports: &'b ExportNames,
        export_names: &'b HashMap<String, String>,
        host: Host<'b>,
        body: &'b [Statement<'a>],
    ) -> Self {
        let mut variables: Vec<(u32, NodeId)> = ast
            .nodes
            .iter()
            .filter(|n| matches!(n.kind(), AstKind::VariableDeclaration(_)))
            .map(|n| (n.kind().span().start, n.id()))
            .collect();
        variables.sort_unstable();
        let mut cutter = Cutter {
            ast,
            factory,
            exports,
            export_names,
            host,
            module: ast.scoping.find_binding(factory.scope, "Module".into()),
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
            variables,
            replaces_module: false,
            adopted: Vec::new(),
        };
        cutter.index();
        cutter
    }

    /// Whether something that was cut out awaits at the factory's own level.
    pub fn is_async(&self) -> bool {
        self.pieces
            .keys()
            .any(|(start, end)| self.awaits(Span::new(*start, *end)))
    }

    /// Finds which top-level expressions have effects on which symbols.
    fn index(&mut self) {
        for statement in self.body {
            let Statement::ExpressionStatement(e) = statement else {
                continue;
            };
            match &e.expression {
                Expression::SequenceExpression(s) => {
                    s.expressions.iter().for_each(|e| self.index_effect(e));
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

    pub fn run(&mut self) {
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
        if Some(symbol) == self.module
            && self.regions.iter().any(|r| contains(*r, span))
            && !self.adopted.iter().any(|a| contains(*a, span))
        {
            self.replaces_module |= self
                .ast
                .scoping
                .get_resolved_references(symbol)
                .any(|r| r.node_id() == node && r.is_write());
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

    pub fn is_factory_parameter(&self, symbol: SymbolId) -> bool {
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
            .map(oxc_semantic::Reference::node_id)
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
            .map(oxc_semantic::AstNode::id);
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

    pub fn at_top_level(&self, node: NodeId) -> bool {
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
