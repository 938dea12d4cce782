//! Has the module's own JavaScript tell of its writes before they happen, so that a recycle undoes them
//! (`lib/facade/changes.js`).
//!
//! `a.b = c` becomes `$emvm.key(a,"b").b = c`; where the key is not known, and before a method that changes what it is called
//! on, `a[b] = c` becomes `$emvm.whole(a)[b] = c`. A function in which something may be written in another way (a mutator that
//! is passed on, `eval`, a proxy) begins with `$emvm.all()`. Nothing but insertions: lines and their numbers stay.

use crate::program::glue::parse::{Ast, with_ast};
use oxc_ast::AstKind;
use oxc_ast::ast::{Argument, CallExpression, Expression, FunctionBody, SimpleAssignmentTarget};
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};
use std::collections::BTreeSet;

/// Methods that change what they are called on.
const MUTATORS: &[&str] = &[
    "push",
    "pop",
    "shift",
    "unshift",
    "splice",
    "sort",
    "reverse",
    "fill",
    "copyWithin",
    "set",
    "add",
    "delete",
    "clear",
    "__defineGetter__",
    "__defineSetter__",
];
/// Functions of `Object` and `Reflect` that change their first argument.
const WRITERS: &[&str] = &[
    "assign",
    "defineProperty",
    "defineProperties",
    "setPrototypeOf",
    "freeze",
    "seal",
    "preventExtensions",
    "set",
    "deleteProperty",
];
/// Those that change nothing.
const READERS: &[&str] = &[
    "keys",
    "values",
    "entries",
    "fromEntries",
    "create",
    "getOwnPropertyNames",
    "getOwnPropertyDescriptor",
    "getOwnPropertyDescriptors",
    "getOwnPropertySymbols",
    "getPrototypeOf",
    "hasOwn",
    "is",
    "isExtensible",
    "isFrozen",
    "isSealed",
    "ownKeys",
    "has",
    "get",
    "prototype",
];
/// Constructors that give what is new.
const BUILT_IN: &[&str] = &[
    "Array",
    "Map",
    "Set",
    "WeakMap",
    "WeakSet",
    "Date",
    "Error",
    "TypeError",
    "RangeError",
    "Uint8Array",
    "Int8Array",
    "Uint8ClampedArray",
    "Uint16Array",
    "Int16Array",
    "Uint32Array",
    "Int32Array",
    "Float32Array",
    "Float64Array",
    "DataView",
    "ArrayBuffer",
    "Promise",
];
/// Through these anything can be reached.
const OPAQUE: &[&str] = &["eval", "Function", "Proxy"];
/// Modules of Node's whose functions leave the objects alone that they are given.
const HARMLESS: &[&str] = &[
    "fs",
    "path",
    "crypto",
    "os",
    "perf_hooks",
    "url",
    "buffer",
    "zlib",
    "child_process",
    "worker_threads",
    "ws",
    "performance",
];

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
    /// Starts of the bodies of functions that begin with `$emvm.all()`.
    opaque: BTreeSet<NodeId>,
}

impl<'a, 'b> Teller<'a, 'b> {
    fn new(ast: &'b Ast<'a>) -> Self {
        Teller {
            ast,
            wraps: Vec::new(),
            opaque: BTreeSet::new(),
        }
    }

    fn run(mut self) -> String {
        for node in self.ast.nodes.iter() {
            self.look(node.id(), node.kind());
        }
        for id in std::mem::take(&mut self.opaque) {
            self.announce(id);
        }
        self.render()
    }

    fn look(&mut self, id: NodeId, kind: AstKind<'a>) {
        match kind {
            AstKind::AssignmentExpression(a) => match a.left.as_simple_assignment_target() {
                Some(target) => self.target(id, target),
                None => self.pattern(id, a.left.span()),
            },
            AstKind::UpdateExpression(u) => self.target(id, &u.argument),
            AstKind::ForInStatement(f) => self.pattern(id, f.left.span()),
            AstKind::ForOfStatement(f) => self.pattern(id, f.left.span()),
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
            AstKind::ComputedMemberExpression(m) => {
                if let Expression::StringLiteral(key) = &m.expression {
                    self.name(id, key.value.as_str(), m.span);
                }
            }
            AstKind::IdentifierReference(reference) if self.ast.symbol(reference).is_none() => {
                self.global(id, reference.name.as_str());
            }
            AstKind::AwaitExpression(a) => self.wait(a.argument.span()),
            AstKind::ReturnStatement(r) if self.ast.enclosing_function(id).is_none() => {
                if let Some(Expression::ObjectExpression(object)) = &r.argument {
                    self.roots(object.span.start + 1);
                }
            }
            AstKind::WithStatement(_) | AstKind::ImportExpression(_) => self.unknown(id),
            _ => {}
        }
    }

    fn target(&mut self, id: NodeId, target: &SimpleAssignmentTarget<'a>) {
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
            SimpleAssignmentTarget::AssignmentTargetIdentifier(_)
            | SimpleAssignmentTarget::PrivateFieldExpression(_) => {}
            _ => self.unknown(id),
        }
    }

    /// Patterns may hold members.
    fn pattern(&mut self, id: NodeId, span: Span) {
        let text = self.ast.slice(span);
        if text.contains('.') || text.contains('[') {
            self.unknown(id);
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
        let after = call.callee.span().end;
        let gap = self.ast.slice(Span::new(after, call.span.end));
        let is_plain = matches!(
            object,
            Expression::ThisExpression(_) | Expression::Identifier(_)
        ) && !matches!(call.callee, Expression::ParenthesizedExpression(_));
        let spaces = gap.len() - gap.trim_start().len();
        if !is_plain || !gap[spaces..].starts_with('(') || self.is_new(id, object) {
            return self.write(id, object, None);
        }
        let tell = format!(
            "{}{})",
            self.telling(id, object, true),
            self.ast.slice(object.span())
        );
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
        if !names.is_empty() {
            let text = format!("roots:()=>[{}],", names.join(","));
            self.wraps.push(Wrap {
                span: Span::new(at, at),
                before: String::new(),
                after: text,
            });
        }
    }

    fn call(&mut self, id: NodeId, call: &CallExpression<'a>) {
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
                self.unknown(id);
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
    fn name(&mut self, id: NodeId, name: &str, span: Span) {
        let parent = self.ast.nodes.parent_kind(id);
        if matches!(name, "Object" | "Reflect" | "eval" | "Function" | "Proxy") {
            return self.unknown(id);
        }
        if name == "constructor" {
            if !matches!(
                parent,
                AstKind::BinaryExpression(_) | AstKind::ExpressionStatement(_)
            ) {
                self.unknown(id);
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
            self.unknown(id);
        }
    }

    fn global(&mut self, id: NodeId, name: &str) {
        if OPAQUE.contains(&name) {
            // `x instanceof Function`, `typeof Proxy`
            let parent = self.ast.nodes.parent_kind(id);
            if !matches!(
                parent,
                AstKind::BinaryExpression(_) | AstKind::UnaryExpression(_)
            ) {
                self.unknown(id);
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
                READERS.contains(&name) || (WRITERS.contains(&name) && called)
            }
            AstKind::BinaryExpression(_) => true,
            _ => false,
        };
        if !is_known {
            self.unknown(id);
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

    /// What happens here cannot be told of beforehand.
    fn unknown(&mut self, id: NodeId) {
        let function = self
            .ast
            .nodes
            .ancestors(id)
            .find(|node| {
                matches!(
                    node.kind(),
                    AstKind::Function(_) | AstKind::ArrowFunctionExpression(_)
                )
            })
            .map(oxc_semantic::AstNode::id);
        // At the top level it is part of start-up.
        if let Some(function) = function {
            self.opaque.insert(function);
        }
    }

    fn announce(&mut self, id: NodeId) {
        match self.ast.nodes.kind(id) {
            AstKind::Function(f) => {
                if let Some(body) = &f.body {
                    self.at_start(body);
                }
            }
            AstKind::ArrowFunctionExpression(a) => match a.body.as_function_body() {
                Some(body) => self.at_start(body),
                None => {
                    let span = a.body.span();
                    self.wrap(span, "($emvm.all(),", ")".into());
                }
            },
            _ => {}
        }
    }

    fn at_start(&mut self, body: &FunctionBody<'a>) {
        let at = body
            .directives
            .last()
            .map_or(body.span.start + 1, |d| d.span.end);
        self.wrap(Span::new(at, at), ";$emvm.all();", String::new());
    }

    fn render(mut self) -> String {
        // At one place: what ends there before what begins there; the inner ends first, the outer begins first.
        let mut marks: Vec<(u32, u8, u32, usize)> = Vec::new();
        for (i, wrap) in self.wraps.iter().enumerate() {
            marks.push((wrap.span.start, 1, u32::MAX - wrap.span.end, i));
            if !wrap.after.is_empty() {
                marks.push((wrap.span.end, 0, u32::MAX - wrap.span.start, i));
            }
        }
        marks.sort_unstable();
        let text = self.ast.text;
        let mut out = String::with_capacity(text.len() + marks.len() * 16);
        let mut at = 0;
        for (place, ends, _, i) in marks {
            out.push_str(&text[at as usize..place as usize]);
            at = place;
            let wrap = &mut self.wraps[i];
            match ends {
                0 => out.push_str(&wrap.after),
                _ => out.push_str(&wrap.before),
            }
        }
        out.push_str(&text[at as usize..]);
        out
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

#[cfg(test)]
mod tests {
    use super::tell;

    fn check(source: &str, wanted: &str) {
        assert_eq!(tell(source).unwrap(), wanted, "{source}");
    }

    #[test]
    fn writes_tell_of_the_object_and_the_key() {
        check(
            "function f(){Module.x=1}",
            "function f(){$emvm.key(Module,\"x\").x=1}",
        );
        check(
            "function f(){Module['x']+=1;a.b.c++}",
            "function f(){$emvm.key(Module,\"x\")['x']+=1;$emvm.key(a.b,\"c\").c++}",
        );
        check(
            "function f(k){a[k]=delete b.c}",
            "function f(k){$emvm.whole(a)[k]=delete $emvm.whole(b).c}",
        );
        check(
            "function f(p){$live.HEAPU8[p>>2]=a[1]}",
            "function f(p){$live.HEAPU8[p>>2]=a[1]}",
        );
        check(
            "function f(){a.list.push(1).b=2}",
            "function f(){$emvm.key($emvm.whole(a.list).push(1),\"b\").b=2}",
        );
        check(
            "f=()=>Object.defineProperty(Module,'x',{value:Object.keys(a)})",
            "f=()=>Object.defineProperty($emvm.key(Module,\"x\"),'x',{value:Object.keys(a)})",
        );
        check(
            "function f(){Object.freeze(Module);Array.prototype.push.apply(a.b,c)}",
            "function f(){Object.freeze($emvm.whole(Module));Array.prototype.push.apply($emvm.whole(a.b),c)}",
        );
    }

    #[test]
    fn what_is_new_is_nobody_s() {
        check(
            "function F(){this.x=1;this.push(2)}",
            "function F(){$emvm.made(new.target,this,\"x\").x=1;this.push(($emvm.made(new.target,this),2))}",
        );
        check(
            "function f(){a.push(...b);a.pop()}",
            "function f(){a.push(...($emvm.whole(a),b));a.pop(...$emvm.none($emvm.whole(a)))}",
        );
        check(
            "function f(){var a={},b=[];a.x=1;b.push(a)}",
            "function f(){var a={},b=[];a.x=1;b.push(a)}",
        );
        check(
            "function f(){var a={};a=c;a.x=1;let b={};return()=>{b.y=1}}",
            "function f(){var a={};a=c;$emvm.key(a,\"x\").x=1;let b={};return()=>{$emvm.key(b,\"y\").y=1}}",
        );
    }

    #[test]
    fn what_cannot_be_told_begins_with_all() {
        for body in [
            "eval('x')",
            "Module.constructor.assign(Module,a)",
            "[1].forEach(a.push,a)",
            "[Module.x]=[1]",
            "a[k](1)",
            "var O=Object",
            "new Proxy(Module,{})",
            "require('util').inherits(a,b)",
            "for(Module.x in a);",
            "globalThis.Object.assign(Module,a)",
            "a?.b.push(1)",
        ] {
            let source = format!("function f(k){{'use strict';{body}}}");
            let told = tell(&source).unwrap();
            assert!(
                told.starts_with("function f(k){'use strict';;$emvm.all();"),
                "{told}"
            );
        }
        check("f=k=>a[k](1)", "f=k=>($emvm.all(),a[k](1))");
    }

    #[test]
    fn what_is_waited_for_and_what_variables_hold() {
        check(
            "async function f(){await a;b().then(c)}",
            "async function f(){await $emvm.wait(a);$emvm.wait(b()).then(c)}",
        );
        check(
            "var a={};function f(){}return {imports:{}}",
            "var a={};function f(){}return {roots:()=>[a,f],imports:{}}",
        );
    }

    #[test]
    fn reading_tells_nothing() {
        for source in [
            "function f(a){return a.b(Object.keys(a),a instanceof Function)}",
            "function f(a){return require('fs').readFileSync(a)}",
            "function f(){return Object.prototype.hasOwnProperty.call(a,'b')}",
            "function f(){var a=1;a+=2;return a}",
        ] {
            check(source, source);
        }
    }
}
