//! Finds what a piece of code does. Bodies of functions and classes inside are their own.

mod calls;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{CmpOp, Decorator, Expr, ExprContext, ExprLambda, Parameters, Pattern, Stmt};

use super::callee::{alternatives, caught, item_of, named, of_result, operand, origins};
use super::dotted::dotted;
use super::held::{held, names_in, sources, taken_over};
use super::implied;
use super::imported::{bound, name_what_is_found, used_module};
use super::looks::{captured, complemented, generators, matched_class, positional};
use super::parts::items;
use crate::effects::{Effects, FOUND, LAMBDA, MUTATING, RETURNED};
use crate::tree::contents;

/// What a statement does when it runs.
pub(super) fn of_statement(statement: &Stmt) -> Effects {
    let mut found = Finder { is_statement: true, ..Finder::default() };
    found.visit_stmt(statement);
    let mut effects = found.effects;
    // At module level every name is the module's.
    effects.locals.clear();
    name_what_is_found(&mut effects, |name| name == FOUND);
    effects
}

/// What the default of a parameter does when it is evaluated.
pub(super) fn of_expression(expression: &Expr) -> Effects {
    let mut found = Finder::default();
    found.visit_expr(expression);
    let mut effects = found.effects;
    effects.locals.clear();
    effects
}

/// What evaluating the arguments of decorators does.
pub(super) fn of_arguments(decorators: &[Decorator]) -> Effects {
    let mut found = Finder::default();
    for decorator in decorators {
        let mut function = &decorator.expression;
        while let Expr::Call(call) = function {
            found.visit_arguments(&call.arguments);
            function = &call.func;
        }
    }
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
    let Effects { locals, imports, parameters, .. } = &mut found.effects;
    // `tables = import_module("tables")`: what is read of it is another module's.
    let own = locals.split_off((*parameters).min(locals.len())).into_iter();
    locals.extend(own.filter(|name| !imports.iter().any(|(bound, _)| bound == name)));
    name_what_is_found(&mut found.effects, |_| true);
    found.effects
}

#[derive(Default)]
struct Finder {
    effects: Effects,
    globals: Vec<String>,
    /// Targets of loops: what they hold came out of a container.
    elements: Vec<String>,
    /// Out of which, where that has a name, or what stands in its place.
    sources: Vec<(String, String)>,
    /// Parameters, each with its default.
    defaults: Vec<(String, String)>,
    /// A statement of a module or a class is looked at: what it shows and compares decides about values.
    is_statement: bool,
}

impl Finder {
    fn take_parameters(&mut self, parameters: &Parameters) {
        for parameter in parameters {
            let name = parameter.name().to_string();
            if let Some(class) = parameter.annotation().and_then(dotted) {
                self.effects.made.push((name.clone(), class));
            } else if let Some(default) = parameter.default().and_then(operand) {
                self.defaults.push((name.clone(), default));
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
                self.effects.mutates.push(holder.trim_end_matches("[]").to_owned());
            }
        }
        // `cls().fill()` too.
        let of_element = self.sources.iter().filter_map(|(element, source)| {
            let rest = name.strip_prefix(element.as_str())?;
            (rest.is_empty() || rest.starts_with('(')).then(|| format!("{source}{rest}"))
        });
        self.effects.calls.extend(of_element);
        let of_default = self.defaults.iter().filter_map(|(parameter, default)| {
            let rest = name.strip_prefix(parameter.as_str())?;
            (rest.is_empty() || rest.starts_with(['(', '.'])).then(|| format!("{default}{rest}"))
        });
        self.effects.calls.extend(of_default);
        self.effects.calls.push(name);
    }

    /// What a loop goes through.
    fn take_elements(&mut self, target: &Expr, iterated: &Expr) {
        let mut names = Vec::new();
        names_in(target, &mut names);
        let sources = sources(iterated);
        self.sources.extend(names.iter().flat_map(|name| sources.iter().map(|one| (name.clone(), one.clone()))));
        self.elements.extend(names);
    }

    fn read(&mut self, name: String) {
        if let Some((holder, attribute)) = name.split_once('.')
            && self.elements.iter().any(|element| element == holder)
        {
            let first = attribute.split('.').next().unwrap_or(attribute);
            self.effects.elements.push(first.to_owned());
            let of_it = self.sources.iter().filter(|(element, _)| element == holder);
            self.effects.reads.extend(of_it.map(|(_, source)| format!("{source}.{attribute}")));
        }
        self.effects.reads.push(name);
    }

    /// An attribute of what a call gives: `kind().size for kind in KINDS` too.
    fn read_result(&mut self, name: String) {
        let of_element = self.sources.iter().filter_map(|(element, source)| {
            let rest = name.strip_prefix(element.as_str()).filter(|rest| rest.starts_with('('))?;
            Some(format!("{source}{rest}"))
        });
        self.effects.reads.extend(of_element);
        self.effects.reads.push(name);
    }

    fn implies(&mut self, operands: implied::Operands) {
        for (value, methods) in operands {
            let Some(name) = operand(value).or_else(|| item_of(value)) else { continue };
            let of_element = self.sources.iter().filter(|(element, _)| *element == name);
            self.effects.implied.extend(of_element.map(|(_, source)| (source.clone(), methods)));
            self.effects.implied.push((name, methods));
        }
    }

    fn bind(&mut self, target: &Expr, value: Option<&Expr>) {
        // `table, other = Table(), Table()`
        if let (Some(targets), Some(values)) = (items(target), value.and_then(items))
            && targets.len() == values.len()
            && !targets.iter().chain(values).any(Expr::is_starred_expr)
        {
            return targets.iter().zip(values).for_each(|(target, value)| self.bind(target, Some(value)));
        }
        if let (Expr::Name(name), Some(module)) = (target, value.and_then(used_module)) {
            self.effects.imports.push((name.id.to_string(), module.origin));
        }
        // `table = Table()`, `self.table = Table()`
        if let (Expr::Name(_) | Expr::Attribute(_), Some(value)) = (target, value)
            && let Some(name) = dotted(target)
        {
            self.make(&name, value);
        }
        let Some(value) = value else { return };
        // `table = SimpleNamespace(rows=rows)`
        if let (Some(name), Some(call)) = (dotted(target), value.as_call_expr())
            && dotted(&call.func).is_some_and(|class| class.ends_with("SimpleNamespace"))
        {
            for keyword in &call.arguments.keywords {
                let Some(attribute) = keyword.arg.as_ref().map(|attribute| format!("{name}.{attribute}")) else {
                    continue;
                };
                let made = origins(&keyword.value).into_iter().map(|origin| (attribute.clone(), origin));
                self.effects.made.extend(made);
                self.put(Some(attribute), &keyword.value);
            }
        }
        // `first, *others = TABLE`
        if let (Some(container), Expr::Tuple(_) | Expr::List(_)) = (dotted(value), target) {
            let mut names = Vec::new();
            names_in(target, &mut names);
            let made = names.into_iter().map(|name| (name, format!("={}", contents(&container))));
            self.effects.made.extend(made);
        }
        match target {
            // `TABLE["a"] = build`
            Expr::Subscript(item) => self.put(dotted(&item.value), value),
            // `self.call = call`
            Expr::Attribute(_) if dotted(value).is_some() => self.put(dotted(target), value),
            _ => {
                held(value).into_iter().for_each(|one| self.put(dotted(target), one));
                if let Some(container) = dotted(target) {
                    let taken = taken_over(value).into_iter().map(|one| (container.clone(), one));
                    self.effects.holds.extend(taken);
                }
            }
        }
    }

    fn make(&mut self, name: &str, value: &Expr) {
        self.effects.made.extend(origins(value).into_iter().map(|origin| (name.to_owned(), origin)));
        if value.is_lambda_expr() && name.contains('.') {
            self.effects.made.push((name.to_owned(), format!("={LAMBDA}")));
        }
    }

    fn put(&mut self, container: Option<String>, value: &Expr) {
        let Some(container) = container else { return };
        let container = container.trim_end_matches("[]");
        for name in named(value) {
            let of_element = self.sources.iter().filter(|(element, _)| *element == name);
            self.effects.holds.extend(of_element.map(|(_, source)| (container.to_owned(), source.clone())));
            self.effects.holds.push((container.to_owned(), name));
        }
    }

    /// What a lambda does; its parameters may be elements that what it is given to iterates over.
    fn lambda(&mut self, lambda: &ExprLambda, takes_elements: bool) -> Effects {
        let mut inside = Finder::default();
        if let Some(parameters) = &lambda.parameters {
            inside.take_parameters(parameters);
        }
        if takes_elements {
            inside.elements.clone_from(&inside.effects.locals);
        }
        inside.effects.parameters = inside.effects.locals.len();
        inside.visit_expr(&lambda.body);
        let parameters = &inside.effects.locals[..inside.effects.parameters];
        inside.effects.applies = inside.effects.calls.iter().any(|called| parameters.contains(called));
        inside.effects.without_locals()
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
                // Its statements run with the function.
                let mut inside = Finder::default();
                inside.visit_body(&class.body);
                self.effects.extend(inside.effects.without_locals());
                return;
            }
            Stmt::Import(_) | Stmt::ImportFrom(_) => self.effects.imports.extend(bound(statement)),
            Stmt::Global(global) => self.globals.extend(global.names.iter().map(ToString::to_string)),
            Stmt::Assign(assignment) => {
                assignment.targets.iter().for_each(|target| self.bind(target, Some(&assignment.value)));
            }
            Stmt::AnnAssign(assignment) => self.bind(&assignment.target, assignment.value.as_deref()),
            // `TABLE |= {"a": build}`
            Stmt::AugAssign(assignment) => {
                held(&assignment.value).into_iter().for_each(|one| self.put(dotted(&assignment.target), one));
                // `table.size += 1`
                if let (Expr::Attribute(_), Some(name)) = (&*assignment.target, dotted(&assignment.target)) {
                    self.read(name);
                }
            }
            Stmt::Return(result) => {
                let value = result.value.as_deref();
                value.map(held).into_iter().flatten().for_each(|one| self.put(Some(RETURNED.to_owned()), one));
                self.effects.returns.extend(value.map(origins).into_iter().flatten());
            }
            Stmt::For(each) => self.take_elements(&each.target, &each.iter),
            Stmt::Try(statement) => self.effects.made.extend(caught(statement)),
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

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        self.effects.reads.extend(positional(pattern));
        // `case Table() as table`
        if let (Some(name), Some(class)) = (captured(pattern), matched_class(pattern)) {
            self.effects.made.push((name.to_string(), class));
        }
        visitor::walk_pattern(self, pattern);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        self.implies(implied::by_expression(expression));
        self.effects.imports.extend(used_module(expression).map(|module| (module.bound, module.origin)));
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
                    let names = of_result(attribute).into_iter().chain(alternatives(expression));
                    names.for_each(|name| self.read_result(name));
                    visitor::walk_expr(self, expression);
                }
            },
            Expr::Attribute(attribute) => {
                self.effects.assigns.extend(dotted(expression).or_else(|| of_result(attribute)));
                visitor::walk_expr(self, expression);
            }
            Expr::Subscript(item) => {
                if item.ctx != ExprContext::Load {
                    self.effects.mutates.extend(dotted(&item.value));
                }
                visitor::walk_expr(self, expression);
            }
            Expr::FString(text) if self.is_statement => {
                let elements = text.value.elements().filter_map(|element| element.as_interpolation());
                let shown = elements.filter_map(|element| dotted(&element.expression));
                self.effects.calls.extend(shown.map(|container| format!("{}.__repr__", contents(&container))));
                visitor::walk_expr(self, expression);
            }
            Expr::Compare(comparison)
                if self.is_statement && comparison.ops.iter().any(|op| matches!(op, CmpOp::Eq | CmpOp::NotEq)) =>
            {
                let compared = std::iter::once(&*comparison.left).chain(&comparison.comparators).filter_map(dotted);
                self.effects.calls.extend(compared.map(|container| format!("{}.__eq__", contents(&container))));
                visitor::walk_expr(self, expression);
            }
            // `item in TABLE`
            Expr::Compare(comparison) if comparison.ops.iter().any(|op| matches!(op, CmpOp::In | CmpOp::NotIn)) => {
                let among = comparison.comparators.iter().filter_map(dotted);
                self.effects.calls.extend(among.map(|container| format!("{}.__eq__", contents(&container))));
                visitor::walk_expr(self, expression);
            }
            Expr::UnaryOp(operation) => {
                self.effects.reads.extend(complemented(operation));
                visitor::walk_expr(self, expression);
            }
            Expr::Named(named) => {
                self.bind(&named.target, Some(&named.value));
                visitor::walk_expr(self, expression);
            }
            // What a generator gives one by one, and a context manager made of it as a whole.
            Expr::Yield(given) => {
                if let Some(value) = &given.value {
                    self.put(Some(RETURNED.to_owned()), value);
                    self.effects.returns.extend(origins(value));
                }
                visitor::walk_expr(self, expression);
            }
            Expr::Call(call) => self.take_call(expression, call),
            Expr::Lambda(lambda) => {
                let inside = self.lambda(lambda, false);
                self.effects.lambdas.get_or_insert_default().extend(inside);
            }
            Expr::ListComp(_) | Expr::SetComp(_) | Expr::DictComp(_) | Expr::Generator(_) => {
                let mut inside = Finder::default();
                for generator in generators(expression) {
                    inside.take_elements(&generator.target, &generator.iter);
                    inside.implies(implied::by_conditions(&generator.ifs));
                }
                visitor::walk_expr(&mut inside, expression);
                self.effects.extend(inside.effects.without_locals());
            }
            _ => visitor::walk_expr(self, expression),
        }
    }
}
