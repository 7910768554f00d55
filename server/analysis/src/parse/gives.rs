//! What kind of thing a call of a function gives whoever called it, or raises, as far as its text tells. A call that goes on in another version
//! gives what that one does, and the code that waits for it has to be able to take it.

use std::collections::BTreeSet;
use std::mem::discriminant;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{ExceptHandler, Expr, Operator, Stmt};
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use super::hashing::hash_of;
use super::looks::captured;
use super::rebinding::{reads, shape_of_target};

/// Equal where what the calls of two versions give, those of functions inside included, is of one kind.
pub(super) fn of(body: &[Stmt]) -> u64 {
    let mut text = Text::default();
    text.visit_body(body);
    let mut shapes = Shapes { bindings: &text.bindings, named: Vec::new() };
    let mut found: BTreeSet<u64> = text.given.iter().map(|(how, value)| hash_of(&(how, shapes.of(*value)))).collect();
    let mut known: HashSet<&str> = HashSet::default();
    while let Some(name) = shapes.named.pop() {
        if known.insert(name) {
            let values = shapes.bindings.get(name).into_iter().flatten();
            found.extend(values.map(|(how, value)| hash_of(&(how, value.map(|value| shapes.of(value))))));
        }
    }
    let taken = taken(body, &text);
    let raised = text.raised.iter().filter(|name| !text.bindings.contains_key(**name)).collect::<BTreeSet<_>>();
    hash_of(&(found, text.inside, taken, raised))
}

/// What a generator does with what it is sent, as far as that asks for a part of it.
fn taken(body: &[Stmt], text: &Text) -> BTreeSet<u64> {
    let sent = |bound: &[Bound]| bound.iter().any(|(_, value)| matches!(value, Some(Expr::Yield(_))));
    let names: HashSet<&str> = text.bindings.iter().filter(|(_, bound)| sent(bound)).map(|(name, _)| *name).collect();
    let shapes = text.bindings.values().flatten().filter(|(_, value)| matches!(value, Some(Expr::Yield(_))));
    let mut found = Parts { names, found: shapes.map(|(how, _)| hash_of(how)).collect() };
    if !found.names.is_empty() {
        found.visit_body(body);
    }
    found.found
}

/// The items and attributes of some variables that are asked for.
struct Parts<'t> {
    names: HashSet<&'t str>,
    found: BTreeSet<u64>,
}

impl<'a> Visitor<'a> for Parts<'_> {
    fn visit_expr(&mut self, expression: &'a Expr) {
        let owner = match expression {
            Expr::Attribute(one) => Some(&*one.value),
            Expr::Subscript(one) => Some(&*one.value),
            _ => None,
        };
        if matches!(owner, Some(Expr::Name(name)) if self.names.contains(name.id.as_str())) {
            self.found.insert(super::hashing::expression(expression));
        }
        visitor::walk_expr(self, expression);
    }
}

/// How a name is given a value, and the expression that it is taken from.
type Bound<'a> = (String, Option<&'a Expr>);

#[derive(Default)]
struct Text<'a> {
    given: Vec<(&'static str, Option<&'a Expr>)>,
    bindings: HashMap<&'a str, Vec<Bound<'a>>>,
    /// The errors that it raises, by the last part of their names.
    raised: BTreeSet<&'a str>,
    /// What the functions inside give.
    inside: Vec<u64>,
}

impl<'a> Text<'a> {
    fn bind(&mut self, name: &'a str, how: impl Into<String>, value: Option<&'a Expr>) {
        self.bindings.entry(name).or_default().push((how.into(), value));
    }

    fn target(&mut self, target: &'a Expr, how: &str, value: Option<&'a Expr>) {
        let mut names = Vec::new();
        names_in(target, &mut names);
        let is_alone = matches!(target, Expr::Name(_));
        for (index, name) in names.into_iter().enumerate() {
            // `total = total + x` gives more of the same.
            if !(is_alone && how == "value" && value.is_some_and(|value| reads(value, name))) {
                self.bind(name, format!("{how} {index} {}", shape_of_target(target)), value);
            }
        }
    }
}

impl<'a> Visitor<'a> for Text<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(one) => {
                self.inside.push(of(&one.body));
                return self.bind(&one.name, "def", None);
            }
            Stmt::ClassDef(one) => {
                self.inside.push(of(&one.body));
                return self.bind(&one.name, "class", None);
            }
            Stmt::Return(one) => self.given.push(("return", one.value.as_deref())),
            Stmt::Raise(one) => self.raised.extend(one.exc.as_deref().and_then(error)),
            Stmt::Assign(one) => one.targets.iter().for_each(|target| self.target(target, "value", Some(&one.value))),
            Stmt::AnnAssign(one) => {
                if let Some(value) = &one.value {
                    self.target(&one.target, "value", Some(value));
                }
            }
            Stmt::For(one) => self.target(&one.target, "for", Some(&one.iter)),
            Stmt::With(one) => {
                for item in &one.items {
                    if let Some(target) = &item.optional_vars {
                        self.target(target, "with", Some(&item.context_expr));
                    }
                }
            }
            Stmt::Import(one) => one.names.iter().for_each(|alias| {
                self.bind(alias.asname.as_ref().unwrap_or(&alias.name), "import", None);
            }),
            Stmt::ImportFrom(one) => one.names.iter().for_each(|alias| {
                self.bind(alias.asname.as_ref().unwrap_or(&alias.name), "import", None);
            }),
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(one) = handler;
        if let Some(name) = &one.name {
            self.bind(name, "except", None);
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a ruff_python_ast::Pattern) {
        if let Some(name) = captured(pattern) {
            self.bind(name, "match", None);
        }
        visitor::walk_pattern(self, pattern);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Lambda(_) => return,
            Expr::Named(one) => self.target(&one.target, "value", Some(&one.value)),
            Expr::Yield(one) => self.given.push(("yield", one.value.as_deref())),
            Expr::YieldFrom(one) => self.given.push(("yield from", Some(&one.value))),
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }
}

struct Shapes<'t, 'a> {
    bindings: &'t HashMap<&'a str, Vec<Bound<'a>>>,
    /// Variables of the function that were met.
    named: Vec<&'a str>,
}

impl<'a> Shapes<'_, 'a> {
    fn of(&mut self, value: impl Into<Option<&'a Expr>>) -> u64 {
        let Some(value) = value.into() else { return NONE };
        match value {
            Expr::NoneLiteral(_) => NONE,
            Expr::NumberLiteral(_) => NUMBER,
            Expr::StringLiteral(_) | Expr::FString(_) => TEXT,
            Expr::Name(name) if self.bindings.contains_key(name.id.as_str()) => {
                self.named.push(&name.id);
                hash_of("variable")
            }
            Expr::Name(name) => hash_of(&("name", name.id.as_str())),
            Expr::Subscript(one) if one.slice.is_string_literal_expr() => hash_of(&("item", key(&one.slice))),
            Expr::Attribute(one) => hash_of(&("attribute", one.attr.as_str())),
            // What a call gives is not told by who is called, which is renamed often, nor by what it is given.
            Expr::Call(_) => hash_of("call"),
            Expr::Compare(_) => hash_of("comparison"),
            Expr::Await(one) => self.of(&*one.value),
            Expr::Named(one) => self.of(&*one.value),
            Expr::UnaryOp(one) => self.of(&*one.operand),
            Expr::If(one) => mixed(self.all([&*one.body, &*one.orelse])),
            Expr::BoolOp(one) => mixed(self.all(&one.values)),
            // A text and anything is a text.
            Expr::BinOp(one) if one.op == Operator::Mod && is_text(&one.left) => TEXT,
            Expr::BinOp(one) if one.op == Operator::Add && (is_text(&one.left) || is_text(&one.right)) => TEXT,
            // Arithmetic with numbers gives more of the same.
            Expr::BinOp(one) => {
                let mut operands = self.all([&*one.left, &*one.right]);
                operands.retain(|operand| *operand != NUMBER);
                if operands.is_empty() { NUMBER } else { mixed(operands) }
            }
            Expr::Tuple(one) => hash_of(&("tuple", self.all(&one.elts))),
            Expr::List(one) => hash_of(&("list", self.all(&one.elts))),
            Expr::Dict(one) => {
                let keys: Vec<_> = one.items.iter().map(|item| item.key.as_ref().map(key)).collect();
                hash_of(&("dict", keys, self.all(one.items.iter().map(|item| &item.value))))
            }
            other => hash_of(&discriminant(other)),
        }
    }

    fn all(&mut self, values: impl IntoIterator<Item = &'a Expr>) -> Vec<u64> {
        values.into_iter().map(|value| self.of(value)).collect()
    }
}

const NONE: u64 = 0;
const NUMBER: u64 = 1;
const TEXT: u64 = 2;

fn is_text(value: &Expr) -> bool {
    match value {
        Expr::StringLiteral(_) | Expr::FString(_) => true,
        Expr::BinOp(one) => is_text(&one.left) || (one.op == Operator::Add && is_text(&one.right)),
        _ => false,
    }
}

/// One of several.
fn mixed(shapes: Vec<u64>) -> u64 {
    let shapes: BTreeSet<u64> = shapes.into_iter().collect();
    match shapes.first() {
        Some(only) if shapes.len() == 1 => *only,
        _ => hash_of(&shapes),
    }
}

/// What the class of an error is called that is raised.
fn error(raised: &Expr) -> Option<&str> {
    match raised {
        Expr::Call(one) => error(&one.func),
        Expr::Attribute(one) => Some(&one.attr),
        Expr::Name(one) => Some(&one.id),
        _ => None,
    }
}

/// A dictionary is asked for its keys by what they are.
fn key(expression: &Expr) -> u64 {
    super::hashing::expression(expression)
}

fn names_in<'a>(target: &'a Expr, found: &mut Vec<&'a str>) {
    match target {
        Expr::Name(name) => found.push(&name.id),
        Expr::Tuple(all) => all.elts.iter().for_each(|one| names_in(one, found)),
        Expr::List(all) => all.elts.iter().for_each(|one| names_in(one, found)),
        Expr::Starred(one) => names_in(&one.value, found),
        _ => {}
    }
}
