//! Factories that the file itself wraps (`--extern-post-js`): what it gives is then not Emscripten's module.

use super::names::Factory;
use super::parse::{Ast, contains, identifier, is_identifier, target_member};
use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentTarget, CallExpression, ExportDefaultDeclarationKind, Expression};
use oxc_span::{GetSpan, Span};
use oxc_syntax::symbol::SymbolId;

/// Whether code outside of the factory puts a function of its own in its place.
pub fn is_wrapped(ast: &Ast<'_>, factory: Factory<'_>) -> bool {
    if matches!(factory.node, AstKind::Program(_)) {
        return false;
    }
    ast.nodes.iter().any(|node| match node.kind() {
        AstKind::AssignmentExpression(a) if !contains(factory.span, a.span) => {
            if let AssignmentTarget::AssignmentTargetIdentifier(id) = &a.left {
                // `createModule = ...`, but for what belongs to the declaration around the factory.
                let declared = ast.symbol(id).map(|symbol| declaration(ast, symbol));
                return declared
                    .is_some_and(|span| contains(span, factory.span) && !contains(span, a.span));
            }
            let exports = target_member(&a.left)
                .is_some_and(|(object, key)| is_identifier(object, "module") && key == "exports");
            exports && is_other_function(ast, &a.right, factory)
        }
        AstKind::ExportDefaultDeclaration(export) => match &export.declaration {
            ExportDefaultDeclarationKind::FunctionDeclaration(f) => {
                !contains(f.span, factory.span) && uses_factory(ast, f.span, factory)
            }
            other => other
                .as_expression()
                .is_some_and(|value| is_other_function(ast, value, factory)),
        },
        _ => false,
    })
}

fn declaration(ast: &Ast<'_>, symbol: SymbolId) -> Span {
    ast.nodes
        .kind(ast.scoping.symbol_declaration(symbol))
        .span()
}

/// A function, or the name of one, that does not hold the factory but refers to it.
fn is_other_function<'a>(ast: &Ast<'a>, value: &Expression<'a>, factory: Factory<'a>) -> bool {
    let span = match value.without_parentheses() {
        Expression::FunctionExpression(f) => f.span,
        Expression::ArrowFunctionExpression(f) => f.span,
        other => {
            let Some(symbol) = identifier(other).and_then(|id| ast.symbol(id)) else {
                return false;
            };
            match ast.nodes.kind(ast.scoping.symbol_declaration(symbol)) {
                AstKind::Function(f) => f.span,
                AstKind::VariableDeclarator(d) => match &d.init {
                    Some(Expression::FunctionExpression(f)) => f.span,
                    Some(Expression::ArrowFunctionExpression(f)) => f.span,
                    Some(Expression::CallExpression(call)) => match called_on_the_spot(call) {
                        Some(span) => span,
                        None => return false,
                    },
                    _ => return false,
                },
                _ => return false,
            }
        }
    };
    !contains(span, factory.span) && uses_factory(ast, span, factory)
}

/// `(function () { ... })()`.
fn called_on_the_spot(call: &CallExpression<'_>) -> Option<Span> {
    match call.callee.without_parentheses() {
        Expression::FunctionExpression(f) => Some(f.span),
        Expression::ArrowFunctionExpression(f) => Some(f.span),
        _ => None,
    }
}

fn uses_factory(ast: &Ast<'_>, span: Span, factory: Factory<'_>) -> bool {
    ast.references_in(span)
        .filter_map(|id| ast.symbol(id))
        .any(|symbol| contains(declaration(ast, symbol), factory.span))
}

#[cfg(test)]
mod tests {
    use super::super::{facts, parse::with_ast};

    fn is_wrapped(text: &str) -> bool {
        with_ast(text, |ast| {
            super::is_wrapped(ast, facts::factory_without_table(ast))
        })
        .expect("parses")
    }

    #[test]
    fn a_factory_as_emscripten_gives_it() {
        for text in [
            "var create = (() => { var dir; return (function (create) { create = create || {}; var Module = create; return create.ready }) })(); module.exports = create",
            "async function create (arg = {}) { var Module = arg; return Module } export default create",
            "var create = (() => { return async function (arg = {}) { var Module = arg; return Module } })(); if (typeof exports === 'object') { module.exports = create; module.exports.default = create }",
            "var Module = {}; module.exports = function () { return Module }",
        ] {
            assert!(!is_wrapped(text), "{text}");
        }
    }

    #[test]
    fn a_factory_that_is_replaced() {
        for text in [
            "async function create (arg = {}) { var Module = arg; return Module } const all = (() => { const first = create; return () => first().then((m) => m.api) })(); create = all; export default create",
            "var create = (() => { return async function (arg = {}) { var Module = arg; return Module } })(); module.exports = async (arg) => (await create(arg)).api",
            "async function create (arg = {}) { var Module = arg; return Module } function open (arg) { return create(arg) } export default open",
            "async function create (arg = {}) { var Module = arg; return Module } const all = (function () { const first = create; return () => first() })(); export default all",
            "async function create (arg = {}) { var Module = arg; return Module } export default function (arg) { return create(arg) }",
        ] {
            assert!(is_wrapped(text), "{text}");
        }
    }
}
