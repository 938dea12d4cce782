//! Classes and object literals: private names, fields, and what methods refer to besides variables.

use super::facts::What;
use super::functions::Method;
use super::register::Matter;
use super::scope::{Boundary, How, THIS, value};
use super::walker::{LITERAL, Walker};
use oxc_ast::ast::*;
use oxc_ast_visit::VisitJs;
use oxc_span::{GetSpan, Span};
use std::fmt::Write;

use super::edits::Slot;

/// Classes of the language that a class of the package may extend: nobody else tells of their instances.
const BASES: [&str; 14] = [
    "Array",
    "AggregateError",
    "DataView",
    "Date",
    "Error",
    "Event",
    "EventTarget",
    "Map",
    "Promise",
    "RangeError",
    "Set",
    "SyntaxError",
    "TypeError",
    "Uint8Array",
];

/// A place where a class can tell of the `this` of its fields.
enum Place {
    /// A value that is evaluated as it is.
    Value(Slot, Span),
    /// A field without a value: the end of its name.
    Bare(u32),
    /// A value that takes its name from the field.
    Named(Slot, Span, String),
}

#[derive(Default)]
struct ClassBody {
    places: Vec<Place>,
    /// An arrow function in a field's value refers to `this`.
    fields_capture: bool,
    /// The class itself is referred to: by `super`, or by `this` in what is static.
    class_captured: bool,
    /// Private fields and methods: name, and whether it can be assigned.
    privates: Vec<(String, bool)>,
    constructor: bool,
    /// An object gets private names that the class it extends did not make.
    stamps: bool,
}

impl<'a> Walker<'_, 'a> {
    pub(super) fn class(&mut self, it: &Class<'a>) {
        let strict = std::mem::replace(&mut self.strict, true);
        let name = it.id.as_ref().map(|id| id.name.as_str());
        self.enter(Boundary::None, false);
        if let Some(name) = name {
            self.declare(name, How::Own, value::OTHER);
        }
        if let Some(heritage) = &it.heritage {
            self.visit_expression(&heritage.expression);
        }
        let mut found = ClassBody::default();
        for element in &it.body.body {
            self.element(element, it.heritage.is_some(), &mut found);
        }
        let scope = self.leave();
        self.strict = strict;
        found.class_captured |= scope.evil || scope.bindings.iter().any(|b| b.uses.captured);
        let mut put = self.tell_fields(&found);
        if found.class_captured {
            put.push_str("static{$rw.on&&$rw.root(this)}");
        }
        if found.stamps {
            put.push_str("#$rwStamp=$rw.stamp(this);");
        }
        if !found.privates.is_empty() {
            put.push_str("static{$rw.on&&$rw.privates([");
            for (at, (name, assigned)) in found.privates.iter().enumerate() {
                let comma = if at > 0 { "," } else { "" };
                let _ = write!(put, "{comma}[o=>#{name} in o,o=>o.#{name}");
                if *assigned {
                    let _ = write!(put, ",(o,v)=>{{o.#{name}=v}}");
                }
                put.push(']');
            }
            put.push_str("],this)}");
        }
        if self.options.made && !found.constructor {
            put.push_str(match &it.heritage {
                None => "constructor(){$rw.made(this)}",
                Some(heritage) => match &heritage.expression {
                    Expression::Identifier(id) if BASES.contains(&id.name.as_str()) => {
                        "constructor(){$rw.made(super(...arguments))}"
                    }
                    // The class that it extends tells.
                    _ => "",
                },
            });
        }
        if !put.is_empty() {
            self.edits.start(it.body.span.start + 1, put);
        }
        if it.r#type == ClassType::ClassDeclaration
            && let Some(name) = name
        {
            self.declare(name, How::Class, value::OTHER);
        }
    }

    fn element(&mut self, element: &ClassElement<'a>, derived: bool, found: &mut ClassBody) {
        match element {
            ClassElement::StaticBlock(block) => {
                self.homes.push(false);
                let captures_this = self.static_block(block);
                found.class_captured |= captures_this | self.homes.pop().unwrap_or_default();
            }
            ClassElement::MethodDefinition(method) => {
                if method.computed {
                    self.visit_property_key(&method.key);
                }
                if let PropertyKey::PrivateIdentifier(name) = &method.key
                    && method.kind == MethodDefinitionKind::Method
                {
                    found.privates.push((name.name.to_string(), false));
                    found.stamps |= derived && !method.r#static;
                }
                let kind = match method.kind {
                    MethodDefinitionKind::Constructor => Method::Constructor { derived },
                    _ => Method::Yes,
                };
                found.constructor |= kind != Method::Yes;
                self.homes.push(false);
                self.function(&method.value, kind);
                found.class_captured |= self.homes.pop().unwrap_or_default();
            }
            ClassElement::PropertyDefinition(field) => self.field(field, derived, found),
            ClassElement::AccessorProperty(accessor) => self.visit_accessor_property(accessor),
            ClassElement::TSIndexSignature(_) => self.fact(What::Unknown, element.span().start),
        }
    }

    fn field(&mut self, field: &PropertyDefinition<'a>, derived: bool, found: &mut ClassBody) {
        if field.computed {
            self.visit_property_key(&field.key);
        }
        let key = match &field.key {
            PropertyKey::PrivateIdentifier(name) => {
                found.privates.push((name.name.to_string(), true));
                found.stamps |= derived && !field.r#static;
                Some(format!("#{}", name.name))
            }
            PropertyKey::StaticIdentifier(name) => Some(name.name.to_string()),
            PropertyKey::StringLiteral(name) if !field.computed => Some(name.value.to_string()),
            _ => None,
        };
        let Some(value) = &field.value else {
            if !field.r#static && !field.computed {
                found.places.push(Place::Bare(field.key.span().end));
            }
            return;
        };
        let span = value.span();
        let slot = self.edits.reserve(span.start);
        self.enter(Boundary::Function, true);
        self.homes.push(false);
        self.visit_expression(value);
        found.class_captured |= self.homes.pop().unwrap_or_default();
        let scope = self.leave();
        let captures_this = scope.implicit.contains(&THIS);
        if field.r#static {
            found.class_captured |= captures_this;
            return;
        }
        found.fields_capture |= captures_this;
        if !value.is_anonymous_function_definition() {
            found.places.push(Place::Value(slot, span));
        } else if let Some(key) = key {
            found.places.push(Place::Named(slot, span, key));
        }
    }

    /// One field tells of the object that all of them belong to; the best place is the one that changes least.
    fn tell_fields(&mut self, found: &ClassBody) -> String {
        if !found.fields_capture {
            return String::new();
        }
        const TELL: &str = "($rw.on&&$rw.root(this),";
        let rank = |place: &&Place| match place {
            Place::Value(..) => 0,
            Place::Bare(_) => 1,
            Place::Named(..) => 2,
        };
        match found.places.iter().min_by_key(rank) {
            Some(Place::Value(slot, span)) => {
                self.edits.fill(*slot, TELL);
                // In parentheses, it must not go on in the next line.
                self.edits.close(span.end, ");");
            }
            Some(Place::Bare(end)) => self.edits.close(*end, format!("={TELL}void 0);")),
            Some(Place::Named(slot, span, key)) => {
                let key = serde_json::Value::from(key.as_str()).to_string();
                self.edits.fill(*slot, format!("{TELL}{{[{key}]:"));
                self.edits.close(span.end, format!("}}[{key}]);"));
            }
            None => return format!("#$rwThis={TELL}0);"),
        }
        String::new()
    }

    /// Whether arrow functions in it refer to `this`, the class.
    pub(super) fn static_block(&mut self, it: &StaticBlock<'a>) -> bool {
        self.enter(Boundary::Function, true);
        self.visit_statements(&it.body);
        let scope = self.leave();
        let open = self.token_from(it.span.start + "static".len() as u32);
        if let Some(matter) = Matter::of(&scope, &[], |_| false) {
            self.register(open + 1, &matter, true);
        }
        scope.implicit.contains(&THIS)
    }

    /// Methods that use `super` refer to the object they were written in.
    pub(super) fn object(&mut self, it: &ObjectExpression<'a>) {
        let first_of = self.first_of.take();
        let slot = self.edits.reserve(it.span.start);
        let mut is_home = false;
        // Whether to take a member of it may run code that sees it.
        let mut is_watched = false;
        let mut acts = false;
        for property in &it.properties {
            let property = match property {
                ObjectPropertyKind::SpreadProperty(spread) => {
                    self.visit_spread_element(spread);
                    continue;
                }
                ObjectPropertyKind::ObjectProperty(property) => property,
            };
            if property.computed {
                self.visit_property_key(&property.key);
            }
            is_watched |= property.computed
                || property.kind != PropertyKind::Init
                || property.key.is_specific_static_name("__proto__");
            acts |= matches!(
                &property.value,
                Expression::FunctionExpression(_) | Expression::ArrowFunctionExpression(_)
            );
            match &property.value {
                Expression::FunctionExpression(function)
                    if property.method || property.kind != PropertyKind::Init =>
                {
                    self.homes.push(false);
                    self.function(function, Method::Yes);
                    is_home |= self.homes.pop().unwrap_or_default();
                }
                Expression::Identifier(id) if property.shorthand && id.name == "eval" => {
                    if !self.own.contains(&"eval") {
                        self.edits
                            .replace(id.span.start, id.span.end, "eval:$rw.eval");
                    }
                    self.read("eval");
                }
                value => self.visit_expression(value),
            }
        }
        let acts = acts && self.options.made;
        let (open, close) = match (is_home, acts) {
            (true, true) => ("$rw.keep($rw.literal(", "))"),
            (true, false) => ("$rw.keep(", ")"),
            (false, true) => match first_of.filter(|_| !is_watched) {
                Some(name) => {
                    let end = self.edits.reserve_close(it.span.end);
                    self.top().literals.push((name, slot, end));
                    return;
                }
                None => (LITERAL, ")"),
            },
            (false, false) => return,
        };
        self.edits.fill(slot, open);
        self.edits.close(it.span.end, close);
    }
}
