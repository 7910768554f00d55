//! What a file uses of other modules and what it offers to them, by name: for [`crate::misfits`].

use rustc_hash::FxHashSet as HashSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Arguments, Expr, ModModule, Parameters, Stmt, StmtFunctionDef};

use super::dotted::dotted;
use crate::misfits::{Import, Offer, References, Shape, Use};

pub(super) fn of(module: &ModModule) -> References {
    let mut collector = Collector::default();
    collector.visit_body(&module.body);
    collector.found
}

#[derive(Default)]
struct Collector {
    found: References,
    /// How many functions and classes are around.
    depth: usize,
}

impl Collector {
    fn bind(&mut self, name: &str, offer: Offer) {
        if self.depth > 0 {
            self.found.hidden.insert(name.to_owned());
            return;
        }
        // What is bound twice may be either.
        let known = self.found.offers.insert(name.to_owned(), offer);
        if known.is_some() {
            self.found.offers.insert(name.to_owned(), Offer::Anything);
        }
    }

    fn bind_target(&mut self, target: &Expr) {
        match target {
            Expr::Name(name) => self.bind(name.id.as_str(), Offer::Anything),
            Expr::Tuple(several) => several.elts.iter().for_each(|one| self.bind_target(one)),
            Expr::List(several) => several.elts.iter().for_each(|one| self.bind_target(one)),
            Expr::Starred(starred) => self.bind_target(&starred.value),
            _ => {}
        }
    }

    fn import(&mut self, name: &str, import: Import) {
        self.found.imports.entry(name.to_owned()).or_default().push(import);
        self.bind(name, Offer::Anything);
        // It is no local variable: it means the same everywhere in the file that does not bind it otherwise.
        if self.depth > 0 {
            self.found.hidden.remove(name);
        }
    }

    fn function(&mut self, function: &StmtFunctionDef) {
        let plain = function.decorator_list.is_empty();
        let offer = if plain { Offer::Function(shape(&function.parameters)) } else { Offer::Anything };
        self.bind(function.name.as_str(), offer);
        if function.name.as_str() == "__getattr__" && self.depth == 0 {
            self.found.is_open = true;
        }
        let parameters = &function.parameters;
        let variadic = [&parameters.vararg, &parameters.kwarg].into_iter().flatten();
        self.found.hidden.extend(variadic.map(|one| one.name.to_string()));
        self.found.hidden.extend(parameters.iter_non_variadic_params().map(|one| one.name().to_string()));
    }
}

impl<'a> Visitor<'a> for Collector {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(import) => {
                for alias in &import.names {
                    let module = alias.name.as_str();
                    match &alias.asname {
                        Some(name) => {
                            self.import(name.as_str(), Import { module: module.to_owned(), ..Import::default() })
                        }
                        None => {
                            let first = module.split('.').next().unwrap_or(module);
                            self.import(first, Import { module: first.to_owned(), ..Import::default() });
                        }
                    }
                }
                return;
            }
            Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().map(|name| name.to_string()).unwrap_or_default();
                for alias in &import.names {
                    let own = alias.asname.as_ref().unwrap_or(&alias.name).as_str();
                    if own == "*" {
                        self.found.is_open = true;
                        continue;
                    }
                    let name = Some(alias.name.to_string());
                    self.import(own, Import { module: module.clone(), level: import.level as usize, name });
                }
                return;
            }
            Stmt::FunctionDef(function) => self.function(function),
            Stmt::ClassDef(class) => self.bind(class.name.as_str(), Offer::Anything),
            Stmt::Assign(assignment) => assignment.targets.iter().for_each(|target| self.bind_target(target)),
            Stmt::AnnAssign(assignment) => self.bind_target(&assignment.target),
            Stmt::AugAssign(assignment) => self.bind_target(&assignment.target),
            Stmt::TypeAlias(alias) => self.bind_target(&alias.name),
            Stmt::For(loops) => self.bind_target(&loops.target),
            Stmt::With(with) => {
                with.items
                    .iter()
                    .filter_map(|item| item.optional_vars.as_deref())
                    .for_each(|target| self.bind_target(target));
            }
            // What `global` and `nonlocal` lead to is not told by this.
            Stmt::Global(global) => {
                for name in &global.names {
                    self.found.offers.insert(name.to_string(), Offer::Anything);
                }
            }
            // Names of patterns and of exceptions.
            Stmt::Match(_) => self.found.is_open = true,
            Stmt::Try(attempt) => {
                for handler in &attempt.handlers {
                    if let Some(name) = handler.as_except_handler().and_then(|handler| handler.name.as_ref()) {
                        self.bind(name.as_str(), Offer::Anything);
                    }
                }
            }
            _ => {}
        }
        let inner = matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_));
        self.depth += usize::from(inner);
        visitor::walk_stmt(self, statement);
        self.depth -= usize::from(inner);
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            Expr::Call(call) => {
                if let Some(path) = dotted(&call.func) {
                    self.found.uses.push(Use { path, call: passed(&call.arguments) });
                }
            }
            Expr::Attribute(_) => {
                if let Some(path) = dotted(expression) {
                    self.found.uses.push(Use { path, call: None });
                }
            }
            Expr::Named(named) => self.bind_target(&named.target),
            Expr::Lambda(lambda) => {
                let parameters = lambda.parameters.iter().flat_map(|parameters| parameters.iter_non_variadic_params());
                self.found.hidden.extend(parameters.map(|one| one.name().to_string()));
            }
            _ => {}
        }
        visitor::walk_expr(self, expression);
    }

    fn visit_comprehension(&mut self, comprehension: &'a ruff_python_ast::Comprehension) {
        let before = self.depth;
        self.depth += 1;
        self.bind_target(&comprehension.target);
        self.depth = before;
        visitor::walk_comprehension(self, comprehension);
    }
}

fn shape(parameters: &Parameters) -> Shape {
    let positional = parameters.posonlyargs.iter().chain(&parameters.args);
    let by_name = parameters.args.iter().chain(&parameters.kwonlyargs);
    Shape {
        positional: positional.clone().map(|one| one.name().to_string()).collect(),
        positional_only: parameters.posonlyargs.len(),
        required: positional
            .chain(&parameters.kwonlyargs)
            .filter(|one| one.default.is_none())
            .map(|one| one.name().to_string())
            .collect(),
        named: by_name.map(|one| one.name().to_string()).collect(),
        takes_more: parameters.vararg.is_some(),
        takes_others: parameters.kwarg.is_some(),
    }
}

/// How many values a call passes, and by which names; nothing where that is not told by the text.
fn passed(arguments: &Arguments) -> Option<(usize, Vec<String>)> {
    let is_open = arguments.args.iter().any(|value| matches!(value, Expr::Starred(_)))
        || arguments.keywords.iter().any(|keyword| keyword.arg.is_none());
    let named = arguments.keywords.iter().filter_map(|keyword| keyword.arg.as_ref()).map(|name| name.to_string());
    (!is_open).then(|| (arguments.args.len(), named.collect::<HashSet<_>>().into_iter().collect()))
}
