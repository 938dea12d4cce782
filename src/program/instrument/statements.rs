//! Statements that have scopes of their own: blocks, loops, `switch`, `catch`, `with`; and declarations.

use super::facts::What;
use super::register::Matter;
use super::scope::{Boundary, How, Phase, value};
use super::values;
use super::walker::Walker;
use oxc_ast::ast::*;
use oxc_ast_visit::VisitJs;
use oxc_span::{GetSpan, Span};

#[derive(Clone, Copy)]
pub(super) enum Each<'e, 'a> {
    In(&'e Expression<'a>),
    Of(&'e Expression<'a>),
    Await(&'e Expression<'a>),
}

impl<'a> Walker<'_, 'a> {
    pub fn block(&mut self, span: Span, statements: &oxc_allocator::Vec<'a, Statement<'a>>) {
        self.enter(Boundary::None, false);
        self.visit_statements(statements);
        let scope = self.leave();
        if let Some(matter) = Matter::of(&scope, &[], |_| false) {
            self.register(span.start + 1, &matter, true);
        }
    }

    pub fn for_loop(&mut self, it: &ForStatement<'a>) {
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
    pub fn empty_test(&mut self, it: &ForStatement<'a>) -> Option<u32> {
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

    pub fn loop_body(&mut self, span: Span, body: &Statement<'a>, matter: &Matter<'a>, weak: bool) {
        if matches!(body, Statement::BlockStatement(_)) {
            self.register(span.start + 1, matter, weak);
            return;
        }
        let site = self.next_site(span.start, matter);
        let code = matter.statement(site, weak);
        self.edits.start(span.start, format!("{{{code}"));
        self.edits.close(span.end, "}");
    }

    pub fn for_each(
        &mut self,
        left: &ForStatementLeft<'a>,
        right: Each<'_, 'a>,
        body: &Statement<'a>,
    ) {
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
    pub fn variables(&mut self, it: &VariableDeclaration<'a>, looped: Option<u8>) {
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
                    (BindingPattern::BindingIdentifier(id), Expression::ObjectExpression(_))
                        if self.is_local(how) =>
                    {
                        self.first_of = Some(id.name.as_str());
                        self.visit_expression(init);
                    }
                    _ => self.visit_expression(init),
                }
            }
        }
    }

    /// Whether what is declared so here is a variable of this very scope, and of a function.
    fn is_local(&mut self, how: How) -> bool {
        self.scopes.len() > 1 && (how != How::Var || self.top().holds_vars)
    }

    pub fn switch(&mut self, it: &SwitchStatement<'a>) {
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

    pub fn catch(&mut self, it: &CatchClause<'a>) {
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

    pub fn with(&mut self, it: &WithStatement<'a>) {
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
    pub fn branch(&mut self, it: &Statement<'a>) {
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
}
