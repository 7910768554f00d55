//! Finds what a piece of code does. Bodies of functions and classes inside are their own.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Comprehension, Expr, ExprAttribute, ExprContext, Parameters, Stmt};

use super::dotted::dotted;
use super::implied;
use crate::effects::{EAGER, Effects, MUTATING};

/// What a statement does when it runs.
pub(super) fn of_statement(statement: &Stmt) -> Effects {
    let mut found = Finder::default();
    found.visit_stmt(statement);
    let mut effects = found.effects;
    // At module level every name is the module's.
    effects.locals.clear();
    effects
}

/// What gives each name, or group of names, of an assignment its value, where several have their own: `a, b = f(), g()`.
pub(super) fn of_parts(statement: &Stmt) -> Vec<(Vec<String>, Effects)> {
    let Stmt::Assign(assignment) = statement else { return Vec::new() };
    let Some(values) = items(&assignment.value) else { return Vec::new() };
    let targets: Option<Vec<&[Expr]>> = assignment.targets.iter().map(items).collect();
    let Some(targets) = targets.filter(|all| all.iter().all(|one| one.len() == values.len())) else {
        return Vec::new();
    };
    let part = |(place, value): (usize, &Expr)| {
        let mut names = Vec::new();
        targets.iter().for_each(|target| names_in(&target[place], &mut names));
        (names, of_expression(value))
    };
    values.iter().enumerate().map(part).collect()
}

/// The items of a display, none of which is starred.
fn items(expression: &Expr) -> Option<&[Expr]> {
    let items = match expression {
        Expr::Tuple(tuple) => &tuple.elts,
        Expr::List(list) => &list.elts,
        _ => return None,
    };
    items.iter().all(|one| !one.is_starred_expr()).then_some(items)
}

/// What the default of a parameter does when it is evaluated.
pub(super) fn of_expression(expression: &Expr) -> Effects {
    let mut found = Finder::default();
    found.visit_expr(expression);
    let mut effects = found.effects;
    effects.locals.clear();
    effects
}

/// What the body of a function does when it is called.
pub(super) fn of_function(parameters: &Parameters, body: &[Stmt]) -> Effects {
    let mut found = Finder::default();
    found.take_parameters(parameters);
    found.effects.parameters = found.effects.locals.len();
    found.visit_body(body);
    let globals = found.globals;
    found.effects.locals.retain(|name| !globals.contains(name));
    found.effects
}

#[derive(Default)]
struct Finder {
    effects: Effects,
    globals: Vec<String>,
    /// Targets of loops: what they hold came out of a container.
    elements: Vec<String>,
}

impl Finder {
    fn take_parameters(&mut self, parameters: &Parameters) {
        for parameter in parameters {
            let name = parameter.name().to_string();
            if let Some(class) = parameter.annotation().and_then(dotted) {
                self.effects.made.push((name.clone(), class));
            }
            self.effects.locals.push(name);
        }
    }

    fn call(&mut self, name: String) {
        if let Some((holder, method)) = name.rsplit_once('.') {
            if self.elements.iter().any(|element| element == holder) {
                self.effects.elements.push(method.to_owned());
            }
            if MUTATING.contains(&method) && !holder.ends_with(')') {
                self.effects.mutates.push(holder.to_owned());
            }
        }
        self.effects.calls.push(name);
    }

    fn read(&mut self, name: String) {
        if let Some((holder, attribute)) = name.split_once('.')
            && self.elements.iter().any(|element| element == holder)
        {
            let first = attribute.split('.').next().unwrap_or(attribute);
            self.effects.elements.push(first.to_owned());
        }
        self.effects.reads.push(name);
    }

    fn implies(&mut self, operands: implied::Operands) {
        let named = operands.into_iter().filter_map(|(value, methods)| Some((operand(value)?, methods)));
        self.effects.implied.extend(named);
    }

    fn bind(&mut self, target: &Expr, value: Option<&Expr>) {
        if let (Expr::Name(name), Some(origin)) = (target, value.and_then(origin)) {
            self.effects.made.push((name.id.to_string(), origin));
        }
    }

    /// What a lambda does; its parameters may be elements that what it is given to iterates over.
    fn lambda(&mut self, lambda: &ruff_python_ast::ExprLambda, takes_elements: bool) -> Effects {
        let mut inside = Finder::default();
        if let Some(parameters) = &lambda.parameters {
            inside.take_parameters(parameters);
        }
        if takes_elements {
            inside.elements.clone_from(&inside.effects.locals);
        }
        inside.effects.parameters = inside.effects.locals.len();
        inside.visit_expr(&lambda.body);
        without_locals(inside.effects)
    }
}

/// What an operation is done to: `table`, `Table()`.
fn operand(value: &Expr) -> Option<String> {
    match value {
        Expr::Call(call) => callee(&call.func).map(|name| format!("{name}()")),
        _ => dotted(value),
    }
}

/// What gives a value its type: what is called, or the name that it is taken from.
fn origin(value: &Expr) -> Option<String> {
    match value {
        Expr::Call(call) => callee(&call.func),
        Expr::Await(awaited) => origin(&awaited.value),
        _ => dotted(value).map(|name| format!("={name}")),
    }
}

/// `build`, `table.fill`, `Table().fill`, `Table.of().fill`; `Table().__call__` for `Table()()`
fn callee(function: &Expr) -> Option<String> {
    if let Some(name) = dotted(function) {
        return Some(name);
    }
    match function {
        Expr::Attribute(attribute) => of_result(attribute),
        Expr::Call(call) => Some(format!("{}().__call__", callee(&call.func)?)),
        _ => None,
    }
}

/// `Table().size`
fn of_result(attribute: &ExprAttribute) -> Option<String> {
    let Expr::Call(call) = &*attribute.value else { return None };
    Some(format!("{}().{}", callee(&call.func)?, attribute.attr))
}

/// Only what is said of names around it.
fn without_locals(mut effects: Effects) -> Effects {
    let locals = std::mem::take(&mut effects.locals);
    let is_outer = |name: &String| {
        let head = name.split(['.', '[', '(']).next().unwrap_or(name);
        !locals.iter().any(|local| local == head)
    };
    effects.calls.retain(is_outer);
    effects.reads.retain(is_outer);
    effects.mutates.retain(is_outer);
    effects.implied.retain(|(name, _)| is_outer(name));
    effects.made.clear();
    effects
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

fn names_in(target: &Expr, found: &mut Vec<String>) {
    match target {
        Expr::Name(name) => found.push(name.id.to_string()),
        Expr::Tuple(tuple) => tuple.elts.iter().for_each(|one| names_in(one, found)),
        Expr::List(list) => list.elts.iter().for_each(|one| names_in(one, found)),
        Expr::Starred(starred) => names_in(&starred.value, found),
        _ => {}
    }
}

impl<'a> Visitor<'a> for Finder {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        self.implies(implied::by_statement(statement));
        match statement {
            Stmt::FunctionDef(function) => {
                self.effects.locals.push(function.name.to_string());
                function.decorator_list.iter().for_each(|decorator| self.visit_decorator(decorator));
                for default in function.parameters.iter().filter_map(|parameter| parameter.default()) {
                    self.visit_expr(default);
                }
                return;
            }
            Stmt::ClassDef(class) => {
                self.effects.locals.push(class.name.to_string());
                class.decorator_list.iter().for_each(|decorator| self.visit_decorator(decorator));
                if let Some(arguments) = &class.arguments {
                    self.visit_arguments(arguments);
                }
                return;
            }
            Stmt::Global(global) => self.globals.extend(global.names.iter().map(ToString::to_string)),
            Stmt::Assign(assignment) => {
                assignment.targets.iter().for_each(|target| self.bind(target, Some(&assignment.value)));
            }
            Stmt::AnnAssign(assignment) => self.bind(&assignment.target, assignment.value.as_deref()),
            Stmt::Return(result) => self.effects.returns.extend(result.value.as_deref().and_then(origin)),
            Stmt::For(each) => names_in(&each.target, &mut self.elements),
            Stmt::With(with) => {
                for item in &with.items {
                    if let Some(target) = &item.optional_vars {
                        self.bind(target, Some(&item.context_expr));
                    }
                }
            }
            _ => {}
        }
        visitor::walk_stmt(self, statement);
    }

    fn visit_annotation(&mut self, _expression: &'a Expr) {}

    fn visit_expr(&mut self, expression: &'a Expr) {
        self.implies(implied::by_expression(expression));
        match expression {
            Expr::Name(name) => match name.ctx {
                ExprContext::Load => self.read(name.id.to_string()),
                ExprContext::Store => self.effects.locals.push(name.id.to_string()),
                _ => {}
            },
            Expr::Attribute(attribute) if attribute.ctx == ExprContext::Load => match dotted(expression) {
                Some(name) => {
                    for (at, _) in name.match_indices('.') {
                        self.read(name[..at].to_owned());
                    }
                    self.read(name);
                }
                None => {
                    self.effects.reads.extend(of_result(attribute));
                    visitor::walk_expr(self, expression);
                }
            },
            Expr::Subscript(item) => {
                if item.ctx != ExprContext::Load {
                    self.effects.mutates.extend(dotted(&item.value));
                }
                visitor::walk_expr(self, expression);
            }
            Expr::Named(named) => {
                self.bind(&named.target, Some(&named.value));
                visitor::walk_expr(self, expression);
            }
            Expr::Call(call) => {
                let called = callee(&call.func);
                let is_eager = called.as_deref().is_some_and(|name| EAGER.contains(&name) || name.ends_with(".sort"));
                let keywords = call.arguments.keywords.iter().map(|keyword| &keyword.value);
                let given: Vec<&Expr> = call.arguments.args.iter().chain(keywords).collect();
                if let Some(name) = &called {
                    self.call(name.clone());
                    let names = given.iter().filter_map(|one| dotted(one));
                    self.effects.passed.extend(names.map(|one| (name.clone(), one)));
                }
                match &*call.func {
                    // `(lambda: build())()`
                    Expr::Lambda(lambda) => {
                        let inside = self.lambda(lambda, false);
                        self.effects.extend(inside);
                    }
                    function => self.visit_expr(function),
                }
                for one in given {
                    match one {
                        Expr::Lambda(lambda) if is_eager => {
                            let inside = self.lambda(lambda, true);
                            self.effects.extend(inside);
                        }
                        _ => self.visit_expr(one),
                    }
                }
            }
            Expr::Lambda(lambda) => {
                let inside = self.lambda(lambda, false);
                self.effects.lambdas.get_or_insert_default().extend(inside);
            }
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {
                let mut inside = Finder::default();
                for generator in generators(expression) {
                    names_in(&generator.target, &mut inside.elements);
                }
                visitor::walk_expr(&mut inside, expression);
                self.effects.extend(without_locals(inside.effects));
            }
            _ => visitor::walk_expr(self, expression),
        }
    }
}
