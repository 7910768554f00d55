//! How what is called, made and held is named: `build`, `table.fill`, `Table().fill`, `TABLE[].fill`.

use ruff_python_ast::{ExceptHandler, Expr, ExprAttribute, ExprCall, ExprSubscript, StmtTry};

use super::containers::is_container;
use super::dotted::dotted;
use super::handed_on::{HandedOn, handed_on, kept_function};
use super::held::{held, is_display};
use super::imported::used_module;
use crate::effects::{FOUND, GETTERS, NAMESPACE};
use crate::tree::contents;

/// What something in a container is known by; of a call also what is given to it: `partial(build, 1)`.
pub(super) fn named(value: &Expr) -> Vec<String> {
    let given = match value {
        Expr::Call(call) => &*call.arguments.args,
        _ => &[],
    };
    operand(value).into_iter().chain(given.iter().filter_map(dotted)).collect()
}

/// What an operation is done to: `table`, `Table()`, `TABLE[]` for `next(iter(TABLE))`.
pub(super) fn operand(value: &Expr) -> Option<String> {
    match value {
        _ if let Some(module) = used_module(value) => Some(module.name),
        Expr::Call(call) => given_back(call).or_else(|| callee(&call.func).map(|name| format!("{name}()"))),
        Expr::BinOp(operation) => operand(&operation.left).or_else(|| operand(&operation.right)),
        Expr::BoolOp(choice) => choice.values.iter().find_map(operand),
        Expr::If(choice) => operand(&choice.body).or_else(|| operand(&choice.orelse)),
        Expr::Named(named) => operand(&named.value),
        _ => dotted(value),
    }
}

/// What a call gives of what it is given.
fn given_back(call: &ExprCall) -> Option<String> {
    match handed_on(call)? {
        HandedOn::Same(one) => operand(one).or_else(|| item_of(one)),
        HandedOn::Element(one) => operand(one).map(|name| contents(&name)),
    }
}

/// What may give a value its type: of `given or Table()` both.
pub(super) fn origins(value: &Expr) -> Vec<String> {
    match value {
        Expr::BoolOp(choice) => choice.values.iter().flat_map(origins).collect(),
        Expr::If(choice) => [origins(&choice.body), origins(&choice.orelse)].concat(),
        Expr::Named(named) => origins(&named.value),
        // `{"a": Table, "b": Other}[kind]()`
        Expr::Call(call) => origin(value).into_iter().chain(alternatives(&call.func)).collect(),
        _ => origin(value).into_iter().collect(),
    }
}

/// What gives a value its type: what is called, or the name that it is taken from.
fn origin(value: &Expr) -> Option<String> {
    match value {
        // A module: what is called of it is known by its name.
        _ if used_module(value).is_some() => None,
        Expr::Call(call) => {
            let other = by_text(call).or_else(|| given_back(call)).map(|name| format!("={name}"));
            other.or_else(|| callee(&call.func))
        }
        Expr::BinOp(_) => operand(value).map(|name| format!("={name}")),
        Expr::Await(awaited) => origin(&awaited.value),
        Expr::Subscript(item) => of_container(item).map(|name| format!("={name}")),
        _ => dotted(value).map(|name| format!("={name}")),
    }
}

/// `build`, `table.fill`, `Table().fill`, `Table.of().fill`; `Table().__call__` for `Table()()`; `TABLE[]` for `TABLE[key]()`
pub(super) fn callee(function: &Expr) -> Option<String> {
    if let Some(name) = dotted(function) {
        return Some(name);
    }
    match function {
        Expr::Attribute(attribute) => of_result(attribute),
        Expr::Subscript(item) => of_container(item),
        Expr::Call(call) => by_text(call)
            .or_else(|| kept_function(call).and_then(callee))
            .or_else(|| Some(format!("{}().__call__", callee(&call.func)?))),
        _ => None,
    }
}

/// What may be called where it is one of several: `build` and `fill` in `(build if quick else fill)()`, and where it is taken out of a
/// display, or of what is made a container there: `{"a": build, "b": fill}[key]()`.
pub(super) fn alternatives(function: &Expr) -> Vec<String> {
    match function {
        Expr::If(choice) => [&choice.body, &choice.orelse].into_iter().flat_map(|one| operands(one)).collect(),
        Expr::BoolOp(choice) => choice.values.iter().flat_map(operands).collect(),
        Expr::Subscript(item) if is_display(&item.value) || is_container(&item.value) => {
            held(&item.value).into_iter().filter_map(operand).collect()
        }
        Expr::Call(call) => alternatives(&call.func).into_iter().map(|name| format!("{name}()")).collect(),
        Expr::Attribute(attribute) => {
            let holders = alternatives(&attribute.value).into_iter();
            holders.map(|holder| format!("{holder}.{}", attribute.attr)).collect()
        }
        _ => Vec::new(),
    }
}

fn operands(value: &Expr) -> Vec<String> {
    let inner = alternatives(value);
    if inner.is_empty() { operand(value).into_iter().collect() } else { inner }
}

/// `Table().size`, `TABLE[].size`
pub(super) fn of_result(attribute: &ExprAttribute) -> Option<String> {
    let holder = match &*attribute.value {
        value if let Some(module) = used_module(value) => module.name,
        Expr::Subscript(item) => of_container(item)?,
        value @ (Expr::Call(_) | Expr::BinOp(_) | Expr::BoolOp(_) | Expr::If(_) | Expr::Named(_)) => operand(value)?,
        // `Table().rows.size`
        Expr::Attribute(inner) => of_result(inner)?,
        _ => return None,
    };
    Some(format!("{holder}.{}", attribute.attr))
}

/// `tables.LIMIT` for `import_module("tables").LIMIT`
pub(super) fn of_module(attribute: &ExprAttribute) -> Option<String> {
    used_module(&attribute.value).map(|module| format!("{}.{}", module.name, attribute.attr))
}

/// `TABLE[]` for `TABLE["a"]`
pub(super) fn item_of(value: &Expr) -> Option<String> {
    value.as_subscript_expr().and_then(of_container).filter(|name| name.ends_with("[]"))
}

/// `TABLE[]`, also of tables in tables; `build` for `globals()["build"]`
fn of_container(item: &ExprSubscript) -> Option<String> {
    match (&*item.value, &*item.slice) {
        (Expr::Subscript(outer), _) => of_container(outer),
        (Expr::Call(call), Expr::StringLiteral(name)) if is_namespace(call) => Some(name.value.to_string()),
        (Expr::Call(call), _) if is_namespace(call) => Some(contents(NAMESPACE)),
        // `several()[0]`
        (value @ (Expr::Call(_) | Expr::BinOp(_)), _) => operand(value).map(|name| contents(&name)),
        (value, _) => dotted(value).map(|name| contents(&name)),
    }
}

/// `globals()`
pub(super) fn is_namespace(call: &ExprCall) -> bool {
    matches!(dotted(&call.func).as_deref(), Some("globals" | "vars" | "locals")) && call.arguments.is_empty()
}

/// `Table().fill` for `getattr(Table(), "fill")`, `self.visit_*` for `getattr(self, "visit_" + name)`
pub(super) fn by_text(call: &ExprCall) -> Option<String> {
    match &*call.arguments.args {
        [holder, name, ..] if dotted(&call.func).as_deref() == Some("getattr") => match name {
            Expr::StringLiteral(name) if is_own_module(holder) => Some(name.value.to_string()),
            _ if is_own_module(holder) => Some(contents(NAMESPACE)),
            _ => {
                let (holder, attribute) = (operand(holder)?, attribute(name));
                // Any name of any module tells nothing.
                (holder != FOUND || attribute != "*").then(|| format!("{holder}.{attribute}"))
            }
        },
        _ => None,
    }
}

/// `sys.modules[__name__]`
fn is_own_module(value: &Expr) -> bool {
    value.as_subscript_expr().is_some_and(|item| {
        dotted(&item.value).as_deref() == Some("sys.modules") && dotted(&item.slice).as_deref() == Some("__name__")
    })
}

/// The name of an attribute that is computed, as far as the text tells.
fn attribute(name: &Expr) -> String {
    match name {
        Expr::StringLiteral(name) => name.value.to_string(),
        Expr::BinOp(operation) => match &*operation.left {
            Expr::StringLiteral(left) => {
                let left = left.value.to_str();
                format!("{}*", left.split('%').next().unwrap_or(left))
            }
            _ => "*".to_owned(),
        },
        Expr::FString(text) => {
            let first = text.value.elements().next().and_then(|element| element.as_literal());
            format!("{}*", first.map_or("", |first| &*first.value))
        }
        _ => "*".to_owned(),
    }
}

/// `size` of `attrgetter("size")`
pub(super) fn got(expression: &Expr) -> Vec<String> {
    let Expr::Call(call) = expression else { return Vec::new() };
    if dotted(&call.func).is_some_and(|name| name == "itemgetter" || name == "operator.itemgetter") {
        return vec!["__getitem__".to_owned()];
    }
    if !dotted(&call.func).is_some_and(|name| GETTERS.contains(&name.as_str())) {
        return Vec::new();
    }
    let names = call.arguments.args.iter().filter_map(|one| Some(one.as_string_literal_expr()?.value.to_str()));
    names.flat_map(|name| name.split('.')).map(str::to_owned).collect()
}

/// `table.size` for `attrgetter("size")(table)`, and whether that is called, as `methodcaller("size")(table)` does.
pub(super) fn got_of(call: &ExprCall) -> Vec<(String, bool)> {
    let Expr::Call(getter) = &*call.func else { return Vec::new() };
    let Some(by) = dotted(&getter.func).filter(|name| GETTERS.contains(&name.as_str())) else { return Vec::new() };
    let Some(holder) = call.arguments.args.first().and_then(operand) else { return Vec::new() };
    let names = getter.arguments.args.iter().filter_map(|one| Some(one.as_string_literal_expr()?.value.to_str()));
    names.map(|name| (format!("{holder}.{name}"), by.ends_with("methodcaller"))).collect()
}

/// What handlers call the exceptions that they handle, with the classes: `except Failed as error`.
pub(super) fn caught(statement: &StmtTry) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for ExceptHandler::ExceptHandler(handler) in &statement.handlers {
        let (Some(name), Some(kinds)) = (&handler.name, &handler.type_) else { continue };
        let kinds = kinds.as_tuple_expr().map_or(std::slice::from_ref(&**kinds), |all| &all.elts);
        found.extend(kinds.iter().filter_map(dotted).map(|kind| (name.to_string(), kind)));
    }
    found
}
