//! Whether JavaScript cut out of the glue keeps state of its own, which a recycle would have to bring back.

use super::super::parse::{Ast, root_identifier, with_ast};
use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentTarget, Expression, SimpleAssignmentTarget};
use oxc_semantic::NodeId;
use oxc_syntax::symbol::SymbolId;

/// Methods that change what they are called on.
const MUTATORS: &[&str] = &[
    "push", "pop", "shift", "unshift", "splice", "set", "add", "delete", "clear", "fill", "sort",
    "reverse",
];

/// Some function of the fragment writes to a variable of its top level, or to a property of one. What its `pre` and
/// `extras` do by themselves is initialisation.
pub fn keeps_state(source: &str) -> bool {
    // What cannot be read is taken to keep state: the price is a slower recycle, not a wrong one.
    with_ast(source, |ast| {
        ast.nodes
            .iter()
            .any(|node| writes(ast, node.id(), node.kind()))
    })
    .unwrap_or(true)
}

fn writes(ast: &Ast<'_>, node: NodeId, kind: AstKind<'_>) -> bool {
    let root = match kind {
        AstKind::AssignmentExpression(a) => target_root(ast, &a.left),
        AstKind::UpdateExpression(u) => match &u.argument {
            SimpleAssignmentTarget::AssignmentTargetIdentifier(id) => ast.symbol(id),
            SimpleAssignmentTarget::StaticMemberExpression(m) => symbol_of(ast, &m.object),
            SimpleAssignmentTarget::ComputedMemberExpression(m) => symbol_of(ast, &m.object),
            _ => None,
        },
        AstKind::UnaryExpression(u) if u.operator.as_str() == "delete" => {
            symbol_of(ast, &u.argument)
        }
        AstKind::CallExpression(call) => match call.callee.without_parentheses() {
            Expression::StaticMemberExpression(m)
                if MUTATORS.contains(&m.property.name.as_str()) =>
            {
                symbol_of(ast, &m.object)
            }
            _ => None,
        },
        _ => None,
    };
    root.is_some_and(|symbol| {
        ast.scoping.symbol_scope_id(symbol) == ast.scoping.root_scope_id()
            && !is_initialisation(ast, node)
    })
}

fn symbol_of(ast: &Ast<'_>, expression: &Expression<'_>) -> Option<SymbolId> {
    root_identifier(expression).and_then(|id| {
        ast.scoping
            .get_reference(id.reference_id.get()?)
            .symbol_id()
    })
}

fn target_root(ast: &Ast<'_>, target: &AssignmentTarget<'_>) -> Option<SymbolId> {
    match target {
        AssignmentTarget::AssignmentTargetIdentifier(id) => ast
            .scoping
            .get_reference(id.reference_id.get()?)
            .symbol_id(),
        AssignmentTarget::StaticMemberExpression(m) => symbol_of(ast, &m.object),
        AssignmentTarget::ComputedMemberExpression(m) => symbol_of(ast, &m.object),
        _ => None,
    }
}

/// At the fragment's top level, or directly in the `pre` or `extras` that it returns.
fn is_initialisation(ast: &Ast<'_>, node: NodeId) -> bool {
    let mut functions = 0;
    let mut last_is_part = false;
    for kind in ast.ancestors(node) {
        match kind {
            AstKind::Function(_) | AstKind::ArrowFunctionExpression(_) => functions += 1,
            AstKind::ObjectProperty(property) if functions == 1 => {
                last_is_part = matches!(
                    property.key.static_name().as_deref(),
                    Some("pre" | "extras")
                );
            }
            _ => {}
        }
    }
    functions == 0 || (functions == 1 && last_is_part)
}

#[cfg(test)]
mod tests {
    use super::keeps_state;

    #[test]
    fn initialisation_is_no_state() {
        assert!(!keeps_state(
            "var a = {}; a.x = 1; function f(b) { b.y = 2; var c = 1; c++; this.z = 3 } return { extras() { a.q = 1; a.f = f } }"
        ));
        assert!(!keeps_state(
            "function Size(w) { this.w = w } return { extras() { Module.Size = Size } }"
        ));
    }

    #[test]
    fn writes_from_functions_are_state() {
        assert!(keeps_state(
            "var cache = { buffer: 0 }; function f() { cache.buffer = 1 } return {}"
        ));
        assert!(keeps_state(
            "var n = 0; return { imports: { f: () => ++n } }"
        ));
        assert!(keeps_state(
            "var list = []; return { extras() { Module.add = x => list.push(x) } }"
        ));
        assert!(keeps_state(
            "var a; return { extras() { a = { prepare() { a.pos = 0 } } } }"
        ));
    }
}
