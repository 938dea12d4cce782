//! Glue made ready to run as the body of one function: modules rewritten, embedded wasm cut out.
//!
//! An embedded wasm becomes a few dozen bytes in the same encoding: a module that holds nothing but the program's key.
//! The glue decodes and passes it on as it would the real one, and the `WebAssembly` it finds knows what is meant.

use super::ReadError;
use super::columns::{Column, Cursor};
use super::glue::parse::{Ast, contains, text, with_ast};
use super::glue::wasm_literal;
use super::outer;
use oxc_ast::AstKind;
use oxc_ast::ast::{
    ExportDefaultDeclarationKind, ImportDeclaration, ImportDeclarationSpecifier, ModuleExportName,
    Statement, StringLiteral,
};
use oxc_span::{GetSpan, Span};
use oxc_syntax::node::NodeId;
use oxc_syntax::symbol::SymbolFlags;
use std::collections::HashMap;

/// The name of the custom section that holds the key.
const SECTION: &[u8; 12] = b"emvm:program";

/// Glue as a function body. It refers to `__emvm`: `modules` (what it imports statically), `exports(getters)`, `meta`,
/// `import(specifier)` and `forget(name)`; to `__emvm_global`, whose properties are the globals; and to `__emvm_this`, which
/// gives the realm's global object in place of the caller's.
#[derive(Clone, Debug, Default)]
pub struct Body {
    pub source: String,
    /// It was an ES module: strict, and its declarations do not clash with parameters.
    pub module: bool,
    /// It awaits at top level.
    pub awaits: bool,
    /// Specifiers of static imports, in order.
    pub imports: Vec<String>,
    /// Globals that it asks `__emvm_global` for.
    pub globals: Vec<String>,
    /// Names that it declares with `let`, `const` or `class` at top level: no parameter may have them.
    pub declares: Vec<String>,
    /// It asks for the `arguments` of the function that Node.js makes of a CommonJS file, or may: it has a direct `eval`.
    pub arguments: bool,
    /// How many embedded modules were cut out.
    pub cut: usize,
    /// Where columns moved, in order.
    pub columns: Vec<Column>,
}

/// The module that stands for the program of this key.
pub fn marker(key: &[u8; 32]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    // Two bytes of padding: the whole is a multiple of three, so that base64 needs none.
    bytes.extend([0, 47, 12]);
    bytes.extend(SECTION);
    bytes.extend(key);
    bytes.extend([0, 0]);
    bytes
}

/// Makes a body of the glue's text. `wasm` is the program's; it takes the place of any embedded one when it was `given`.
pub fn body(bytes: &[u8], wasm: &[u8], given: bool, key: &[u8; 32]) -> Result<Body, ReadError> {
    let text = text(bytes);
    with_ast(&text, |ast| Rewriter::new(ast, given).run(wasm, key))
}

struct Rewriter<'r, 'a> {
    ast: &'r Ast<'a>,
    edits: Vec<(Span, String)>,
    header: String,
    /// By local name, the expression for what is imported.
    imported: HashMap<String, String>,
    getters: Vec<(String, String)>,
    out: Body,
    given: bool,
}

impl<'r, 'a> Rewriter<'r, 'a> {
    fn new(ast: &'r Ast<'a>, given: bool) -> Self {
        Self {
            ast,
            edits: Vec::new(),
            header: String::new(),
            imported: HashMap::new(),
            getters: Vec::new(),
            out: Body::default(),
            given,
        }
    }

    fn run(mut self, wasm: &[u8], key: &[u8; 32]) -> Body {
        self.out.module = self.ast.module;
        if let Some(hashbang) = &self.ast.program.hashbang {
            self.edits.push((hashbang.span, String::new()));
        }
        for statement in &self.ast.program.body {
            if let Statement::ImportDeclaration(import) = statement {
                self.imports(import);
            }
        }
        for statement in &self.ast.program.body {
            self.statement(statement);
        }
        let outer = outer::find(self.ast, &self.imported);
        self.edits.extend(outer.edits);
        self.out.globals = outer.globals;
        self.edits.extend(outer::receivers(self.ast));
        let marker = marker(key);
        for node in self.ast.nodes.iter() {
            match node.kind() {
                AstKind::ImportMeta(meta) => self.edits.push((meta.span, "__emvm.meta".into())),
                AstKind::ImportExpression(import) => {
                    let keyword = Span::new(import.span.start, import.span.start + 6);
                    self.edits.push((keyword, "__emvm.import".into()));
                }
                AstKind::AwaitExpression(_) => {
                    self.out.awaits |= self.ast.enclosing_function(node.id()).is_none();
                }
                AstKind::ForOfStatement(each) if each.r#await => {
                    self.out.awaits |= self.ast.enclosing_function(node.id()).is_none();
                }
                AstKind::StringLiteral(literal) => self.literal(literal, wasm, &marker),
                AstKind::IdentifierReference(name)
                    if matches!(name.name.as_str(), "arguments" | "eval") =>
                {
                    self.out.arguments |= !self.has_arguments(node.id());
                }
                _ => {}
            }
        }
        let scoping = &self.ast.scoping;
        for (name, symbol) in scoping.get_bindings(scoping.root_scope_id()) {
            let flags = scoping.symbol_flags(*symbol);
            if flags.intersects(SymbolFlags::BlockScopedVariable | SymbolFlags::Class) {
                self.out.declares.push(name.to_string());
            }
        }
        self.finish()
    }

    /// Whether a function of the file's own is around a node: arrow functions have no `arguments`.
    fn has_arguments(&self, node: NodeId) -> bool {
        self.ast
            .ancestors(node)
            .any(|around| matches!(around, AstKind::Function(_)))
    }

    fn imports(&mut self, import: &ImportDeclaration<'a>) {
        let from = self.import(&import.source.value);
        for specifier in import.specifiers.iter().flatten() {
            let (local, value) = match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(s) => {
                    (&s.local.name, property(&from, &name(&s.imported)))
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(s) => {
                    (&s.local.name, property(&from, "default"))
                }
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(s) => {
                    (&s.local.name, from.clone())
                }
            };
            self.imported.insert(local.to_string(), value);
        }
    }

    fn statement(&mut self, statement: &Statement<'a>) {
        match statement {
            Statement::ImportDeclaration(import) => {
                self.edits.push((import.span, String::new()));
            }
            Statement::ExportDeclaration(export) => {
                let span = export.declaration.span();
                let scoping = &self.ast.scoping;
                for (name, symbol) in scoping.get_bindings(scoping.root_scope_id()) {
                    if contains(span, scoping.symbol_span(*symbol)) {
                        self.getters.push((name.to_string(), name.to_string()));
                    }
                }
                self.edits
                    .push((Span::new(export.span.start, span.start), String::new()));
            }
            Statement::ExportNamedDeclaration(export) => {
                for specifier in &export.specifiers {
                    let local = name(&specifier.local);
                    let value = self.imported.get(&local).cloned().unwrap_or(local);
                    self.getters.push((name(&specifier.exported), value));
                }
                self.edits.push((export.span, String::new()));
            }
            Statement::ExportFromDeclaration(export) => {
                let from = self.import(&export.source.value);
                for specifier in &export.specifiers {
                    let value = property(&from, &name(&specifier.local));
                    self.getters.push((name(&specifier.exported), value));
                }
                self.edits.push((export.span, String::new()));
            }
            Statement::ExportAllDeclaration(export) => {
                let from = self.import(&export.source.value);
                match &export.exported {
                    Some(exported) => self.getters.push((name(exported), from)),
                    None => self.header.push_str(&format!("__emvm.exportAll({from}); ")),
                }
                self.edits.push((export.span, String::new()));
            }
            Statement::ExportDefaultDeclaration(export) => {
                let named = match &export.declaration {
                    ExportDefaultDeclarationKind::FunctionDeclaration(f) => f.id.as_ref(),
                    ExportDefaultDeclarationKind::ClassDeclaration(c) => c.id.as_ref(),
                    _ => None,
                };
                let keyword = Span::new(export.span.start, export.declaration.span().start);
                if let Some(id) = named {
                    self.getters.push(("default".into(), id.name.to_string()));
                    self.edits.push((keyword, String::new()));
                } else {
                    self.getters
                        .push(("default".into(), "__emvm_default".into()));
                    self.edits.push((keyword, "const __emvm_default = ".into()));
                    let end = Span::new(export.span.end, export.span.end);
                    self.edits.push((end, ";".into()));
                }
            }
            _ => {}
        }
    }

    /// The expression for a statically imported module.
    fn import(&mut self, specifier: &str) -> String {
        let imports = &mut self.out.imports;
        let at = imports
            .iter()
            .position(|known| known == specifier)
            .unwrap_or_else(|| {
                imports.push(specifier.to_owned());
                imports.len() - 1
            });
        format!("__emvm.modules[{at}]")
    }

    fn literal(&mut self, literal: &StringLiteral<'a>, wasm: &[u8], marker: &[u8]) {
        if literal.value.len() < 512 || wasm.is_empty() {
            return;
        }
        if wasm_literal::from_text(&literal.value).is_none_or(|found| !self.given && found != wasm)
        {
            return;
        }
        if let Some(short) = like(&literal.value, marker) {
            self.edits.push((literal.span, quoted(&short)));
            self.out.cut += 1;
        }
    }

    fn finish(mut self) -> Body {
        let text = self.ast.text;
        self.edits.sort_by_key(|(span, _)| (span.start, span.end));
        let mut source = String::with_capacity(text.len().min(4 << 20));
        if !self.getters.is_empty() {
            let getters: Vec<_> = self
                .getters
                .iter()
                .map(|(name, value)| format!("get {}() {{ return {value} }}", quoted(name)))
                .collect();
            // Without a line of its own: places in stack traces hold.
            source.push_str(&format!("__emvm.exports({{ {} }}); ", getters.join(", ")));
        }
        source.push_str(&self.header);
        let mut cursor = Cursor::default();
        cursor.pass_new(&source);
        let mut columns = vec![cursor.column()];
        let mut at = 0;
        for (span, replacement) in &self.edits {
            let (start, end) = (span.start as usize, span.end as usize);
            // Edits within something that is replaced as a whole are void.
            if start < at {
                continue;
            }
            let kept = text.get(at..start).unwrap_or_default();
            source.push_str(kept);
            cursor.pass(kept);
            let mut past = cursor;
            columns.push(cursor.column());
            let from = source.len();
            let gone = text.get(start..end).unwrap_or_default();
            source.push_str(replacement);
            if replacement.is_empty() {
                source.extend(gone.matches('\n'));
            }
            cursor.pass_new(source.get(from..).unwrap_or_default());
            past.pass(gone);
            cursor.old = past.old;
            columns.push(cursor.column());
            at = end;
        }
        source.push_str(text.get(at..).unwrap_or_default());
        self.out.source = source;
        self.out.columns = columns;
        self.out
    }
}

fn property(object: &str, key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$')
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '$');
    match plain {
        true => format!("{object}.{key}"),
        false => format!("{object}[{}]", quoted(key)),
    }
}

fn name(name: &ModuleExportName<'_>) -> String {
    name.name().to_string()
}

/// A JavaScript string literal.
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    json.replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

/// Other bytes in the encoding of an embedded wasm.
fn like(original: &str, bytes: &[u8]) -> Option<String> {
    let base64 = base64_simd::STANDARD.encode_to_string(bytes);
    if original.starts_with("data:") {
        let from = original.get(..128)?.find("base64,")? + "base64,".len();
        return Some(format!("{}{base64}", original.get(..from)?));
    }
    let (shift, nul) = match original.chars().next()? {
        '\0' => (0, '\0'),
        '\u{100}' => (0, '\u{100}'),
        '\u{1}' => (1, '\u{1}'),
        'A' => return Some(base64),
        _ => return None,
    };
    let encode = |byte: &u8| match (*byte, shift) {
        (0, _) => Some(nul),
        (byte, shift) => char::from_u32(u32::from(byte) + shift),
    };
    bytes.iter().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmparser::{Parser, Payload};

    fn rewrite(text: &str) -> Body {
        body(text.as_bytes(), b"", false, &[7; 32]).expect("parses")
    }

    #[test]
    fn the_marker_is_a_valid_module_with_the_key() {
        let marker = marker(&[9; 32]);
        assert_eq!(marker.len() % 3, 0);
        let sections: Vec<_> = Parser::new(0).parse_all(&marker).collect();
        assert!(sections.iter().all(Result::is_ok));
        assert!(sections.iter().any(|s| matches!(s, Ok(Payload::CustomSection(c)) if c.name() == "emvm:program" && c.data()[..32] == [9; 32])));
    }

    #[test]
    fn imports_and_exports_become_plain_code() {
        let out = rewrite(
            "import fs, { readFile as r } from 'fs';\nimport * as p from \"path\";\nexport const a = 1, b = 2;\nexport default async function make() { return import('url') }\nexport { r as read };\n",
        );
        assert!(out.module && !out.awaits);
        assert_eq!(out.imports, ["fs", "path"]);
        for part in [
            "get \"a\"() { return a }",
            "get \"default\"() { return make }",
            "get \"read\"() { return __emvm.modules[0].readFile }",
            "return __emvm.import('url')",
        ] {
            assert!(out.source.contains(part), "{part} not in {}", out.source);
        }
        assert!(!out.source.contains("export "));
    }

    #[test]
    fn anonymous_defaults_meta_and_top_level_await() {
        let out = rewrite("export default (() => import.meta.url)();\nawait 0\n");
        assert!(out.awaits);
        assert!(
            out.source
                .contains("const __emvm_default = (() => __emvm.meta.url)();")
        );
        let out = rewrite("export default function () { return 1 }\n[1].at(0)\n");
        assert!(
            out.source
                .contains("const __emvm_default = function () { return 1 };")
        );
    }

    #[test]
    fn scripts_stay_as_they_are() {
        let text = "#!/usr/bin/env node\nvar Module = typeof Module != 'undefined' ? Module : {};\nconst fetch = 1; let q; class K {}\n";
        let out = rewrite(text);
        assert!(!out.module);
        assert!(out.source.starts_with("\nvar Module"));
        let mut declares = out.declares;
        declares.sort();
        assert_eq!(declares, ["K", "fetch", "q"]);
    }

    #[test]
    fn embedded_wasm_is_cut_out_in_its_encoding() {
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        wasm.extend([0, 0x80, 8]);
        wasm.extend((0..1024u32).map(|i| (i % 251) as u8));
        let key = [3; 32];
        let base64 = base64_simd::STANDARD.encode_to_string(&wasm);
        let text =
            format!("var f = 'data:application/octet-stream;base64,{base64}'; var g = '{base64}';");
        let out = body(text.as_bytes(), &wasm, false, &key).expect("parses");
        assert_eq!(out.cut, 2);
        let short = base64_simd::STANDARD.encode_to_string(marker(&key));
        assert!(
            out.source
                .contains(&format!("\"data:application/octet-stream;base64,{short}\""))
        );
        let binary: String = wasm.iter().map(|b| char::from(*b)).collect();
        let text = format!("var f = decode({});", quoted(&binary));
        let out = body(text.as_bytes(), &wasm, false, &key).expect("parses");
        assert_eq!(out.cut, 1);
        assert!(out.source.len() < 400);
    }
}
