//! What the value of an expression can be, as far as it shows.

use super::scope::value;
use oxc_ast::ast::{AssignmentOperator, Expression, FormalParameters, Function};

/// See [`value`].
pub fn of(expression: &Expression<'_>) -> u8 {
    match expression {
        Expression::BooleanLiteral(_)
        | Expression::NullLiteral(_)
        | Expression::NumericLiteral(_)
        | Expression::BigIntLiteral(_)
        | Expression::StringLiteral(_)
        | Expression::TemplateLiteral(_)
        | Expression::UnaryExpression(_)
        | Expression::UpdateExpression(_)
        | Expression::BinaryExpression(_)
        | Expression::PrivateInExpression(_) => value::PRIMITIVE,
        // It is called a function when nothing but a call can reach it: no name of its own, and no `arguments.callee`.
        Expression::ArrowFunctionExpression(_) => value::FUNCTION,
        Expression::ObjectExpression(_)
        | Expression::ArrayExpression(_)
        | Expression::FunctionExpression(_)
        | Expression::ClassExpression(_)
        | Expression::RegExpLiteral(_)
        | Expression::ImportExpression(_) => value::PLAIN,
        Expression::AwaitExpression(it)
            if matches!(it.argument, Expression::ImportExpression(_)) =>
        {
            value::PLAIN
        }
        Expression::CallExpression(call) if matches!(&call.callee, Expression::Identifier(id) if id.name == "require") => {
            value::PLAIN
        }
        Expression::ParenthesizedExpression(inner) => of(&inner.expression),
        Expression::ConditionalExpression(both) => of(&both.consequent) | of(&both.alternate),
        Expression::LogicalExpression(both) => of(&both.left) | of(&both.right),
        Expression::SequenceExpression(list) => list.expressions.last().map_or(value::OTHER, of),
        Expression::AssignmentExpression(assignment) => {
            assigned(assignment.operator, &assignment.right)
        }
        _ => value::OTHER,
    }
}

/// What an assignment leaves in its target.
pub fn assigned(operator: AssignmentOperator, right: &Expression<'_>) -> u8 {
    match operator {
        AssignmentOperator::Assign
        | AssignmentOperator::LogicalAnd
        | AssignmentOperator::LogicalOr
        | AssignmentOperator::LogicalNullish => of(right),
        _ => value::PRIMITIVE,
    }
}

/// Whether a function's object can be reached by its callers alone.
pub fn is_bare(function: &Function<'_>, uses_arguments: bool) -> bool {
    !function.generator && !uses_arguments
}

/// Whether parameters are evaluated in an environment of their own: they have expressions.
pub fn has_expressions(parameters: &FormalParameters<'_>) -> bool {
    use oxc_ast::ast::BindingPattern as Pattern;
    let plain = |pattern: &Pattern<'_>| matches!(pattern, Pattern::BindingIdentifier(_));
    let items = parameters
        .items
        .iter()
        .any(|item| item.initializer.is_some() || !plain(&item.pattern));
    items
        || parameters
            .rest
            .as_ref()
            .is_some_and(|rest| !plain(&rest.rest.argument))
}
