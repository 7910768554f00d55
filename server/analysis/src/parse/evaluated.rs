//! Code that stands in a string: `eval("build()")`.

use ruff_python_ast::{Expr, ExprCall, Stmt};
use ruff_python_parser::{parse_expression, parse_module};

use super::callee::is_namespace;
use super::dotted::dotted;

/// What a call of `eval` or `exec` runs.
pub(super) enum Evaluated {
    Expression(Expr),
    Statements(Vec<Stmt>),
    /// A text that is put together when it is needed.
    Unknown,
}

/// Gives what a call evaluates to `take`, if it evaluates a text.
pub(super) fn evaluated(call: &ExprCall, take: impl FnOnce(Evaluated)) {
    let is_expression = match dotted(&call.func).as_deref() {
        Some("eval") => true,
        Some("exec") => false,
        _ => return,
    };
    let Some(text) = call.arguments.args.first() else { return };
    let Some(text) = text.as_string_literal_expr().map(|text| text.value.to_str().trim()) else {
        // With a namespace of its own it has no names of the module.
        let namespace = call.arguments.args.get(1).or_else(|| Some(&call.arguments.find_keyword("globals")?.value));
        let is_own = namespace.is_none_or(|given| given.as_call_expr().is_some_and(is_namespace));
        return if is_own {
            take(Evaluated::Unknown)
        };
    };
    if is_expression {
        if let Ok(parsed) = parse_expression(text) {
            take(Evaluated::Expression(*parsed.into_syntax().body));
        }
    } else if let Ok(parsed) = parse_module(text) {
        take(Evaluated::Statements(parsed.into_syntax().body.into_iter().collect()));
    }
}
