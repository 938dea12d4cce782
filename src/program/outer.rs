//! Names that a file takes from outside of itself: the global object's, and those that it imports.
//!
//! Both may change while the file runs: another file of the package may define a global, or what is imported may be
//! assigned. So each reference becomes a property that is read when it is used.

use super::glue::parse::{Ast, contains};
use super::language::NAMES;
use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentTarget, Expression, IdentifierReference};
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};
use oxc_syntax::operator::UnaryOperator;
use rustc_hash::FxHashSet;
use std::collections::HashMap;

/// The object whose properties are the globals as the realm has them.
const GLOBALS: &str = "__emvm_global";

/// The function that gives the realm's global object in place of the caller's, and anything else as it is.
const SELF: &str = "__emvm_this";

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
    if let Some(references) = scoping.root_unresolved_references().get("eval") {
        for reference in references {
            let node = scoping.get_reference(*reference).node_id();
            out.edits.extend(evals(ast, node));
        }
    }
    if let Some(references) = scoping.root_unresolved_references().get("Function") {
        for reference in references {
            let node = scoping.get_reference(*reference).node_id();
            out.edits.extend(maker(ast, node));
        }
    }
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
        for reference in references {
            let node = scoping.get_reference(*reference).node_id();
            let span = ast.nodes.kind(node).span();
            if evil.iter().any(|around| contains(*around, span)) {
                out.edits.extend(read(ast, node, name));
                continue;
            }
            let reference = scoping.get_reference(*reference);
            // Strict code defines nothing by assigning it.
            if reference.is_write() && is_strict(ast, node) {
                let value = format!("{GLOBALS}[\"{name}!\"]");
                out.edits.extend(edit(ast, node, &value, Some(name)));
            } else {
                out.edits.extend(edit(ast, node, &value, Some(name)));
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
        .map(|(_, span)| (span, format!("{SELF}(this)")))
        .collect()
}

/// A name that direct `eval` may have declared, where it is read.
fn read(ast: &Ast<'_>, node: NodeId, name: &str) -> Option<(Span, String)> {
    let AstKind::IdentifierReference(id) = ast.nodes.kind(node) else {
        return None;
    };
    let reference = ast.scoping.get_reference(id.reference_id.get()?);
    if reference.is_write() {
        return None;
    }
    let or = |kind: &str, global: &str| {
        format!("typeof {name}!==\"undefined\"?{kind}{name}:{kind}{GLOBALS}{global}")
    };
    match ast.ancestors(node).next()? {
        AstKind::UnaryExpression(unary) if unary.operator == UnaryOperator::Typeof => {
            let text = or("typeof ", &format!("[\"{name}?\"]"));
            Some((unary.span, format!("({text})")))
        }
        AstKind::UnaryExpression(unary) if unary.operator == UnaryOperator::Delete => None,
        AstKind::ObjectProperty(property) if property.shorthand => None,
        _ => {
            // Elsewhere a parenthesis might belong to the line before.
            let before = ast.text.get(..id.span.start as usize)?.trim_end();
            let apart = before.ends_with(
                &[
                    '(', ',', '=', '+', '<', '>', '&', '|', '?', ':', '[', '!', ';', '{',
                ][..],
            ) || before.ends_with("return");
            apart.then(|| (id.span, format!("({})", or("", &format!(".{name}")))))
        }
    }
}

/// `eval`: what it runs directly is told before and after, since it may define globals. Elsewhere it is the realm's own.
fn evals(ast: &Ast<'_>, node: NodeId) -> Vec<(Span, String)> {
    let AstKind::IdentifierReference(id) = ast.nodes.kind(node) else {
        return Vec::new();
    };
    match ast.ancestors(node).next() {
        Some(AstKind::CallExpression(call)) if call.callee.span() == id.span && !call.optional => {
            let text = ast.slice(Span::new(id.span.end, call.span.end));
            let Some(open) = text.find('(') else {
                return Vec::new();
            };
            // A comment may stand before it.
            if !text[..open].trim().is_empty() {
                return Vec::new();
            }
            let open = id.span.end + open as u32 + 1;
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
fn maker(ast: &Ast<'_>, node: NodeId) -> Option<(Span, String)> {
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
fn evil(ast: &Ast<'_>) -> Vec<Span> {
    let calls = ast.nodes.iter().filter(|node| {
        matches!(node.kind(), AstKind::CallExpression(call)
            if matches!(&call.callee, Expression::Identifier(id) if id.name == "eval"))
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
    // There, a name may be a property of the object.
    let within =
        |kind| matches!(kind, AstKind::WithStatement(with) if contains(with.body.span(), id.span));
    if ast.ancestors(node).any(within) {
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

#[cfg(test)]
mod tests {
    use super::super::esm::body;

    fn rewrite(text: &str) -> String {
        body(text.as_bytes(), b"", false, &[7; 32])
            .expect("parses")
            .source
    }

    #[test]
    fn globals_are_read_where_they_are_used() {
        for (text, expected) in [
            ("a.b(c)", "__emvm_global.a.b(__emvm_global.c)"),
            (
                "x = 1\nlog()",
                "__emvm_global.x = 1\n;(0, __emvm_global.log)()",
            ),
            (
                "if (a)\nlog()",
                "if (__emvm_global.a)\n(0, __emvm_global.log)()",
            ),
            (
                "var f = () => log()",
                "var f = () => (0, __emvm_global.log)()",
            ),
            ("(log)(1)", "((0, __emvm_global.log))(1)"),
            ("log`x`", ";(0, __emvm_global.log)`x`"),
            (
                "new Thing; new Thing(1)",
                "new __emvm_global.Thing; new __emvm_global.Thing(1)",
            ),
            (
                "var o = { a, b: c }",
                "var o = { a: __emvm_global.a, b: __emvm_global.c }",
            ),
            (
                "({ a, b = 1, c: d } = o)",
                "({ a: __emvm_global.a, b: __emvm_global.b = 1, c: __emvm_global.d } = __emvm_global.o)",
            ),
            (
                "[a, b = 2] = [1]",
                "[__emvm_global.a, __emvm_global.b = 2] = [1]",
            ),
            (
                "for (k in o) k++",
                "for (__emvm_global.k in __emvm_global.o) __emvm_global.k++",
            ),
            (
                "typeof a; typeof (b)",
                "typeof __emvm_global[\"a?\"]; typeof (__emvm_global[\"b?\"])",
            ),
            ("delete a", "__emvm.forget(\"a\")"),
            (
                "function f () { 'use strict'; a = 1; b++; ({ c } = d) }",
                "function f () { 'use strict'; __emvm_global[\"a!\"] = 1; __emvm_global[\"b!\"]++; ({ c: __emvm_global[\"c!\"] } = __emvm_global.d) }",
            ),
            (
                "class A { b () { c = 1 } }",
                "class A { b () { __emvm_global[\"c!\"] = 1 } }",
            ),
            ("class A extends B {}", "class A extends __emvm_global.B {}"),
            ("with (o) { a }", "with (__emvm_global.o) { a }"),
            (
                "function f (a) { return a + require(b).c }",
                "function f (a) { return a + require(__emvm_global.b).c }",
            ),
            (
                "new Map([Math.PI]); Module.x; globalThis.y",
                "new Map([Math.PI]); Module.x; globalThis.y",
            ),
            (
                "globalThis.Map = M; new Map",
                "globalThis.Map = __emvm_global.M; new __emvm_global.Map",
            ),
            (
                "globalThis.Module = M; Module.x",
                "globalThis.Module = __emvm_global.M; Module.x",
            ),
            (
                "export {}; globalThis.Module = M; Module.x",
                " globalThis.Module = __emvm_global.M; __emvm_global.Module.x",
            ),
            (
                "Promise = p; Promise.all()",
                "__emvm_global.Promise = __emvm_global.p; __emvm_global.Promise.all()",
            ),
        ] {
            assert_eq!(rewrite(text), expected);
        }
    }

    #[test]
    fn text_that_runs_is_told() {
        for (text, expected) in [
            (
                "function f (t) { eval(t); return a + typeof a }; a",
                "function f (t) { __emvm.ran(eval(__emvm.text(t))); return (typeof a!==\"undefined\"?a:__emvm_global.a) + (typeof a!==\"undefined\"?typeof a:typeof __emvm_global[\"a?\"]) }; __emvm_global.a",
            ),
            (
                "var f = (t) => eval(t); a; function g (t) { 'use strict'; eval(t); a }",
                "var f = (t) => __emvm.ran(eval(__emvm.text(t))); __emvm_global.a; function g (t) { 'use strict'; __emvm.ran(eval(__emvm.text(t))); __emvm_global.a }",
            ),
            (
                "(0, eval)(eval); new Function(Function)",
                "(0, __emvm.eval)(__emvm.eval); new __emvm.Function(Function)",
            ),
        ] {
            assert_eq!(rewrite(text), expected);
        }
    }

    #[test]
    fn the_global_object_is_the_realm_s() {
        for (text, expected) in [
            (
                "this.a; function f (b = this) { return () => this.c }",
                "this.a; function f (b = __emvm_this(this)) { return () => __emvm_this(this).c }",
            ),
            (
                "function f () { 'use strict'; return this }",
                "function f () { 'use strict'; return this }",
            ),
            (
                "'use strict'; function f () { return this }",
                "'use strict'; function f () { return this }",
            ),
            (
                "class A { a = this; b () { return this } static { this.c } }",
                "class A { a = this; b () { return this } static { this.c } }",
            ),
            (
                "({ get a () { return this }, b () { this.c = 1 } })",
                "({ get a () { return __emvm_this(this) }, b () { __emvm_this(this).c = 1 } })",
            ),
            ("var a = () => this", "var a = () => this"),
        ] {
            assert_eq!(rewrite(text), expected);
        }
        let module = "export const f = function () { return this }";
        assert!(!rewrite(module).contains("__emvm_this"));
    }

    #[test]
    fn imports_are_live() {
        for (text, expected) in [
            (
                "import a, { b as c, 'd e' as f } from 'x'\nc()\nf; typeof a",
                "\n;(0, __emvm.modules[0].b)()\n__emvm.modules[0][\"d e\"]; typeof __emvm.modules[0].default",
            ),
            (
                "import * as n from 'x'\nexport const o = { n }",
                "__emvm.exports({ get \"o\"() { return o } }); \nconst o = { n: __emvm.modules[0] }",
            ),
            (
                "import { b } from 'x'\nexport { b as c }\nexport default b",
                "__emvm.exports({ get \"c\"() { return __emvm.modules[0].b }, get \"default\"() { return __emvm_default } }); \n\nconst __emvm_default = __emvm.modules[0].b;",
            ),
            (
                "import { b } from 'x'\nfunction f (b) { return b }",
                "\nfunction f (b) { return b }",
            ),
        ] {
            assert_eq!(rewrite(text), expected);
        }
    }
}
