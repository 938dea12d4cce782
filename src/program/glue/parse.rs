//! From bytes to a syntax tree with resolved names, without ever running out of stack.

use super::super::ReadError;
use oxc_allocator::Allocator;
use oxc_ast::AstKind;
use oxc_ast::ast::{
    AssignmentTarget, Expression, FunctionBody, IdentifierReference, Program, Statement,
};
use oxc_parser::Parser;
use oxc_semantic::{AstNodes, NodeId, Scoping, SemanticBuilder};
use oxc_span::{GetSpan, SourceType, Span};
use oxc_syntax::symbol::SymbolId;

/// Parser and walkers recurse once per level; real glue stays far below.
const MAX_NESTING: usize = 6_000;
/// A token costs the parser some 75 bytes.
const MAX_TOKENS: usize = 16_000_000;
/// Four times what `MAX_NESTING` levels of the hungriest syntax take. Only what is touched is ever backed by memory.
const STACK_BYTES: usize = 192 << 20;

/// A parsed glue file.
pub struct Ast<'a> {
    pub text: &'a str,
    pub program: &'a Program<'a>,
    pub nodes: AstNodes<'a>,
    pub scoping: Scoping,
    /// The file has `import`, `export` or `import.meta`.
    pub module: bool,
    /// All identifier references and `import.meta`s, by position.
    pub references: Vec<(u32, NodeId)>,
}

/// The text of a source file: UTF-8 as Node reads it, without the byte order mark.
pub fn text(bytes: &[u8]) -> std::borrow::Cow<'_, str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// Parses `text` on a thread of its own and gives the tree to `f` there.
pub fn with_ast<R: Send>(text: &str, f: impl FnOnce(&Ast<'_>) -> R + Send) -> Result<R, ReadError> {
    deep(text, || parse(text, f))
}

/// The same for a text whose kind is known, without resolving names.
pub fn with_program<R: Send>(
    text: &str,
    source_type: SourceType,
    f: impl FnOnce(&Program<'_>) -> R + Send,
) -> Result<R, ReadError> {
    deep(text, || {
        let allocator = Allocator::default();
        let parsed = Parser::new(&allocator, text, source_type).parse();
        if let Some(error) = parsed.diagnostics.iter().next() {
            return Err(not_javascript(Some(error.message.to_string())));
        }
        if parsed.panicked {
            return Err(not_javascript(None));
        }
        Ok(f(&parsed.program))
    })
}

/// Runs `parse` on a thread with as much stack as the nesting of `text` can need.
fn deep<R: Send>(
    text: &str,
    parse: impl FnOnce() -> Result<R, ReadError> + Send,
) -> Result<R, ReadError> {
    if text.len() > u32::MAX as usize {
        return Err(ReadError::NotEmscripten {
            reason: "the file is larger than 4 GiB".into(),
        });
    }
    let super::nesting::Extent { depth, tokens } = super::nesting::measure(text.as_bytes());
    if tokens > MAX_TOKENS {
        return Err(ReadError::NotEmscripten {
            reason: format!("the JavaScript has {tokens} tokens, more than {MAX_TOKENS}"),
        });
    }
    if depth > MAX_NESTING {
        return Err(ReadError::NotEmscripten {
            reason: format!(
                "the JavaScript is nested {depth} levels deep, more than {MAX_NESTING}"
            ),
        });
    }
    std::thread::scope(|scope| {
        let spawned = std::thread::Builder::new()
            .name("emvm-read".into())
            .stack_size(STACK_BYTES)
            .spawn_scoped(scope, parse);
        match spawned.map(std::thread::ScopedJoinHandle::join) {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(ReadError::NotEmscripten {
                reason: "the JavaScript parser gave up on this file".into(),
            }),
            Err(e) => Err(ReadError::NoThread(e.into())),
        }
    })
}

fn parse<R>(text: &str, f: impl FnOnce(&Ast<'_>) -> R) -> Result<R, ReadError> {
    let allocator = Allocator::default();
    let mut first_error = None;
    // CommonJS last but one: a `return` at top level is legal there; modules last: `await` at top level.
    for source_type in [
        SourceType::unambiguous(),
        SourceType::cjs(),
        SourceType::mjs(),
    ] {
        let parsed = Parser::new(&allocator, text, source_type).parse();
        if parsed.panicked || !parsed.diagnostics.is_empty() {
            first_error.get_or_insert_with(|| {
                parsed
                    .diagnostics
                    .iter()
                    .next()
                    .map_or_else(|| "not JavaScript".to_string(), |d| d.message.to_string())
            });
            continue;
        }
        let program = allocator.alloc(parsed.program);
        let module = program.source_type.is_module();
        let built = SemanticBuilder::new().with_build_nodes(true).build(program);
        let (scoping, nodes) = built.semantic.into_scoping_and_nodes();
        let mut references: Vec<(u32, NodeId)> = nodes
            .iter()
            .filter(|n| {
                matches!(
                    n.kind(),
                    AstKind::IdentifierReference(_) | AstKind::ImportMeta(_)
                )
            })
            .map(|n| (n.kind().span().start, n.id()))
            .collect();
        references.sort_unstable();
        return Ok(f(&Ast {
            text,
            program,
            nodes,
            scoping,
            module,
            references,
        }));
    }
    Err(not_javascript(first_error))
}

fn not_javascript(error: Option<String>) -> ReadError {
    ReadError::NotEmscripten {
        reason: format!(
            "it does not parse as JavaScript: {}",
            error.unwrap_or_else(|| "syntax error".into())
        ),
    }
}

impl<'a> Ast<'a> {
    pub fn slice(&self, span: Span) -> &'a str {
        self.text
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default()
    }

    pub fn symbol(&self, reference: &IdentifierReference<'a>) -> Option<SymbolId> {
        let id = reference.reference_id.get()?;
        self.scoping.get_reference(id).symbol_id()
    }

    /// Nodes of the references in a span.
    pub fn reference_nodes(&self, span: Span) -> impl Iterator<Item = NodeId> + '_ {
        let from = self.references.partition_point(|(at, _)| *at < span.start);
        self.references[from..]
            .iter()
            .take_while(move |(at, _)| *at < span.end)
            .map(|(_, node)| *node)
    }

    /// The identifiers read or written in a span.
    pub fn references_in(
        &self,
        span: Span,
    ) -> impl Iterator<Item = &'a IdentifierReference<'a>> + '_ {
        self.reference_nodes(span)
            .filter_map(|node| match self.nodes.kind(node) {
                AstKind::IdentifierReference(id) => Some(id),
                _ => None,
            })
    }

    /// Ancestors of a node, nearest first.
    pub fn ancestors(&self, node: NodeId) -> impl Iterator<Item = AstKind<'a>> + '_ {
        self.nodes.ancestor_kinds(node)
    }

    /// The nearest function around a node, `None` at the top level of the file.
    pub fn enclosing_function(&self, node: NodeId) -> Option<AstKind<'a>> {
        self.ancestors(node).find(|kind| {
            matches!(
                kind,
                AstKind::Function(_) | AstKind::ArrowFunctionExpression(_)
            )
        })
    }
}

/// The body of a function-like node or of the whole program.
pub fn body_of<'a, 'b>(kind: &'b AstKind<'a>) -> Option<&'b [Statement<'a>]> {
    match kind {
        AstKind::Program(program) => Some(&program.body),
        AstKind::Function(function) => function.body.as_ref().map(|b| statements(b)),
        AstKind::ArrowFunctionExpression(arrow) => arrow.body.as_function_body().map(statements),
        _ => None,
    }
}

fn statements<'a, 'b>(body: &'b FunctionBody<'a>) -> &'b [Statement<'a>] {
    &body.statements
}

/// `object.name`, `object["name"]`: the object and the name.
pub fn member<'a, 'b>(expression: &'b Expression<'a>) -> Option<(&'b Expression<'a>, &'b str)> {
    match expression.without_parentheses() {
        Expression::StaticMemberExpression(m) => Some((&m.object, m.property.name.as_str())),
        Expression::ComputedMemberExpression(m) => match &m.expression {
            Expression::StringLiteral(s) => Some((&m.object, s.value.as_str())),
            _ => None,
        },
        _ => None,
    }
}

/// The same for something that is assigned to.
pub fn target_member<'a, 'b>(
    target: &'b AssignmentTarget<'a>,
) -> Option<(&'b Expression<'a>, &'b str)> {
    match target {
        AssignmentTarget::StaticMemberExpression(m) => Some((&m.object, m.property.name.as_str())),
        AssignmentTarget::ComputedMemberExpression(m) => match &m.expression {
            Expression::StringLiteral(s) => Some((&m.object, s.value.as_str())),
            _ => None,
        },
        _ => None,
    }
}

pub fn target_identifier<'a, 'b>(
    target: &'b AssignmentTarget<'a>,
) -> Option<&'b IdentifierReference<'a>> {
    match target {
        AssignmentTarget::AssignmentTargetIdentifier(id) => Some(id),
        _ => None,
    }
}

pub fn identifier<'a, 'b>(expression: &'b Expression<'a>) -> Option<&'b IdentifierReference<'a>> {
    match expression.without_parentheses() {
        Expression::Identifier(id) => Some(id),
        _ => None,
    }
}

pub fn is_identifier(expression: &Expression<'_>, name: &str) -> bool {
    identifier(expression).is_some_and(|id| id.name == name)
}

/// The identifier at the root of `a.b[c].d(...)`.
pub fn root_identifier<'a, 'b>(
    mut expression: &'b Expression<'a>,
) -> Option<&'b IdentifierReference<'a>> {
    loop {
        match expression.without_parentheses() {
            Expression::Identifier(id) => return Some(id),
            Expression::StaticMemberExpression(m) => expression = &m.object,
            Expression::ComputedMemberExpression(m) => expression = &m.object,
            Expression::CallExpression(c) => expression = &c.callee,
            _ => return None,
        }
    }
}

pub fn contains(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}
