//! What a file does to objects that are not its own: those of the language and of Node, which all generations share. Told is where
//! it assigns or deletes a property of one, and where it listens to one.

use super::walker::Walker;
use crate::program::language::NAMES;
use oxc_ast::ast::*;
use oxc_ast_visit::VisitJs;
use oxc_span::GetSpan;

/// Names under which a file finds them, beside those of the language. A variable of its own may have such a name: the registry knows
/// what it is given.
const ROOTS: [&str; 10] = [
    "__emvm",
    "__emvm_global",
    "Buffer",
    "Event",
    "EventTarget",
    "URL",
    "console",
    "performance",
    "process",
    "require",
];

/// Objects of the language's that packages give to functions of theirs, to put something on them.
const GIVEN: [&str; 8] = [
    "Atomics", "Date", "Intl", "JSON", "Math", "Promise", "Reflect", "console",
];

/// Classes and namespaces are in many lists, and seldom changed there.
fn is_bare_name(it: &Expression<'_>) -> bool {
    matches!(it, Expression::Identifier(_))
}

/// Methods that leave a listener or an accessor, and the name of each in the registry.
pub(super) fn listens(name: &str) -> Option<&'static str> {
    Some(match name {
        "on" => "hear.on",
        "once" => "hear.once",
        "addListener" => "hear.addListener",
        "prependListener" => "hear.prependListener",
        "prependOnceListener" => "hear.prependOnceListener",
        "addEventListener" => "hear.addEventListener",
        "subscribe" => "hear.subscribe",
        "bindStore" => "hear.bindStore",
        "__defineGetter__" => "hear.__defineGetter__",
        "__defineSetter__" => "hear.__defineSetter__",
        _ => return None,
    })
}

/// `onmessage` and its kin.
fn is_handler(name: &str) -> bool {
    name.strip_prefix("on")
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase()))
}

impl<'a> Walker<'_, 'a> {
    /// Whether the value of an expression may be an object of the language's or of Node's.
    pub(super) fn is_outside(&self, expression: &Expression<'a>) -> bool {
        match expression {
            Expression::Identifier(id) => {
                let name = id.name.as_str();
                ROOTS.contains(&name) || NAMES.contains(&name) || self.outside.contains(name)
            }
            Expression::StaticMemberExpression(member) => {
                matches!(member.property.name.as_str(), "constructor" | "__proto__")
                    || self.is_outside(&member.object)
            }
            Expression::ComputedMemberExpression(member) => self.is_outside(&member.object),
            Expression::ParenthesizedExpression(inner) => self.is_outside(&inner.expression),
            Expression::ConditionalExpression(choice) => {
                self.is_outside(&choice.consequent) || self.is_outside(&choice.alternate)
            }
            Expression::LogicalExpression(choice) => {
                self.is_outside(&choice.left) || self.is_outside(&choice.right)
            }
            Expression::AssignmentExpression(it) => self.is_outside(&it.right),
            Expression::CallExpression(call) => match &call.callee {
                Expression::Identifier(id) => id.name == "require",
                // The second gives a name's value where direct `eval` runs (see `src/program/outer`).
                Expression::StaticMemberExpression(member) => {
                    matches!(member.property.name.as_str(), "getPrototypeOf" | "declared")
                        && self.is_outside(&member.object)
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// A variable that holds such an object, or a list or an object that was written with one.
    pub(super) fn note_outside(&mut self, pattern: &BindingPattern<'a>, init: &Expression<'a>) {
        if self.is_outside(init) || self.has_outside(init) {
            for id in pattern.get_binding_identifiers() {
                self.outside.insert(id.name.as_str());
            }
        }
    }

    fn has_outside(&self, literal: &Expression<'a>) -> bool {
        let is_one = |it: &Expression<'a>| self.is_outside(it) && !is_bare_name(it);
        match literal {
            Expression::ArrayExpression(list) => list
                .elements
                .iter()
                .any(|it| it.as_expression().is_some_and(is_one)),
            Expression::ObjectExpression(object) => object.properties.iter().any(|it| match it {
                ObjectPropertyKind::ObjectProperty(it) => is_one(&it.value),
                ObjectPropertyKind::SpreadProperty(_) => false,
            }),
            _ => false,
        }
    }

    /// The same for parameters of a function that is called where it is written.
    pub(super) fn note_parameters(&mut self, it: &CallExpression<'a>) {
        let parameters = match it.callee.without_parentheses() {
            Expression::FunctionExpression(function) => &function.params,
            Expression::ArrowFunctionExpression(arrow) => &arrow.params,
            _ => return,
        };
        for (parameter, argument) in parameters.items.iter().zip(&it.arguments) {
            if let Some(argument) = argument.as_expression() {
                self.note_outside(&parameter.pattern, argument);
            }
        }
    }

    /// Whether a function that is given this may change what all generations share: a prototype, or an object that is no class. What
    /// the language's own functions change is told there.
    pub(super) fn is_handed_out(&self, argument: &Expression<'a>) -> bool {
        match argument.without_parentheses() {
            Expression::StaticMemberExpression(member) => {
                matches!(member.property.name.as_str(), "prototype" | "__proto__")
                    && self.is_outside(&member.object)
            }
            Expression::Identifier(id) => GIVEN.contains(&id.name.as_str()),
            _ => false,
        }
    }

    /// The object of a property that is assigned or deleted; `key`: the property, in JavaScript.
    fn changed(&mut self, object: &Expression<'a>, key: Option<String>, name: &str) {
        let told = if self.is_outside(object) {
            "$rw.patch("
        } else if is_handler(name) && !matches!(object, Expression::Super(_)) {
            "$rw.handler("
        } else {
            self.visit_expression(object);
            return;
        };
        let span = object.span();
        self.edits.open(span.start, told);
        self.visit_expression(object);
        let key = key.map(|key| format!(",{key}")).unwrap_or_default();
        self.edits.close(span.end, format!("{key})"));
    }

    /// False where it is no property.
    pub(super) fn changed_member(&mut self, member: &MemberExpression<'a>) -> bool {
        match member {
            MemberExpression::StaticMemberExpression(it) if !it.optional => {
                let name = it.property.name.as_str();
                let key = serde_json::Value::from(name).to_string();
                self.changed(&it.object, Some(key), name);
                true
            }
            MemberExpression::ComputedMemberExpression(it) if !it.optional => {
                let key = match &it.expression {
                    Expression::Identifier(_)
                    | Expression::StringLiteral(_)
                    | Expression::NumericLiteral(_) => {
                        let span = it.expression.span();
                        self.text.get(span.start as usize..span.end as usize)
                    }
                    _ => None,
                };
                self.changed(&it.object, key.map(str::to_owned), "");
                self.visit_expression(&it.expression);
                true
            }
            _ => false,
        }
    }
}
