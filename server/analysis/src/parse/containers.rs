//! Plain containers: what makes one, and which of its methods change it and run nothing else.

use ruff_python_ast::Expr;

use super::dotted::dotted;
use super::hashing::{self, hash_of};

/// Methods that change what they are called on and, of a plain container, run nothing else.
const UPDATES: [&str; 17] = [
    "add",
    "append",
    "appendleft",
    "clear",
    "discard",
    "extend",
    "extendleft",
    "insert",
    "move_to_end",
    "pop",
    "popleft",
    "remove",
    "reverse",
    "rotate",
    "setdefault",
    "sort",
    "update",
];

/// Types whose call makes a plain container.
const CONTAINERS: [&str; 12] = [
    "dict",
    "list",
    "set",
    "bytearray",
    "OrderedDict",
    "defaultdict",
    "deque",
    "Counter",
    "collections.OrderedDict",
    "collections.defaultdict",
    "collections.deque",
    "collections.Counter",
];

/// Whether an expression makes a plain container.
pub(super) fn is_container(value: &Expr) -> bool {
    match value {
        Expr::List(_) | Expr::Set(_) | Expr::Dict(_) => true,
        Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) => true,
        Expr::Call(call) => dotted(&call.func).is_some_and(|name| CONTAINERS.contains(&name.as_str())),
        _ => false,
    }
}

/// The structure of a value: `dict()` is `{}`.
pub(super) fn value_of(value: &Expr) -> u64 {
    let call = match value {
        Expr::Dict(dict) if dict.items.is_empty() => return hash_of("{}"),
        Expr::List(list) if list.elts.is_empty() => return hash_of("[]"),
        Expr::Call(call) => call,
        _ => return hashing::expression(value),
    };
    let is_empty = call.arguments.args.is_empty() && call.arguments.keywords.is_empty();
    match (is_empty, dotted(&call.func).as_deref()) {
        (true, Some("dict")) => hash_of("{}"),
        (true, Some("list")) => hash_of("[]"),
        _ => hashing::expression(value),
    }
}

/// The name of what an item is of: `TABLE[key]`.
pub(super) fn item_owner(target: &Expr) -> Option<&str> {
    let Expr::Subscript(item) = target else { return None };
    item.value.as_name_expr().map(|name| name.id.as_str())
}

/// The name of what a call changes.
pub(super) fn updated(expression: &Expr) -> Option<&str> {
    let Expr::Call(call) = expression else { return None };
    let Expr::Attribute(method) = &*call.func else { return None };
    let Expr::Name(name) = &*method.value else { return None };
    UPDATES.contains(&method.attr.as_str()).then_some(name.id.as_str())
}
