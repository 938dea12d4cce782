//! Which statements of the factory are pre-js and post-js.

use crate::program::glue::names::Factory;
use crate::program::glue::parse::{
    Ast, contains, identifier, is_identifier, member, target_identifier, target_member,
};
use oxc_ast::AstKind;
use oxc_ast::ast::{ArrowFunctionBody, Expression, Statement, VariableDeclarator};
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};
use oxc_syntax::operator::AssignmentOperator;
use std::collections::HashSet;

/// Indices of the factory's statements that are pre-js and post-js.
#[derive(Default)]
pub struct Windows {
    pub pre: Vec<usize>,
    pub post: Vec<usize>,
    /// A script whose post-js exports an object of its own.
    pub exports_another: bool,
}

impl Windows {
    pub fn find(ast: &Ast<'_>, factory: &Factory<'_>, body: &[Statement<'_>]) -> Windows {
        let mut windows = Windows::default();
        let run = body.iter().rposition(is_run);
        if let Some(run) = run {
            for (index, statement) in body.iter().enumerate().skip(run + 1) {
                if matches!(statement, Statement::ReturnStatement(_)) {
                    break;
                }
                let empty = matches!(statement, Statement::EmptyStatement(_));
                let epilogue = is_epilogue(ast, factory, statement);
                if !empty && !epilogue {
                    windows.post.push(index);
                }
                let script = matches!(factory.node, AstKind::Program(_));
                windows.exports_another |= script && epilogue && exports_another(ast, statement);
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
        let environment = names
            .iter()
            .rposition(|n| n.iter().any(|name| name.starts_with("ENVIRONMENT_IS_")));
        // What Emscripten writes next; builds for one environment leave parts of it out.
        const SHELL: [&str; 8] = [
            "moduleOverrides",
            "arguments_",
            "programArgs",
            "thisProgram",
            "quit_",
            "scriptDirectory",
            "readAsync",
            "readBinary",
        ];
        let after = environment.map_or(0, |at| at + 1);
        let overrides = names
            .iter()
            .skip(after)
            .position(|n| SHELL.iter().any(|w| n.contains(w)))
            .map(|at| at + after);
        // A script may make the `Module` that Emscripten's first line then takes up (`--extern-pre-js`).
        let script = matches!(factory.node, AstKind::Program(_));
        let outside = module.filter(|_| script).map(|to| 0..to);
        let first = module.zip(shell).map(|(from, to)| from + 1..to);
        let second = environment.zip(overrides).map(|(from, to)| from + 1..to);
        for index in outside.into_iter().chain(first).chain(second).flatten() {
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

/// `run();`, alone or at the end of a chain such as `createWasm().then(() => run())`, awaited or not.
fn is_run(statement: &Statement<'_>) -> bool {
    matches!(statement, Statement::ExpressionStatement(e) if calls_run(&e.expression))
}

fn calls_run(expression: &Expression<'_>) -> bool {
    match expression.without_parentheses() {
        Expression::SequenceExpression(s) => s.expressions.last().is_some_and(calls_run),
        Expression::AwaitExpression(a) => calls_run(&a.argument),
        Expression::CallExpression(call) => {
            let is_run = |e: &Expression<'_>| identifier(e).is_some_and(|id| id.name == "run");
            let then = member(&call.callee).is_some_and(|(_, name)| name == "then");
            let handlers = call.arguments.iter().filter_map(|a| a.as_expression());
            is_run(&call.callee)
                || then
                    && handlers.into_iter().any(|handler| match handler {
                        Expression::ArrowFunctionExpression(arrow) => match &arrow.body {
                            ArrowFunctionBody::FunctionBody(body) => {
                                body.statements.iter().any(is_run_statement)
                            }
                            body => body.as_expression().is_some_and(calls_run),
                        },
                        other => is_run(other),
                    })
        }
        _ => false,
    }
}

fn is_run_statement(statement: &Statement<'_>) -> bool {
    match statement {
        Statement::ReturnStatement(r) => r.argument.as_ref().is_some_and(calls_run),
        other => is_run(other),
    }
}

/// `module.exports = { ... }`: the file gives something else than its `Module`.
fn exports_another(ast: &Ast<'_>, statement: &Statement<'_>) -> bool {
    let span = statement.span();
    ast.nodes.iter().any(|n| match n.kind() {
        AstKind::AssignmentExpression(a) if contains(span, a.span) => {
            target_member(&a.left)
                .is_some_and(|(object, name)| name == "exports" && is_identifier(object, "module"))
                && matches!(&a.right, Expression::ObjectExpression(o) if !o.properties.is_empty())
        }
        _ => false,
    })
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
            let property =
                target_member(&a.left).is_some_and(|(object, _)| is_identifier(object, "Module"));
            // `Module = Object.assign({...}, Module)`, `Module = { ...Module, ... }`
            let replaced = target_identifier(&a.left).is_some_and(|id| id.name == "Module")
                && match &a.right {
                    Expression::CallExpression(call) => {
                        member(&call.callee).is_some_and(|(_, name)| name == "assign")
                    }
                    Expression::ObjectExpression(object) => !object.properties.is_empty(),
                    _ => false,
                };
            (property || replaced)
                && ast.enclosing_function(n.id()).is_none_or(|f| {
                    f.span() == factory.node.span()
                        || !contains(span, f.span())
                        || iife(ast, n.id())
                })
        }
        // `var Module = { name: function }` in pre-js.
        AstKind::VariableDeclarator(d) if contains(span, d.span) => {
            (is_module_literal(d) || (is_module(d) && d.init.as_ref().and_then(defaults).is_some()))
                && ast
                    .enclosing_function(n.id())
                    .is_none_or(|f| f.span() == factory.node.span())
        }
        _ => false,
    })
}

/// `Module = {...}` in a declaration: its properties are the module's.
pub fn is_module_literal(declarator: &VariableDeclarator<'_>) -> bool {
    is_module(declarator) && matches!(declarator.init, Some(Expression::ObjectExpression(_)))
}

/// The spans of `Module = Object.assign({defaults}, Module)`, a declaration or not, and of the defaults.
pub fn defaults_of_module(statement: &Statement<'_>) -> Option<(Span, Span)> {
    match statement {
        Statement::ExpressionStatement(e) => {
            let Expression::AssignmentExpression(a) = &e.expression else {
                return None;
            };
            let to_module = target_identifier(&a.left).is_some_and(|id| id.name == "Module");
            (to_module && a.operator == AssignmentOperator::Assign)
                .then(|| defaults(&a.right).map(|found| (a.span, found)))?
        }
        Statement::VariableDeclaration(declaration) => match declaration.declarations.as_slice() {
            [d] if is_module(d) => {
                let found = defaults(d.init.as_ref()?)?;
                Some((Span::new(declaration.span.start, d.span.end), found))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The defaults in `Object.assign({defaults}, Module)`.
fn defaults(value: &Expression<'_>) -> Option<Span> {
    let Expression::CallExpression(call) = value else {
        return None;
    };
    let assigns = member(&call.callee)
        .is_some_and(|(object, name)| name == "assign" && is_identifier(object, "Object"));
    match call.arguments.as_slice() {
        [first, second] if assigns => {
            let last = second.as_expression().and_then(identifier);
            last.is_some_and(|id| id.name == "Module")
                .then(|| first.as_expression().map(GetSpan::span))?
        }
        _ => None,
    }
}

fn is_module(declarator: &VariableDeclarator<'_>) -> bool {
    let name = declarator.id.get_binding_identifier();
    name.is_some_and(|id| id.name == "Module")
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
