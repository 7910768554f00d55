//! Functions inside of functions: which of them run when the outer one is called.

use crate::effects::Effects;
use crate::tree::{Node, flattened};

/// What only hands on the function that it is given.
pub(super) const WRAPPERS: [&str; 18] = [
    "functools.wraps",
    "wraps",
    "functools.partial",
    "partial",
    "functools.partialmethod",
    "partialmethod",
    "functools.update_wrapper",
    "update_wrapper",
    "functools.lru_cache",
    "lru_cache",
    "functools.cache",
    "cache",
    "functools.cmp_to_key",
    "cmp_to_key",
    "staticmethod",
    "classmethod",
    "property",
    "super",
];

/// What runs when a function is called: its own body, and those of the functions inside that it calls or hands to others.
pub(super) fn run_by(function: &Node) -> Vec<&Effects> {
    let Some(parts) = &function.definition else { return Vec::new() };
    let mut found = vec![&parts.inside];
    let nested: Vec<&Node> = flattened(&function.body).into_iter().map(|(node, _)| node).collect();
    let mut run: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(effects) = found.get(at).copied() {
        at += 1;
        for node in &nested {
            if !run.contains(&node.name.as_str()) && runs_nested(effects, &node.name) {
                run.push(&node.name);
                found.extend(run_by(node));
            }
        }
    }
    found
}

fn runs_nested(effects: &Effects, name: &str) -> bool {
    effects.calls.iter().any(|called| called == name)
        || effects.passed.iter().any(|(by, given)| given == name && !WRAPPERS.contains(&by.as_str()))
}

/// Whether a call of a function runs a function inside of it: the path leads from one to the other.
pub(crate) fn runs_inside(function: &Node, path: &[String]) -> bool {
    let [name, rest @ ..] = path else { return true };
    if name == "<locals>" {
        return runs_inside(function, rest);
    }
    let nested = flattened(&function.body).into_iter().map(|(node, _)| node).find(|node| node.name == *name);
    let Some(nested) = nested else { return true };
    let is_run = run_by(function).iter().any(|effects| runs_nested(effects, name));
    is_run && runs_inside(nested, rest)
}

/// What functions inside of a function do, and its lambdas: it may have given them to whoever called it.
pub(super) fn given_out(function: &Node) -> Vec<&Effects> {
    let lambdas = function.definition.as_ref().map(|parts| lambdas_in(&parts.inside));
    lambdas.into_iter().flatten().chain(function.body.iter().flat_map(all_effects)).collect()
}

/// The lambdas in a piece of code, and those that these give.
pub(super) fn lambdas_in(effects: &Effects) -> Vec<&Effects> {
    std::iter::successors(effects.lambdas.as_deref(), |lambda| lambda.lambdas.as_deref()).collect()
}

/// What a function does, and those inside of it, whether they run or not.
pub(super) fn all_effects(function: &Node) -> Vec<&Effects> {
    let own = function.definition.as_ref().map(|parts| &parts.inside);
    own.into_iter().chain(function.body.iter().flat_map(all_effects)).collect()
}
