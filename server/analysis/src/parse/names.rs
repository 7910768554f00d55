//! Names that a statement binds, reads and calls when it runs. Bodies of functions and lambdas run later.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Comprehension, ExceptHandler, Expr, ExprContext, Pattern, Stmt};

use crate::tree::{Binding, contents};

/// What was found, without duplicates, in order.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub binds: Vec<Binding>,
    pub reads: Vec<String>,
    pub calls: Vec<String>,
    /// Names given to a call as arguments, with what is called.
    pub passed: Vec<(String, String)>,
    /// What is assigned besides names: `Settings.debug`, and `TABLE[]` for an item of `TABLE`.
    pub writes: Vec<String>,
    pub makes_lambdas: bool,
    /// Annotations are not evaluated (`from __future__ import annotations`).
    lazy_annotations: bool,
}

impl Names {
    pub fn new(lazy_annotations: bool) -> Self {
        Self { lazy_annotations, ..Self::default() }
    }

    pub fn bind(&mut self, name: &str, origin: Option<String>) {
        let binding = Binding { name: name.to_owned(), origin };
        if !self.binds.contains(&binding) {
            self.binds.push(binding);
        }
    }

    fn read(&mut self, name: String) {
        if !self.reads.contains(&name) {
            self.reads.push(name);
        }
    }

    /// Adds what another statement binds, reads and calls.
    pub fn extend(&mut self, other: Names) {
        self.makes_lambdas |= other.makes_lambdas;
        for binding in other.binds {
            self.bind(&binding.name, binding.origin);
        }
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
    fn read_contents(&mut self, expression: &Expr) {
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

    fn import(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Import(import) => {
                for alias in &import.names {
                    let full = alias.name.as_str();
                    match &alias.asname {
                        Some(name) => self.bind(name.as_str(), Some(full.to_owned())),
                        None => self.bind(full.split('.').next().unwrap_or(full), Some(full.to_owned())),
                    }
                }
            }
            Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().map_or("", |module| module.as_str());
                for alias in &import.names {
                    let bound = alias.asname.as_ref().unwrap_or(&alias.name);
                    let origin = format!("{}{module}:{}", ".".repeat(import.level as usize), alias.name);
                    self.bind(bound.as_str(), Some(origin));
                }
            }
            _ => {}
        }
    }
}

/// `a.b.c` as one dotted name, when it is one.
pub(super) fn dotted(expression: &Expr) -> Option<String> {
    let mut parts = Vec::new();
    let mut current = expression;
    loop {
        match current {
            Expr::Attribute(attribute) => {
                parts.push(attribute.attr.as_str());
                current = &attribute.value;
            }
            Expr::Name(name) => {
                parts.push(name.id.as_str());
                parts.reverse();
                return Some(parts.join("."));
            }
            _ => return None,
        }
    }
}

impl<'a> Visitor<'a> for Names {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::FunctionDef(function) => {
                self.bind(function.name.as_str(), None);
                for decorator in &function.decorator_list {
                    self.visit_decorator(decorator);
                }
                self.visit_parameters(&function.parameters);
                if let Some(returns) = &function.returns {
                    self.visit_annotation(returns);
                }
            }
            Stmt::ClassDef(class) => {
                self.bind(class.name.as_str(), None);
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
            Stmt::Import(_) | Stmt::ImportFrom(_) => self.import(statement),
            Stmt::AnnAssign(assignment) => {
                self.visit_annotation(&assignment.annotation);
                if let Some(value) = &assignment.value {
                    self.visit_expr(value);
                }
                self.visit_expr(&assignment.target);
            }
            Stmt::AugAssign(assignment) => {
                if let Some(name) = dotted(&assignment.target) {
                    self.read(name);
                }
                visitor::walk_stmt(self, statement);
            }
            // Evaluated only when somebody asks for the value.
            Stmt::TypeAlias(alias) => self.visit_expr(&alias.name),
            _ => visitor::walk_stmt(self, statement),
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
                ExprContext::Store => self.bind(name.id.as_str(), None),
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
                if let Some(name) = dotted(&call.func)
                    && !self.calls.contains(&name)
                {
                    self.calls.push(name);
                }
                if let Some(called) = dotted(&call.func) {
                    let keywords = call.arguments.keywords.iter().map(|keyword| &keyword.value);
                    let given = call.arguments.args.iter().chain(keywords).filter_map(dotted);
                    self.passed.extend(given.map(|name| (called.clone(), name)));
                    if let ("getattr" | "hasattr", [holder, Expr::StringLiteral(attribute), ..]) =
                        (called.as_str(), &*call.arguments.args)
                        && let Some(holder) = dotted(holder)
                    {
                        self.read(format!("{holder}.{}", attribute.value.to_str()));
                    }
                }
                visitor::walk_expr(self, expression);
            }
            Expr::Lambda(lambda) => {
                self.makes_lambdas = true;
                if let Some(parameters) = &lambda.parameters {
                    self.visit_parameters(parameters);
                }
            }
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {
                let mut inside = Names::new(self.lazy_annotations);
                generators(expression).iter().for_each(|generator| inside.read_contents(&generator.iter));
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
        let bound = match pattern {
            Pattern::MatchAs(capture) => capture.name.as_ref(),
            Pattern::MatchStar(star) => star.name.as_ref(),
            Pattern::MatchMapping(mapping) => mapping.rest.as_ref(),
            _ => None,
        };
        if let Some(name) = bound {
            self.bind(name.as_str(), None);
        }
        visitor::walk_pattern(self, pattern);
    }
}

/// The part of a dotted name before the first dot.
fn head(name: &str) -> &str {
    name.split(['.', '[']).next().unwrap_or(name)
}

fn generators(comprehension: &Expr) -> &[Comprehension] {
    match comprehension {
        Expr::ListComp(comprehension) => &comprehension.generators,
        Expr::SetComp(comprehension) => &comprehension.generators,
        Expr::DictComp(comprehension) => &comprehension.generators,
        Expr::Generator(comprehension) => &comprehension.generators,
        _ => &[],
    }
}

fn comprehension_targets(expression: &Expr) -> Vec<String> {
    let mut names = Names::default();
    for generator in generators(expression) {
        names.visit_expr(&generator.target);
    }
    names.binds.into_iter().map(|binding| binding.name).collect()
}
