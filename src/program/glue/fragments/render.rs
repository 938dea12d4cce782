//! The text of a fragment: pieces in the order of the glue, edits made, pre-js and post-js as functions.

use super::Role;
use super::cutter::{Cutter, Piece};
use super::windows::{defaults_of_module, is_module_literal};
use crate::program::glue::parse::contains;
use oxc_ast::AstKind;
use oxc_ast::ast::Statement;
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};
use std::collections::BTreeMap;

impl<'a> Cutter<'a, '_> {
    /// Pre-js and post-js become functions, while what they declare must be seen by all of the fragment: their
    /// function declarations move to the top level, their variables are declared there and only assigned in place.
    pub fn hoist(&mut self, pre: &[&Statement<'a>], post: &[&Statement<'a>]) -> Vec<String> {
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
            self.adopt_defaults(statement);
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
                if direct && defaults_of_module(statement).is_some() {
                    continue;
                }
                let function_scoped = declaration.kind.is_var() && self.at_top_level(node);
                if !contains(region, declaration.span) || !(direct || function_scoped) {
                    continue;
                }
                if let [declarator] = declaration.declarations.as_slice()
                    && is_module_literal(declarator)
                    && let Some(init) = &declarator.init
                {
                    // Another object could not be the facade, which takes its properties over instead.
                    let before = Span::new(declaration.span.start, init.span().start);
                    let after = Span::new(init.span().end, init.span().end);
                    self.edits
                        .insert(before.start, (before, "Object.assign(Module,".into()));
                    self.edits.insert(after.start, (after, ")".into()));
                    self.free.insert("Module".into(), Role::Module);
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

    /// `Module = Object.assign({defaults}, Module)` becomes what it means for a module object that stays the same: it gets
    /// what it does not have yet.
    fn adopt_defaults(&mut self, statement: &Statement<'a>) {
        let Some((assignment, defaults)) = defaults_of_module(statement) else {
            return;
        };
        let before = Span::new(assignment.start, defaults.start);
        let after = Span::new(defaults.end, assignment.end);
        let adopt = "(function(a){for(var k in a)if(!(k in Module))Module[k]=a[k]})(";
        self.edits.insert(before.start, (before, adopt.into()));
        self.edits.insert(after.start, (after, ")".into()));
        self.free.insert("Module".into(), Role::Module);
        self.adopted.push(before);
    }

    /// The text of a span with all edits made.
    pub fn render(&self, span: Span) -> String {
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

    pub fn source(
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

    pub fn awaits(&self, span: Span) -> bool {
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
