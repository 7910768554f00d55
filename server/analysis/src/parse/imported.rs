//! Which modules a text imports.

use std::collections::BTreeSet;

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ModModule, Stmt};

use super::dotted::{dotted, head};
use crate::effects::{ANY_MODULE, Effects, FOUND};
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

/// A module that is taken where it is used.
pub(super) struct UsedModule {
    /// What it is called there: `pkg.tables` for `import_module("pkg.tables").build()`.
    pub name: String,
    /// The first part of that.
    pub bound: String,
    /// What it is, as an import's binding has it.
    pub origin: String,
}

pub(super) fn used_module(value: &Expr) -> Option<UsedModule> {
    let origin = imported_module(value).or_else(|| found_module(value))?;
    let is_named = !origin.contains([':', ANY_MODULE]);
    let name = if is_named { origin.clone() } else { FOUND.to_owned() };
    let bound = if is_named { head(&name) } else { FOUND }.to_owned();
    Some(UsedModule { name, bound, origin })
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

/// The modules one of which an expression gives, by how their names begin: `plugins.?` for `import_module(f"plugins.{name}")`.
pub(super) fn found_module(value: &Expr) -> Option<String> {
    let name = match value {
        Expr::Subscript(item) if dotted(&item.value).as_deref() == Some("sys.modules") => &*item.slice,
        Expr::Call(call) => {
            let called = dotted(&call.func)?;
            let finds = ["import_module", "importlib.import_module", "__import__"].contains(&called.as_str());
            call.arguments.args.first().filter(|_| finds)?
        }
        _ => return None,
    };
    let beginning = match name {
        Expr::StringLiteral(_) => return None,
        // The module itself.
        Expr::Name(name) if name.id.as_str() == "__name__" => return None,
        Expr::BinOp(operation) => operation.left.as_string_literal_expr().map(|left| left.value.to_str()),
        Expr::FString(text) => {
            text.value.elements().next().and_then(|first| first.as_literal()).map(|first| &*first.value)
        }
        _ => None,
    };
    let beginning = beginning.filter(|text| !text.starts_with('.') && !text.contains('%')).unwrap_or_default();
    Some(format!("{beginning}{ANY_MODULE}"))
}

/// Of modules that are found by computed names only what is taken of them is looked for.
pub(super) fn name_what_is_found(effects: &mut Effects, is_meant: impl Fn(&str) -> bool) {
    let (found, mut imports): (Vec<_>, Vec<_>) =
        effects.imports.drain(..).partition(|(name, origin)| origin.ends_with(ANY_MODULE) && is_meant(name));
    for (name, origin) in found {
        let taken = effects.calls.iter().chain(&effects.reads).filter_map(|one| {
            let rest = one.strip_prefix(name.as_str())?.strip_prefix('.')?;
            rest.split(['.', '[', '(']).next()
        });
        imports.extend(taken.collect::<BTreeSet<_>>().into_iter().map(|one| (name.clone(), format!("{origin}.{one}"))));
    }
    imports.sort_unstable();
    imports.dedup();
    effects.imports = imports;
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
