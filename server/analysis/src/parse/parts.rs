//! What gives each of the names of an assignment its value.

use ruff_python_ast::{Expr, Stmt};

use super::effects::of_expression;
use super::held::names_in;
use crate::effects::Effects;

/// What gives each name, or group of names, of an assignment its value, where several have their own: `a, b = f(), g()`.
pub(super) fn of_parts(statement: &Stmt) -> Vec<(Vec<String>, Effects)> {
    let Stmt::Assign(assignment) = statement else { return Vec::new() };
    let Some(values) = items(&assignment.value) else { return Vec::new() };
    let targets: Option<Vec<&[Expr]>> = assignment.targets.iter().map(items).collect();
    let Some(targets) = targets.filter(|all| all.iter().all(|one| one.len() == values.len())) else {
        return Vec::new();
    };
    let part = |(place, value): (usize, &Expr)| {
        let mut names = Vec::new();
        targets.iter().for_each(|target| names_in(&target[place], &mut names));
        (names, of_expression(value))
    };
    values.iter().enumerate().map(part).collect()
}

/// The items of a display, none of which is starred.
pub(super) fn items(expression: &Expr) -> Option<&[Expr]> {
    let items = match expression {
        Expr::Tuple(tuple) => &tuple.elts,
        Expr::List(list) => &list.elts,
        _ => return None,
    };
    items.iter().all(|one| !one.is_starred_expr()).then_some(items)
}
