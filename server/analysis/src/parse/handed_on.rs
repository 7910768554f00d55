//! Calls that give what they are given, or something out of it.

use ruff_python_ast::{Expr, ExprCall};

use super::dotted::dotted;

/// What a call gives.
pub(super) enum HandedOn<'a> {
    /// What it is given, or another container of the same: `copy.copy(table)`, `sorted(TABLE)`, `TABLE.values()`.
    Same(&'a Expr),
    /// Something that is in it: `next(iter(TABLE))`.
    Element(&'a Expr),
}

/// What of a call's arguments it gives, where that is known by its name.
pub(super) fn handed_on(call: &ExprCall) -> Option<HandedOn<'_>> {
    let given = &*call.arguments.args;
    if let (Expr::Attribute(method), []) = (&*call.func, given) {
        return matches!(method.attr.as_str(), "values" | "copy" | "_replace").then_some(HandedOn::Same(&method.value));
    }
    let name = dotted(&call.func)?;
    match (name.rsplit('.').next()?, given) {
        ("list" | "tuple" | "sorted" | "reversed" | "set" | "frozenset" | "dict" | "iter" | "deque", [one, ..])
        | ("copy" | "deepcopy" | "nullcontext", [one, ..])
        | ("replace" | "evolve", [one])
        | ("filter", [_, one]) => Some(HandedOn::Same(one)),
        ("next" | "choice", [one, ..]) | ("max" | "min", [one]) => Some(HandedOn::Element(one)),
        ("max" | "min", [one, ..]) => Some(HandedOn::Same(one)),
        _ => None,
    }
}

/// What is called in the end where the result of a call is called that only keeps a function: `build` for `partial(build, 1)()`.
pub(super) fn kept_function(call: &ExprCall) -> Option<&Expr> {
    let name = dotted(&call.func)?;
    let keeps = matches!(name.rsplit('.').next()?, "partial" | "lru_cache" | "cache");
    call.arguments.args.first().filter(|_| keeps)
}
