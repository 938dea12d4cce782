//! Names that a file takes from outside of itself: the global object's, and those that it imports.
//!
//! Both may change while the file runs: another file of the package may define a global, or what is imported may be
//! assigned. So each reference becomes a property that is read when it is used.

#[cfg(test)]
mod tests;
mod text;

pub use text::receivers;

use super::glue::parse::{Ast, contains};
use super::language::NAMES;
use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentTarget, Expression, IdentifierReference};
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};
use oxc_syntax::operator::UnaryOperator;
use rustc_hash::FxHashSet;
use std::collections::HashMap;
use text::{declared, evals, evil, maker};

/// The object whose properties are the globals as the realm has them.
const GLOBALS: &str = "__emvm_global";

/// Names that each file has of its own, whatever is assigned.
const OWN: [&str; 9] = [
    "require",
    "module",
    "exports",
    "__dirname",
    "__filename",
    "Module",
    "arguments",
    "eval",
    "__emvm",
];

/// What is to be put where, and which globals are asked for.
#[derive(Default)]
pub struct Outer {
    pub edits: Vec<(Span, String)>,
    pub globals: Vec<String>,
}

/// `imports`: by local name, the expression for what is imported.
pub fn find(ast: &Ast<'_>, imports: &HashMap<String, String>) -> Outer {
    let mut out = Outer::default();
    let scoping = &ast.scoping;
    for (name, symbol) in scoping.get_bindings(scoping.root_scope_id()) {
        if let Some(value) = imports.get(name.as_str()) {
            for reference in scoping.get_resolved_reference_ids(*symbol) {
                let node = scoping.get_reference(*reference).node_id();
                out.edits.extend(edit(ast, node, value, None));
            }
        }
    }
    let nodes_of = |name: &str| {
        let references = scoping.root_unresolved_references().get(name);
        references
            .into_iter()
            .flatten()
            .map(|reference| scoping.get_reference(*reference).node_id())
    };
    out.edits
        .extend(nodes_of("eval").flat_map(|node| evals(ast, node)));
    out.edits
        .extend(nodes_of("Function").filter_map(|node| maker(ast, node)));
    let assigned = assigned(ast);
    let evil = evil(ast);
    // Taken as they are, unless the file assigns them.
    let language: FxHashSet<&str> = NAMES.into_iter().collect();
    for (name, references) in scoping.root_unresolved_references() {
        let name = name.as_str();
        let own = OWN.contains(&name) && !(name == "Module" && ast.module && defines_module(ast));
        if own || (language.contains(name) && !assigned.contains(name)) {
            continue;
        }
        let before = out.edits.len();
        let value = format!("{GLOBALS}.{name}");
        let checked = format!("{GLOBALS}[\"{name}!\"]");
        for reference in references {
            let node = scoping.get_reference(*reference).node_id();
            let span = ast.nodes.kind(node).span();
            let is_write = scoping.get_reference(*reference).is_write();
            let is_strict = is_write && is_strict(ast, node);
            if evil.iter().any(|around| contains(*around, span)) {
                out.edits.extend(declared(ast, node, name, is_strict));
            } else {
                // Strict code defines nothing by assigning it.
                let value = if is_strict { &checked } else { &value };
                out.edits.extend(edit(ast, node, value, Some(name)));
            }
        }
        if out.edits.len() > before {
            out.globals.push(name.to_owned());
        }
    }
    out.globals.sort();
    out
}

fn is_strict(ast: &Ast<'_>, node: NodeId) -> bool {
    let scope = ast.ancestors(node).find_map(|around| match around {
        AstKind::Function(function) => Some(function.scope_id()),
        AstKind::ArrowFunctionExpression(arrow) => Some(arrow.scope_id()),
        AstKind::Class(class) => Some(class.scope_id()),
        _ => None,
    });
    let scope = scope.unwrap_or_else(|| ast.scoping.root_scope_id());
    ast.scoping.scope_flags(scope).is_strict_mode()
}

/// Names that the file assigns: as a property of whatever object, or without declaring them.
fn assigned<'a>(ast: &Ast<'a>) -> FxHashSet<&'a str> {
    let mut names = FxHashSet::default();
    for node in ast.nodes.iter() {
        match node.kind() {
            AstKind::AssignmentExpression(assignment) => match &assignment.left {
                AssignmentTarget::StaticMemberExpression(member) if !is_exports(&member.object) => {
                    names.insert(member.property.name.as_str());
                }
                AssignmentTarget::AssignmentTargetIdentifier(id) if ast.symbol(id).is_none() => {
                    names.insert(id.name.as_str());
                }
                AssignmentTarget::ComputedMemberExpression(member) => {
                    if let Expression::StringLiteral(key) = &member.expression {
                        names.insert(key.value.as_str());
                    }
                }
                _ => {}
            },
            // `Object.defineProperty(globalThis, 'Name', ...)`.
            AstKind::CallExpression(call) => {
                if let [_, oxc_ast::ast::Argument::StringLiteral(key), _] = &call.arguments[..] {
                    names.insert(key.value.as_str());
                }
            }
            _ => {}
        }
    }
    names
}

/// Whether it makes `Module` a global: in an ES module, that is what the name then means.
fn defines_module(ast: &Ast<'_>) -> bool {
    ast.nodes.iter().any(|node| {
        let AstKind::AssignmentExpression(assignment) = node.kind() else {
            return false;
        };
        let AssignmentTarget::StaticMemberExpression(member) = &assignment.left else {
            return false;
        };
        member.property.name == "Module"
            && matches!(&member.object, Expression::Identifier(id)
                if ["globalThis", "global"].contains(&id.name.as_str()) && ast.symbol(id).is_none())
    })
}

fn is_exports(object: &Expression<'_>) -> bool {
    match object {
        Expression::Identifier(id) => id.name == "exports",
        Expression::StaticMemberExpression(member) => member.property.name == "exports",
        _ => false,
    }
}

/// What takes the place of a reference. `global`: its name, where it may be missing.
fn edit(ast: &Ast<'_>, node: NodeId, value: &str, global: Option<&str>) -> Option<(Span, String)> {
    let AstKind::IdentifierReference(id) = ast.nodes.kind(node) else {
        return None;
    };
    if is_in_with(ast, node, id.span) {
        return None;
    }
    let mut around = ast.ancestors(node);
    let mut parent = around.next()?;
    let mut inner = id.span;
    while let AstKind::ParenthesizedExpression(parenthesized) = parent {
        inner = parenthesized.span;
        parent = around.next()?;
    }
    let bare = inner == id.span;
    let text = match parent {
        AstKind::UnaryExpression(unary) if unary.operator == UnaryOperator::Typeof => {
            match global {
                Some(name) => format!("{GLOBALS}[\"{name}?\"]"),
                None => value.to_owned(),
            }
        }
        AstKind::UnaryExpression(unary) if unary.operator == UnaryOperator::Delete => {
            let name = global?;
            return Some((unary.span, format!("__emvm.forget(\"{name}\")")));
        }
        AstKind::ObjectProperty(property) if property.shorthand && bare => {
            format!("{}: {value}", id.name)
        }
        AstKind::AssignmentTargetPropertyIdentifier(target) if same(&target.binding, id) => {
            format!("{}: {value}", id.name)
        }
        // Called as a function and not as a method.
        AstKind::CallExpression(call) if call.callee.span() == inner => {
            detached(ast, node, id.span, value)
        }
        AstKind::TaggedTemplateExpression(tagged) if tagged.tag.span() == inner => {
            detached(ast, node, id.span, value)
        }
        _ => value.to_owned(),
    };
    Some((id.span, text))
}

/// Inside `with`, a name may be a property of the object.
fn is_in_with(ast: &Ast<'_>, node: NodeId, span: Span) -> bool {
    let within =
        |kind| matches!(kind, AstKind::WithStatement(with) if contains(with.body.span(), span));
    ast.ancestors(node).any(within)
}

/// `value` in place of a name, whatever is done with it there.
fn place(ast: &Ast<'_>, node: NodeId, value: &str) -> Option<(Span, String)> {
    let AstKind::IdentifierReference(id) = ast.nodes.kind(node) else {
        return None;
    };
    if is_in_with(ast, node, id.span) {
        return None;
    }
    let is_short = match ast.ancestors(node).next()? {
        AstKind::ObjectProperty(property) => property.shorthand,
        AstKind::AssignmentTargetPropertyIdentifier(target) => same(&target.binding, id),
        _ => false,
    };
    let text = match is_short {
        true => format!("{}: {value}", id.name),
        false => value.to_owned(),
    };
    Some((id.span, text))
}

fn same(binding: &IdentifierReference<'_>, id: &IdentifierReference<'_>) -> bool {
    binding.span == id.span
}

/// `(0, value)`; at the start of a statement, a line without a semicolon may come before it.
fn detached(ast: &Ast<'_>, node: NodeId, span: Span, value: &str) -> String {
    let mut around = ast.ancestors(node);
    let statement = around.by_ref().find_map(|kind| match kind {
        AstKind::ExpressionStatement(statement) => Some(statement.span),
        _ => None,
    });
    let first = statement.is_some_and(|statement| statement.start == span.start);
    let listed = around.next().is_some_and(|kind| {
        matches!(
            kind,
            AstKind::Program(_)
                | AstKind::FunctionBody(_)
                | AstKind::BlockStatement(_)
                | AstKind::SwitchCase(_)
                | AstKind::StaticBlock(_)
        )
    });
    let before = ast.text.get(..span.start as usize).unwrap_or_default();
    let guard = match first && listed && !before.trim_end().ends_with("=>") {
        true => ";",
        false => "",
    };
    format!("{guard}(0, {value})")
}
