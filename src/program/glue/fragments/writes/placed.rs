//! The insertions: where they stand, and the text with them.

use super::{Teller, Wrap};
use oxc_ast::AstKind;
use oxc_ast::ast::FunctionBody;
use oxc_semantic::NodeId;
use oxc_span::{GetSpan, Span};

impl<'a> Teller<'a, '_> {
    /// What happens here cannot be told of beforehand. At the top level it is part of start-up.
    pub(super) fn unknown(&mut self, id: NodeId) {
        if let Some(function) = self.function_around(id) {
            self.opaque.entry(function).or_insert("$emvm.all()");
        }
    }

    /// Something is fetched here that may change any object. What start-up fetches is used later.
    pub(super) fn changer(&mut self, id: NodeId) {
        match self.function_around(id) {
            Some(function) => {
                self.opaque.insert(function, "$emvm.changer()");
            }
            None => self.holds = true,
        }
    }

    fn function_around(&self, id: NodeId) -> Option<NodeId> {
        let is_function = |kind: AstKind<'a>| {
            matches!(
                kind,
                AstKind::Function(_) | AstKind::ArrowFunctionExpression(_)
            )
        };
        let mut around = self.ast.nodes.ancestors(id);
        around
            .find(|node| is_function(node.kind()))
            .map(oxc_semantic::AstNode::id)
    }

    pub(super) fn announce(&mut self, id: NodeId, tell: &str) {
        match self.ast.nodes.kind(id) {
            AstKind::Function(f) => {
                if let Some(body) = &f.body {
                    self.at_start(body, tell);
                }
            }
            AstKind::ArrowFunctionExpression(a) => match a.body.as_function_body() {
                Some(body) => self.at_start(body, tell),
                None => {
                    self.wraps.push(Wrap {
                        span: a.body.span(),
                        before: format!("({tell},"),
                        after: ")".into(),
                    });
                }
            },
            _ => {}
        }
    }

    fn at_start(&mut self, body: &FunctionBody<'a>, tell: &str) {
        let at = body
            .directives
            .last()
            .map_or(body.span.start + 1, |d| d.span.end);
        self.wraps.push(Wrap {
            span: Span::new(at, at),
            before: format!(";{tell};"),
            after: String::new(),
        });
    }

    pub(super) fn render(mut self) -> String {
        // At one place: what ends there, what is put between, what begins there; the inner ends first, the outer begins first.
        // Of two around the same piece the first is the outer one.
        let mut marks: Vec<(u32, u8, u32, isize, usize)> = Vec::new();
        for (i, wrap) in self.wraps.iter().enumerate() {
            let order = i.cast_signed();
            let begins = if wrap.span.is_empty() { 1 } else { 2 };
            marks.push((wrap.span.start, begins, u32::MAX - wrap.span.end, order, i));
            if !wrap.after.is_empty() {
                marks.push((wrap.span.end, 0, u32::MAX - wrap.span.start, -order, i));
            }
        }
        marks.sort_unstable();
        let text = self.ast.text;
        let mut out = String::with_capacity(text.len() + marks.len() * 16);
        let mut at = 0;
        for (place, ends, _, _, i) in marks {
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
