//! Ways to the global object that no name shows: `this`, and text that is run (`lib/surroundings/global-object.js`).

use super::{edit, place};
use crate::program::glue::parse::Ast;
use oxc_ast::AstKind;
use oxc_ast::ast::Expression;
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};
use oxc_syntax::operator::UnaryOperator;

/// The function that gives the realm's global object in place of the caller's, and anything else as it is.
const SELF: &str = "__emvm_this";

/// Each `this` that is the global object where its function is called as one: of plain functions of sloppy code, and of
/// arrow functions in them.
pub fn receivers(ast: &Ast<'_>) -> Vec<(Span, String)> {
    let is_sloppy = |node| {
        ast.ancestors(node).find_map(|around| match around {
            AstKind::Function(function) => Some(
                !ast.scoping
                    .scope_flags(function.scope_id())
                    .is_strict_mode(),
            ),
            AstKind::Class(_) => Some(false),
            _ => None,
        })
    };
    let these = ast.nodes.iter().filter_map(|node| match node.kind() {
        AstKind::ThisExpression(this) => Some((node.id(), this.span)),
        _ => None,
    });
    these
        .filter(|(node, _)| is_sloppy(*node) == Some(true))
        .map(|(node, span)| match is_made(ast, node, span) {
            // `new` takes the first arguments that come.
            true => (span, format!("({SELF}(this))")),
            false => (span, format!("{SELF}(this)")),
        })
        .collect()
}

/// Whether what is at `span` begins what `new` makes, such as `new this.constructor(1)`.
fn is_made(ast: &Ast<'_>, node: NodeId, span: Span) -> bool {
    let mut inner = span;
    for around in ast.ancestors(node) {
        let object = match around {
            AstKind::StaticMemberExpression(member) => member.object.span(),
            AstKind::ComputedMemberExpression(member) => member.object.span(),
            AstKind::PrivateFieldExpression(member) => member.object.span(),
            AstKind::TaggedTemplateExpression(tagged) => tagged.tag.span(),
            AstKind::NewExpression(new) => return new.callee.span() == inner,
            _ => return false,
        };
        if object != inner {
            return false;
        }
        inner = around.span();
    }
    false
}

/// A name that direct `eval` may have declared: what looks it up first asks for the variable, then for the global.
/// `is_strict`: assigning it defines nothing.
pub(super) fn declared(
    ast: &Ast<'_>,
    node: NodeId,
    name: &str,
    is_strict: bool,
) -> Option<(Span, String)> {
    let AstKind::IdentifierReference(id) = ast.nodes.kind(node) else {
        return None;
    };
    let reference = ast.scoping.get_reference(id.reference_id.get()?);
    let read = format!("\"{name}\",()=>{name}");
    let parent = ast
        .ancestors(node)
        .find(|around| !matches!(around, AstKind::ParenthesizedExpression(_)))?;
    let value = match parent {
        AstKind::UnaryExpression(unary) if unary.operator == UnaryOperator::Typeof => {
            format!("__emvm.declared({read},true)")
        }
        AstKind::UnaryExpression(unary) if unary.operator == UnaryOperator::Delete => {
            let text = format!("__emvm.undeclare({read},()=>delete {name})");
            return Some((unary.span, text));
        }
        _ if reference.is_write() => {
            let global = if is_strict { "!" } else { "" };
            format!(
                "__emvm.variable({read},__emvm_value=>{name}=__emvm_value,\"{name}{global}\").value"
            )
        }
        _ if is_made(ast, node, id.span) => format!("(__emvm.declared({read}))"),
        _ => format!("__emvm.declared({read})"),
    };
    place(ast, node, &value)
}

/// The parentheses around a name, and what they stand in.
fn unwrapped<'a>(ast: &Ast<'a>, node: NodeId, span: Span) -> (Span, Option<AstKind<'a>>) {
    let mut inner = span;
    for around in ast.ancestors(node) {
        match around {
            AstKind::ParenthesizedExpression(parenthesized) => inner = parenthesized.span,
            _ => return (inner, Some(around)),
        }
    }
    (inner, None)
}

/// `eval`: what it runs directly is told before and after, since it may define globals. Elsewhere it is the realm's own.
pub(super) fn evals(ast: &Ast<'_>, node: NodeId) -> Vec<(Span, String)> {
    let AstKind::IdentifierReference(id) = ast.nodes.kind(node) else {
        return Vec::new();
    };
    let (inner, parent) = unwrapped(ast, node, id.span);
    match parent {
        Some(AstKind::CallExpression(call)) if call.callee.span() == inner && !call.optional => {
            let text = ast.slice(Span::new(inner.end, call.span.end));
            let Some(open) = text.find('(') else {
                return Vec::new();
            };
            // A comment may stand before it.
            if !text[..open].trim().is_empty() {
                return Vec::new();
            }
            let open = inner.end + open as u32 + 1;
            vec![
                (Span::empty(call.span.start), "__emvm.ran(".into()),
                (Span::empty(open), "__emvm.text(".into()),
                (Span::empty(call.span.end), "))".into()),
            ]
        }
        _ => edit(ast, node, "__emvm.eval", None).into_iter().collect(),
    }
}

/// `Function(...)`, `new Function(...)`: the text may have the global object as its `this`.
pub(super) fn maker(ast: &Ast<'_>, node: NodeId) -> Option<(Span, String)> {
    let AstKind::IdentifierReference(id) = ast.nodes.kind(node) else {
        return None;
    };
    let callee = match ast.ancestors(node).next()? {
        AstKind::CallExpression(call) => call.callee.span(),
        AstKind::NewExpression(new) => new.callee.span(),
        _ => return None,
    };
    (callee == id.span).then(|| (id.span, "__emvm.Function".into()))
}

/// Where direct `eval` may declare names: the function around it, arrow functions included. In strict code it has variables of its
/// own.
pub(super) fn evil(ast: &Ast<'_>) -> Vec<Span> {
    let calls = ast.nodes.iter().filter(|node| {
        matches!(node.kind(), AstKind::CallExpression(call)
            if matches!(call.callee.without_parentheses(), Expression::Identifier(id) if id.name == "eval"))
    });
    calls
        .filter_map(|node| {
            let around = ast.enclosing_function(node.id());
            let (span, scope) = match around {
                Some(AstKind::Function(function)) => (function.span, function.scope_id()),
                Some(AstKind::ArrowFunctionExpression(arrow)) => (arrow.span, arrow.scope_id()),
                _ => (ast.program.span, ast.scoping.root_scope_id()),
            };
            (!ast.scoping.scope_flags(scope).is_strict_mode()).then_some(span)
        })
        .collect()
}
