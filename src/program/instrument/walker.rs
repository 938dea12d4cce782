//! The way through a file: scopes open and close, names are noted, registrations are put in.

use super::Options;
use super::edits::Edits;
use super::facts::{Fact, What};
use super::functions::Resuming;
use super::register::Matter;
use super::scope::{ARGUMENTS, Boundary, How, NEW_TARGET, Scope, THIS, Use};
use oxc_ast::ast::*;
use oxc_span::Span;
use rustc_hash::FxHashSet;

pub(super) struct Walker<'t, 'a> {
    pub text: &'t str,
    pub comments: &'t [Comment],
    pub options: &'t Options,
    pub edits: Edits,
    pub facts: Vec<Fact>,
    pub scopes: Vec<Scope<'a>>,
    /// The number of the next registration.
    pub site: u32,
    pub sites: Vec<(u32, u32, String)>,
    pub strict: bool,
    /// How the names of a pattern are declared.
    pub declaring: How,
    /// Of the functions on the way: whether they may go on later, and whether they then could catch what ends them.
    pub resuming: Vec<Resuming>,
    /// Whether a method on the way uses `super`.
    pub homes: Vec<bool>,
    /// It imports or exports.
    pub module_syntax: bool,
    /// Names of the language that the file is known to declare itself.
    pub own: &'t [&'static str],
    /// Those that it turned out to.
    pub shadowed: Vec<&'static str>,
    /// Variables that hold objects of the language's or of Node's.
    pub outside: FxHashSet<&'a str>,
    /// Whether functions of the file's own are being given arguments.
    pub gives: bool,
    /// The variable that the next object literal is the first value of.
    pub first_of: Option<&'a str>,
}

/// Functions that change what a comparison of values does not show, and the one that shows it.
pub(super) const REFLECTING: [&str; 10] = [
    "assign",
    "set",
    "deleteProperty",
    "getOwnPropertyDescriptor",
    "defineProperty",
    "defineProperties",
    "freeze",
    "seal",
    "preventExtensions",
    "setPrototypeOf",
];

/// Tells of an object literal.
pub(super) const LITERAL: &str = "$rw.literal(";

/// Names of the language that splices rely on.
const RELIED_ON: [&str; 4] = ["Object", "Reflect", "eval", "Promise"];

impl<'t, 'a> Walker<'t, 'a> {
    pub fn new(
        text: &'t str,
        comments: &'t [Comment],
        options: &'t Options,
        own: &'t [&'static str],
    ) -> Self {
        Self {
            text,
            comments,
            options,
            edits: Edits::default(),
            facts: Vec::new(),
            scopes: vec![Scope::new(Boundary::Function, true)],
            site: 0,
            sites: Vec::new(),
            strict: false,
            declaring: How::Var,
            resuming: Vec::new(),
            homes: Vec::new(),
            module_syntax: false,
            own,
            shadowed: Vec::new(),
            outside: FxHashSet::default(),
            gives: true,
            first_of: None,
        }
    }

    pub fn fact(&mut self, what: What, at: u32) {
        self.facts.push(Fact::new(what, at, String::new()));
    }

    // Scopes.

    pub fn top(&mut self) -> &mut Scope<'a> {
        if self.scopes.is_empty() {
            self.scopes.push(Scope::new(Boundary::Function, true));
        }
        let last = self.scopes.len() - 1;
        &mut self.scopes[last]
    }
    pub fn enter(&mut self, boundary: Boundary, holds_vars: bool) {
        self.scopes.push(Scope::new(boundary, holds_vars));
    }
    pub fn leave(&mut self) -> Scope<'a> {
        let mut scope = self
            .scopes
            .pop()
            .unwrap_or_else(|| Scope::new(Boundary::None, true));
        scope.close(self.scopes.last_mut());
        self.free(&scope);
        // What nobody else has had nobody has in a later generation.
        for (name, start, end) in std::mem::take(&mut scope.literals) {
            if scope.shares(name) {
                self.edits.fill(start, LITERAL);
                self.edits.fill(end, ")");
            }
        }
        scope
    }
    /// Constants that must be set at a rewind become variables.
    pub fn free(&mut self, scope: &Scope<'a>) {
        let mut keywords: Vec<u32> = scope
            .bindings
            .iter()
            .filter_map(|b| scope.freed(b))
            .collect();
        keywords.dedup();
        for at in keywords {
            self.edits.replace(at, at + "const".len() as u32, "let");
        }
    }
    pub fn declare(&mut self, name: &'a str, how: How, value: u8) {
        if let Some(known) = RELIED_ON.iter().find(|known| **known == name)
            && self.own.is_empty()
            && !self.shadowed.contains(known)
        {
            self.shadowed.push(known);
        }
        let scope = match how {
            How::Var => self.scopes.iter_mut().rev().find(|s| s.holds_vars),
            _ => self.scopes.last_mut(),
        };
        if let Some(scope) = scope {
            scope.declare(name, how, value);
        }
    }
    pub fn read(&mut self, name: &'a str) {
        let uses = Use {
            read: true,
            whole: true,
            ..Use::default()
        };
        self.top().note(name, uses);
    }
    /// A member of what it holds is used, and not called.
    pub fn member(&mut self, name: &'a str) {
        let uses = Use {
            read: true,
            ..Use::default()
        };
        self.top().note(name, uses);
    }
    /// What it holds is seen by others.
    pub fn shared(&mut self, name: &'a str) {
        let uses = Use {
            whole: true,
            ..Use::default()
        };
        self.top().note(name, uses);
    }
    pub fn called(&mut self, name: &'a str) {
        self.top().note(name, Use::default());
    }
    pub fn written(&mut self, name: &'a str, value: u8) {
        let uses = Use {
            write: true,
            value,
            ..Use::default()
        };
        self.top().note(name, uses);
    }

    /// The scope of the whole file, which nothing is around of.
    pub fn leave_last(&mut self) -> Scope<'a> {
        self.scopes
            .pop()
            .unwrap_or_else(|| Scope::new(Boundary::Function, true))
    }

    // Registrations.

    pub fn next_site(&mut self, at: u32, matter: &Matter<'a>) -> u32 {
        let site = self.site;
        self.site += 1;
        self.sites.push((site, at, matter.names().join(",")));
        site
    }
    /// A statement at the start of a block.
    pub fn register(&mut self, at: u32, matter: &Matter<'a>, weak: bool) {
        let site = self.next_site(at, matter);
        self.edits.start(at, matter.statement(site, weak));
    }

    /// A statement at the start of the file.
    pub fn register_first(&mut self, at: u32, separator: &str, matter: &Matter<'a>, weak: bool) {
        let site = self.next_site(at, matter);
        let code = matter.statement(site, weak);
        // What is held needs no name, and scripts share theirs.
        let code = if weak { code } else { format!("{{{code}}}") };
        self.edits.start(at, format!("{separator}{code}"));
    }

    // Text.

    /// A statement that the end of a line ends: what was put at its end must not go on in the next.
    pub fn end_statement(&mut self, span: Span) {
        let text = self.text.get(span.start as usize..span.end as usize);
        if text.is_some_and(|text| !text.ends_with(';')) && self.edits.closes_at(span.end) {
            self.edits.close(span.end, ";");
        }
    }
    /// The first place from `at` on that is neither space nor comment.
    pub fn token_from(&self, at: u32) -> u32 {
        let mut at = at;
        let mut next = self.comments.partition_point(|c| c.span.start < at);
        loop {
            let rest = self.text.get(at as usize..).unwrap_or_default();
            let space = rest.len() - rest.trim_start_matches(is_space).len();
            at += space as u32;
            match self.comments.get(next) {
                Some(comment) if comment.span.start == at => {
                    at = comment.span.end;
                    next += 1;
                }
                Some(comment) if comment.span.start < at => next += 1,
                _ => return at,
            }
        }
    }
    pub fn is_at(&self, at: u32, token: &str) -> bool {
        self.text
            .get(at as usize..)
            .is_some_and(|rest| rest.starts_with(token))
    }
    /// Where statements begin, after directives.
    pub fn after_directives(
        &self,
        directives: &[Directive<'a>],
        otherwise: u32,
    ) -> (u32, &'static str) {
        match directives.last() {
            None => (otherwise, ""),
            Some(last) => {
                let end = last.span.end;
                let ended = self
                    .text
                    .get(..end as usize)
                    .is_some_and(|text| text.ends_with(';'));
                (end, if ended { "" } else { ";" })
            }
        }
    }

    /// `eval` may do anything to any binding in sight.
    pub fn evil(&mut self) {
        let top = self.top();
        top.set_evil();
        let uses = Use {
            captured: true,
            read: true,
            ..Use::default()
        };
        for name in [THIS, ARGUMENTS, NEW_TARGET] {
            top.note(name, uses);
        }
    }
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}
