//! Calls that may write, and names through which something may be written unseen.

use super::names::{DESCRIBERS, HARMLESS, MUTATORS, OPAQUE, READERS, WRITERS};
use super::{Teller, Wrap, is_global, member};
use oxc_ast::AstKind;
use oxc_ast::ast::{
    Argument, BinaryOperator, CallExpression, ComputedMemberExpression, Expression,
};
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};

impl<'a> Teller<'a, '_> {
    pub(super) fn call(&mut self, id: NodeId, call: &CallExpression<'a>) {
        if let Some((object, name)) = member(&call.callee) {
            let chained = call.optional || self.in_chain(id);
            if matches!(name, "then" | "catch" | "finally")
                && !chained
                && !matches!(object, Expression::Super(_))
            {
                self.wait(object.span());
            }
            if is_global(self.ast, object, &["Object", "Reflect"]) {
                if WRITERS.contains(&name) {
                    self.argument(id, call);
                } else if DESCRIBERS.contains(&name) {
                    if !self.is_only_tested(id) {
                        self.changer(id);
                    }
                } else if !READERS.contains(&name) {
                    self.unknown(id);
                }
            } else if MUTATORS.contains(&name) {
                if chained || matches!(object, Expression::Super(_)) {
                    self.unknown(id);
                } else {
                    self.mutation(id, object, call);
                }
            } else if matches!(name, "call" | "apply" | "bind")
                && let Some((_, method)) = member(object)
                && (MUTATORS.contains(&method) || WRITERS.contains(&method))
            {
                match name {
                    "bind" => self.unknown(id),
                    _ if WRITERS.contains(&method) && !MUTATORS.contains(&method) => {
                        self.unknown(id);
                    }
                    _ => self.argument(id, call),
                }
            }
            return;
        }
        match call.callee.without_parentheses() {
            Expression::ComputedMemberExpression(m)
                if !matches!(m.expression, Expression::NumericLiteral(_)) =>
            {
                if is_name(&m.object) && is_plain_key(&m.expression) {
                    let tell = format!(
                        "$emvm.called({},{})",
                        self.ast.slice(m.object.span()),
                        self.ast.slice(m.expression.span())
                    );
                    if self.among_arguments(call, &tell) {
                        return;
                    }
                }
                self.unknown(id);
            }
            Expression::Identifier(callee)
                if callee.name == "eval" && self.ast.symbol(callee).is_none() =>
            {
                self.evaluates(call);
            }
            Expression::Identifier(callee) if callee.name.ends_with("require") => {
                let harmless = matches!(call.arguments.first(), Some(Argument::StringLiteral(name))
                    if HARMLESS.contains(&name.value.trim_start_matches("node:").split('/').next().unwrap_or_default()));
                if !harmless {
                    self.unknown(id);
                }
            }
            _ => {}
        }
    }

    /// Text that runs here may define globals.
    fn evaluates(&mut self, call: &CallExpression<'a>) {
        let (Some(first), Some(last)) = (call.arguments.first(), call.arguments.last()) else {
            return;
        };
        self.wrap(call.span, "$emvm.ran(", ")".into());
        let all = Span::new(first.span().start, last.span().end);
        self.wrap(all, "$emvm.text(", ")".into());
    }

    /// A property that a pattern takes: `None` where its name is not known.
    pub(super) fn taken(&mut self, id: NodeId, name: Option<&str>) {
        let is_harmless = name.is_some_and(|name| {
            !MUTATORS.contains(&name)
                && !OPAQUE.contains(&name)
                && !matches!(
                    name,
                    "constructor" | "Object" | "Reflect" | "call" | "apply" | "bind"
                )
        });
        if !is_harmless {
            self.changer(id);
        }
    }

    /// What is read by a name that is not known may be a function that changes objects, where it is used as a value.
    pub(super) fn value(&mut self, id: NodeId, member: &ComputedMemberExpression<'a>) {
        if self.is_view(&member.object) {
            return;
        }
        let parent = self.ast.nodes.parent_kind(id);
        match parent {
            AstKind::StaticMemberExpression(m) => {
                if matches!(m.property.name.as_str(), "call" | "apply" | "bind") {
                    self.got(id, member.span);
                }
            }
            AstKind::CallExpression(call) if call.callee.span() == member.span => {}
            AstKind::NewExpression(new) if new.callee.span() == member.span => {}
            AstKind::TaggedTemplateExpression(_) => self.unknown(id),
            // It is assigned or deleted, asked whether it is there, counted with, or iterated over.
            AstKind::AssignmentExpression(a) if a.left.span() == member.span => {}
            AstKind::ForInStatement(_)
            | AstKind::ForOfStatement(_)
            | AstKind::ArrayAssignmentTarget(_)
            | AstKind::AssignmentTargetWithDefault(_)
            | AstKind::AssignmentTargetPropertyProperty(_)
            | AstKind::AssignmentTargetRest(_)
            | AstKind::UpdateExpression(_)
            | AstKind::UnaryExpression(_)
            | AstKind::BinaryExpression(_)
            | AstKind::IfStatement(_)
            | AstKind::WhileStatement(_)
            | AstKind::SwitchStatement(_)
            | AstKind::ExpressionStatement(_)
            | AstKind::TemplateLiteral(_)
            | AstKind::SpreadElement(_)
            | AstKind::ComputedMemberExpression(_) => {}
            _ => self.got(id, member.span),
        }
    }

    fn got(&mut self, id: NodeId, span: Span) {
        let parent = self.ast.nodes.parent_kind(id);
        if self.in_chain(id) && !matches!(parent, AstKind::ChainExpression(_)) {
            return self.unknown(id);
        }
        self.wrap(span, "$emvm.got(", ")".into());
    }

    /// Whether it matters only that there is something.
    fn is_only_tested(&self, id: NodeId) -> bool {
        match self.ast.nodes.parent_kind(id) {
            AstKind::UnaryExpression(_)
            | AstKind::BinaryExpression(_)
            | AstKind::IfStatement(_) => true,
            AstKind::LogicalExpression(_) => self.is_only_tested(self.ast.nodes.parent_id(id)),
            _ => false,
        }
    }

    /// Has `tell` evaluated before the arguments of a call. False: there is no place for it.
    pub(super) fn among_arguments(&mut self, call: &CallExpression<'a>, tell: &str) -> bool {
        let after = call.callee.span().end;
        let gap = self.ast.slice(Span::new(after, call.span.end));
        let spaces = gap.len() - gap.trim_start().len();
        if !gap[spaces..].starts_with('(') {
            return false;
        }
        let first = call.arguments.first().map(|first| match first {
            Argument::SpreadElement(spread) => spread.argument.span(),
            other => other.span(),
        });
        let (span, before, after) = match first {
            Some(first) => (first, format!("({tell},"), ")".into()),
            None => {
                let at = after + spaces as u32 + 1;
                (
                    Span::new(at, at),
                    String::new(),
                    format!("...$emvm.none({tell})"),
                )
            }
        };
        self.wraps.push(Wrap {
            span,
            before,
            after,
        });
        true
    }

    fn argument(&mut self, id: NodeId, call: &CallExpression<'a>) {
        let first = call.arguments.first().and_then(|a| a.as_expression());
        match (first, call.arguments.get(1)) {
            (Some(object), Some(Argument::StringLiteral(key)))
                if member(&call.callee).is_some_and(|(_, name)| name == "defineProperty") =>
            {
                self.wrap(
                    object.span(),
                    "$emvm.key(",
                    format!(",{:?})", key.value.as_str()),
                );
            }
            (Some(object), _) => self.whole(object.span()),
            (None, _) => self.unknown(id),
        }
    }

    /// A member's name, where it is not what is called.
    pub(super) fn name(&mut self, id: NodeId, name: &str, span: Span) {
        let parent = self.ast.nodes.parent_kind(id);
        if matches!(name, "Object" | "Reflect" | "eval" | "Function" | "Proxy") {
            return self.changer(id);
        }
        if name == "constructor" {
            let is_harmless = match parent {
                AstKind::BinaryExpression(_) | AstKind::ExpressionStatement(_) => true,
                AstKind::AssignmentExpression(a) => a.left.span() == span,
                _ => false,
            };
            if !is_harmless {
                self.changer(id);
            }
            return;
        }
        if !MUTATORS.contains(&name) {
            return;
        }
        let is_harmless = match parent {
            AstKind::CallExpression(call) => call.callee.span() == span,
            // `x.push.apply(y)` is looked at where it is called; what is written to has been seen.
            AstKind::StaticMemberExpression(m) => {
                matches!(m.property.name.as_str(), "call" | "apply" | "bind")
            }
            AstKind::AssignmentExpression(a) => a.left.span() == span,
            AstKind::IfStatement(_)
            | AstKind::UnaryExpression(_)
            | AstKind::BinaryExpression(_) => true,
            _ => false,
        };
        if !is_harmless {
            self.changer(id);
        }
    }

    pub(super) fn global(&mut self, id: NodeId, name: &str) {
        if OPAQUE.contains(&name) {
            // `x instanceof Function`, `typeof Proxy`
            let parent = self.ast.nodes.parent_kind(id);
            if !matches!(
                parent,
                AstKind::BinaryExpression(_) | AstKind::UnaryExpression(_)
            ) {
                self.changer(id);
            }
            return;
        }
        if !matches!(name, "Object" | "Reflect") {
            return;
        }
        let is_known = match self.ast.nodes.parent_kind(id) {
            AstKind::StaticMemberExpression(m) => {
                let name = m.property.name.as_str();
                let called = matches!(self.ast.nodes.parent_kind(self.ast.nodes.parent_id(id)), AstKind::CallExpression(call) if call.callee.span() == m.span);
                READERS.contains(&name)
                    || (called && (WRITERS.contains(&name) || DESCRIBERS.contains(&name)))
            }
            AstKind::BinaryExpression(_) => true,
            _ => false,
        };
        if !is_known {
            self.changer(id);
        }
    }

    fn in_chain(&self, id: NodeId) -> bool {
        self.ast
            .ancestors(id)
            .take_while(|kind| {
                matches!(
                    kind,
                    AstKind::ChainExpression(_)
                        | AstKind::StaticMemberExpression(_)
                        | AstKind::ComputedMemberExpression(_)
                        | AstKind::CallExpression(_)
                )
            })
            .any(|kind| matches!(kind, AstKind::ChainExpression(_)))
    }
}

/// It can be read twice.
pub(super) fn is_name(expression: &Expression<'_>) -> bool {
    matches!(
        expression,
        Expression::ThisExpression(_) | Expression::Identifier(_)
    )
}

/// A name, or texts and names in a row: it can be read twice, where the names hold no objects.
fn is_plain_key(expression: &Expression<'_>) -> bool {
    match expression {
        Expression::BinaryExpression(sum) => {
            sum.operator == BinaryOperator::Addition
                && is_plain_key(&sum.left)
                && is_plain_key(&sum.right)
        }
        Expression::TemplateLiteral(text) => text.expressions.iter().all(is_plain_key),
        Expression::StringLiteral(_) | Expression::NumericLiteral(_) => true,
        other => matches!(other, Expression::Identifier(_)),
    }
}
