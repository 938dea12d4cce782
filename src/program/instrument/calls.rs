//! Calls that go on later, or make what hides its parts: promises, bound functions, `eval`, objects of a prototype.

use super::facts::What;
use super::walker::Walker;
use super::world::listens;
use crate::program::language::NAMES;
use oxc_ast::ast::*;
use oxc_ast_visit::{VisitJs, walk_js};
use oxc_span::{GetSpan, Span};

/// A method whose calls are told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum WatchedMethod {
    Bind,
    /// `then`, `catch`, `finally`.
    Promise(&'static str),
    /// `on` and its kin, and `constructor`.
    Other(&'static str),
}

fn told(name: &str) -> Option<WatchedMethod> {
    Some(match name {
        "bind" => WatchedMethod::Bind,
        "then" => WatchedMethod::Promise("then"),
        "catch" => WatchedMethod::Promise("catch"),
        "finally" => WatchedMethod::Promise("finally"),
        "constructor" => WatchedMethod::Other("construct"),
        name => WatchedMethod::Other(listens(name)?),
    })
}

/// Whether `a?.b` is part of what `expression` is a link of.
pub(super) fn has_optional(mut expression: &Expression<'_>) -> bool {
    loop {
        let (optional, next) = match expression {
            Expression::CallExpression(call) => (call.optional, &call.callee),
            Expression::StaticMemberExpression(member) => (member.optional, &member.object),
            Expression::ComputedMemberExpression(member) => (member.optional, &member.object),
            Expression::PrivateFieldExpression(member) => (member.optional, &member.object),
            _ => return false,
        };
        if optional {
            return true;
        }
        expression = next;
    }
}

/// What stands before the last `?.` of a chain, and whether a name follows; none where a call does.
fn last_optional<'e, 'a>(mut expression: &'e Expression<'a>) -> Option<(&'e Expression<'a>, bool)> {
    loop {
        let (optional, named, next) = match expression {
            Expression::CallExpression(call) if !call.optional => (false, false, &call.callee),
            Expression::StaticMemberExpression(member) => (member.optional, true, &member.object),
            Expression::ComputedMemberExpression(member) => {
                (member.optional, false, &member.object)
            }
            Expression::PrivateFieldExpression(member) => (member.optional, true, &member.object),
            _ => return None,
        };
        if optional {
            return Some((next, named));
        }
        expression = next;
    }
}

impl<'a> Walker<'_, 'a> {
    /// Whether the file gives a name of the language another meaning.
    fn is_own(&self, name: &str) -> bool {
        self.own.contains(&name)
    }

    /// `whole`: no more links follow in its chain.
    pub(super) fn call(&mut self, it: &CallExpression<'a>, whole: bool) {
        self.receives(&it.callee);
        self.note_parameters(it);
        let gives = !self.is_languages(&it.callee);
        let outer = std::mem::replace(&mut self.gives, gives);
        self.call_of(it, whole);
        self.gives = outer;
    }

    /// A function of `Object`'s, `Reflect`'s and so on.
    fn is_languages(&self, callee: &Expression<'a>) -> bool {
        let Expression::StaticMemberExpression(member) = callee.without_parentheses() else {
            return false;
        };
        matches!(&member.object, Expression::Identifier(id)
            if NAMES.contains(&id.name.as_str()) && !self.is_own(id.name.as_str()))
    }

    fn call_of(&mut self, it: &CallExpression<'a>, whole: bool) {
        match &it.callee {
            Expression::Identifier(id) if id.name == "eval" && !it.optional => {
                self.called("eval");
                if self.is_own("eval") {
                    self.fact(What::OwnEval, it.span.start);
                    self.visit_arguments(&it.arguments);
                } else {
                    self.eval(it);
                }
            }
            Expression::Identifier(id) if id.name != "eval" => {
                self.called(id.name.as_str());
                self.visit_arguments(&it.arguments);
            }
            Expression::Super(_) => {
                let made = self.options.made;
                if made {
                    self.edits.open(it.span.start, "$rw.made(");
                }
                self.visit_arguments(&it.arguments);
                if made {
                    self.edits.close(it.span.end, ")");
                }
            }
            Expression::StaticMemberExpression(member) => self.method(it, member, whole),
            callee => {
                self.visit_expression(callee);
                let name = match callee.without_parentheses() {
                    Expression::StaticMemberExpression(m) => m.property.name.as_str(),
                    Expression::ComputedMemberExpression(m) => match &m.expression {
                        Expression::StringLiteral(name) => name.value.as_str(),
                        _ => "",
                    },
                    _ => "",
                };
                if let Some(WatchedMethod::Promise(_)) = told(name) {
                    self.guarded_arguments(it);
                } else {
                    self.visit_arguments(&it.arguments);
                }
            }
        }
    }

    /// What is called as a method gets the object as its `this`.
    pub(super) fn receives(&mut self, callee: &Expression<'a>) {
        let member = match callee.without_parentheses() {
            Expression::ChainExpression(chain) => chain.expression.as_member_expression(),
            callee => callee.as_member_expression(),
        };
        if let Some(Expression::Identifier(id)) = member.map(|m| m.object().without_parentheses()) {
            self.shared(id.name.as_str());
        }
    }

    fn method(
        &mut self,
        it: &CallExpression<'a>,
        member: &StaticMemberExpression<'a>,
        whole: bool,
    ) {
        let name = member.property.name.as_str();
        let optional = it.optional || member.optional || has_optional(&member.object);
        let creates = self.options.made
            && name == "create"
            && !optional
            && !self.is_own("Object")
            && matches!(&member.object, Expression::Identifier(id) if id.name == "Object");
        if creates {
            self.edits
                .replace(member.span.start, member.span.end, "$rw.create");
            self.visit_arguments(&it.arguments);
            return;
        }
        let from_super = matches!(member.object, Expression::Super(_));
        match told(name) {
            Some(WatchedMethod::Bind) if !optional && !from_super => {
                self.told_method(it, member, "bind");
            }
            // The object is there or not, and nothing follows: `undefined` is all there is to it.
            Some(WatchedMethod::Bind) if whole && member.optional && !it.optional => {
                self.told_method(it, member, "bindIf");
            }
            Some(WatchedMethod::Promise(name) | WatchedMethod::Other(name))
                if !optional && !from_super =>
            {
                self.told_method(it, member, name);
            }
            Some(WatchedMethod::Promise(_)) => {
                self.visit_expression(&it.callee);
                self.guarded_arguments(it);
            }
            Some(WatchedMethod::Bind)
                if whole && !from_super && !it.optional && self.bound_if(it, member) => {}
            Some(WatchedMethod::Bind) => {
                if !from_super {
                    self.fact(What::OptionalBind, it.span.start);
                }
                walk_js::walk_call_expression(self, it);
            }
            Some(WatchedMethod::Other(_)) | None => walk_js::walk_call_expression(self, it),
        }
    }

    /// `object.name(...)` becomes `$rw.name(object, ...)`.
    fn told_method(
        &mut self,
        it: &CallExpression<'a>,
        member: &StaticMemberExpression<'a>,
        name: &str,
    ) {
        let object = member.object.span();
        let open = self.token_from(member.property.span.end);
        if !self.is_at(open, "(") {
            self.fact(What::Unknown, it.span.start);
            walk_js::walk_call_expression(self, it);
            return;
        }
        self.edits.open(object.start, format!("$rw.{name}("));
        self.visit_expression(&member.object);
        let comma = if it.arguments.is_empty() { "" } else { "," };
        self.edits.replace(object.end, open + 1, comma);
        self.visit_arguments(&it.arguments);
    }

    /// `A?.b.bind(...)`, with whatever `A`: its last `?.` becomes a question. False where that is within a call.
    fn bound_if(&mut self, it: &CallExpression<'a>, member: &StaticMemberExpression<'a>) -> bool {
        let Some((optional, named)) = last_optional(&member.object) else {
            return false;
        };
        let mark = self.token_from(optional.span().end);
        let open = self.token_from(member.property.span.end);
        if !self.is_at(mark, "?.") || !self.is_at(open, "(") {
            return false;
        }
        let object = member.object.span();
        self.edits.open(object.start, "($rw.some(");
        self.visit_expression(&member.object);
        let dot = if named { "." } else { "" };
        self.edits.replace(
            optional.span().end,
            mark + 2,
            format!(")?$rw.bind($rw.take(){dot}"),
        );
        let comma = if it.arguments.is_empty() { "" } else { "," };
        self.edits.replace(object.end, open + 1, comma);
        self.visit_arguments(&it.arguments);
        self.edits.close(it.span.end, ":void 0)");
        true
    }

    /// Who is called stays as it is: callbacks are told instead.
    fn guarded_arguments(&mut self, it: &CallExpression<'a>) {
        for argument in &it.arguments {
            let (span, before, after) = match argument {
                Argument::SpreadElement(spread) => {
                    (spread.argument.span(), "[...", "].map($rw.guarded)")
                }
                argument => (argument.span(), "$rw.guarded(", ")"),
            };
            self.edits.open(span.start, before);
            self.visit_argument(argument);
            self.edits.close(span.end, after);
        }
    }

    fn eval(&mut self, it: &CallExpression<'a>) {
        self.evil();
        self.fact(What::Eval, it.span.start);
        match it.arguments.first() {
            Some(Argument::SpreadElement(_)) => {
                self.fact(What::EvalSpread, it.span.start);
                self.visit_arguments(&it.arguments);
            }
            Some(first) => {
                let span = first.span();
                self.edits.open(span.start, "$rw.text(");
                self.visit_argument(first);
                self.edits.close(span.end, ")");
                for argument in it.arguments.iter().skip(1) {
                    self.visit_argument(argument);
                }
            }
            None => {}
        }
    }

    /// A name whose functions are taken: `Object` and `Reflect` are then those of the registry.
    pub(super) fn reflective(&mut self, id: &IdentifierReference<'a>) {
        let name = id.name.as_str();
        if matches!(name, "Object" | "Reflect") && !self.is_own(name) {
            let replacement = format!("$rw.{name}");
            self.edits.replace(id.span.start, id.span.end, replacement);
        } else {
            self.visit_identifier_reference(id);
        }
    }

    /// Any other use of `eval`: what it runs is global code, instrumented too.
    pub(super) fn indirect_eval(&mut self, span: Span) {
        if !self.is_own("eval") {
            self.edits.replace(span.start, span.end, "$rw.eval");
        }
    }

    pub(super) fn assigned_name(&mut self, id: &IdentifierReference<'a>, value: u8) {
        if id.name == "eval" && !self.is_own("eval") {
            self.fact(What::OwnEval, id.span.start);
        }
        self.written(id.name.as_str(), value);
    }

    pub(super) fn import(&mut self, it: &ImportExpression<'a>) {
        if it.phase.is_some() {
            self.fact(What::ImportPhase, it.span.start);
        } else {
            let keyword = it.span.start + "import".len() as u32;
            self.edits.replace(it.span.start, keyword, "$rwImport");
        }
        walk_js::walk_import_expression(self, it);
    }
}
