//! The way through a file: scopes open and close, and each construct is handed to whoever knows it.

use super::edits::Edits;
use super::facts::{Fact, What};
use super::register::Matter;
use super::scope::{ARGUMENTS, Boundary, How, NEW_TARGET, Phase, Scope, THIS, Use, value};
use super::{Options, values};
use oxc_ast::ast::*;
use oxc_ast_visit::{VisitJs, walk_js};
use oxc_span::{GetSpan, Span};
use oxc_syntax::scope::ScopeFlags;
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
    declaring: How,
    /// Of the functions on the way: whether they may go on later, and whether they then could catch what ends them.
    resuming: Vec<Resuming>,
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
}

/// Functions that change what a comparison of values does not show, and the one that shows it.
pub(super) const REFLECTING: [&str; 8] = [
    "assign",
    "getOwnPropertyDescriptor",
    "defineProperty",
    "defineProperties",
    "freeze",
    "seal",
    "preventExtensions",
    "setPrototypeOf",
];

/// Names of the language that splices rely on.
const RELIED_ON: [&str; 4] = ["Object", "Reflect", "eval", "Promise"];

#[derive(Clone, Copy, Debug, Default)]
struct Resuming {
    may: bool,
    catches: bool,
}

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

    fn next_site(&mut self, at: u32, matter: &Matter<'a>) -> u32 {
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

    fn block(&mut self, span: Span, statements: &oxc_allocator::Vec<'a, Statement<'a>>) {
        self.enter(Boundary::None, false);
        self.visit_statements(statements);
        let scope = self.leave();
        if let Some(matter) = Matter::of(&scope, &[], |_| false) {
            self.register(span.start + 1, &matter, true);
        }
    }

    // Text.

    /// A statement that the end of a line ends: what was put at its end must not go on in the next.
    fn end_statement(&mut self, span: Span) {
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

    // Functions.

    pub fn function(&mut self, it: &Function<'a>, method: Method) -> Captures {
        let strict = self.strict;
        self.strict |= it.has_use_strict_directive();
        let own_name = match (&it.id, it.r#type) {
            (Some(id), FunctionType::FunctionExpression) => Some(id.name.as_str()),
            _ => None,
        };
        self.enter(Boundary::Function, true);
        let Some(body) = &it.body else {
            self.leave();
            return Captures::default();
        };
        let start = self.after_directives(&body.directives, body.span.start + 1);
        self.begin_function(it.r#async || it.generator);
        let separate = self.parameters(&it.params);
        self.asm(&body.directives);
        self.visit_statements(&body.statements);
        let notes = self.end_function() || (it.generator && self.options.made);
        let mut inner = separate.then(|| self.leave());
        // Its own name means the function, unless something else in it has that name.
        if let Some(name) = own_name {
            self.top().declare(name, How::Own, value::OTHER);
        }
        let scope = self.leave();
        let own_captured = own_name.filter(|name| {
            let own = scope.get(name).filter(|own| own.how == How::Own);
            own.is_some_and(|own| scope.evil || own.uses.captured && own.uses.read)
                && inner.as_ref().is_none_or(|s| s.get(name).is_none())
        });
        let own_in_head = own_captured.is_some_and(|name| {
            let own = scope.get(name);
            own.is_some_and(|own| own.uses.head)
        });
        let captures = Captures {
            uses_this: scope.uses_this,
            uses_arguments: scope.uses_arguments,
        };
        let mut also: Vec<&'a str> = scope.implicit.clone();
        also.extend(own_captured);
        self.tell_function(
            it.span.start,
            start,
            &scope,
            inner.as_mut(),
            &also,
            own_in_head || scope.implicit_head,
            it.generator,
        );
        if notes {
            self.note_generation(start);
        }
        if self.options.made {
            self.tell_made(it, &captures, method, start);
        }
        self.strict = strict;
        captures
    }

    /// Walks parameters. When they have expressions, the body has a scope of its own, which is entered.
    fn parameters(&mut self, parameters: &FormalParameters<'a>) -> bool {
        let outer = std::mem::replace(&mut self.declaring, How::Param);
        let separate = values::has_expressions(parameters);
        self.top().phase = Phase::Head;
        walk_js::walk_formal_parameters(self, parameters);
        self.top().phase = Phase::Body;
        self.declaring = outer;
        if separate {
            self.enter(Boundary::None, true);
        }
        separate
    }

    fn tell_function(
        &mut self,
        from: u32,
        (at, separator): (u32, &str),
        scope: &Scope<'a>,
        mut inner: Option<&mut Scope<'a>>,
        also: &[&'a str],
        also_in_head: bool,
        generator: bool,
    ) {
        // A variable of the body begins as the parameter of its name.
        for binding in inner.iter_mut().flat_map(|inner| &mut inner.bindings) {
            if scope.get(binding.name).is_some() {
                binding.uses.value |= value::OTHER;
            }
        }
        let inner = inner.as_deref();
        let shadowed = |name: &str| inner.is_some_and(|inner| inner.get(name).is_some());
        // Behind a variable of the body, a parameter is out of reach.
        let hidden = scope
            .bindings
            .iter()
            .any(|b| b.uses.captured && b.uses.head && shadowed(b.name));
        if hidden {
            self.fact(What::HiddenParameter, from);
        }
        let outer = Matter::of(scope, also, shadowed);
        let mut body = inner.and_then(|inner| Matter::of(inner, &[], |_| false));
        let mut put = separator.to_owned();
        if let Some(mut matter) = outer {
            matter.head |= also_in_head;
            // Closures made by the parameters do not hold what the body has.
            if matter.head {
                if generator {
                    self.fact(What::GeneratorParameters, from);
                }
                let site = self.next_site(at, &matter);
                put.push_str(&matter.statement(site, false));
            } else {
                match &mut body {
                    Some(body) => body.join(matter),
                    None => body = Some(matter),
                }
            }
        }
        if let Some(matter) = body {
            let site = self.next_site(at, &matter);
            put.push_str(&matter.statement(site, true));
        }
        if put.len() > separator.len() {
            self.edits.start(at, put);
        }
    }

    fn tell_made(
        &mut self,
        it: &Function<'a>,
        captures: &Captures,
        method: Method,
        (at, separator): (u32, &str),
    ) {
        match method {
            _ if it.generator => {}
            Method::Constructor { derived: false } => {
                self.edits.start(at, format!("{separator}$rw.made(this);"));
            }
            Method::No if captures.uses_this && !it.r#async => {
                let code = format!("{separator}new.target&&$rw.made(this);");
                self.edits.start(at, code);
            }
            _ => {}
        }
    }

    fn begin_function(&mut self, may: bool) {
        self.resuming.push(Resuming {
            may,
            catches: false,
        });
    }
    /// Whether the function must know its generation.
    fn end_function(&mut self) -> bool {
        self.resuming.pop().is_some_and(|it| it.catches)
    }
    fn note_generation(&mut self, (at, separator): (u32, &str)) {
        self.edits
            .start(at, format!("{separator}const $rwG=$rw.generation;"));
    }
    /// At the start of what would run when the generation of a function that goes on later is over.
    fn may_be_over(&mut self, block: Span) {
        if let Some(function) = self.resuming.last_mut()
            && function.may
        {
            function.catches = true;
            self.edits.start(block.start + 1, "$rw.over($rwG);");
        }
    }

    /// Code with registrations is no asm.js; V8 would say so on the console.
    fn asm(&mut self, directives: &[Directive<'a>]) {
        for directive in directives {
            if directive.directive.as_str() == "use asm" {
                let span = directive.expression.span;
                self.edits.replace(span.start + 1, span.end - 1, "use_asm");
                self.facts
                    .push(Fact::new(What::Asm, span.start, String::new()));
            }
        }
    }

    fn arrow(&mut self, it: &ArrowFunctionExpression<'a>) {
        let strict = self.strict;
        self.strict |= it.has_use_strict_directive();
        self.enter(Boundary::Arrow, true);
        self.begin_function(it.r#async);
        let separate = self.parameters(&it.params);
        let mut notes = None;
        match &it.body {
            ArrowFunctionBody::FunctionBody(body) => {
                let start = self.after_directives(&body.directives, body.span.start + 1);
                self.visit_statements(&body.statements);
                notes = self.end_function().then_some(start);
                let mut inner = separate.then(|| self.leave());
                let scope = self.leave();
                self.tell_function(
                    it.span.start,
                    start,
                    &scope,
                    inner.as_mut(),
                    &[],
                    false,
                    false,
                );
            }
            body => {
                let at = body.span().start;
                self.visit_expression(body.to_expression());
                self.end_function();
                if separate {
                    self.leave();
                }
                let scope = self.leave();
                if let Some(matter) = Matter::of(&scope, &[], |_| false) {
                    let site = self.next_site(at, &matter);
                    let code = matter.statement(site, !matter.head);
                    self.edits.start(at, format!("{{{code}return ("));
                    self.edits.close(it.span.end, ")}");
                }
            }
        }
        if let Some(start) = notes {
            self.note_generation(start);
        }
        self.strict = strict;
    }

    // Loops.

    fn for_loop(&mut self, it: &ForStatement<'a>) {
        self.enter(Boundary::None, false);
        self.top().phase = Phase::Head;
        match &it.init {
            Some(ForStatementInit::VariableDeclaration(init)) => self.variables(init, None),
            Some(init) => self.visit_expression(init.to_expression()),
            None => {}
        }
        self.top().phase = Phase::Test;
        let slot = it
            .test
            .as_ref()
            .map(|test| self.edits.reserve(test.span().start));
        if let Some(test) = &it.test {
            self.visit_expression(test);
        }
        let test_end = it.test.as_ref().map(|test| test.span().end);
        if let Some(update) = &it.update {
            self.visit_expression(update);
        }
        self.top().phase = Phase::Body;
        let body_from = it.body.span();
        self.visit_statement(&it.body);
        let scope = self.leave();
        let Some(matter) = Matter::of(&scope, &[], |_| false) else {
            return;
        };
        // The environment of the initialisation is none of those that rounds have.
        if matter.head
            && let Some(ForStatementInit::VariableDeclaration(init)) = &it.init
        {
            let end = init
                .declarations
                .last()
                .map_or(init.span.end, |d| d.span.end);
            let site = self.next_site(end, &matter);
            self.edits
                .close(end, format!(",$rw{site}={}", matter.call(site, true)));
        }
        // What test and update make does not hold the body's scope; and the last round has no body.
        if matter.test {
            let site = self.next_site(body_from.start, &matter);
            let call = matter.call(site, false);
            match (slot, test_end) {
                (Some(slot), Some(end)) => {
                    self.edits.fill(slot, format!("({call},"));
                    self.edits.close(end, ")");
                }
                _ => {
                    if let Some(at) = self.empty_test(it) {
                        self.edits.start(at, format!("({call},true)"));
                    }
                }
            }
        } else {
            self.loop_body(body_from, &it.body, &matter, true);
        }
    }

    /// Where the test of a loop would stand that has none.
    fn empty_test(&mut self, it: &ForStatement<'a>) -> Option<u32> {
        let from = match &it.init {
            Some(ForStatementInit::VariableDeclaration(init)) => init
                .declarations
                .last()
                .map_or(init.span.end, |d| d.span.end),
            Some(init) => init.span().end,
            None => {
                let open = self.token_from(it.span.start + 3);
                open + 1
            }
        };
        let semicolon = self.token_from(from);
        if self.is_at(semicolon, ";") {
            return Some(semicolon + 1);
        }
        self.fact(What::Unknown, it.span.start);
        None
    }

    fn loop_body(&mut self, span: Span, body: &Statement<'a>, matter: &Matter<'a>, weak: bool) {
        if matches!(body, Statement::BlockStatement(_)) {
            self.register(span.start + 1, matter, weak);
            return;
        }
        let site = self.next_site(span.start, matter);
        let code = matter.statement(site, weak);
        self.edits.start(span.start, format!("{{{code}"));
        self.edits.close(span.end, "}");
    }

    fn for_each(&mut self, left: &ForStatementLeft<'a>, right: Each<'_, 'a>, body: &Statement<'a>) {
        self.enter(Boundary::None, false);
        self.top().phase = Phase::Head;
        let value = match right {
            Each::In(_) => value::PRIMITIVE,
            _ => value::OTHER,
        };
        match left {
            ForStatementLeft::VariableDeclaration(declaration) => {
                self.variables(declaration, Some(value));
            }
            left => match left.to_assignment_target() {
                AssignmentTarget::AssignmentTargetIdentifier(id) => {
                    self.written(id.name.as_str(), value);
                }
                target => self.visit_assignment_target(target),
            },
        }
        match right {
            Each::In(right) | Each::Of(right) => self.visit_expression(right),
            Each::Await(right) => {
                let span = right.span();
                self.edits.open(span.start, "$rw.each(");
                self.visit_expression(right);
                self.edits.close(span.end, ")");
            }
        }
        self.top().phase = Phase::Body;
        let span = body.span();
        self.visit_statement(body);
        let scope = self.leave();
        if let Some(matter) = Matter::of(&scope, &[], |_| false) {
            let weak = !matter.head;
            self.loop_body(span, body, &matter, weak);
        }
    }

    /// `looped`: what each round of a loop gives the variables.
    fn variables(&mut self, it: &VariableDeclaration<'a>, looped: Option<u8>) {
        let how = match it.kind {
            VariableDeclarationKind::Var => How::Var,
            VariableDeclarationKind::Let => How::Let,
            VariableDeclarationKind::AwaitUsing => {
                self.fact(What::AwaitUsing, it.span.start);
                How::Const
            }
            _ => How::Const,
        };
        // The variables that the head of a loop makes are none of those that its rounds have.
        let free = it.kind == VariableDeclarationKind::Const
            && (looped.is_some() || self.top().phase == Phase::Body);
        for declarator in &it.declarations {
            match &declarator.id {
                BindingPattern::BindingIdentifier(id) => {
                    let name = id.name.as_str();
                    self.declare(name, how, 0);
                    match (&declarator.init, looped) {
                        // What gives a constant its value is no assignment.
                        (Some(init), _) if how == How::Const => {
                            self.declare(name, how, values::of(init));
                        }
                        (None, Some(value)) if how == How::Const => self.declare(name, how, value),
                        (Some(init), _) => self.written(name, values::of(init)),
                        (None, Some(value)) => self.written(name, value),
                        (None, None) if how == How::Var => {}
                        (None, None) => self.written(name, value::PRIMITIVE),
                    }
                }
                pattern => {
                    let outer = std::mem::replace(&mut self.declaring, how);
                    self.visit_binding_pattern(pattern);
                    self.declaring = outer;
                }
            }
            if free {
                for id in declarator.id.get_binding_identifiers() {
                    self.top().constant(id.name.as_str(), it.span.start);
                }
            }
            if let Some(init) = &declarator.init {
                self.note_outside(&declarator.id, init);
                match (&declarator.id, init) {
                    (BindingPattern::ObjectPattern(_), Expression::Identifier(id)) => {
                        self.reflective(id);
                    }
                    _ => self.visit_expression(init),
                }
            }
        }
    }

    /// A function declaration: in a block of sloppy code it may be a variable of the function, too.
    fn function_declaration(&mut self, it: &Function<'a>) {
        let at_top = self.top().holds_vars;
        let captures = self.function(it, Method::No);
        let Some(id) = &it.id else { return };
        let name = id.name.as_str();
        let value = if values::is_bare(it, captures.uses_arguments) {
            value::FUNCTION
        } else {
            value::OTHER
        };
        let how = if at_top {
            How::Function
        } else {
            How::BlockFunction
        };
        self.declare(name, how, value);
        if !at_top && !self.strict && !it.generator && !it.r#async {
            // Not within this block, where the name is taken: from the one around it on.
            let around = self.scopes.len().checked_sub(2);
            if let Some(scope) = around.and_then(|at| self.scopes.get_mut(at)) {
                scope.hoist(name);
            }
        }
    }

    fn switch(&mut self, it: &SwitchStatement<'a>) {
        self.visit_expression(&it.discriminant);
        self.enter(Boundary::None, false);
        self.visit_switch_cases(&it.cases);
        let scope = self.leave();
        let Some(matter) = Matter::of(&scope, &[], |_| false) else {
            return;
        };
        // Each case may be the first.
        for case in &it.cases {
            let end = match &case.test {
                Some(test) => test.span().end,
                None => case.span.start + "default".len() as u32,
            };
            let colon = self.token_from(end);
            if self.is_at(colon, ":") {
                self.register(colon + 1, &matter, true);
            } else {
                self.fact(What::Unknown, case.span.start);
            }
        }
    }

    fn catch(&mut self, it: &CatchClause<'a>) {
        self.enter(Boundary::None, false);
        if let Some(param) = &it.param {
            self.top().phase = Phase::Head;
            // A plain name does not stand in the way of hoisting.
            let how = match &param.pattern {
                BindingPattern::BindingIdentifier(_) => How::Var,
                _ => How::Let,
            };
            let outer = std::mem::replace(&mut self.declaring, how);
            match &param.pattern {
                BindingPattern::BindingIdentifier(id) => {
                    self.top().declare(id.name.as_str(), How::Var, value::OTHER);
                }
                pattern => self.visit_binding_pattern(pattern),
            }
            self.declaring = outer;
            self.top().phase = Phase::Body;
        }
        self.may_be_over(it.body.span);
        self.visit_block_statement(&it.body);
        let scope = self.leave();
        if let Some(matter) = Matter::of(&scope, &[], |_| false) {
            let weak = !matter.head;
            self.register(it.body.span.start + 1, &matter, weak);
        }
    }

    fn with(&mut self, it: &WithStatement<'a>) {
        let span = it.object.span();
        // In parentheses: it may be a list.
        self.edits.open(span.start, "$rw.keep((");
        self.visit_expression(&it.object);
        self.edits.close(span.end, "))");
        let before = self.edits.held_back;
        self.edits.hold_back();
        self.enter(Boundary::None, false);
        self.visit_statement(&it.body);
        self.leave();
        self.edits.go_on();
        if self.edits.held_back > before {
            self.fact(What::With, it.span.start);
        }
    }

    /// `if (x) function f () {}`: as in a block.
    fn branch(&mut self, it: &Statement<'a>) {
        if matches!(it, Statement::FunctionDeclaration(_)) {
            self.enter(Boundary::None, false);
            self.visit_statement(it);
            let scope = self.leave();
            if let Some(matter) = Matter::of(&scope, &[], |_| false) {
                let span = it.span();
                let site = self.next_site(span.start, &matter);
                let code = matter.statement(site, true);
                self.edits.start(span.start, format!("{{{code}"));
                self.edits.close(span.end, "}");
            }
        } else {
            self.visit_statement(it);
        }
    }

    /// `eval` may do anything to any binding in sight.
    pub fn evil(&mut self) {
        let top = self.top();
        top.evil = true;
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

/// What a function turned out to use.
#[derive(Clone, Copy, Default)]
pub(super) struct Captures {
    pub uses_this: bool,
    pub uses_arguments: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    No,
    Yes,
    Constructor { derived: bool },
}

#[derive(Clone, Copy)]
enum Each<'e, 'a> {
    In(&'e Expression<'a>),
    Of(&'e Expression<'a>),
    Await(&'e Expression<'a>),
}

/// Whether it is a link of an optional chain, or of `super`.
fn is_linked(it: &StaticMemberExpression<'_>) -> bool {
    it.optional
        || super::calls::has_optional(&it.object)
        || matches!(it.object, Expression::Super(_))
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

impl<'a> VisitJs<'a> for Walker<'_, 'a> {
    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        if it.name == "eval" {
            self.indirect_eval(it.span);
        }
        self.read(it.name.as_str());
    }
    fn visit_binding_identifier(&mut self, it: &BindingIdentifier<'a>) {
        let name = it.name.as_str();
        let how = self.declaring;
        if how == How::Const {
            self.declare(name, how, value::OTHER);
        } else {
            self.declare(name, how, 0);
            self.written(name, value::OTHER);
        }
    }
    fn visit_this_expression(&mut self, _: &ThisExpression) {
        self.read(THIS);
    }
    fn visit_new_target(&mut self, _: &NewTarget) {
        self.read(NEW_TARGET);
    }
    fn visit_super(&mut self, _: &Super) {
        if let Some(home) = self.homes.last_mut() {
            *home = true;
        }
    }

    // Assignments.

    fn visit_simple_assignment_target(&mut self, it: &SimpleAssignmentTarget<'a>) {
        match it {
            SimpleAssignmentTarget::AssignmentTargetIdentifier(id) => {
                self.assigned_name(id, value::OTHER);
            }
            target => {
                let member = target.as_member_expression();
                if !member.is_some_and(|member| self.changed_member(member)) {
                    walk_js::walk_simple_assignment_target(self, it);
                }
            }
        }
    }
    fn visit_assignment_target_property_identifier(
        &mut self,
        it: &AssignmentTargetPropertyIdentifier<'a>,
    ) {
        self.assigned_name(&it.binding, value::OTHER);
        if let Some(init) = &it.init {
            self.visit_expression(init);
        }
    }
    fn visit_assignment_expression(&mut self, it: &AssignmentExpression<'a>) {
        match &it.left {
            AssignmentTarget::AssignmentTargetIdentifier(id) => {
                self.assigned_name(id, values::assigned(it.operator, &it.right));
                if it.operator != AssignmentOperator::Assign {
                    self.read(id.name.as_str());
                }
            }
            target => self.visit_assignment_target(target),
        }
        self.visit_expression(&it.right);
    }
    fn visit_update_expression(&mut self, it: &UpdateExpression<'a>) {
        match &it.argument {
            SimpleAssignmentTarget::AssignmentTargetIdentifier(id) => {
                self.assigned_name(id, value::PRIMITIVE);
                self.read(id.name.as_str());
            }
            target => self.visit_simple_assignment_target(target),
        }
    }

    fn visit_unary_expression(&mut self, it: &UnaryExpression<'a>) {
        let member = it.argument.as_member_expression();
        let deleted = it.operator == UnaryOperator::Delete
            && member.is_some_and(|member| self.changed_member(member));
        if !deleted {
            walk_js::walk_unary_expression(self, it);
        }
    }

    // Declarations and scopes.

    fn visit_variable_declaration(&mut self, it: &VariableDeclaration<'a>) {
        self.variables(it, None);
        self.end_statement(it.span);
    }
    fn visit_expression_statement(&mut self, it: &ExpressionStatement<'a>) {
        self.visit_expression(&it.expression);
        self.end_statement(it.span);
    }
    fn visit_return_statement(&mut self, it: &ReturnStatement<'a>) {
        walk_js::walk_return_statement(self, it);
        self.end_statement(it.span);
    }
    fn visit_throw_statement(&mut self, it: &ThrowStatement<'a>) {
        walk_js::walk_throw_statement(self, it);
        self.end_statement(it.span);
    }
    fn visit_function(&mut self, it: &Function<'a>, _: ScopeFlags) {
        if it.r#type == FunctionType::FunctionDeclaration {
            self.function_declaration(it);
        } else {
            self.function(it, Method::No);
        }
    }
    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        self.arrow(it);
    }
    fn visit_class(&mut self, it: &Class<'a>) {
        self.class(it);
    }
    fn visit_static_block(&mut self, it: &StaticBlock<'a>) {
        self.static_block(it);
    }
    fn visit_block_statement(&mut self, it: &BlockStatement<'a>) {
        self.block(it.span, &it.body);
    }
    fn visit_if_statement(&mut self, it: &IfStatement<'a>) {
        self.visit_expression(&it.test);
        self.branch(&it.consequent);
        if let Some(alternate) = &it.alternate {
            self.branch(alternate);
        }
    }
    fn visit_for_statement(&mut self, it: &ForStatement<'a>) {
        self.for_loop(it);
    }
    fn visit_for_in_statement(&mut self, it: &ForInStatement<'a>) {
        self.for_each(&it.left, Each::In(&it.right), &it.body);
    }
    fn visit_for_of_statement(&mut self, it: &ForOfStatement<'a>) {
        let right = if it.r#await {
            Each::Await(&it.right)
        } else {
            Each::Of(&it.right)
        };
        self.for_each(&it.left, right, &it.body);
    }
    fn visit_switch_statement(&mut self, it: &SwitchStatement<'a>) {
        self.switch(it);
    }
    fn visit_try_statement(&mut self, it: &TryStatement<'a>) {
        self.visit_block_statement(&it.block);
        if let Some(handler) = &it.handler {
            self.visit_catch_clause(handler);
        }
        if let Some(finalizer) = &it.finalizer {
            self.may_be_over(finalizer.span);
            self.visit_block_statement(finalizer);
        }
    }
    fn visit_catch_clause(&mut self, it: &CatchClause<'a>) {
        self.catch(it);
    }
    fn visit_with_statement(&mut self, it: &WithStatement<'a>) {
        self.with(it);
    }

    // Objects, calls, and what goes on later.

    fn visit_object_expression(&mut self, it: &ObjectExpression<'a>) {
        self.object(it);
    }
    fn visit_static_member_expression(&mut self, it: &StaticMemberExpression<'a>) {
        match &it.object {
            Expression::Identifier(id) if REFLECTING.contains(&it.property.name.as_str()) => {
                self.reflective(id);
            }
            object if it.property.name == "constructor" && !is_linked(it) => {
                // `Function` and its kin make functions from text.
                self.edits.open(it.span.start, "$rw.maker(");
                self.visit_expression(object);
                self.edits.close(it.span.end, ")");
            }
            object => self.visit_expression(object),
        }
    }
    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        self.call(it, false);
    }
    fn visit_new_expression(&mut self, it: &NewExpression<'a>) {
        let promise = matches!(&it.callee, Expression::Identifier(id) if id.name == "Promise");
        let one = matches!(it.arguments.as_slice(), [one] if !one.is_spread());
        if promise && one && !self.own.contains(&"Promise") {
            self.edits
                .replace(it.span.start, it.callee.span().end, "$rw.promise");
            self.visit_arguments(&it.arguments);
        } else if it.callee.is_member_expression() {
            // The first parentheses behind `new` would be its arguments.
            let callee = it.callee.span();
            self.edits.open(callee.start, "(");
            self.visit_expression(&it.callee);
            self.edits.close(callee.end, ")");
            self.visit_arguments(&it.arguments);
        } else {
            walk_js::walk_new_expression(self, it);
        }
    }
    fn visit_chain_expression(&mut self, it: &ChainExpression<'a>) {
        match &it.expression {
            ChainElement::CallExpression(call) => self.call(call, true),
            _ => walk_js::walk_chain_expression(self, it),
        }
    }
    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        self.import(it);
    }
    fn visit_await_expression(&mut self, it: &AwaitExpression<'a>) {
        self.edits
            .open(it.span.start + "await".len() as u32, " $rw.wait(");
        self.visit_expression(&it.argument);
        self.edits.close(it.span.end, ")");
    }
    fn visit_yield_expression(&mut self, it: &YieldExpression<'a>) {
        if self.options.made {
            self.edits.open(it.span.start, "$rw.resumed($rwG,");
        }
        walk_js::walk_yield_expression(self, it);
        if self.options.made {
            self.edits.close(it.span.end, ")");
        }
    }
    fn visit_module_declaration(&mut self, it: &ModuleDeclaration<'a>) {
        self.module_syntax = true;
        walk_js::walk_module_declaration(self, it);
    }
    fn visit_import_declaration(&mut self, it: &ImportDeclaration<'a>) {
        let outer = std::mem::replace(&mut self.declaring, How::Import);
        if let Some(specifiers) = &it.specifiers {
            self.visit_import_declaration_specifiers(specifiers);
        }
        self.declaring = outer;
    }
    fn visit_accessor_property(&mut self, it: &AccessorProperty<'a>) {
        self.fact(What::Unknown, it.span.start);
        walk_js::walk_accessor_property(self, it);
    }
}
