//! Whether a function that warms a module up leaves anything outside of it: in a variable of its file, in the global object, in
//! what others gave. Another thread that starts from what it did to the module would not find that.
//!
//! Told from its text alone, so what cannot be told counts as leaving something.

use super::glue::parse::{Ast, root_identifier, with_ast};
use oxc_ast::AstKind;
use oxc_ast::ast::{AssignmentTarget, Expression, IdentifierReference, SimpleAssignmentTarget};
use oxc_semantic::{NodeId, SymbolId};
use oxc_span::{GetSpan, Span};

/// Globals that keep nothing of what they are given.
const PURE: &[&str] = &[
    "Array",
    "BigInt",
    "Boolean",
    "Buffer",
    "DataView",
    "Date",
    "Error",
    "Float32Array",
    "Float64Array",
    "Infinity",
    "Int16Array",
    "Int32Array",
    "Int8Array",
    "JSON",
    "Map",
    "Math",
    "NaN",
    "Number",
    "Object",
    "Promise",
    "RangeError",
    "Set",
    "String",
    "TextDecoder",
    "TextEncoder",
    "TypeError",
    "URL",
    "Uint16Array",
    "Uint32Array",
    "Uint8Array",
    "Uint8ClampedArray",
    "console",
    "isNaN",
    "parseFloat",
    "parseInt",
    "undefined",
];
/// By these anything can be reached.
const REACH_ALL: &[&str] = &[
    "Function",
    "arguments",
    "eval",
    "global",
    "globalThis",
    "process",
    "self",
    "window",
];

/// Where a value comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// The module that the function is given.
    Module,
    /// Made by the function itself.
    Fresh,
    /// A global of [`PURE`].
    Pure,
    /// From outside.
    Outside,
    /// It cannot be told.
    Unknown,
}

/// How deep initial values are followed.
const DEPTH: u32 = 16;

/// Whether the function of this text keeps nothing outside of the module, which is its first argument.
pub fn keeps_nothing_outside(text: &str) -> bool {
    // A method's text is none of an expression.
    [format!("({text})"), format!("({{{text}}})")]
        .iter()
        .find_map(|wrapped| with_ast(wrapped, judge).ok())
        .unwrap_or(false)
}

fn judge(ast: &Ast<'_>) -> bool {
    let function = ast.nodes.iter().find_map(|node| match node.kind() {
        AstKind::Function(f) if !f.generator => Some(f.params.span),
        AstKind::ArrowFunctionExpression(f) => Some(f.params.span),
        _ => None,
    });
    function.is_some_and(|params| {
        let judge = Judge { ast, params };
        ast.nodes
            .iter()
            .all(|node| judge.allows(node.id(), node.kind()))
    })
}

struct Judge<'b, 'a> {
    ast: &'b Ast<'a>,
    /// Of the function itself.
    params: Span,
}

impl<'a> Judge<'_, 'a> {
    fn allows(&self, id: NodeId, kind: AstKind<'a>) -> bool {
        match kind {
            AstKind::ThisExpression(_)
            | AstKind::Super(_)
            | AstKind::YieldExpression(_)
            | AstKind::TaggedTemplateExpression(_)
            | AstKind::ArrayAssignmentTarget(_)
            | AstKind::ObjectAssignmentTarget(_)
            | AstKind::WithStatement(_) => false,
            AstKind::IdentifierReference(reference) => self.allows_reference(id, reference),
            AstKind::AssignmentExpression(assignment) => match &assignment.left {
                AssignmentTarget::AssignmentTargetIdentifier(_) => true,
                AssignmentTarget::StaticMemberExpression(m) => self.is_fresh(&m.object),
                AssignmentTarget::ComputedMemberExpression(m) => self.may_index(&m.object),
                _ => false,
            },
            AstKind::UpdateExpression(update) => match &update.argument {
                SimpleAssignmentTarget::AssignmentTargetIdentifier(_) => true,
                SimpleAssignmentTarget::StaticMemberExpression(m) => self.is_fresh(&m.object),
                SimpleAssignmentTarget::ComputedMemberExpression(m) => self.may_index(&m.object),
                _ => false,
            },
            AstKind::UnaryExpression(unary) => {
                unary.operator.as_str() != "delete" || self.is_fresh(&unary.argument)
            }
            AstKind::CallExpression(call) => {
                let inside = Span::new(call.callee.span().end, call.span.end);
                self.allows_call(&call.callee, inside)
            }
            AstKind::NewExpression(new) => {
                let inside = Span::new(new.callee.span().end, new.span.end);
                self.allows_call(&new.callee, inside)
            }
            _ => true,
        }
    }

    fn is_free(&self, reference: &IdentifierReference<'a>) -> bool {
        self.ast.symbol(reference).is_none()
    }

    /// A variable from outside may be read where its value goes no further: called, or handed to a call or an operator.
    fn allows_reference(&self, id: NodeId, reference: &IdentifierReference<'a>) -> bool {
        let name = reference.name.as_str();
        if !self.is_free(reference) || PURE.contains(&name) {
            return !self.is_free(reference) || !self.is_written(reference);
        }
        if REACH_ALL.contains(&name) || self.is_written(reference) {
            return false;
        }
        let mut span = reference.span;
        for kind in self.ast.ancestors(id) {
            match kind {
                // `a.b` and `a[b]`, of which this is the object.
                AstKind::StaticMemberExpression(m) if m.object.span() == span => span = m.span,
                AstKind::ComputedMemberExpression(m) if m.object.span() == span => span = m.span,
                AstKind::ParenthesizedExpression(p) => span = p.span,
                AstKind::CallExpression(_)
                | AstKind::NewExpression(_)
                | AstKind::TemplateLiteral(_)
                | AstKind::BinaryExpression(_)
                | AstKind::ComputedMemberExpression(_) => return true,
                _ => return false,
            }
        }
        false
    }

    fn is_written(&self, reference: &IdentifierReference<'a>) -> bool {
        let id = reference.reference_id.get();
        id.is_none_or(|id| self.ast.scoping.get_reference(id).is_write())
    }

    fn is_fresh(&self, object: &Expression<'a>) -> bool {
        self.from(object, DEPTH) == From::Fresh
    }

    /// An element of a view of the module's memory, or of something of one's own. A property of the module object itself is
    /// JavaScript's.
    fn may_index(&self, object: &Expression<'a>) -> bool {
        self.is_fresh(object)
            || matches!(object.without_parentheses(), Expression::StaticMemberExpression(m)
                if m.property.name.starts_with("HEAP") && self.from(&m.object, DEPTH) == From::Module)
    }

    /// What is called from outside must be given nothing of the module's, nor what could give it: it may keep that.
    fn allows_call(&self, callee: &Expression<'a>, arguments: Span) -> bool {
        let root = root_identifier(callee).map(|id| id.name.as_str());
        match self.from(callee, DEPTH) {
            From::Module | From::Fresh => true,
            // These change what they are given.
            From::Pure if root != Some("Object") => true,
            _ => {
                let free = root == Some("Object");
                let kept = self
                    .references(arguments)
                    .any(|id| match self.ast.symbol(id) {
                        Some(symbol) => self.of_symbol(symbol, DEPTH) != From::Outside,
                        None => free && !PURE.contains(&id.name.as_str()),
                    });
                let text = self.ast.slice(arguments);
                !kept && !text.contains("=>") && !text.contains("function")
            }
        }
    }

    fn references(&self, span: Span) -> impl Iterator<Item = &'a IdentifierReference<'a>> + '_ {
        self.ast.references_in(span)
    }

    fn from(&self, expression: &Expression<'a>, depth: u32) -> From {
        let Some(depth) = depth.checked_sub(1) else {
            return From::Unknown;
        };
        match expression.without_parentheses() {
            Expression::Identifier(id) => match self.ast.symbol(id) {
                Some(symbol) => self.of_symbol(symbol, depth),
                None if PURE.contains(&id.name.as_str()) => From::Pure,
                None => From::Outside,
            },
            Expression::StaticMemberExpression(m) => self.from(&m.object, depth),
            Expression::ComputedMemberExpression(m) => self.from(&m.object, depth),
            Expression::CallExpression(call) => self.made_by(&call.callee, depth),
            Expression::NewExpression(new) => self.made_by(&new.callee, depth),
            Expression::AwaitExpression(wait) => self.from(&wait.argument, depth),
            // What is in them may be from outside.
            Expression::ObjectExpression(_) | Expression::ArrayExpression(_) => {
                let all = self.references(expression.span());
                if self.are_own(all) {
                    From::Fresh
                } else {
                    From::Unknown
                }
            }
            Expression::StringLiteral(_)
            | Expression::NumericLiteral(_)
            | Expression::TemplateLiteral(_) => From::Fresh,
            _ => From::Unknown,
        }
    }

    /// None of them leads outside.
    fn are_own(&self, mut all: impl Iterator<Item = &'a IdentifierReference<'a>>) -> bool {
        all.all(|id| match self.ast.symbol(id) {
            Some(symbol) => {
                matches!(self.of_symbol(symbol, DEPTH), From::Module | From::Fresh)
            }
            None => PURE.contains(&id.name.as_str()),
        })
    }

    /// What a call gives: pure functions make something of their arguments, the others give what is theirs.
    fn made_by(&self, callee: &Expression<'a>, depth: u32) -> From {
        match self.from(callee, depth) {
            From::Pure => From::Unknown,
            other => other,
        }
    }

    fn of_symbol(&self, symbol: SymbolId, depth: u32) -> From {
        let scoping = &self.ast.scoping;
        let declaration = scoping.symbol_declaration(symbol);
        let changes = scoping
            .get_resolved_references(symbol)
            .any(oxc_semantic::Reference::is_write);
        if changes || scoping.symbol_declarations(symbol).count() != 1 {
            return From::Unknown;
        }
        let at = scoping.symbol_span(symbol);
        if self.params.start <= at.start && at.end <= self.params.end {
            return From::Module;
        }
        match self.ast.nodes.kind(declaration) {
            AstKind::VariableDeclarator(declarator)
                if declarator.id.get_binding_identifier().is_some() =>
            {
                match &declarator.init {
                    Some(init) => self.from(init, depth),
                    None => From::Unknown,
                }
            }
            _ => From::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::keeps_nothing_outside;

    #[test]
    fn what_only_the_module_has_is_left_there() {
        for text in [
            "(cv) => { cv.FS_createDataFile('/', 'model', fs.readFileSync(path.join(folder, 'model')), true, true) }",
            "async function warmUp (m) { const bytes = await readFile(FILE); const at = m._malloc(bytes.length); m.HEAPU8.set(bytes, at); m._load(at, bytes.length) }",
            "warmUp (m) { for (let i = 0; i < 3; i++) m._step(i) }",
            "(m) => { const { length } = m.HEAPU8; const list = [1, 2]; list.push(3); list.forEach((n) => m._add(n)); m.HEAPU8[length - 1] = 1 }",
            "(m) => m._main(0, 0)",
            "({ FS }) => { FS.writeFile('/x', 'y') }",
            "(m) => { const mat = new m.Mat(2, 2); mat.data.set([1]); mat.delete(); console.log('warm') }",
        ] {
            assert!(keeps_nothing_outside(text), "{text}");
        }
    }

    #[test]
    fn what_is_kept_outside_is_found() {
        for text in [
            "(m) => { pointer = m._malloc(8) }",
            "(m) => { m.pointer = m._malloc(8) }",
            "(m) => { m['pointer'] = m._malloc(8) }",
            "(m) => { for (const at of m.list()) remember(at) }",
            "(m) => { Object.defineProperty(m, 'x', { value: 1 }) }",
            "(m) => { state.pointer = m._malloc(8) }",
            "(m) => { cache.set('model', m._load()) }",
            "(m) => { list.push(1); list[0]++; remember(m) }",
            "(m) => { const s = state; s.pointer = m._malloc(8) }",
            "(m) => { let s = {}; s = get(); s.pointer = m._malloc(8) }",
            "(m) => { [pointer] = [m._malloc(8)] }",
            "(m) => { globalThis.pointer = m._malloc(8) }",
            "function (m) { this.pointer = m._malloc(8) }",
            "(m) => { Object.assign(state, { pointer: m._malloc(8) }) }",
            "(m) => { setTimeout(() => m._later()) }",
            "(m) => { delete state.pointer }",
            "(m) => { eval('pointer = 1') }",
            "(m) => { const box = { state }; box.state.pointer = 1 }",
            "(m) => { items.forEach((item) => { item.at = m._malloc(8) }) }",
            "(m) => { const [s] = [state]; s.pointer = 1 }",
            "(m) => { hold`${m}` }",
            "(m) => { for (const s of all) s.pointer = 1 }",
            "function () { [native code] }",
            "(m) => {",
            "(m, s = state) => { s.x = 1; counter++ }",
        ] {
            assert!(!keeps_nothing_outside(text), "{text}");
        }
    }
}
