//! Which modules a text imports.

use ruff_python_ast::visitor::{self, Visitor};
use ruff_python_ast::{Expr, ModModule, Stmt};

use super::dotted::dotted;
use crate::misfits::Import;

pub(super) fn of(module: &ModModule) -> Vec<Import> {
    let mut collector = Collector(Vec::new());
    collector.visit_body(&module.body);
    collector.0
}

/// The module that a call gives which names it by a text, as an import would: `import_module(".tables", __package__)` → `.:tables`.
pub(super) fn imported_module(value: &Expr) -> Option<String> {
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
