//! The numbers that a glue computes at top level before it instantiates: memory layout of the builds in which the
//! host, not the wasm, owns the heap pointer.

use super::parse::{Ast, identifier, is_identifier, member, target_identifier, target_member};
use oxc_ast::ast::{
    Argument, BinaryOperator, Expression, LogicalOperator, Statement, VariableDeclaration,
};
use oxc_syntax::operator::{AssignmentOperator, UnaryOperator};
use std::collections::HashMap;

const PAGE: f64 = 65536.0;

/// Numbers by variable name, and stores to memory that the glue makes before start-up.
#[derive(Default)]
pub struct Constants {
    pub numbers: HashMap<String, f64>,
    /// `HEAP32[address >> 2] = value`: (address, value).
    pub stores: Vec<(u32, u32)>,
    /// Object literals of plain numbers, by the name they were assigned to (`asmGlobalArg` and its like).
    pub table: Option<Limits>,
    pub memory: Option<Limits>,
}

/// From `new WebAssembly.Table({initial, maximum})` or `new WebAssembly.Memory(...)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub initial: u32,
    pub maximum: Option<u32>,
}

/// Runs over the top-level statements of the factory in order, as far as they are arithmetic.
pub fn read(_ast: &Ast<'_>, body: &[Statement<'_>]) -> Constants {
    let mut constants = Constants::default();
    for statement in body {
        constants.statement(statement);
    }
    constants
}

impl Constants {
    pub fn u32(&self, name: &str) -> Option<u32> {
        let value = *self.numbers.get(name)?;
        (0.0..=f64::from(u32::MAX))
            .contains(&value)
            .then_some(value as u32)
    }

    fn statement(&mut self, statement: &Statement<'_>) {
        match statement {
            Statement::VariableDeclaration(declaration) => self.declaration(declaration),
            Statement::ExpressionStatement(e) => {
                self.eval(&e.expression);
            }
            Statement::IfStatement(branch) => {
                // `if (Module["wasmMemory"]) ... else wasmMemory = new WebAssembly.Memory(...)`
                if let Some(alternate) = &branch.alternate {
                    self.statement(alternate);
                }
            }
            Statement::BlockStatement(block) => {
                for statement in &block.body {
                    self.statement(statement);
                }
            }
            _ => {}
        }
    }

    fn declaration(&mut self, declaration: &VariableDeclaration<'_>) {
        for declarator in &declaration.declarations {
            if let (Some(id), Some(init)) =
                (declarator.id.get_binding_identifier(), &declarator.init)
            {
                let value = self.eval(init);
                self.set(id.name.as_str(), value);
            }
        }
    }

    fn set(&mut self, name: &str, value: Option<f64>) {
        match value {
            Some(value) => {
                self.numbers.insert(name.to_string(), value);
            }
            None => {
                self.numbers.remove(name);
            }
        }
    }

    fn eval(&mut self, expression: &Expression<'_>) -> Option<f64> {
        match expression.without_parentheses() {
            Expression::NumericLiteral(n) => Some(n.value),
            Expression::Identifier(id) => self.numbers.get(id.name.as_str()).copied(),
            Expression::UnaryExpression(u) => {
                let value = self.eval(&u.argument)?;
                match u.operator {
                    UnaryOperator::UnaryNegation => Some(-value),
                    UnaryOperator::UnaryPlus => Some(value),
                    UnaryOperator::BitwiseNot => Some(f64::from(!int(value))),
                    _ => None,
                }
            }
            Expression::BinaryExpression(b) => {
                let (left, right) = (self.eval(&b.left)?, self.eval(&b.right)?);
                binary(b.operator, left, right)
            }
            Expression::LogicalExpression(l) => {
                // `Module["INITIAL_MEMORY"] || 16777216`: options are not there, so the default counts.
                let left = self.eval(&l.left);
                match l.operator {
                    LogicalOperator::Or => {
                        left.filter(|v| *v != 0.0).or_else(|| self.eval(&l.right))
                    }
                    LogicalOperator::Coalesce => left.or_else(|| self.eval(&l.right)),
                    LogicalOperator::And => None,
                }
            }
            Expression::ConditionalExpression(c) => {
                // `Module["x"] ? Module["x"] : default`, `"x" in Module ? ... : default`
                self.eval(&c.alternate)
            }
            Expression::SequenceExpression(s) => {
                let mut last = None;
                for e in &s.expressions {
                    last = self.eval(e);
                }
                last
            }
            Expression::AssignmentExpression(a) => {
                let value = self.eval(&a.right);
                let name = target_identifier(&a.left)
                    .map(|id| id.name.to_string())
                    .or_else(|| target_member(&a.left).map(|(_, key)| key.to_string()));
                if let Some(name) = name {
                    let value = match a.operator {
                        AssignmentOperator::Assign => value,
                        AssignmentOperator::LogicalNullish | AssignmentOperator::LogicalOr => {
                            self.numbers.get(&name).copied().or(value)
                        }
                        operator => operator
                            .to_binary_operator()
                            .zip(self.numbers.get(&name).copied())
                            .zip(value)
                            .and_then(|((op, old), value)| binary(op, old, value)),
                    };
                    self.set(&name, value);
                    return value;
                }
                self.store(a, value);
                value
            }
            Expression::CallExpression(call) => self.call(&call.callee, &call.arguments),
            Expression::NewExpression(new) if is_identifier(&new.callee, "Array") => {
                // Stands for its length.
                self.eval(new.arguments.first()?.as_expression()?)
            }
            Expression::NewExpression(new) => {
                self.construct(&new.callee, &new.arguments);
                None
            }
            other => {
                // An option that the user may give: not there.
                let _ = other;
                None
            }
        }
    }

    /// `HEAP32[DYNAMICTOP_PTR >> 2] = DYNAMIC_BASE`
    fn store(&mut self, assignment: &oxc_ast::ast::AssignmentExpression<'_>, value: Option<f64>) {
        let oxc_ast::ast::AssignmentTarget::ComputedMemberExpression(m) = &assignment.left else {
            return;
        };
        if !is_identifier(&m.object, "HEAP32") && !is_identifier(&m.object, "HEAPU32") {
            return;
        }
        if let (Some(index), Some(value)) = (self.eval(&m.expression), value) {
            self.stores
                .push(((int(index) as u32) << 2, int(value) as u32));
        }
    }

    /// The allocator of static data that glue up to 1.38.2x runs itself.
    fn call(&mut self, callee: &Expression<'_>, arguments: &[Argument<'_>]) -> Option<f64> {
        let name = match member(callee) {
            Some((_, name)) => name,
            None => identifier(callee)?.name.as_str(),
        };
        let first = arguments
            .first()
            .and_then(|a| a.as_expression())
            .and_then(|e| self.eval(e));
        match name {
            "alignMemory" => {
                let factor = match arguments.get(1).and_then(|a| a.as_expression()) {
                    Some(e) => self.eval(e)?,
                    None => 16.0,
                };
                Some((first? / factor).ceil() * factor)
            }
            "staticAlloc" => {
                let top = *self.numbers.get("STATICTOP")?;
                let next = f64::from(int(top).wrapping_add(int(first?)).wrapping_add(15) & -16);
                self.numbers.insert("STATICTOP".into(), next);
                Some(top)
            }
            _ => None,
        }
    }

    fn construct(&mut self, callee: &Expression<'_>, arguments: &[Argument<'_>]) {
        let Some((_, kind)) = member(callee) else {
            return;
        };
        let Some(Expression::ObjectExpression(options)) =
            arguments.first().and_then(|a| a.as_expression())
        else {
            return;
        };
        let mut field = |name: &str| {
            let property = options
                .properties
                .iter()
                .filter_map(|p| p.as_property())
                .find(|p| p.key.is_specific_static_name(name))?;
            self.eval(&property.value).map(|v| v as u32)
        };
        let limits = field("initial").map(|initial| (initial, field("maximum")));
        let limits = limits.map(|(initial, maximum)| Limits { initial, maximum });
        match kind {
            "Table" => self.table = self.table.or(limits),
            "Memory" => self.memory = self.memory.or(limits),
            _ => {}
        }
    }
}

/// ToInt32.
fn int(value: f64) -> i32 {
    (value.rem_euclid(4294967296.0) as u64) as u32 as i32
}

fn binary(operator: BinaryOperator, left: f64, right: f64) -> Option<f64> {
    let value = match operator {
        BinaryOperator::Addition => left + right,
        BinaryOperator::Subtraction => left - right,
        BinaryOperator::Multiplication => left * right,
        BinaryOperator::Division => left / right,
        BinaryOperator::Remainder => left % right,
        BinaryOperator::BitwiseAnd => f64::from(int(left) & int(right)),
        BinaryOperator::BitwiseOR => f64::from(int(left) | int(right)),
        BinaryOperator::BitwiseXOR => f64::from(int(left) ^ int(right)),
        BinaryOperator::ShiftLeft => f64::from(int(left) << (int(right) & 31)),
        BinaryOperator::ShiftRight => f64::from(int(left) >> (int(right) & 31)),
        BinaryOperator::ShiftRightZeroFill => f64::from((int(left) as u32) >> (int(right) & 31)),
        _ => return None,
    };
    value.is_finite().then_some(value)
}

impl Constants {
    /// Initial memory in bytes, as the glue would make it without options.
    pub fn initial_memory(&self) -> Option<u32> {
        self.memory
            .map(|limits| (f64::from(limits.initial) * PAGE) as u64)
            .and_then(|bytes| u32::try_from(bytes).ok())
            .or_else(|| {
                [
                    "INITIAL_MEMORY",
                    "INITIAL_INITIAL_MEMORY",
                    "INITIAL_TOTAL_MEMORY",
                    "TOTAL_MEMORY",
                ]
                .iter()
                .find_map(|name| self.u32(name))
            })
    }
}
