//! Files that are a package's API, with the glue bundled into it: what they export is not Emscripten's module.

use super::parse::{Ast, identifier, is_identifier};
use oxc_ast::AstKind;
use oxc_ast::ast::{
    Argument, AssignmentTarget, Expression, ModuleExportName, ObjectExpression, ObjectPropertyKind,
    Statement,
};
use oxc_span::GetSpan;

/// The names of such an API; empty for a file that exports a module or a factory.
pub fn names(ast: &Ast<'_>) -> Vec<String> {
    let mut found = ExportNames::default();
    if ast.module {
        for statement in &ast.program.body {
            found.statement(ast, statement);
        }
        if found.default {
            return Vec::new();
        }
    } else {
        for node in ast.nodes.iter() {
            found.node(ast, node.kind());
        }
    }
    if found.names.len() > 1 {
        found.names
    } else {
        Vec::new()
    }
}

#[derive(Default)]
struct ExportNames {
    names: Vec<String>,
    default: bool,
}

impl ExportNames {
    fn add(&mut self, name: &str) {
        match name {
            "default" => self.default = true,
            "__esModule" => {}
            _ if self.names.iter().any(|known| known == name) => {}
            _ => self.names.push(name.to_owned()),
        }
    }

    fn statement<'a>(&mut self, ast: &Ast<'a>, statement: &Statement<'a>) {
        match statement {
            Statement::ExportDefaultDeclaration(_) => self.default = true,
            Statement::ExportNamedDeclaration(export) => {
                for specifier in &export.specifiers {
                    self.export(&specifier.exported);
                }
            }
            Statement::ExportFromDeclaration(export) => {
                for specifier in &export.specifiers {
                    self.export(&specifier.exported);
                }
            }
            Statement::ExportDeclaration(export) => {
                let span = export.declaration.span();
                let scoping = &ast.scoping;
                for (name, symbol) in scoping.get_bindings(scoping.root_scope_id()) {
                    if super::parse::contains(span, scoping.symbol_span(*symbol)) {
                        self.add(name);
                    }
                }
            }
            _ => {}
        }
    }

    fn export(&mut self, name: &ModuleExportName<'_>) {
        self.add(&name.name());
    }

    /// `exports.a =`, `module.exports = { a, b }`, and what esbuild and TypeScript make of `export`.
    fn node<'a>(&mut self, ast: &Ast<'a>, kind: AstKind<'a>) {
        match kind {
            AstKind::AssignmentExpression(assignment) => {
                let AssignmentTarget::StaticMemberExpression(target) = &assignment.left else {
                    return;
                };
                let Some(id) = identifier(&target.object) else {
                    return;
                };
                if ast.symbol(id).is_some() {
                    return;
                }
                match (id.name.as_str(), target.property.name.as_str()) {
                    ("exports", name) => self.add(name),
                    ("module", "exports") => {
                        if let Expression::ObjectExpression(object) = &assignment.right {
                            self.keys(object);
                        }
                    }
                    _ => {}
                }
            }
            AstKind::CallExpression(call) if is_identifier(&call.callee, "__export") => {
                if let Some(Argument::ObjectExpression(object)) = call.arguments.get(1) {
                    self.keys(object);
                }
            }
            AstKind::CallExpression(call) => {
                let defines = super::parse::member(&call.callee).is_some_and(|(object, name)| {
                    name == "defineProperty" && is_identifier(object, "Object")
                });
                let [Argument::Identifier(id), Argument::StringLiteral(name), ..] =
                    &call.arguments[..]
                else {
                    return;
                };
                if defines && id.name == "exports" && ast.symbol(id).is_none() {
                    self.add(&name.value);
                }
            }
            _ => {}
        }
    }

    fn keys(&mut self, object: &ObjectExpression<'_>) {
        for property in &object.properties {
            if let ObjectPropertyKind::ObjectProperty(property) = property
                && let Some(name) = property.key.static_name()
            {
                self.add(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse::with_ast;

    fn names(text: &str) -> Vec<String> {
        with_ast(text, super::names).expect("parses")
    }

    #[test]
    fn a_module_or_a_factory_is_no_api() {
        for text in [
            "var Module = {}; module.exports = Module; module.exports.default = Module",
            "exports['Module'] = Module; exports.EssentiaWASM = Module",
            "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = f",
            "export default f; export const other = 1, more = 2",
            "export async function createModule () {}",
            "function inner (exports) { exports.a = 1; exports.b = 2 }",
        ] {
            assert!(names(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn several_exports_are_an_api() {
        for text in [
            "exports.A = A; exports.b = b; exports.A = C",
            "module.exports = { A, b: 1 }",
            "__export(src_exports, { A: () => A, b: () => b }); module.exports = __toCommonJS(src_exports)",
            "Object.defineProperty(exports, 'A', { get }); Object.defineProperty(exports, 'b', { get })",
            "export { x as A }; export const b = 1",
        ] {
            assert_eq!(names(text), ["A", "b"], "{text}");
        }
    }
}
