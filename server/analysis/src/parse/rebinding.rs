//! What gives the variables of a function their values. A call that goes on in another version of the function takes its variables
//! along: one that the new version would have given something else does not fit what follows there.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{ExceptHandler, Expr, Number, Pattern, Stmt, WithItem};
use ruff_text_size::Ranged;

use super::hashing::{self, hash_of};
use super::looks::captured;
use crate::tree::Rebinding;

/// The bindings of a function's own variables, in text order.
pub(super) fn of(body: &[Stmt], begin: usize) -> Vec<Rebinding> {
    let mut finder = Finder { found: Vec::new(), subject: 0, begin };
    finder.visit_body(body);
    finder.found
}

struct Finder {
    found: Vec<Rebinding>,
    /// What the cases of the `match` around are compared with.
    subject: u64,
    /// Where the definition begins.
    begin: usize,
}

impl Finder {
    fn bind(&mut self, name: &str, how: u64, at: usize) {
        self.found.push(Rebinding { name: name.to_owned(), how, at: at - self.begin });
    }

    /// The names in a target; each by its place in it.
    fn target(&mut self, target: &Expr, from: &Expr, how: &str) {
        let mut names = Names::default();
        names.visit_expr(target);
        let count = names.0.len();
        for (index, (name, at)) in names.0.into_iter().enumerate() {
            let hash = hash_of(&(how, shape(from), index, count, matches!(target, Expr::Name(_))));
            // `total = total + x` gives more of the same.
            if how != "value" || !reads(from, &name) {
                self.bind(&name, hash, at);
            }
        }
    }
}

impl<'a> Visitor<'a> for Finder {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => return self.bind(&function.name, 0, function.start().to_usize()),
            Stmt::ClassDef(class) => return self.bind(&class.name, 1, class.start().to_usize()),
            Stmt::Assign(one) => one.targets.iter().for_each(|target| self.target(target, &one.value, "value")),
            Stmt::AnnAssign(one) => {
                if let Some(value) = &one.value {
                    self.target(&one.target, value, "value");
                }
            }
            Stmt::For(one) => self.target(&one.target, &one.iter, "for"),
            Stmt::Import(one) => {
                for alias in &one.names {
                    let name = match &alias.asname {
                        Some(name) => name.as_str(),
                        None => alias.name.split('.').next().unwrap_or_default(),
                    };
                    self.bind(name, hash_of(alias.name.as_str()), one.start().to_usize());
                }
            }
            Stmt::ImportFrom(one) => {
                for alias in &one.names {
                    let from = (one.module.as_ref().map(|module| module.to_string()), alias.name.as_str(), one.level);
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.bind(name, hash_of(&from), one.start().to_usize());
                }
            }
            Stmt::Match(one) => self.subject = shape(&one.subject),
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_with_item(&mut self, item: &'a WithItem) {
        if let Some(target) = &item.optional_vars {
            self.target(target, &item.context_expr, "with");
        }
        visitor::walk_with_item(self, item);
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(one) = handler;
        if let Some(name) = &one.name {
            self.bind(name, hash_of(&one.type_.as_deref().map(shape)), one.start().to_usize());
        }
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        if let Some(name) = captured(pattern) {
            self.bind(name, hash_of(&("match", self.subject)), pattern.start().to_usize());
        }
        visitor::walk_pattern(self, pattern);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Lambda(_) => return,
            Expr::Named(one) => self.target(&one.target, &one.value, "value"),
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }
}

/// How a target takes what it is given apart; its names do not count.
pub(super) fn shape_of_target(target: &Expr) -> String {
    match target {
        Expr::Tuple(all) => format!("({})", all.iter().map(shape_of_target).collect::<Vec<_>>().join(", ")),
        Expr::List(all) => format!("({})", all.iter().map(shape_of_target).collect::<Vec<_>>().join(", ")),
        Expr::Starred(one) => format!("*{}", shape_of_target(&one.value)),
        _ => "_".to_owned(),
    }
}

#[derive(Default)]
struct Names(Vec<(String, usize)>);

impl<'a> Visitor<'a> for Names {
    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => self.0.push((name.id.to_string(), name.start().to_usize())),
            Expr::Tuple(_) | Expr::List(_) | Expr::Starred(_) => visitor::walk_expr(self, expression),
            _ => {}
        }
    }
}

pub(super) fn reads(expression: &Expr, name: &str) -> bool {
    struct Reads<'n>(&'n str, bool);
    impl<'a> Visitor<'a> for Reads<'_> {
        fn visit_expr(&mut self, expression: &'a Expr) {
            self.1 |= matches!(expression, Expr::Name(one) if one.id == self.0);
            visitor::walk_expr(self, expression);
        }
    }
    let mut found = Reads(name, false);
    found.visit_expr(expression);
    found.1
}

/// What kind of value an expression gives, as far as its text tells: names and calls count, the values of literals do not.
pub(super) fn shape(expression: &Expr) -> u64 {
    struct Shape(DefaultHasher);
    impl<'a> Visitor<'a> for Shape {
        fn visit_expr(&mut self, expression: &'a Expr) {
            discriminant(expression).hash(&mut self.0);
            match expression {
                Expr::Name(one) => one.id.as_str().hash(&mut self.0),
                Expr::Attribute(one) => one.attr.as_str().hash(&mut self.0),
                Expr::NumberLiteral(one) => {
                    matches!(one.value, Number::Int(_)).hash(&mut self.0);
                }
                // Containers of whatever, and numbers of whatever range; but a record has the keys that it has.
                Expr::List(_) | Expr::Set(_) => return,
                Expr::Dict(one) => {
                    let keys = one.items.iter().filter_map(|item| item.key.as_ref());
                    let texts: BTreeSet<u64> =
                        keys.filter(|key| key.is_string_literal_expr()).map(hashing::expression).collect();
                    return texts.hash(&mut self.0);
                }
                Expr::Call(one) if matches!(one.func.as_ref(), Expr::Name(name) if name.id == "range") => {
                    return "range".hash(&mut self.0);
                }
                Expr::Lambda(_) => return,
                _ => {}
            }
            visitor::walk_expr(self, expression);
        }
    }
    let mut found = Shape(DefaultHasher::new());
    found.visit_expr(expression);
    found.0.finish()
}
