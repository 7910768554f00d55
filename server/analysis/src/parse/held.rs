//! What displays and calls put into containers, and what a loop takes out of them.

use ruff_python_ast::Expr;

use super::callee::operand;
use super::containers::is_container;
use super::dotted::dotted;
use crate::tree::contents;

/// What is in a display or in what a call makes a container of; what is in displays inside too.
pub(super) fn held(value: &Expr) -> Vec<&Expr> {
    let items: Vec<&Expr> = match value {
        Expr::Dict(dict) => dict.items.iter().map(|item| &item.value).collect(),
        Expr::List(list) => list.elts.iter().collect(),
        Expr::Tuple(tuple) => tuple.elts.iter().collect(),
        Expr::Set(set) => set.elts.iter().collect(),
        // `dict(a=build)`, `MappingProxyType({"a": build})`
        Expr::Call(call) => {
            let given = call.arguments.args.iter();
            let all: Vec<&Expr> = given.chain(call.arguments.keywords.iter().map(|keyword| &keyword.value)).collect();
            let is_plain = is_container(value);
            return all.into_iter().filter(|one| is_plain || is_display(one)).flat_map(with_held).collect();
        }
        Expr::BinOp(operation) => return [held(&operation.left), held(&operation.right)].concat(),
        _ => Vec::new(),
    };
    items.into_iter().flat_map(with_held).collect()
}

fn with_held(value: &Expr) -> Vec<&Expr> {
    if is_display(value) { held(value) } else { vec![value] }
}

pub(super) fn is_display(value: &Expr) -> bool {
    matches!(value, Expr::Dict(_) | Expr::List(_) | Expr::Tuple(_) | Expr::Set(_))
}

/// What an element of what is iterated over may be: `TABLE[]` of `TABLE.items()` and of `sorted(TABLE)`, `build` of `(build, other)`.
pub(super) fn sources(iterated: &Expr) -> Vec<String> {
    match iterated {
        Expr::Call(call) => {
            let given = call.arguments.args.iter().flat_map(sources);
            let method = call.func.as_attribute_expr().filter(|_| call.arguments.args.is_empty());
            // `TABLE.items()`, `Base.__subclasses__()`
            let of = method.into_iter().flat_map(|method| [dotted(&method.value), dotted(&call.func)]);
            of.flatten().map(|name| contents(&name)).chain(given).collect()
        }
        Expr::Subscript(item) => sources(&item.value),
        Expr::Starred(starred) => sources(&starred.value),
        Expr::BinOp(operation) => [sources(&operation.left), sources(&operation.right)].concat(),
        value if is_display(value) => held(value).into_iter().filter_map(operand).collect(),
        value => dotted(value).map(|name| contents(&name)).into_iter().collect(),
    }
}
