//! Which modules a text imports.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ModModule, Stmt};

use super::dotted::{dotted, head};
use crate::misfits::Import;

pub(super) fn of(module: &ModModule) -> Vec<Import> {
    let mut collector = Collector(Vec::new());
    collector.visit_body(&module.body);
    collector.0
}

/// The names that an import binds, with what they stand for: `import pkg.config as c` gives `c` and `pkg.config`,
/// `from ..config import TIMEOUT as t` gives `t` and `..config:TIMEOUT`.
pub(super) fn bound(statement: &Stmt) -> Vec<(String, String)> {
    match statement {
        Stmt::Import(import) => import
            .names
            .iter()
            .map(|alias| {
                let full = alias.name.as_str();
                let name = alias.asname.as_ref().map_or_else(|| head(full), |name| name.as_str());
                (name.to_owned(), full.to_owned())
            })
            .collect(),
        Stmt::ImportFrom(import) => {
            let module = import.module.as_ref().map_or("", |module| module.as_str());
            let origin = |name: &str| format!("{}{module}:{name}", ".".repeat(import.level as usize));
            let names = import.names.iter();
            names.map(|alias| (alias.asname.as_ref().unwrap_or(&alias.name).to_string(), origin(&alias.name))).collect()
        }
        _ => Vec::new(),
    }
}

/// A module that is taken where it is used: `import_module("pkg.tables").build()`.
pub(super) fn used_module(value: &Expr) -> Option<(String, String)> {
    let module = imported_module(value).filter(|module| !module.contains(':'))?;
    Some((head(&module).to_owned(), module))
}

/// The module that an expression gives which names it by a text, as an import would: `import_module(".tables", __package__)` →
/// `.:tables`.
pub(super) fn imported_module(value: &Expr) -> Option<String> {
    if let Expr::Subscript(item) = value
        && dotted(&item.value).as_deref() == Some("sys.modules")
    {
        return item.slice.as_string_literal_expr().map(|name| name.value.to_str().to_owned());
    }
    let call = value.as_call_expr()?;
    let called = dotted(&call.func)?;
    let Expr::StringLiteral(text) = call.arguments.args.first()? else { return None };
    let name = text.value.to_str();
    let relative = name.trim_start_matches('.');
    match called.as_str() {
        "import_module" | "importlib.import_module" if relative == name => Some(name.to_owned()),
        "import_module" | "importlib.import_module" => {
            let dots = &name[..name.len() - relative.len()];
            let (package, module) = relative.rsplit_once('.').unwrap_or(("", relative));
            let anchor = call.arguments.find_argument_value("package", 1).and_then(dotted);
            (anchor.as_deref() == Some("__package__")).then(|| format!("{dots}{package}:{module}"))
        }
        // `__import__("pkg.tables")` gives `pkg`.
        "__import__" => (!name.contains('.')).then(|| name.to_owned()),
        _ => None,
    }
}

struct Collector(Vec<Import>);

impl<'a> Visitor<'a> for Collector {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Import(import) => {
                let modules = import.names.iter().map(|alias| alias.name.to_string());
                self.0.extend(modules.map(|module| Import { module, ..Import::default() }));
            }
            Stmt::ImportFrom(import) => {
                let module = import.module.as_ref().map(|name| name.to_string()).unwrap_or_default();
                let level = import.level as usize;
                self.0.extend(import.names.iter().map(|alias| Import {
                    module: module.clone(),
                    level,
                    name: (alias.name.as_str() != "*").then(|| alias.name.to_string()),
                }));
            }
            _ => visitor::walk_stmt(self, statement),
        }
    }
}
