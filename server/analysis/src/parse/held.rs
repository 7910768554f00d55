//! What displays and calls put into containers, and what a loop takes out of them.

use ruff_python_ast::{Expr, ExprCall};

use super::callee::{is_namespace, operand};
use super::containers::is_container;
use super::dotted::dotted;
use super::handed_on::kept_function;
use super::looks::generators;
use crate::effects::NAMESPACE;
use crate::tree::contents;

/// Functions whose results hold what is in what they are given.
const PAIRING: [&str; 5] = ["zip", "enumerate", "chain", "itertools.chain", "reversed"];

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
            let is_held = |one: &&Expr| is_plain || is_display(one) || element(one).is_some();
            return all.into_iter().filter(is_held).flat_map(with_held).collect();
        }
        Expr::BinOp(operation) => return [held(&operation.left), held(&operation.right)].concat(),
        // What is only taken over has names that no others know.
        value => return made_in(value).into_iter().filter(|one| one.is_call_expr()).collect(),
    };
    items.into_iter().flat_map(with_held).collect()
}

/// What a comprehension makes for each element.
fn made_in(value: &Expr) -> Vec<&Expr> {
    element(value).map(with_held).unwrap_or_default()
}

fn element(value: &Expr) -> Option<&Expr> {
    match value {
        Expr::ListComp(comprehension) => Some(&comprehension.elt),
        Expr::SetComp(comprehension) => Some(&comprehension.elt),
        Expr::Generator(comprehension) => Some(&comprehension.elt),
        Expr::DictComp(comprehension) => Some(&comprehension.value),
        _ => None,
    }
}

fn with_held(value: &Expr) -> Vec<&Expr> {
    match value {
        // `dict(zip(NAMES, [build, fill]))`
        Expr::Call(call) if dotted(&call.func).is_some_and(|name| PAIRING.contains(&name.as_str())) => {
            call.arguments.args.iter().flat_map(with_held).collect()
        }
        _ if is_display(value) || element(value).is_some() => held(value),
        _ => vec![value],
    }
}

pub(super) fn is_display(value: &Expr) -> bool {
    matches!(value, Expr::Dict(_) | Expr::List(_) | Expr::Tuple(_) | Expr::Set(_))
}

/// What an element of what is iterated over may be: `TABLE[]` of `TABLE.items()` and of `sorted(TABLE)`, `build` of `(build, other)`.
pub(super) fn sources(iterated: &Expr) -> Vec<String> {
    match iterated {
        Expr::Call(call) if is_namespace(call) => vec![contents(NAMESPACE)],
        // `TABLE.get(key, [])`
        Expr::Call(call) if let Some(table) = taken_from(call) => vec![contents(&table)],
        Expr::Call(call) => {
            let given = call.arguments.args.iter().flat_map(sources);
            let method = call.func.as_attribute_expr().filter(|_| call.arguments.args.is_empty());
            // `TABLE.items()`, `Base.__subclasses__()`
            let of = method.into_iter().flat_map(|method| [dotted(&method.value), dotted(&call.func)]);
            // `{"a": build}.items()`
            let shown = method.filter(|method| is_display(&method.value)).map(|method| held(&method.value));
            let shown = shown.into_iter().flatten().filter_map(operand);
            // `numbers()`
            let given_by = operand(iterated).filter(|_| method.is_none()).map(|name| contents(&name));
            // What a module has: `vars(tables).items()`
            let names = dotted(&call.func).filter(|name| name == "vars");
            let names =
                names.and_then(|_| call.arguments.args.first().and_then(dotted)).map(|name| format!("{name}.*"));
            // `vars(cls).items()`
            let inner = method.filter(|method| method.value.is_call_expr()).map(|method| sources(&method.value));
            of.flatten()
                .map(|name| contents(&name))
                .chain(given)
                .chain(shown)
                .chain(inner.into_iter().flatten())
                .chain(given_by)
                .chain(names)
                .collect()
        }
        Expr::Subscript(item) => sources(&item.value),
        Expr::Starred(starred) => sources(&starred.value),
        Expr::BinOp(operation) => [sources(&operation.left), sources(&operation.right)].concat(),
        value if is_display(value) => {
            let kept = |one: &Expr| one.as_call_expr().and_then(kept_function).and_then(operand);
            held(value).into_iter().filter_map(|one| kept(one).or_else(|| operand(one))).collect()
        }
        value => dotted(value).map(|name| contents(&name)).into_iter().collect(),
    }
}

/// The table of which a call gives an item: `TABLE` for `TABLE.setdefault(key, [])`.
pub(super) fn taken_from(call: &ExprCall) -> Option<String> {
    let method = call.func.as_attribute_expr().filter(|_| !call.arguments.args.is_empty())?;
    let takes = ["get", "pop", "setdefault"].contains(&method.attr.as_str());
    dotted(&method.value).filter(|_| takes)
}

/// What a call gets inside of what it is given: `Entry()` of `total([Entry()])`, `total(*[Entry()])` and `total(Entry() for _ in KEYS)`,
/// `TABLE[]` of `total(*TABLE)` and `total(one for one in TABLE)`.
pub(super) fn inside_of_given(value: &Expr) -> Vec<String> {
    let elements = match (element(value), value) {
        (Some(element), _) if is_display(element) => held(element),
        (Some(element), _) => vec![element],
        (_, Expr::Starred(starred)) if !is_display(&starred.value) => return sources(&starred.value),
        (_, Expr::Starred(starred)) => return inside_of_given(&starred.value),
        (_, value) if is_display(value) || is_container(value) => {
            return held(value).into_iter().filter_map(operand).map(|one| contents(&one)).collect();
        }
        _ => return Vec::new(),
    };
    let of_element = |element: &Expr| {
        let generator = generators(value).iter().find(|generator| dotted(&generator.target) == dotted(element));
        match generator.filter(|_| element.is_name_expr()) {
            Some(generator) => sources(&generator.iter),
            None => operand(element).map(|one| contents(&one)).into_iter().collect(),
        }
    };
    elements.into_iter().flat_map(of_element).collect()
}

/// What a comprehension takes out of something else and puts into its result: `TABLE[]` for `{key: one for key, one in TABLE.items()}`.
pub(super) fn taken_over(value: &Expr) -> Vec<String> {
    if let Expr::Call(call) = value
        && is_container(value)
    {
        return call.arguments.args.iter().flat_map(taken_over).collect();
    }
    let Some(name) = element(value).and_then(Expr::as_name_expr) else { return Vec::new() };
    let mut found = Vec::new();
    for generator in generators(value) {
        let mut names = Vec::new();
        names_in(&generator.target, &mut names);
        if names.contains(&name.id.to_string()) {
            found.extend(sources(&generator.iter));
        }
    }
    found
}

pub(super) fn names_in(target: &Expr, found: &mut Vec<String>) {
    match target {
        Expr::Name(name) => found.push(name.id.to_string()),
        Expr::Tuple(tuple) => tuple.elts.iter().for_each(|one| names_in(one, found)),
        Expr::List(list) => list.elts.iter().for_each(|one| names_in(one, found)),
        Expr::Starred(starred) => names_in(&starred.value, found),
        _ => {}
    }
}
