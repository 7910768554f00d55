//! Structural hashes of pieces of a syntax tree.

use std::hash::{DefaultHasher, Hash, Hasher};

use ruff_python_ast::comparable::{
    ComparableDecorator, ComparableExpr, ComparablePattern, ComparableStmt, ComparableTypeParams, ComparableWithItem,
};
use ruff_python_ast::{Arguments, Decorator, Expr, Parameters, Stmt, TypeParams};

/// The hash of anything that can be hashed.
pub(super) fn hash_of(value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

pub(super) fn expression(expression: &Expr) -> u64 {
    hash_of(&ComparableExpr::from(expression))
}

pub(super) fn expressions<'a>(all: impl IntoIterator<Item = &'a Expr>) -> u64 {
    hash_of(&all.into_iter().map(ComparableExpr::from).collect::<Vec<_>>())
}

pub(super) fn statement(statement: &Stmt) -> u64 {
    hash_of(&ComparableStmt::from(statement))
}

pub(super) fn decorators(decorators: &[Decorator]) -> u64 {
    hash_of(&decorators.iter().map(ComparableDecorator::from).collect::<Vec<_>>())
}

/// Decorators by what is called only, without arguments.
pub(super) fn decorator_shape(decorators: &[Decorator]) -> u64 {
    let callee = |decorator: &Decorator| match &decorator.expression {
        Expr::Call(call) => expression(&call.func),
        other => expression(other),
    };
    hash_of(&decorators.iter().map(callee).collect::<Vec<_>>())
}

pub(super) fn type_parameters(parameters: Option<&TypeParams>) -> u64 {
    hash_of(&parameters.map(ComparableTypeParams::from))
}

/// Names, kinds and order of parameters.
pub(super) fn parameters(parameters: &Parameters) -> u64 {
    let names = |all: &[ruff_python_ast::ParameterWithDefault]| -> Vec<String> {
        all.iter().map(|one| one.parameter.name.to_string()).collect()
    };
    hash_of(&(
        names(&parameters.posonlyargs),
        names(&parameters.args),
        parameters.vararg.as_ref().map(|one| one.name.to_string()),
        names(&parameters.kwonlyargs),
        parameters.kwarg.as_ref().map(|one| one.name.to_string()),
    ))
}

/// Annotations by the name of the parameter, and of the result.
pub(super) fn annotations(parameters: &Parameters, returns: Option<&Expr>) -> u64 {
    let all: Vec<_> = parameters
        .iter()
        .filter_map(|one| Some((one.name().as_str(), ComparableExpr::from(one.annotation()?))))
        .collect();
    hash_of(&(all, returns.map(ComparableExpr::from)))
}

pub(super) fn bases(arguments: Option<&Arguments>) -> u64 {
    expressions(arguments.iter().flat_map(|arguments| arguments.args.iter()))
}

pub(super) fn keywords(arguments: Option<&Arguments>) -> u64 {
    let all: Vec<_> = arguments
        .iter()
        .flat_map(|arguments| arguments.keywords.iter())
        .map(|keyword| (keyword.arg.as_ref().map(|name| name.as_str()), ComparableExpr::from(&keyword.value)))
        .collect();
    hash_of(&all)
}

pub(super) fn with_items(items: &[ruff_python_ast::WithItem]) -> u64 {
    hash_of(&items.iter().map(ComparableWithItem::from).collect::<Vec<_>>())
}

/// The pattern and guard of a case, without its body.
pub(super) fn case_header(case: &ruff_python_ast::MatchCase) -> u64 {
    hash_of(&(ComparablePattern::from(&case.pattern), case.guard.as_deref().map(ComparableExpr::from)))
}

/// The type and name of an exception handler, without its body.
pub(super) fn handler_header(handler: &ruff_python_ast::ExceptHandlerExceptHandler) -> u64 {
    hash_of(&(handler.type_.as_deref().map(ComparableExpr::from), handler.name.as_ref().map(|name| name.as_str())))
}
