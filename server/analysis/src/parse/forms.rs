//! What a statement or an expression is, by its form alone.

use ruff_python_ast::{Expr, Stmt};

/// Whether annotations are not evaluated in a module (`from __future__ import annotations`).
pub(super) fn are_annotations_lazy(body: &[Stmt]) -> bool {
    body.iter().filter_map(future_import).flatten().any(|alias| alias.name.as_str() == "annotations")
}

pub(super) fn future_import(statement: &Stmt) -> Option<&[ruff_python_ast::Alias]> {
    match statement {
        Stmt::ImportFrom(import)
            if import.level == 0 && import.module.as_ref().is_some_and(|module| module.as_str() == "__future__") =>
        {
            Some(&import.names)
        }
        _ => None,
    }
}

pub(super) fn is_docstring(statement: &Stmt) -> bool {
    matches!(statement, Stmt::Expr(expression) if expression.value.is_string_literal_expr())
}

/// Values that are the same at any time.
pub(super) fn is_literal(expression: &Expr) -> bool {
    match expression {
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_literal),
        Expr::List(list) => list.elts.iter().all(is_literal),
        Expr::Set(set) => set.elts.iter().all(is_literal),
        Expr::Dict(dict) => {
            dict.items.iter().all(|item| item.key.as_ref().is_some_and(is_literal) && is_literal(&item.value))
        }
        Expr::UnaryOp(operation) => is_literal(&operation.operand),
        _ => expression.is_literal_expr(),
    }
}

/// `pass` and `...` do nothing: that they come and go is no edit.
pub(super) fn is_filler(statement: &Stmt) -> bool {
    statement.is_pass_stmt()
        || matches!(statement, Stmt::Expr(expression) if expression.value.is_ellipsis_literal_expr())
}

pub(super) fn is_main_guard(statement: &Stmt) -> bool {
    let Stmt::If(branch) = statement else { return false };
    let Expr::Compare(comparison) = &*branch.test else {
        return false;
    };
    let is_name = |expression: &Expr| matches!(expression, Expr::Name(name) if name.id.as_str() == "__name__");
    is_name(&comparison.left) || comparison.comparators.iter().any(is_name)
}
