//! Has the module's own JavaScript tell of its writes before they happen, so that a recycle undoes them
//! (`lib/facade/changes.js`).
//!
//! `a.b = c` becomes `$emvm.key(a,"b").b = c`; where the key is not known, and before a method that changes what it is called
//! on, `a[b] = c` becomes `$emvm.whole(a)[b] = c`. `a[b](c)` becomes `a[b](($emvm.called(a,b),c))`: what `b` is tells whether
//! that method changes `a`. A function in which something may be written in another way (a mutator that
//! is passed on, `eval`, a proxy) begins with `$emvm.all()` or `$emvm.changer()`. A name that nobody declared is told by `$emvm.name("a")`, text that
//! runs by `$emvm.ran(eval($emvm.text(a)))`. Functions of the language's that change objects may be values, too: what may be one is
//! looked at where it is fetched, `$emvm.got(a[b])`, and where the fragment's own variables may hold some, `holds` says so. Nothing but insertions: lines and their numbers stay.

mod calls;
mod names;
mod placed;
#[cfg(test)]
mod tests;

use crate::program::glue::parse::{Ast, with_ast};
use calls::is_name;
use names::BUILT_IN;
use oxc_ast::AstKind;
use oxc_ast::ast::{
    AssignmentTarget, AssignmentTargetMaybeDefault, AssignmentTargetProperty, CallExpression,
    Expression, IdentifierReference, SimpleAssignmentTarget,
};
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};
use std::collections::BTreeMap;

/// The text with its writes told, or as it is where it cannot be read: then everything in it counts as unknown.
pub fn tell(source: &str) -> Option<String> {
    with_ast(source, |ast| Teller::new(ast).run()).ok()
}

/// Text before and after a piece of the source.
struct Wrap {
    span: Span,
    before: String,
    after: String,
}

struct Teller<'a, 'b> {
    ast: &'b Ast<'a>,
    wraps: Vec<Wrap>,
    /// Functions that begin with `$emvm.all()`, or, where something is fetched that changes objects, `$emvm.changer()`.
    opaque: BTreeMap<NodeId, &'static str>,
    /// Variables of the fragment's own may hold something that changes objects.
    holds: bool,
    /// Where the properties of the object begin that the fragment returns.
    returned: Option<u32>,
}

impl<'a, 'b> Teller<'a, 'b> {
    fn new(ast: &'b Ast<'a>) -> Self {
        Teller {
            ast,
            wraps: Vec::new(),
            opaque: BTreeMap::new(),
            holds: false,
            returned: None,
        }
    }

    fn run(mut self) -> String {
        for node in self.ast.nodes.iter() {
            self.look(node.id(), node.kind());
        }
        for (id, tell) in std::mem::take(&mut self.opaque) {
            self.announce(id, tell);
        }
        if let Some(at) = self.returned {
            self.roots(at);
        }
        self.render()
    }

    fn look(&mut self, id: NodeId, kind: AstKind<'a>) {
        match kind {
            AstKind::AssignmentExpression(a) => self.assigned(id, &a.left, a.span),
            AstKind::UpdateExpression(u) => self.target(id, &u.argument, u.span),
            AstKind::ForInStatement(f) => {
                if let Some(target) = f.left.as_assignment_target() {
                    self.assigned(id, target, f.right.span());
                }
            }
            AstKind::ForOfStatement(f) => {
                if let Some(target) = f.left.as_assignment_target() {
                    self.assigned(id, target, f.right.span());
                }
            }
            AstKind::UnaryExpression(u) if u.operator.as_str() == "delete" => {
                match u.argument.without_parentheses() {
                    Expression::StaticMemberExpression(m) => self.whole(m.object.span()),
                    Expression::ComputedMemberExpression(m) => self.whole(m.object.span()),
                    Expression::Identifier(_) => {}
                    _ => self.unknown(id),
                }
            }
            AstKind::CallExpression(call) => self.call(id, call),
            AstKind::StaticMemberExpression(m) => {
                self.name(id, m.property.name.as_str(), m.span);
            }
            AstKind::ComputedMemberExpression(m) => match &m.expression {
                Expression::StringLiteral(key) => self.name(id, key.value.as_str(), m.span),
                Expression::NumericLiteral(_) => {}
                _ => self.value(id, m),
            },
            AstKind::BindingProperty(p) => self.taken(id, p.key.static_name().as_deref()),
            AstKind::AssignmentTargetPropertyIdentifier(p) => {
                self.taken(id, Some(p.binding.name.as_str()));
            }
            AstKind::AssignmentTargetPropertyProperty(p) => {
                self.taken(id, p.name.static_name().as_deref());
            }
            AstKind::IdentifierReference(reference) if self.ast.symbol(reference).is_none() => {
                self.global(id, reference.name.as_str());
            }
            AstKind::AwaitExpression(a) => self.wait(a.argument.span()),
            AstKind::ReturnStatement(r) if self.ast.enclosing_function(id).is_none() => {
                if let Some(Expression::ObjectExpression(object)) = &r.argument {
                    self.returned = Some(object.span.start + 1);
                }
            }
            AstKind::WithStatement(_) | AstKind::ImportExpression(_) => self.unknown(id),
            _ => {}
        }
    }

    /// `first`: what is evaluated before anything is assigned.
    fn target(&mut self, id: NodeId, target: &SimpleAssignmentTarget<'a>, first: Span) {
        match target {
            SimpleAssignmentTarget::StaticMemberExpression(m) => {
                self.write(id, &m.object, Some(m.property.name.as_str()));
            }
            SimpleAssignmentTarget::ComputedMemberExpression(m) => {
                let key = match &m.expression {
                    Expression::StringLiteral(key) => Some(key.value.as_str()),
                    _ => None,
                };
                self.write(id, &m.object, key);
            }
            SimpleAssignmentTarget::AssignmentTargetIdentifier(reference) => {
                self.assigned_name(reference, first);
            }
            SimpleAssignmentTarget::PrivateFieldExpression(_) => {}
            _ => self.unknown(id),
        }
    }

    /// A name that the fragment does not declare is one that it is given, or a global.
    fn assigned_name(&mut self, reference: &IdentifierReference<'a>, first: Span) {
        if self.ast.symbol(reference).is_none() {
            self.wraps.push(Wrap {
                span: first,
                before: format!("$emvm.then($emvm.name({:?}),", reference.name.as_str()),
                after: ")".into(),
            });
        }
    }

    fn assigned(&mut self, id: NodeId, target: &AssignmentTarget<'a>, first: Span) {
        match target {
            AssignmentTarget::ArrayAssignmentTarget(array) => {
                for element in array.elements.iter().flatten() {
                    self.element(id, element, first);
                }
                if let Some(rest) = &array.rest {
                    self.assigned(id, &rest.target, first);
                }
            }
            AssignmentTarget::ObjectAssignmentTarget(object) => {
                for property in &object.properties {
                    match property {
                        AssignmentTargetProperty::AssignmentTargetPropertyIdentifier(p) => {
                            self.assigned_name(&p.binding, first);
                        }
                        AssignmentTargetProperty::AssignmentTargetPropertyProperty(p) => {
                            self.element(id, &p.binding, first);
                        }
                    }
                }
                if let Some(rest) = &object.rest {
                    self.assigned(id, &rest.target, first);
                }
            }
            _ => match target.as_simple_assignment_target() {
                Some(target) => self.target(id, target, first),
                None => self.unknown(id),
            },
        }
    }

    /// Of a pattern.
    fn element(&mut self, id: NodeId, element: &AssignmentTargetMaybeDefault<'a>, first: Span) {
        match element {
            AssignmentTargetMaybeDefault::AssignmentTargetWithDefault(with) => {
                self.assigned(id, &with.binding, first);
            }
            _ => match element.as_assignment_target() {
                Some(target) => self.assigned(id, target, first),
                None => self.unknown(id),
            },
        }
    }

    fn write(&mut self, id: NodeId, object: &Expression<'a>, key: Option<&str>) {
        if self.is_view(object) || matches!(object, Expression::Super(_)) || self.is_new(id, object)
        {
            return;
        }
        let key = key.map(|key| format!(",{key:?}")).unwrap_or_default();
        let before = self.telling(id, object, key.is_empty());
        self.wrap(object.span(), before, format!("{key})"));
    }

    /// The call that tells of a write to `object`.
    fn telling(&self, id: NodeId, object: &Expression<'a>, is_whole: bool) -> &'static str {
        // What a constructor makes is new.
        match (self.is_made_here(id, object), is_whole) {
            (true, _) => "$emvm.made(new.target,",
            (false, false) => "$emvm.key(",
            (false, true) => "$emvm.whole(",
        }
    }

    /// A call of a method that changes its object. Where the object can be named twice it is told of among the arguments,
    /// so that V8's message for a method that is not there names it as the source does.
    fn mutation(&mut self, id: NodeId, object: &Expression<'a>, call: &CallExpression<'a>) {
        let is_plain =
            is_name(object) && !matches!(call.callee, Expression::ParenthesizedExpression(_));
        if is_plain && !self.is_new(id, object) {
            let name = self.ast.slice(object.span());
            let tell = format!("{}{name})", self.telling(id, object, true));
            if self.among_arguments(call, &tell) {
                return;
            }
        }
        self.write(id, object, None);
    }

    /// `this` of a plain function: where that is called by `new`, it is new. In a class it may be what a base class gave.
    fn is_made_here(&self, id: NodeId, object: &Expression<'a>) -> bool {
        matches!(object, Expression::ThisExpression(_))
            && self
                .ast
                .nodes
                .ancestors(id)
                .find(|node| matches!(node.kind(), AstKind::Function(_)))
                .is_some_and(|node| {
                    !matches!(
                        self.ast.nodes.parent_kind(node.id()),
                        AstKind::MethodDefinition(_)
                    )
                })
    }

    /// A variable that holds what the same run of the same function has made, and nothing else.
    fn is_new(&self, id: NodeId, object: &Expression<'a>) -> bool {
        let Expression::Identifier(reference) = object else {
            return false;
        };
        let Some(symbol) = self.ast.symbol(reference) else {
            return false;
        };
        let scoping = &self.ast.scoping;
        let declaration = scoping.symbol_declaration(symbol);
        let function = |node| {
            self.ast
                .enclosing_function(node)
                .map(|f: AstKind<'a>| f.span())
        };
        function(id).is_some()
            && function(id) == function(declaration)
            && scoping.symbol_declarations(symbol).count() == 1
            && matches!(self.ast.nodes.kind(declaration), AstKind::VariableDeclarator(d)
                if d.init.as_ref().is_some_and(|init| self.makes_new(init)))
            && !scoping
                .get_resolved_references(symbol)
                .any(oxc_semantic::Reference::is_write)
    }

    /// `$live.HEAPU8` and its kin: memory.
    fn is_view(&self, object: &Expression<'a>) -> bool {
        matches!(object, Expression::StaticMemberExpression(m)
            if m.property.name.starts_with("HEAP") && matches!(&m.object, Expression::Identifier(id) if id.name == super::LIVE))
    }

    fn makes_new(&self, init: &Expression<'a>) -> bool {
        match init {
            Expression::ObjectExpression(object) => object.properties.iter().all(|p| {
                p.as_property()
                    .is_some_and(|p| p.key.static_name().is_none_or(|name| name != "__proto__"))
            }),
            Expression::ArrayExpression(_) => true,
            Expression::NewExpression(new) => is_global(self.ast, &new.callee, BUILT_IN),
            _ => false,
        }
    }

    fn whole(&mut self, span: Span) {
        self.wrap(span, "$emvm.whole(", ")".into());
    }

    fn wrap(&mut self, span: Span, before: &'static str, after: String) {
        self.wraps.push(Wrap {
            span,
            before: before.into(),
            after,
        });
    }

    /// What is waited for comes only while its generation lasts.
    fn wait(&mut self, span: Span) {
        self.wrap(span, "$emvm.wait(", ")".into());
    }

    /// Gives what the fragment's variables hold.
    fn roots(&mut self, at: u32) {
        let scoping = &self.ast.scoping;
        let mut names: Vec<&str> = scoping
            .iter_bindings_in(scoping.root_scope_id())
            .map(|symbol| scoping.symbol_name(symbol))
            .collect();
        names.sort_unstable();
        let mut text = String::new();
        if !names.is_empty() {
            text = format!("roots:()=>[{}],", names.join(","));
        }
        if self.holds {
            text.push_str("holds:true,");
        }
        if !text.is_empty() {
            self.wraps.push(Wrap {
                span: Span::new(at, at),
                before: String::new(),
                after: text,
            });
        }
    }
}

/// Object and name of `object.name` and `object['name']`.
fn member<'a, 'b>(expression: &'b Expression<'a>) -> Option<(&'b Expression<'a>, &'b str)> {
    match expression.without_parentheses() {
        Expression::StaticMemberExpression(m) => Some((&m.object, m.property.name.as_str())),
        Expression::ComputedMemberExpression(m) => match &m.expression {
            Expression::StringLiteral(key) => Some((&m.object, key.value.as_str())),
            _ => None,
        },
        _ => None,
    }
}

fn is_global<'a>(ast: &Ast<'a>, expression: &Expression<'a>, names: &[&str]) -> bool {
    matches!(expression.without_parentheses(), Expression::Identifier(id) if names.contains(&id.name.as_str()) && ast.symbol(id).is_none())
}
