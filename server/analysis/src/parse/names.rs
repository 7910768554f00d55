//! Names that a statement binds, reads and calls when it runs. Bodies of functions and lambdas run later.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{ExceptHandler, Expr, ExprContext, Pattern, Stmt};

use super::callee::of_module;
use super::containers::{is_container, item_owner, updated, value_of};
use super::dotted::{dotted, head};
use super::hashing::{self, hash_of};
use super::imported::{bound, imported_module};
use super::looks::{captured, complemented, examined, generators, positional};
use crate::effects::EAGER;
use crate::tree::{Binding, contents};

fn elements(expression: &Expr) -> &[Expr] {
    match expression {
        Expr::Tuple(tuple) => &tuple.elts,
        Expr::List(list) => &list.elts,
        _ => &[],
    }
}

/// What was found, without duplicates, in order.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub binds: Vec<Binding>,
    /// Method calls that change what a name holds.
    pub updates: Vec<Binding>,
    pub reads: Vec<String>,
    pub calls: Vec<String>,
    /// Names given to a call as arguments, with what is called.
    pub passed: Vec<(String, String)>,
    /// What is assigned besides names: `Settings.debug`, and `TABLE[]` for an item of `TABLE`.
    pub writes: Vec<String>,
    pub makes_lambdas: bool,
    /// Annotations are not evaluated (`from __future__ import annotations`).
    lazy_annotations: bool,
    /// Functions and classes are passed over.
    skips_definitions: bool,
    /// What decides whether the statement that is being looked at runs.
    pub(super) condition: u64,
}

impl Names {
    pub fn new(lazy_annotations: bool) -> Self {
        Self { lazy_annotations, ..Self::default() }
    }

    pub fn without_definitions(lazy_annotations: bool) -> Self {
        Self { skips_definitions: true, ..Self::new(lazy_annotations) }
    }

    fn bind(&mut self, name: &str, value: u64) {
        self.push(Binding { name: name.to_owned(), value, ..Binding::default() });
    }

    fn bind_import(&mut self, name: &str, origin: String) {
        let value = hash_of(&origin);
        self.push(Binding { name: name.to_owned(), origin: Some(origin), value, ..Binding::default() });
    }

    fn push(&mut self, mut binding: Binding) {
        binding.condition = self.condition;
        self.binds.push(binding);
    }

    /// A statement changes what a name holds.
    fn update(&mut self, statement: &Stmt, name: Option<&str>) {
        let Some(name) = name.map(str::to_owned) else { return };
        let (value, condition) = (hashing::statement(statement), self.condition);
        self.updates.push(Binding { name, value, condition, updates: true, ..Binding::default() });
    }

    /// A target takes a value. Of a tuple that takes a tuple each name has its own part of the text.
    pub(super) fn assign(&mut self, target: &Expr, value: Option<&Expr>, whole: u64) {
        match target {
            Expr::Name(name) => {
                let is_container = value.is_some_and(is_container);
                let origin = value.and_then(imported_module);
                let name = name.id.to_string();
                self.push(Binding { name, origin, value: whole, is_container, ..Binding::default() });
            }
            Expr::Tuple(_) | Expr::List(_) => {
                let targets = elements(target);
                let values = value.map_or(&[][..], elements);
                let is_plain = |all: &[Expr]| all.iter().all(|one| !one.is_starred_expr());
                let are_pairs = values.len() == targets.len() && is_plain(targets) && is_plain(values);
                for (place, one) in targets.iter().enumerate() {
                    match are_pairs {
                        true => self.assign(one, Some(&values[place]), value_of(&values[place])),
                        false => self.assign(one, None, hash_of(&(whole, place, targets.len()))),
                    }
                }
            }
            Expr::Starred(starred) => self.assign(&starred.value, None, hash_of(&(whole, "*"))),
            _ => self.visit_expr(target),
        }
    }

    pub(super) fn read(&mut self, name: String) {
        if !self.reads.contains(&name) {
            self.reads.push(name);
        }
    }

    /// Adds what another statement binds, reads and calls.
    pub fn extend(&mut self, other: Names) {
        self.makes_lambdas |= other.makes_lambdas;
        for binding in other.binds {
            self.push(binding);
        }
        self.updates.extend(other.updates);
        for name in other.reads {
            self.read(name);
        }
        for name in other.calls {
            if !self.calls.contains(&name) {
                self.calls.push(name);
            }
        }
        self.passed.extend(other.passed);
        self.writes.extend(other.writes);
    }

    /// An expression whose items are read: what was assigned to one of them counts.
    pub(super) fn read_contents(&mut self, expression: &Expr) {
        if let Some(name) = dotted(expression) {
            self.read(contents(&name));
        }
    }

    /// The target of an assignment that is no name.
    fn write(&mut self, target: &Expr) {
        let mut holder = target;
        let written = loop {
            match holder {
                Expr::Subscript(item) => holder = &item.value,
                Expr::Attribute(attribute) if dotted(holder).is_none() => holder = &attribute.value,
                _ => break dotted(holder),
            }
        };
        if let Some(name) = written {
            let is_attribute = std::ptr::eq(holder, target);
            self.writes.push(if is_attribute { name } else { contents(&name) });
        }
    }
}

impl<'a> Visitor<'a> for Names {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(_) | Stmt::ClassDef(_) if self.skips_definitions => {}
            Stmt::FunctionDef(function) => {
                self.bind(function.name.as_str(), hash_of("def"));
                for decorator in &function.decorator_list {
                    self.visit_decorator(decorator);
                }
                self.visit_parameters(&function.parameters);
                if let Some(returns) = &function.returns {
                    self.visit_annotation(returns);
                }
            }
            Stmt::ClassDef(class) => {
                self.bind(class.name.as_str(), hash_of("class"));
                let mut inside = Names::new(self.lazy_annotations);
                for decorator in &class.decorator_list {
                    self.visit_decorator(decorator);
                }
                if let Some(arguments) = &class.arguments {
                    self.visit_arguments(arguments);
                }
                inside.visit_body(&class.body);
                let bound: Vec<String> = inside.binds.drain(..).map(|binding| binding.name).collect();
                inside.reads.retain(|name| !bound.iter().any(|own| head(name) == own));
                inside.calls.retain(|name| !bound.iter().any(|own| head(name) == own));
                self.extend(inside);
            }
            Stmt::Import(_) | Stmt::ImportFrom(_) => {
                bound(statement).into_iter().for_each(|(name, origin)| self.bind_import(&name, origin));
            }
            Stmt::AnnAssign(assignment) => {
                self.visit_annotation(&assignment.annotation);
                let whole = assignment.value.as_deref().map_or(0, value_of);
                if let Some(value) = &assignment.value {
                    self.visit_expr(value);
                }
                self.assign(&assignment.target, assignment.value.as_deref(), whole);
            }
            Stmt::Assign(assignment) => {
                self.visit_expr(&assignment.value);
                for target in &assignment.targets {
                    self.assign(target, Some(&assignment.value), value_of(&assignment.value));
                }
            }
            Stmt::AugAssign(assignment) => {
                if let Some(name) = dotted(&assignment.target) {
                    self.read(name);
                }
                self.visit_expr(&assignment.value);
                match &*assignment.target {
                    Expr::Name(name) => {
                        let value = hashing::statement(statement);
                        let name = name.id.to_string();
                        self.push(Binding { name, value, updates: true, ..Binding::default() });
                    }
                    target => {
                        self.update(statement, item_owner(target));
                        self.visit_expr(target);
                    }
                }
            }
            Stmt::Delete(deletion) => {
                if let [target] = &*deletion.targets {
                    self.update(statement, item_owner(target));
                }
                self.visit_compound(statement);
            }
            // Evaluated only when somebody asks for the value.
            Stmt::TypeAlias(alias) => self.assign(&alias.name, None, hashing::statement(statement)),
            Stmt::Expr(call) => {
                self.update(statement, updated(&call.value));
                visitor::walk_stmt(self, statement);
            }
            _ => self.visit_compound(statement),
        }
    }

    fn visit_annotation(&mut self, expression: &'a Expr) {
        if !self.lazy_annotations {
            visitor::walk_annotation(self, expression);
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Name(name) => match name.ctx {
                ExprContext::Load => self.read(name.id.to_string()),
                ExprContext::Store => self.bind(name.id.as_str(), 0),
                _ => {}
            },
            Expr::Attribute(attribute) => {
                if attribute.ctx != ExprContext::Load {
                    self.write(expression);
                }
                if attribute.ctx == ExprContext::Load
                    && let Some(name) = dotted(expression)
                {
                    for (at, _) in name.match_indices('.') {
                        self.read(name[..at].to_owned());
                        // A method, mostly: `TABLE.get(…)`.
                        self.read(contents(&name[..at]));
                    }
                    self.read(name);
                } else {
                    of_module(attribute).into_iter().for_each(|name| self.read(name));
                    visitor::walk_expr(self, expression);
                }
            }
            Expr::Subscript(item) => {
                match item.ctx {
                    ExprContext::Load => self.read_contents(&item.value),
                    _ => self.write(expression),
                }
                visitor::walk_expr(self, expression);
            }
            Expr::UnaryOp(operation) => {
                self.reads.extend(complemented(operation));
                visitor::walk_expr(self, expression);
            }
            Expr::Starred(_) | Expr::Dict(_) | Expr::Compare(_) | Expr::BinOp(_) => {
                match expression {
                    Expr::Starred(unpacked) => self.read_contents(&unpacked.value),
                    Expr::Dict(dict) => {
                        let unpacked = dict.items.iter().filter(|item| item.key.is_none());
                        unpacked.for_each(|item| self.read_contents(&item.value));
                    }
                    Expr::Compare(compare) => compare.comparators.iter().for_each(|one| self.read_contents(one)),
                    Expr::BinOp(operation) => {
                        [&operation.left, &operation.right].into_iter().for_each(|one| self.read_contents(one));
                    }
                    _ => {}
                }
                visitor::walk_expr(self, expression);
            }
            Expr::Call(call) => {
                // `", ".join(NAMES)`
                let joins = call.func.as_attribute_expr().is_some_and(|method| method.attr.as_str() == "join");
                call.arguments.args.iter().filter(|_| joins).for_each(|one| self.read_contents(one));
                if let Some(name) = dotted(&call.func)
                    && !self.calls.contains(&name)
                {
                    self.calls.push(name);
                }
                if let Some(called) = dotted(&call.func) {
                    let keywords = call.arguments.keywords.iter().map(|keyword| &keyword.value);
                    let given = call.arguments.args.iter().chain(keywords).filter_map(dotted);
                    self.passed.extend(given.map(|name| (called.clone(), name)));
                    self.passed.extend(examined(&called, call).into_iter().map(|name| (called.clone(), name)));
                    if let ("getattr" | "hasattr", [holder, Expr::StringLiteral(attribute), ..]) =
                        (called.as_str(), &*call.arguments.args)
                        && let Some(holder) = dotted(holder)
                    {
                        self.read(format!("{holder}.{}", attribute.value.to_str()));
                    }
                }
                // `(lambda: LIMIT)()` runs at once, and `map(lambda one: one * LIMIT, ALL)` soon.
                let is_eager =
                    dotted(&call.func).is_some_and(|called| EAGER.contains(&&*called) || called.ends_with(".sort"));
                let keywords = call.arguments.keywords.iter().map(|keyword| &keyword.value);
                let given = call.arguments.args.iter().chain(keywords).filter(|_| is_eager);
                for lambda in given.chain([&*call.func]).filter_map(Expr::as_lambda_expr) {
                    let mut inside = Names::new(self.lazy_annotations);
                    inside.visit_expr(&lambda.body);
                    let is_own = |name: &str| {
                        let mut own = lambda.parameters.iter().flat_map(|all| all.iter());
                        own.any(|parameter| parameter.name().as_str() == name)
                    };
                    inside.reads.retain(|name| !is_own(head(name)));
                    inside.calls.retain(|name| !is_own(head(name)));
                    self.extend(inside);
                }
                visitor::walk_expr(self, expression);
            }
            Expr::Named(named) => {
                self.visit_expr(&named.value);
                self.assign(&named.target, Some(&named.value), hashing::expression(&named.value));
            }
            Expr::Lambda(lambda) => {
                self.makes_lambdas = true;
                if let Some(parameters) = &lambda.parameters {
                    self.visit_parameters(parameters);
                }
            }
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {
                let mut inside = Names::new(self.lazy_annotations);
                for generator in generators(expression) {
                    inside.read_contents(&generator.iter);
                    inside.passed.extend(dotted(&generator.iter).map(|name| ("iter".to_owned(), name)));
                }
                visitor::walk_expr(&mut inside, expression);
                let targets = comprehension_targets(expression);
                inside.reads.retain(|name| !targets.iter().any(|own| head(name) == own));
                inside.calls.retain(|name| !targets.iter().any(|own| head(name) == own));
                inside.binds.retain(|binding| !targets.contains(&binding.name));
                self.extend(inside);
            }
            _ => visitor::walk_expr(self, expression),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        // The name is gone again when the handler ends, so it is not bound.
        visitor::walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        if let Some(name) = captured(pattern) {
            self.bind(name.as_str(), 0);
        }
        positional(pattern).into_iter().for_each(|name| self.read(name));
        visitor::walk_pattern(self, pattern);
    }
}

fn comprehension_targets(expression: &Expr) -> Vec<String> {
    let mut names = Names::default();
    for generator in generators(expression) {
        names.visit_expr(&generator.target);
    }
    names.binds.into_iter().map(|binding| binding.name).collect()
}
