//! The insertions: where they stand, and the text with them.

use super::Teller;
use oxc_ast::AstKind;
use oxc_ast::ast::FunctionBody;
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};

impl<'a> Teller<'a, '_> {
    /// What happens here cannot be told of beforehand.
    pub(super) fn unknown(&mut self, id: NodeId) {
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

    pub(super) fn announce(&mut self, id: NodeId) {
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

    pub(super) fn render(mut self) -> String {
        // At one place: what ends there, what is put between, what begins there; the inner ends first, the outer begins first.
        let mut marks: Vec<(u32, u8, u32, usize)> = Vec::new();
        for (i, wrap) in self.wraps.iter().enumerate() {
            let begins = if wrap.span.is_empty() { 1 } else { 2 };
            marks.push((wrap.span.start, begins, u32::MAX - wrap.span.end, i));
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
