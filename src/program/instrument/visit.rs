//! What each construct of a file is handed to.

use super::facts::What;
use super::functions::Method;
use super::scope::{How, NEW_TARGET, THIS, value};
use super::statements::Each;
use super::values;
use super::walker::{REFLECTING, Walker};
use oxc_allocator::ArenaVec;
use oxc_ast::ast::*;
use oxc_ast_visit::{VisitJs, walk_js};
use oxc_span::GetSpan;
use oxc_syntax::scope::ScopeFlags;

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
                if self.is_outside(&it.right) {
                    self.outside.insert(id.name.as_str());
                }
                self.assigned_name(id, values::assigned(it.operator, &it.right));
                if it.operator != AssignmentOperator::Assign {
                    self.read(id.name.as_str());
                }
            }
            target => self.visit_assignment_target(target),
        }
        self.visit_expression(&it.right);
    }
    fn visit_arguments(&mut self, it: &ArenaVec<'a, Argument<'a>>) {
        for argument in it {
            let given = argument
                .as_expression()
                .filter(|it| self.gives && self.is_handed_out(it));
            if let Some(given) = given {
                self.edits.open(given.span().start, "$rw.patch(");
            }
            self.visit_argument(argument);
            if let Some(given) = given {
                self.edits.close(given.span().end, ")");
            }
        }
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
            Expression::Identifier(id) if id.name != "eval" => self.member(id.name.as_str()),
            object => self.visit_expression(object),
        }
    }
    fn visit_computed_member_expression(&mut self, it: &ComputedMemberExpression<'a>) {
        match &it.object {
            Expression::Identifier(id) if id.name != "eval" => self.member(id.name.as_str()),
            object => self.visit_expression(object),
        }
        self.visit_expression(&it.expression);
    }
    fn visit_tagged_template_expression(&mut self, it: &TaggedTemplateExpression<'a>) {
        self.receives(&it.tag);
        walk_js::walk_tagged_template_expression(self, it);
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
        // The module's own is over before there is a generation.
        let looks = self.looks();
        if looks {
            self.edits.open(it.span.start, "$rw.awaited($rwG,");
        }
        self.edits
            .open(it.span.start + "await".len() as u32, " $rw.wait(");
        self.visit_expression(&it.argument);
        self.edits
            .close(it.span.end, if looks { ",1))" } else { ")" });
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

/// Whether it is a link of an optional chain, or of `super`.
fn is_linked(it: &StaticMemberExpression<'_>) -> bool {
    it.optional
        || super::calls::has_optional(&it.object)
        || matches!(it.object, Expression::Super(_))
}
