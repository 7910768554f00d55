//! Statements that are not re-executed automatically, because they do more than give names their values.

use ruff_python_ast::{Expr, Stmt, StmtIf};
use ruff_text_size::Ranged;

use super::containers::{item_owner, updated};
use super::dotted::dotted;
use super::forms::{is_docstring, is_main_guard};

/// A statement that does more than give names their values when it runs.
pub(super) struct Stop {
    /// Where it begins.
    pub at: usize,
    /// Whether it changes no more than what a name, or an object, holds: it runs where that is evaluated again.
    pub is_update: bool,
}

pub(super) fn find(statement: &Stmt, found: &mut Vec<Stop>) {
    match statement {
        Stmt::If(branch) if !is_main_guard(statement) => find_in_branch(branch, found),
        Stmt::Try(attempt) => {
            // What is called to see whether it fails: `zip(strict=True)`.
            let is_probe = |statement: &&Stmt| statement.is_expr_stmt() && !attempt.handlers.is_empty();
            attempt.body.iter().filter(|one| !is_probe(one)).for_each(|one| find(one, found));
            for handler in &attempt.handlers {
                let ruff_python_ast::ExceptHandler::ExceptHandler(handler) = handler;
                find_in(&handler.body, found);
            }
            find_in(&attempt.orelse, found);
            find_in(&attempt.finalbody, found);
        }
        Stmt::Match(choice)
            if choice.cases.iter().all(|case| !case.guard.as_deref().is_some_and(Expr::is_call_expr)) =>
        {
            choice.cases.iter().for_each(|case| find_in(&case.body, found));
        }
        Stmt::With(with) if !with.is_async && with.items.iter().all(|item| is_quiet(&item.context_expr)) => {
            find_in(&with.body, found);
        }
        Stmt::For(each) if !each.is_async && is_at_hand(&each.iter) => {
            // An iteration builds on the one before: it is run as a whole, or not at all.
            let mut inside = Vec::new();
            find_in(&each.body, &mut inside);
            find_in(&each.orelse, &mut inside);
            if inside.iter().all(|stop| stop.is_update) {
                found.extend(inside);
            } else {
                found.push(Stop { at: statement.start().to_usize(), is_update: false });
            }
        }
        _ if gives_values(statement) => {}
        _ => {
            found.push(Stop { at: statement.start().to_usize(), is_update: is_update(statement) });
            // Of a suite that is being executed, what stands before that is looked at by itself.
            match statement {
                Stmt::If(branch) => find_in_branch(branch, found),
                Stmt::With(with) => find_in(&with.body, found),
                Stmt::Match(choice) => choice.cases.iter().for_each(|case| find_in(&case.body, found)),
                _ => {}
            }
        }
    }
}

fn find_in_branch(branch: &StmtIf, found: &mut Vec<Stop>) {
    find_in(&branch.body, found);
    branch.elif_else_clauses.iter().for_each(|clause| find_in(&clause.body, found));
}

fn is_update(statement: &Stmt) -> bool {
    match statement {
        Stmt::AugAssign(assignment) => assignment.target.is_name_expr() || item_owner(&assignment.target).is_some(),
        Stmt::Delete(deletion) => matches!(&*deletion.targets, [one] if item_owner(one).is_some()),
        Stmt::Expr(one) => {
            let sets =
                one.value.as_call_expr().and_then(|call| dotted(&call.func)).is_some_and(|name| name == "setattr");
            sets || updated(&one.value).is_some()
        }
        _ => false,
    }
}

fn find_in(body: &[Stmt], found: &mut Vec<Stop>) {
    body.iter().for_each(|statement| find(statement, found));
}

fn gives_values(statement: &Stmt) -> bool {
    match statement {
        Stmt::Import(_)
        | Stmt::ImportFrom(_)
        | Stmt::Assign(_)
        | Stmt::AnnAssign(_)
        | Stmt::TypeAlias(_)
        | Stmt::FunctionDef(_)
        | Stmt::ClassDef(_)
        | Stmt::Raise(_)
        | Stmt::Break(_)
        | Stmt::Continue(_)
        | Stmt::Pass(_) => true,
        Stmt::AugAssign(assignment) => {
            matches!(&*assignment.target, Expr::Name(name) if name.id.as_str() == "__all__")
        }
        Stmt::Expr(_) => is_docstring(statement),
        _ => false,
    }
}

/// Something to iterate over that is there already: iterating reads nothing from elsewhere and ends.
fn is_at_hand(iterated: &Expr) -> bool {
    match iterated {
        Expr::Tuple(_) | Expr::List(_) | Expr::Set(_) => true,
        Expr::Call(call) => dotted(&call.func).is_some_and(|name| name == "range"),
        _ => false,
    }
}

/// Context managers that only decide what becomes of errors and warnings.
fn is_quiet(context: &Expr) -> bool {
    let Expr::Call(call) = context else { return false };
    let known = ["suppress", "contextlib.suppress", "catch_warnings", "warnings.catch_warnings"];
    dotted(&call.func).is_some_and(|name| known.contains(&name.as_str()))
}
