//! Functions: parameters, bodies, and what is told at their start.

use super::facts::{Fact, What};
use super::register::Matter;
use super::scope::{Boundary, How, Phase, Scope, value};
use super::values;
use super::walker::Walker;
use oxc_ast::ast::*;
use oxc_ast_visit::{VisitJs, walk_js};
use oxc_span::{GetSpan, Span};

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

/// Where a function begins that must know its generation later.
const NOTE: &str = "const $rwG=$rw.generation;";

/// Of a function on the way: whether it may go on later, and whether it looks at its generation then.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Resuming {
    pub may: bool,
    pub looks: bool,
}

impl<'a> Walker<'_, 'a> {
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
    pub fn parameters(&mut self, parameters: &FormalParameters<'a>) -> bool {
        let outer = std::mem::replace(&mut self.declaring, How::Param);
        let separate = values::has_expressions(parameters);
        self.top().phase = Phase::Head;
        for parameter in &parameters.items {
            if let Some(otherwise) = &parameter.initializer {
                self.note_outside(&parameter.pattern, otherwise);
            }
        }
        walk_js::walk_formal_parameters(self, parameters);
        self.top().phase = Phase::Body;
        self.declaring = outer;
        if separate {
            self.enter(Boundary::None, true);
        }
        separate
    }

    pub fn tell_function(
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

    pub fn tell_made(
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

    pub fn begin_function(&mut self, may: bool) {
        self.resuming.push(Resuming { may, looks: false });
    }
    /// Whether the function must know its generation.
    pub fn end_function(&mut self) -> bool {
        self.resuming.pop().is_some_and(|it| it.looks)
    }
    pub fn note_generation(&mut self, (at, separator): (u32, &str)) {
        self.edits.start(at, format!("{separator}{NOTE}"));
    }
    /// At the start of what would run when the generation of a function that goes on later is over.
    pub fn may_be_over(&mut self, block: Span) {
        if self.looks() {
            self.edits.start(block.start + 1, "$rw.over($rwG);");
        }
    }
    /// Whether the code is that of a function that goes on later; it then notes its generation.
    pub fn looks(&mut self) -> bool {
        match self.resuming.last_mut() {
            Some(function) if function.may => {
                function.looks = true;
                true
            }
            _ => false,
        }
    }

    /// Code with registrations is no asm.js; V8 would say so on the console.
    pub fn asm(&mut self, directives: &[Directive<'a>]) {
        for directive in directives {
            if directive.directive.as_str() == "use asm" {
                let span = directive.expression.span;
                self.edits.replace(span.start + 1, span.end - 1, "use_asm");
                self.facts
                    .push(Fact::new(What::Asm, span.start, String::new()));
            }
        }
    }

    pub fn arrow(&mut self, it: &ArrowFunctionExpression<'a>) {
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
                let mut code = String::new();
                if self.end_function() {
                    code.push_str(NOTE);
                }
                if separate {
                    self.leave();
                }
                let scope = self.leave();
                if let Some(matter) = Matter::of(&scope, &[], |_| false) {
                    let site = self.next_site(at, &matter);
                    code.push_str(&matter.statement(site, !matter.head));
                }
                if !code.is_empty() {
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

    /// A function declaration: in a block of sloppy code it may be a variable of the function, too.
    pub fn function_declaration(&mut self, it: &Function<'a>) {
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
}
